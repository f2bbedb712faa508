"""Values that files of numbers and texts do not know, as such."""

import datetime
from decimal import Decimal

import numpy as np

# What a value is written as, and how it is read.
KINDS = {
    "datetime": (datetime.datetime, str, datetime.datetime.fromisoformat),
    "date": (datetime.date, str, datetime.date.fromisoformat),
    "time": (datetime.time, str, datetime.time.fromisoformat),
    "Decimal": (Decimal, str, Decimal),
    "bytes": (bytes, bytes.hex, bytes.fromhex),
}

# What the values of a column of objects are made of again.
FROM_NUMBERS = {
    "bool": lambda value: bool(value >= 0.5),
    "int": lambda value: int(value),
    "float": float,
    "Decimal": lambda value: Decimal(repr(float(value))),
}


def to_plain(value):
    """A value of a column as numbers and texts, in a tuple that says what it is; others as is."""
    if isinstance(value, np.generic):
        value = value.item()
    name = type(value).__name__
    if name == "Interval":
        return ("Interval", to_plain(value.left), to_plain(value.right), value.closed)
    if name == "Timestamp":
        return ("Timestamp", value.value, None if value.tz is None else str(value.tz), value.unit)
    if isinstance(value, datetime.timedelta):
        return ("timedelta", value.days, value.seconds, value.microseconds)
    for kind, (cls, write, _) in KINDS.items():
        if type(value) is cls:
            return (kind, write(value))
    return ("tuple", *map(to_plain, value)) if isinstance(value, tuple) else value


def from_plain(plain):
    """The way back."""
    if not isinstance(plain, tuple):
        return plain
    kind, *parts = plain
    if kind == "tuple":
        return tuple(map(from_plain, parts))
    if kind == "timedelta":
        return datetime.timedelta(*parts)
    if kind in KINDS:
        return KINDS[kind][2](*parts)
    import pandas as pd

    if kind == "Interval":
        return pd.Interval(*map(from_plain, parts[:2]), closed=parts[2])
    value, zone, unit = parts
    return pd.Timestamp(value, tz=zone).as_unit(unit)


def objects(values, element):
    """The values as Python has them."""
    if element in FROM_NUMBERS:
        return [FROM_NUMBERS[element](value) for value in values]
    if values.dtype.kind in "Mm":
        return values.astype(f"{values.dtype.kind}8[{'D' if element == 'date' else 'us'}]").tolist()
    return values.tolist()
