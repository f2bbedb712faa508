"""Values of columns as numbers and texts, and back."""

import datetime
import json
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from skae._rows.frames.plain import from_plain, to_plain

BERLIN = pd.Timestamp("2024-03-31 03:30", tz="Europe/Berlin")
VALUES = [
    "text",
    3,
    True,
    None,
    ("a", ("b", 1)),
    pd.Interval(0.5, 2, closed="left"),
    pd.Interval(BERLIN, BERLIN + pd.Timedelta("1D")),
    BERLIN,
    pd.Timestamp("1900-01-01").as_unit("s"),
    datetime.datetime(2024, 1, 1, 12, 0, 0, 1),
    datetime.date(2024, 1, 1),
    datetime.time(12, 30),
    datetime.timedelta(days=-1, microseconds=5),
    Decimal("1.50"),
    b"\x00\xff",
]


def parts(plain):
    return [leaf for part in plain for leaf in parts(part)] if type(plain) is tuple else [plain]


@pytest.mark.parametrize("value", VALUES, ids=lambda v: type(v).__name__)
def test_there_and_back(value):
    plain = to_plain(value)
    json.dumps(parts(plain))  # nothing is left that a file does not know
    again = from_plain(plain)
    assert again == value
    assert type(again) is type(value)
    assert getattr(again, "tz", None) == getattr(value, "tz", None)
    assert getattr(again, "unit", None) == getattr(value, "unit", None)


def test_numbers_of_numpy_are_those_of_python():
    assert type(to_plain(np.int64(3))) is int
