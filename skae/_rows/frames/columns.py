"""What a column of a table holds, and how its values become numbers and come back."""

import datetime
from collections import Counter
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np

NUMBERS = ("numeric", "integer", "datetime", "duration")
LEARNED = (*NUMBERS, "boolean", "categorical")
LEFT_OUT = {
    "constant": "one value, or none",
    "identifier": "another value in each row",
    "text": "more texts than max_categories",
    "unknown": "neither numbers, texts nor times",
    "drop": "to be left out",
}
# Fewer rows than these show no identifiers.
MIN_ROWS_OF_IDENTIFIERS, MOST_STEPS = 20, 3
# What a float may be rounded to; more decimals are taken for none that are meant.
MAX_DECIMALS, MAX_ROUNDED = 6, 1e9
MIN_VALUES_OF_STEPS = 20
EXACT = 2**53
# Steps of times, from the largest, in nanoseconds.
STEPS = (86_400_000_000_000, 3_600_000_000_000, 60_000_000_000, 1_000_000_000, 1_000_000, 1000, 1)
NANOSECONDS = {"D": STEPS[0], "h": STEPS[1], "m": STEPS[2], "s": STEPS[3], "ms": 10**6, "us": 1000}
NANOSECONDS["ns"] = 1


@dataclass(frozen=True)
class Values:
    """The values of a column of n rows.

    Parameters
    ----------
    array : array of shape (n,)
        Numbers, times, or any objects.
    missing : boolean array of shape (n,)
        Which there are not; what the array has there means nothing.
    element : str
        What the objects were that are numbers or times here: see `ELEMENTS`. Else "".
    """

    array: np.ndarray
    missing: np.ndarray
    element: str = ""

    @classmethod
    def of(cls, array, missing):
        """Objects that are all numbers, or all times, as such; others as they are."""
        if array.dtype.kind in "iufM" or array.dtype.kind == "m":
            lost = np.isnat(array) if array.dtype.kind in "Mm" else np.isnan(array)
            return cls(array, missing | lost)
        if array.dtype.kind == "b":
            return cls(array.astype(np.float64), missing, "bool")
        if array.dtype.kind != "O":
            return cls(array.astype(object), missing)
        kinds = {type(value) for value in array[~missing]}
        for name, (known, dtype) in ELEMENTS.items():
            if kinds and all(_is(kind, known) for kind in kinds):
                if name == "datetime" and any(v.tzinfo for v in array[~missing]):
                    break
                filled = np.zeros(len(array), dtype=dtype)
                filled[~missing] = array[~missing]
                lost = np.isnan(filled) if dtype == "f8" else np.isnat(filled)
                return cls(filled, missing | lost, name)
        return cls(array, missing)

    @property
    def is_known(self):
        """Which there are."""
        return ~self.missing

    def items(self):
        """Those that there are, as Python has them."""
        known = self.array[self.is_known]
        # numpy gives plain integers for nanoseconds.
        return (
            known.astype(f"{known.dtype.kind}8[us]") if known.dtype.kind in "Mm" else known
        ).tolist()

    def distinct(self):
        """What values there are and how often, or None where they can not be told apart."""
        try:
            return Counter(self.items())
        except TypeError:  # lists and the like
            return None


# What objects may all be, and the dtype that holds them.
ELEMENTS = {
    "bool": ((bool, np.bool_), "f8"),
    "int": ((int, np.integer), "f8"),
    "float": ((float, int, np.floating, np.integer), "f8"),
    "Decimal": ((Decimal,), "f8"),
    "datetime": ((datetime.datetime,), "M8[us]"),
    "date": ((datetime.date,), "M8[D]"),
    "timedelta": ((datetime.timedelta,), "m8[us]"),
}


def _is(kind, known):
    # A bool is an int, and a datetime a date, to Python only.
    strangers = {bool: bool, datetime.datetime: datetime.datetime}
    if kind in strangers and strangers[kind] not in known:
        return False
    return issubclass(kind, known)


