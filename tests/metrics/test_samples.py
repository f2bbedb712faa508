"""Reports on rows whose faults are known."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy import sparse

from skae.metrics import _samples, sample_report

RNG = np.random.default_rng(0)
MIXING = np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 0.5], [0.0, 0.0, 1.0]])
TRAIN, REAL, DRAWN = RNG.normal(size=(3, 400, 3)) @ MIXING


def frame(rows):
    return pd.DataFrame(
        {
            "size": rows[:, 0],
            "rooms": np.rint(rows[:, 1] * 3),
            "town": np.where(rows[:, 2] > 0, "Ulm", "Bonn"),
            "paid": rows[:, 0] > 0.5,
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.rint(rows[:, 2] * 9), unit="D"),
        }
    )


@pytest.mark.parametrize("make", [np.asarray, frame])
def test_rows_of_the_same_distribution_have_no_fault(make):
    with warnings.catch_warnings(action="error"):
        report = sample_report(make(REAL), make(DRAWN), X_train=make(TRAIN))
    assert abs(report["told"].drawn - 0.5) < 0.06
    for name in ("distribution", "correlation", "distance"):
        assert report[name].drawn == pytest.approx(report[name].real, abs=0.05)
    assert report["near"].drawn < 0.12
    assert report["outside"].drawn < 0.02
    assert report["copies"].drawn == report["missing"].drawn == 0


@pytest.mark.parametrize(
    ("fault", "seen", "told"),
    [
        (lambda X: X + np.array([3, 0, 0]), ("outside", "distribution"), (0.95, 1)),
        (lambda X: np.random.default_rng(0).permuted(X, axis=0), ("correlation",), (0.65, 1)),
        (lambda X: X * 0.3, ("distribution",), (0.75, 1)),
        (lambda X: TRAIN[::2], ("near", "copies"), (0.3, 0.6)),
        (lambda X: TRAIN + 1e-3, ("near",), (0.3, 0.6)),
    ],
    ids=["shifted", "permuted", "narrow", "copied", "nearly copied"],
)
def test_each_fault_is_seen_and_no_other(fault, seen, told):
    report = sample_report(REAL, fault(DRAWN), X_train=TRAIN)
    large = {"outside": 0.1, "distribution": 0.1, "correlation": 0.1, "near": 0.15, "copies": 0.5}
    found = {name for name, bound in large.items() if report[name].drawn > bound}
    assert found == set(seen)
    assert told[0] < report["told"].drawn <= told[1]


def test_without_training_rows_the_real_ones_stand_for_them():
    report = sample_report(TRAIN, np.repeat(TRAIN[:40], 2, axis=0))
    assert report["copies"].drawn == report["near"].drawn == 1
    assert report["copies"].real == 0  # a row is no copy of itself
    assert report["near"].real == pytest.approx(0.05)
    assert report["distribution"].real is report["correlation"].real is None


def test_classes_and_values_that_were_asked_for():
    y = (TRAIN[:, 0] > 0).astype(int)
    asked = (DRAWN[:, 0] > 0).astype(int)
    asked[:100] = 1 - asked[:100]
    check = sample_report(TRAIN, DRAWN, y, asked)["asked"]
    assert check.drawn == pytest.approx(0.75, abs=0.03)
    assert check.real > 0.94
    assert check.by.keys() == {0, 1}
    floats = np.append(y, -1.0), asked  # of which -1 says nothing
    assert sample_report(np.vstack([TRAIN, [9, 9, 9]]), DRAWN, *floats)["asked"] == check
    number = sample_report(TRAIN, DRAWN, TRAIN[:, 0], DRAWN[:, 0])["asked"]
    assert number.drawn < 0.2
    assert number.by == {}


@pytest.mark.parametrize(
    ("places", "dtype"),
    [((0, 0), int), ((0, 1), float), ((1, 0), float)],
    ids=["whole", "drawn", "real"],
)
def test_quantities_may_be_whole(places, dtype):
    """Of which no class is made: asked for in fractions, or of many values with few rows each."""
    given = [
        np.round(50 * rows[:, 0], place).astype(float if place else dtype)
        for rows, place in zip((TRAIN, DRAWN), places, strict=True)
    ]
    check = sample_report(TRAIN, DRAWN, *given)["asked"]
    assert check.by == {}
    assert check.drawn < 10  # of a deviation of 50
    few = np.repeat(np.arange(20), 20)  # classes, whatever their dtype
    assert sample_report(TRAIN[:400], DRAWN[:400], few, few.astype(dtype))["asked"].by.keys() == {
        *range(20)
    }


def test_columns_that_are_not_compared_are_named():
    real, drawn = (frame(X).assign(order=np.arange(len(X))) for X in (REAL, DRAWN))
    report = sample_report(real, drawn)
    assert report.left_out == {"order": "another value in each row"}
    assert repr(report).endswith("not compared: order (another value in each row)")
    assert sample_report(frame(REAL), frame(DRAWN)).left_out == {}


def test_frames_are_compared_by_what_their_columns_hold():
    real, drawn = frame(REAL), frame(DRAWN)
    drawn["rooms"] += 0.5 * (np.arange(400) < 100)
    drawn["town"] = drawn["town"].replace("Ulm", "Rome")
    report = sample_report(real, drawn)
    assert report["whole"].drawn == 0.75
    assert report["unknown"].worst == "town"
    assert report["unknown"].by == {"town": pytest.approx(np.mean(DRAWN[:, 2] > 0)), "paid": 0}
    of_polars = (pl.DataFrame(table.to_dict("series")) for table in (real, drawn))
    assert repr(sample_report(*of_polars)) == repr(report)


def test_holes_are_counted_and_no_hindrance():
    holes = np.where(RNG.uniform(size=REAL.shape) < 0.1, np.nan, REAL)
    with warnings.catch_warnings(action="error"):
        report = sample_report(holes, DRAWN)
    assert report["missing"].drawn == 0
    assert report["missing"].real == pytest.approx(0.1, abs=0.02)
    assert report["distribution"].drawn < 0.1


def test_tensors_sparse_rows_and_lists_are_taken():
    expected = repr(sample_report(REAL, DRAWN))
    given = torch.from_numpy(REAL), sparse.csr_array(DRAWN)
    assert repr(sample_report(*given)) == expected
    assert repr(sample_report(REAL.tolist(), DRAWN.tolist())) == expected


def test_reports_repeat_and_compare_a_sample_of_many_rows(monkeypatch):
    monkeypatch.setattr(_samples, "MAX_ROWS", 300)
    first, again = (sample_report(REAL, DRAWN, random_state=1) for _ in range(2))
    assert repr(first) == repr(again)
    assert first != sample_report(REAL, DRAWN, random_state=2)
    assert first["copies"].real == 0  # though only some of the training rows are compared


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((REAL[:19], DRAWN), "X_real has 19 rows, but at least 20"),
        ((REAL, DRAWN[:, :2]), "X_drawn has 2 columns, but X_real has 3"),
        ((frame(REAL), frame(DRAWN).drop(columns="town")), r"lacks \['town'\]"),
        ((frame(REAL), frame(DRAWN)[["day", "size", "rooms", "town", "paid"]]), "another order"),
        ((REAL, DRAWN, REAL[:, 0]), "y_real is given without y_drawn"),
        ((REAL, DRAWN, np.arange(400) % 2, np.full(400, 2)), r"no real row has: \[2\]"),
        ((REAL, DRAWN, np.arange(400) // 399, np.ones(400)), "2 real rows of each"),
        ((REAL, DRAWN, np.arange(400) % 2, np.ones(399)), "inconsistent numbers"),
        ((np.ones((30, 2)), DRAWN[:, :2]), "Nothing can be compared"),
        ((np.where(REAL > 2, np.inf, REAL), DRAWN), "infinity"),
    ],
)
def test_errors_say_what_is_wrong(arguments, message):
    with pytest.raises(ValueError, match=message):
        sample_report(*arguments)
