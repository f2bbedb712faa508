"""Nets have the settings that they are given, and what can not be trained is refused."""

import copy

import pytest
import torch
from torch import nn

from skae._training.build import check_network
from skae._training.training import train
from skae.modules import Autoencoder

from .nets import Watch, accelerator, make_model, net_of, rows


@pytest.mark.parametrize("optimizer", ["Adam", torch.optim.LBFGS, 3, torch.nn.Linear])
def test_an_optimizer_that_is_none_is_refused(optimizer):
    with pytest.raises(ValueError, match=r"must be a class of torch\.optim"):
        net_of(make_model(), net_params={"optimizer": optimizer})


OPTIMIZERS = [
    one
    for one in vars(torch.optim).values()
    if isinstance(one, type) and issubclass(one, torch.optim.Optimizer)
]
PARTIAL = "Muon", "SparseAdam"


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda one: one.__name__)
def test_every_optimizer_of_torch_trains_or_is_refused(optimizer):
    if optimizer in (torch.optim.Optimizer, torch.optim.LBFGS):
        return  # see above
    params = {"net_params": {"optimizer": optimizer, "optimizer__weight_decay": 0.01}}
    if optimizer.__name__ in ("Rprop", "SparseAdam"):
        del params["net_params"]["optimizer__weight_decay"]
    if optimizer.__name__ in PARTIAL:
        with pytest.raises(ValueError, match=r"can not move all .* such as torch\.optim\.AdamW"):
            net_of(make_model(), **params)
        return
    net = net_of(make_model(), **params)
    train(net, rows(), lr=0.01, learning_rate="constant", max_epochs=2)
    assert net.history[1, "train_loss"] < net.history[0, "train_loss"]


class OfMatrices(torch.optim.SGD):
    """As Muon, which few versions of torch have."""

    def __init__(self, params, lr):
        params = list(params)
        if any((p[1] if isinstance(p, tuple) else p).ndim != 2 for p in params):
            raise ValueError("only 2D")
        super().__init__(params, lr)


class AssertsMatrices(torch.optim.SGD):
    def step(self, closure=None):
        for group in self.param_groups:
            if any(p.ndim != 2 for p in group["params"]):
                raise AssertionError
        return super().step(closure)


class AssertsSeveral(torch.optim.SGD):
    def __init__(self, params, lr):
        super().__init__(params, lr)
        assert sum(len(group["params"]) for group in self.param_groups) > 1


@pytest.mark.parametrize(
    ("optimizer", "why"), [(OfMatrices, "only 2D"), (AssertsMatrices, "AssertionError")]
)
def test_an_optimizer_of_matrices_is_refused(optimizer, why):
    with pytest.raises(ValueError, match=f"can not move all parameters of a network: {why}"):
        net_of(make_model(), net_params={"optimizer": optimizer})


def test_an_optimizer_that_is_tried_in_vain_trains():
    net = net_of(make_model(), net_params={"optimizer": AssertsSeveral})
    train(net, rows(), lr=0.01, learning_rate="constant", max_epochs=2)
    assert net.history[1, "train_loss"] < net.history[0, "train_loss"]


def test_a_model_without_parameters_is_refused():
    with pytest.raises(ValueError, match="nothing to train"):
        net_of(Autoencoder(nn.Identity(), nn.Identity()))


def test_settings_of_the_net_are_merged_last():
    net = net_of(
        make_model(),
        net_params={"optimizer": torch.optim.SGD, "optimizer__momentum": 0.5},
    )
    group = net.optimizer_.param_groups[0]
    assert isinstance(net.optimizer_, torch.optim.SGD)
    assert group["momentum"] == 0.5


@pytest.mark.parametrize("name", ["callbacks", "device", "module", "max_epochs", "lr"])
def test_settings_with_a_parameter_of_their_own_are_refused(name):
    with pytest.raises(ValueError, match=f"net_params may not have '{name}'"):
        net_of(make_model(), net_params={name: None})


@pytest.mark.parametrize(
    ("params", "fused"),
    [
        ({}, True),
        ({"optimizer": torch.optim.AdamW}, True),
        ({"optimizer": torch.optim.Adam}, True),
        ({"optimizer": torch.optim.Adam, "optimizer__foreach": True}, None),
        ({"optimizer": torch.optim.Adam, "optimizer__fused": False}, False),
        ({"optimizer": torch.optim.SGD}, None),
        ({"optimizer": torch.optim.Adamax}, None),
    ],
    ids=str,
)
def test_adam_is_fused_where_nothing_else_was_asked_for(params, fused):
    assert net_of(make_model(), net_params=params).optimizer_.defaults.get("fused") == fused


@pytest.mark.parametrize("callbacks", [["late"], [("name", 3)]], ids=str)
def test_a_callback_that_is_none_is_refused(callbacks):
    with pytest.raises(ValueError, match=r"callbacks has .*, which is no skorch callback"):
        net_of(make_model(), callbacks=callbacks)


def test_a_callback_may_have_a_name():
    net = net_of(make_model(), callbacks=[("watch", Watch())])
    assert isinstance(dict(net.callbacks_)["watch"], Watch)


@pytest.mark.parametrize(
    ("params", "device", "message"),
    [
        ({"mixed_precision": "fp16"}, "cpu", "Leave these settings out"),
        ({"gradient_accumulation_steps": 2}, "cpu", "Leave these settings out"),
        ({"device": torch.device("meta")}, "cpu", "is on meta, but the estimator on cpu"),
        ({"device": torch.device("cpu", 0)}, torch.device("cpu", 1), "is on cpu:0"),
    ],
)
def test_an_accelerator_that_does_not_fit_is_refused(params, device, message):
    net_params = {"accelerator": accelerator(**params)}
    with pytest.raises(ValueError, match=message):
        net_of(make_model(), device=device, net_params=net_params)


@pytest.mark.parametrize("own", ["cpu", "cpu:0"])
@pytest.mark.parametrize("device", ["cpu", "cpu:0"])
def test_a_device_without_a_number_is_any_of_its_kind(own, device, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "1")
    params = {"accelerator": accelerator(device=torch.device(own))}
    net = net_of(make_model(), device=device, net_params=params)
    assert type(net).__name__ == "ObjectiveNet"


def test_processes_that_do_not_know_of_each_other_are_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ValueError, match="knows of one process, but 2 were started"):
        net_of(make_model(), net_params={"accelerator": accelerator()})
    together = net_of(make_model(), net_params={"accelerator": accelerator(num_processes=2)})
    assert type(together).__name__ == "SharedNet"
    assert together.accelerator.num_processes == 2


def test_a_network_is_tried_without_a_trace():
    network = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(), nn.Linear(3, 2))
    before = copy.deepcopy(network.state_dict())
    assert check_network(network, 3, 2, "encoder") is network
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (
            nn.Linear(4, 2),
            r"The encoder fails on 2 rows of zeros: .* Check .* \(batch, 3\) .* in this order\.$",
        ),
        (nn.Linear(3, 1), r"an output of shape \(2, 1\), but it must be \(2, 2\)"),
        (nn.Sequential(nn.Linear(3, 2), nn.Flatten(0)), r"of shape \(4,\)"),
        (nn.GRU(3, 2), "The encoder gives a tuple"),
    ],
    ids=["fails", "narrow", "flat", "tuple"],
)
def test_a_network_of_a_wrong_shape_is_refused(network, message):
    with pytest.raises(ValueError, match=message):
        check_network(network, 3, 2, "encoder")