@dataclass(frozen=True)
class Column:
    """A column as it was in `fit`.

    Parameters
    ----------
    name : str or other hashable
    kind : str
        One of `LEARNED` or of `LEFT_OUT`.
    element : str
        See `Values`.
    categories : tuple
        Those of a "categorical" column, in the order of their one-hot columns; of one that is left
        out its most frequent value, if there are any that can be told apart.
    low, high : int or float
        The smallest and the largest number.
    decimals : int or None
        What numbers are rounded to; below 0 to tens, hundreds, ...
    unit : str
        Of times: their dtype.
    origin, step : int
        What numbers of times are counted from, and what they are multiples of, in units.
    mean, deviation : float
        Of the numbers.
    amount : str
        The likelihood of numbers that are amounts; "" of others.
    """

    name: object
    kind: str
    element: str = ""
    categories: tuple = ()
    low: float = 0
    high: float = 0
    decimals: int | None = None
    unit: str = ""
    origin: int = 0
    step: int = 1
    mean: float = 0
    deviation: float = 0
    amount: str = ""

    @classmethod
    def find(cls, name, values, *, kind=None, is_category=False, max_categories=40):
        """Find what values are, or take what they are said to be."""
        counts = values.distinct()
        if not values.is_known.any() and kind != "drop":
            kind = "constant"
        if kind is None:
            kind = _kind(values, counts, is_category, max_categories)
        found = cls(name, kind, values.element)
        if found.kind == "constant":
            is_time = counts and values.array.dtype.kind in "Mm"
            if is_time:
                return found._measured(values)
            if any(isinstance(value, float) and np.isinf(value) for value in counts):
                found._refuse_infinity()
            decimals = 0 if values.array.dtype.kind in "iuf" else None
            return replace(found, categories=tuple(counts), decimals=decimals)
        if found.kind == "categorical":
            if counts is None:
                found._refuse(values, "categories")
            return replace(found, categories=_in_order(counts))
        if found.kind in LEFT_OUT and found.kind != "identifier":
            return replace(found, categories=_most_frequent(counts))
        return found._measured(values)

    def _measured(self, values):
        if self.kind in ("datetime", "duration"):
            self._check_is_time(values)
        if values.array.dtype.kind in "Mm":
            return self._measured_times(values)
        if self.kind == "identifier" and values.array.dtype.kind == "O":
            return self
        numbers = self.numbers(values)[values.is_known]
        if (numbers < 0).any() and self.kind == "boolean":
            self._refuse(values, "booleans, or 0 and 1")
        if values.array.dtype.kind in "iu":  # exact, however large
            numbers = values.array[values.is_known]
        return replace(
            self,
            low=numbers.min().item(),
            high=numbers.max().item(),
            decimals=_decimals(numbers),
            **_moments(numbers),
        )

    def _measured_times(self, values):
        unit = np.datetime_data(values.array.dtype)[0]
        ticks = values.array.view("i8")[values.is_known]
        origin = int(ticks.min())
        common = int(np.gcd.reduce(ticks - origin))
        steps = [s // NANOSECONDS[unit] for s in STEPS if s >= NANOSECONDS[unit]]
        step = next((s for s in steps if common % s == 0 and common), steps[-1])
        high = int(ticks.max()) - origin
        return replace(
            self,
            low=0,
            high=high,
            unit=values.array.dtype.str[1:],
            origin=origin,
            step=step,
            **_moments(ticks - origin),
        )

    def statistics(self):
        """Mean and standard deviation; of times in days, of dates since 1970."""
        if not self.unit:
            return self.mean, self.deviation
        day = STEPS[0] / NANOSECONDS[np.datetime_data(self.unit)[0]]
        return (self.origin + self.mean) / day, self.deviation / day

    def numbers(self, values):
        """The values as numbers, NaN where they are missing; of categories their places.

        A category that is none of the known ones is -1, as is a flag that is neither 0 nor 1.
        """
        if self.kind == "categorical":
            return self._places(values)
        if self.kind in ("datetime", "duration"):
            return self._ticks(values)
        if self.kind == "boolean":
            return self._places(values, {False: 0.0, True: 1.0})
        self._check_is_number(values)
        numbers = np.full(len(values.array), np.nan)
        numbers[values.is_known] = values.array[values.is_known]
        if np.isinf(numbers).any():
            self._refuse_infinity()
        return numbers

    def _places(self, values, places=None):
        if places is None:
            places = {value: place for place, value in enumerate(self.categories)}
        found = np.full(len(values.array), np.nan)
        known = values.items()
        try:
            found[values.is_known] = [places.get(value, -1) for value in known]
        except TypeError:  # lists and the like are no category
            found[values.is_known] = [_place(places, value) for value in known]
        return found

    def _ticks(self, values):
        self._check_is_time(values)
        if not values.is_known.any():
            return np.full(len(values.array), np.nan)
        ticks = values.array.astype(self.unit).view("i8") - self.origin
        return np.where(values.missing, np.nan, ticks.astype(np.float64))

    def _check_is_time(self, values):
        kind, what = ("M", "dates") if self.kind == "datetime" else ("m", "durations")
        if values.array.dtype.kind != kind and values.is_known.any():
            self._refuse(values, what)

    def _check_is_number(self, values):
        if values.array.dtype.kind not in "iuf" and values.is_known.any():
            self._refuse(values, "numbers")

    def _refuse(self, values, what):
        example = values.items()[0]
        raise ValueError(
            f"Column {self.name!r} is to have {what}, but has {example!r}. Convert it, or say in "
            f"column_kinds that it is 'categorical'."
        )

    def _refuse_infinity(self):
        raise ValueError(
            f"Column {self.name!r} has infinite values. Replace them by missing ones, NaN, or by "
            "the largest that is possible."
        )

    def values(self, numbers):
        """The way back: values for numbers, or for places of categories, without missing ones."""
        if self.kind == "categorical":
            categories = np.empty(len(self.categories), dtype=object)
            categories[:] = self.categories
            return categories[numbers.astype(int)]
        if self.kind == "boolean":
            return numbers >= 0.5
        numbers = np.clip(numbers, self.low, self.high)
        if self.unit:
            ticks = (np.rint(numbers / self.step) * self.step).clip(self.low, self.high)
            ticks = ticks.astype("i8") + self.origin
            return ticks.view(self.unit)
        if self.decimals is not None:
            numbers = np.round(numbers, self.decimals).clip(self.low, self.high)
        if self.kind == "integer" and max(-self.low, self.high) >= EXACT:
            return np.array([min(max(int(n), self.low), self.high) for n in numbers], dtype=object)
        return numbers

    def widened(self, values):
        """The same with the range of further values in its own."""
        if self.kind not in NUMBERS or not values.is_known.any():
            return self
        numbers = self.numbers(values)[values.is_known]
        as_it_is = int if isinstance(self.low, int) else float
        low, high = as_it_is(numbers.min()), as_it_is(numbers.max())
        decimals = self.decimals
        if decimals is not None:
            more = _decimals(numbers)
            decimals = None if more is None else max(decimals, more)
        return replace(self, low=min(self.low, low), high=max(self.high, high), decimals=decimals)


def _place(places, value):
    try:
        return places.get(value, -1)
    except TypeError:
        return -1


def _kind(values, counts, is_category, max_categories):
    if counts is None:
        return "unknown"
    if len(counts) < 2:
        return "constant"
    known, dtype = values.array[values.is_known], values.array.dtype.kind
    if any(isinstance(value, complex) for value in counts):
        return "unknown"
    if values.element == "bool":
        return "boolean"
    if dtype in "Mm" and not is_category:
        return "datetime" if dtype == "M" else "duration"
    if dtype in "iuf" and not is_category:
        if counts.keys() <= {0, 1}:
            return "boolean"
        is_whole = bool((np.isinf(known) | (known == np.rint(known))).all())
        if not is_whole:
            return "numeric"
        counts_rows = len(counts) == len(values.array) >= MIN_ROWS_OF_IDENTIFIERS
        # Of all rows of a table they are consecutive, of a part of them nearly so.
        spans = known.max().item() - known.min().item() < MOST_STEPS * len(known)
        is_integer = dtype in "iu" or values.element == "int"
        return "identifier" if counts_rows and spans and is_integer else "integer"
    return _kind_of_texts(values, counts, max_categories)


def _kind_of_texts(values, counts, max_categories):
    n_rows = len(values.array)
    if len(counts) == n_rows >= MIN_ROWS_OF_IDENTIFIERS:
        return "identifier"
    return "categorical" if len(counts) <= max_categories else "text"


def _in_order(counts):
    """Sorted where that is possible."""
    try:
        return tuple(sorted(counts))
    except TypeError:
        return tuple(sorted(counts, key=lambda value: (str(type(value)), repr(value))))


def _moments(numbers):
    """Mean and standard deviation, without overflow of small integers."""
    with np.errstate(over="ignore"):
        numbers = numbers.astype(np.float64)
        return {"mean": float(numbers.mean()), "deviation": float(numbers.std())}


def _most_frequent(counts):
    """The first of those, if any."""
    return (max(counts, key=counts.get),) if counts else ()


def _decimals(numbers):
    """To how many decimals all numbers are rounded, or None."""
    if np.abs(numbers).max() >= MAX_ROUNDED:
        return 0 if (numbers == np.rint(numbers)).all() else None
    numbers = numbers.astype(np.float64)
    several = len(np.unique(numbers)) >= MIN_VALUES_OF_STEPS
    for decimals in range(-6 if several else 0, MAX_DECIMALS + 1):
        if np.allclose(np.round(numbers, decimals), numbers, rtol=1e-12, atol=0):
            return decimals
    return None
