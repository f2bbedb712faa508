"""Checks that name what is wrong."""

import numpy as np
import pytest

from skae._rows.checks import (
    check_finite,
    check_unchanged,
    check_unit_interval,
    copy_containers,
)


def test_rounding_at_the_ends_of_the_unit_interval_is_forgiven():
    check_unit_interval(np.array([[-1e-16, 1 + 2**-52]]), "loss='log_loss'")
    for X in ([[1.001]], [[-0.001]]):
        with pytest.raises(ValueError, match="loss='log_loss' needs values"):
            check_unit_interval(np.array(X), "loss='log_loss'")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_results_that_are_not_finite_are_refused(value):
    with pytest.raises(ValueError, match="transform gives values that are not finite"):
        check_finite(np.array([0, value]), "transform")


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ((16, 8), [16, 8], True),
        ((16, 8), (16,), False),
        (np.array([16, 16]), np.array([16]), False),
        (np.array([16, 16]), np.array([16, 16]), True),
        ({"a": np.ones(2)}, {"a": np.ones(2)}, True),
        ({"a": np.ones(2)}, {"a": np.ones(3)}, False),
        ({"a": 1}, {"b": 1}, False),
        (5, np.int64(5), True),
        (None, 5, False),
        (int, float, False),
    ],
    ids=str,
)
def test_settings_are_compared_by_value(old, new, same):
    def check():
        check_unchanged({"p": copy_containers(old)}, {"p": copy_containers(new)}, "Model")

    if same:
        check()
        return
    with pytest.raises(ValueError, match=r"p was .* when this Model was started"):
        check()
