"""How much was counted of each row."""

import numpy as np
import pytest
import torch

from skae.modules import LEAST_EXPOSURE, Exposure, LogCounts, Told

# Two counts, something else, and hours.
IS_COUNT, MEAN = torch.tensor([True, True, False, False]), torch.tensor([1.0, 3.0, -5.0, 2.0])
ROWS = torch.tensor([[2.0, 6.0, 7.0, 4.0], [0.0, 1.0, -1.0, 1.0], [1.0, 3.0, 0.0, 2.0]])


@pytest.mark.parametrize(("column", "expected"), [(None, [2.0, 0.25, 1.0]), (3, [2.0, 0.5, 1.0])])
def test_it_is_relative_to_the_mean_row(column, expected):
    found = Exposure(IS_COUNT, MEAN, column)(ROWS).exp()
    torch.testing.assert_close(found, torch.tensor(expected)[:, None])


@pytest.mark.parametrize("column", [None, 3])
def test_rows_counted_twice_as_far_look_the_same(column):
    exposure, hours = Exposure(IS_COUNT, MEAN, column), 1.0 if column is None else 2.0
    factor, taken_out = torch.tensor([2.0, 2.0, 1.0, hours]), exposure.take_out(ROWS)
    torch.testing.assert_close(exposure.take_out(ROWS * factor), taken_out)
    expected = torch.tensor([1.0, 3.0, 0.0, 2.0 if column is None else 0.0])
    torch.testing.assert_close(taken_out[2], expected)
    logs = LogCounts(IS_COUNT, MEAN, exposure)
    torch.testing.assert_close(logs(ROWS * factor), logs(ROWS))
    # The mean row itself is where logarithms begin.
    torch.testing.assert_close(logs(ROWS[2:])[0, :2], torch.zeros(2))


def test_it_multiplies_the_means_of_counts_alone():
    output = torch.zeros(1, 6)  # with two more outputs, of columns that have several
    found = Exposure(IS_COUNT, MEAN, 3).tell(output, torch.full((1, 1), 5.0).log()).exp()
    torch.testing.assert_close(found, torch.tensor([[5.0, 5.0, 1.0, 5.0, 1.0, 1.0]]))


def test_what_was_not_observed_is_left_out_on_both_sides():
    exposure, rows = Exposure(IS_COUNT, MEAN), ROWS.clone()
    rows[0, 1], rows[1, :2] = torch.nan, torch.nan
    # 2 of 1 in the column that is there; nothing is known; as before.
    torch.testing.assert_close(exposure(rows).exp(), torch.tensor([[2.0], [1.0], [1.0]]))


@pytest.mark.parametrize("size", [0.0, 1.0, 1e7])
@pytest.mark.parametrize("mean", [0.0, 1e-3, 1e6])
def test_extreme_rows_stay_finite(size, mean):
    exposure = Exposure(torch.ones(3, dtype=torch.bool), torch.full((3,), mean))
    rows = torch.tensor([[size, 0.0, 0.0]])
    assert exposure(rows) >= np.log(LEAST_EXPOSURE) - 1e-6
    assert exposure.take_out(rows).isfinite().all()
    assert exposure.tell(torch.zeros(1, 3), exposure(rows)).isfinite().all()


def test_what_is_told_is_certain():
    told, x = Told(), torch.tensor([[3.0], [4.0]])
    assert not told.nll(x, x.log()).any()
    torch.testing.assert_close(told(x.log()), x)


@pytest.mark.parametrize(
    ("column", "expected"), [(None, [True, False, True]), (3, [True, True, False])]
)
def test_it_is_known_where_all_that_it_is_made_of_is(column, expected):
    rows = ROWS.clone()
    rows[0, 2] = rows[1, 1] = rows[2, 3] = torch.nan
    found = Exposure(IS_COUNT, MEAN, column).is_known(rows)
    assert found.tolist() == [[value] for value in expected]
