"""Numbers that a decoder is told."""

import warnings

import numpy as np
import pytest

from skae._rows.numbers import (
    are_fractions,
    as_numbers,
    check_no_fractions,
    warn_of_many_classes,
    warn_of_no_label,
)


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        ([0.5, 1.0], True),
        ([-1.0, 2.5], True),
        ([1.0, 2.0], False),
        ([1, 2], False),
        (["a", "b"], False),
        ([True, False], False),
        ([0.5, np.nan], True),
        ([-np.inf, 0.5], True),
        ([1.0, np.nan, np.inf], False),
        ([0.5, "b"], False),
    ],
)
def test_fractions_are_no_classes(y, expected):
    assert are_fractions(y) is expected


def test_fractions_are_refused_as_classes():
    with pytest.raises(ValueError, match=r"such as 2.5, .* conditional='number'"):
        check_no_fractions(np.array([1, np.nan, 2.5]))
    for y in ([1.0, 2.0], ["0.5"], [1, 2]):
        check_no_fractions(y)


def test_numbers_are_finite():
    assert as_numbers([1, -1]).tolist() == [1.0, -1.0]
    for y, message in (([1, np.nan], "-1 is a number"), ([1, np.inf], "infinity"), (["a"], "conv")):
        with pytest.raises(ValueError, match=message):
            as_numbers(y)


def test_many_whole_numbers_are_warned_of():
    with pytest.warns(UserWarning, match="conditional='number'"):
        warn_of_many_classes(np.arange(21), 400)
    with warnings.catch_warnings(action="error"):
        warn_of_many_classes(np.arange(20), 40)
        warn_of_many_classes(np.arange(21), 500)
        warn_of_many_classes(np.arange(100).astype(str), 400)


def test_numbers_that_may_stand_for_no_label_are_warned_of():
    with pytest.warns(UserWarning, match="2 of 4 values in y are -1.*not 'no label'"):
        warn_of_no_label(np.array([0.5, -1, -1, 2]))
    with warnings.catch_warnings(action="error"):
        for y in ([0.5, -1, -0.5], [0.5, -1, -2], [0.5, 1], [0.5, -0.5]):
            warn_of_no_label(np.array(y))
