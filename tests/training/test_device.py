"""Devices by name, and seeds that leave no trace."""

import pytest
import torch

from skae._training.device import available_devices, forked_seed, resolve_device


def test_auto_takes_the_fastest_device_and_names_are_understood():
    assert resolve_device("auto") == torch.device(available_devices()[0])
    assert resolve_device("cpu") == resolve_device(torch.device("cpu")) == torch.device("cpu")


@pytest.mark.parametrize("name", ["abacus", "cuda:99", "meta"])
def test_a_device_that_is_not_there_is_refused(name):
    with pytest.raises(ValueError, match=f"device='{name}' is not available here.*'cpu'"):
        resolve_device(name)


def test_a_forked_seed_repeats_and_leaves_the_callers_state():
    before = torch.get_rng_state()
    draws = []
    for _ in range(2):
        with forked_seed(torch.device("cpu"), 3):
            draws.append(torch.rand(4))
    torch.testing.assert_close(*draws, rtol=0, atol=0)
    assert torch.equal(before, torch.get_rng_state())
