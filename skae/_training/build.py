"""Nets for training, and what they may not be made of."""

import os

import torch
from torch import nn

from skae._rows.batches import BatchIterator
from skae._training.callbacks import check_callbacks, print_epochs
from skae._training.net import ObjectiveNet, TrainingModule
from skae._training.optimizer import FusedAdam
from skae._training.processes import SharedNet

# Settings of the net that are parameters of the estimators under another name.
RESERVED = {
    "callbacks": "callbacks",
    "criterion": "loss",
    "device": "device",
    "learning_rate": "learning_rate",
    "lr": "learning_rate_init",
    "max_epochs": "max_iter",
    "module": "architecture",
    "train_split": "X_val or validation_fraction",
}


def make_net(model, objective, *, callbacks=None, net_params=None, **settings):
    """An initialized net.

    Parameters
    ----------
    model : nn.Module
    objective : callable
        ``(model, x, y) -> {"term": (batch,)}``.
    callbacks : list of skorch callbacks or None
        The user's; they come before those of a single training.
    net_params : dict or None
        Merged last into the settings of the net.
    **settings
        Of `ObjectiveNet`.
    """
    net_params = net_params or {}
    for name in net_params:
        if name in RESERVED:
            raise ValueError(
                f"net_params may not have {name!r}: set the parameter {RESERVED[name]} instead."
            )
    settings = {
        "criterion": nn.Identity,
        "optimizer": FusedAdam,
        "iterator_train": BatchIterator,
        "iterator_train__shuffle": True,
        "iterator_valid": BatchIterator,
        "train_split": None,
        "use_caching": False,  # there are no outputs of batches to score twice
        "callbacks": list(callbacks or []),
        "verbose": int(print_epochs(callbacks or [])),  # others listen: see `train`
        **settings,
        **net_params,
    }
    _check_optimizer(settings["optimizer"])
    _check_shapes(settings)
    kernels = {"optimizer__foreach", "optimizer__fused"}
    if settings["optimizer"] in (torch.optim.Adam, torch.optim.AdamW) and not kernels & {*settings}:
        settings["optimizer__fused"] = True
    check_callbacks(settings["callbacks"])
    # Parts of it may have been trained for themselves, and stand ready for inference.
    module = TrainingModule(model, objective).train()
    if not any(parameter.requires_grad for parameter in module.parameters()):
        raise ValueError(
            "There is nothing to train: neither the encoder nor the decoder of the architecture "
            "has a parameter."
        )
    accelerator = settings.pop("accelerator", None)
    if accelerator is not None:
        _check_accelerator(accelerator, settings["device"])
        if accelerator.num_processes > 1:
            return SharedNet(module, accelerator=accelerator, **settings).initialize()
    return ObjectiveNet(module, **settings).initialize()


def _check_accelerator(accelerator, device):
    if accelerator.mixed_precision != "no" or accelerator.gradient_accumulation_steps != 1:
        raise ValueError(
            "net_params has an accelerator with mixed_precision or gradient_accumulation_steps, "
            "but it is for training in several processes only. Leave these settings out."
        )
    n_started = int(os.environ.get("WORLD_SIZE", 1))
    if accelerator.num_processes == 1 < n_started:
        raise ValueError(
            f"The accelerator knows of one process, but {n_started} were started: each would train "
            "for itself. Where there is no GPU accelerate must be told so: Accelerator(cpu=True)."
        )
    own, device = accelerator.device, torch.device(device)
    if own.type != device.type or (None not in (own.index, device.index) and own != device):
        raise ValueError(
            f"The accelerator of this process is on {own}, but the estimator on {device}. Set "
            "device=accelerator.device."
        )


def _check_optimizer(optimizer):
    steps_alone = isinstance(optimizer, type) and issubclass(optimizer, torch.optim.Optimizer)
    if not steps_alone or issubclass(optimizer, torch.optim.LBFGS):
        raise ValueError(
            f"net_params has optimizer={optimizer!r}, but it must be a class of torch.optim, other "
            "than LBFGS, which needs several evaluations a step. Set its options with "
            "'optimizer__...'."
        )


def _check_shapes(settings):
    """Refuse an optimizer of matrices alone, or of sparse gradients: biases are dense vectors."""
    optimizer, prefix = settings["optimizer"], "optimizer__"
    options = {
        name.removeprefix(prefix): value
        for name, value in settings.items()
        if name.startswith(prefix) and name != f"{prefix}param_groups"
    }
    if optimizer is FusedAdam or any("__" in name for name in options):
        return

    def tried(*shape):
        """What goes wrong in a step of a parameter of this shape, or None."""
        parameter = nn.Parameter(torch.zeros(shape))
        parameter.grad = torch.zeros_like(parameter)
        try:
            optimizer([parameter], **{"lr": settings["lr"], **options}).step()
        except Exception as error:  # whatever the class of a user says it by
            return error
        return None

    of_vectors = tried(2)
    if of_vectors is not None and (tried(2, 2) is None or "dense gradients" in str(of_vectors)):
        raise ValueError(
            f"net_params has optimizer={optimizer.__name__}, which can not move all parameters of "
            f"a network: {str(of_vectors) or repr(of_vectors)}. Choose one that moves "
            "biases as well as weights, such as torch.optim.AdamW."
        ) from of_vectors


def check_network(network, n_inputs, n_outputs, role):
    """Try a network on two rows; a wrong shape would broadcast and learn nonsense."""
    advice = (
        "Check the module that the architecture returns: it must turn a tensor of shape "
        f"(batch, {n_inputs}) into one of shape (batch, {n_outputs}), and its factory is given "
        "these widths in this order."
    )
    network.eval()
    try:
        with torch.no_grad():
            output = network(torch.zeros(2, n_inputs))
    except (IndexError, RuntimeError, ValueError) as error:
        raise ValueError(f"The {role} fails on 2 rows of zeros: {error}. {advice}") from error
    network.train()
    if not isinstance(output, torch.Tensor):
        raise ValueError(f"The {role} gives a {type(output).__name__}, not a tensor. {advice}")
    if tuple(output.shape) != (2, n_outputs):
        raise ValueError(
            f"The {role} turns 2 rows of width {n_inputs} into an output of shape "
            f"{tuple(output.shape)}, but it must be (2, {n_outputs}). {advice}"
        )
    if not output.isfinite().all():
        raise ValueError(f"The {role} gives NaN or infinity on 2 rows of zeros. {advice}")
    return network
