"""Networks as an architecture gives them, checked before anything is trained."""

import torch


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
