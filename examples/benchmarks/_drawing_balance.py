"""Does oversampling a rare class with drawn rows help a classifier?

python examples/benchmarks/drawing.py balance
python examples/benchmarks/_drawing_balance.py DAAG/spam7 --seeds 0 --set n_components=10

The training rows of each table keep as many of one class that they are 3 % of them; the test rows
keep both classes as they are. Then rows of the rare class are added until it is as large as the
other: copies, SMOTE's (where imbalanced-learn is installed), or draws of a `TabularAutoencoder`,
which learns the rare rows alone, or all rows, the class told. Beside them stands what adds no rows:
nothing, weights, and another threshold: the share of the rare class in training, or one that is
tuned in five folds.
"""

import argparse
import importlib.util
import warnings
from functools import partial

import numpy as np
import pandas as pd
from _rdatasets import frame_of
from _settings import setting
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.model_selection import (
    FixedThresholdClassifier,
    TunedThresholdClassifierCV,
    train_test_split,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skae import TabularAutoencoder, VAETransformer

# The column of the class, which one is made rare, and columns that say nothing or say it all.
TABLES = {
    "modeldata/cells": ("class", "WS", ["case"]),
    "modeldata/credit_data": ("Status", "bad", []),
    "modeldata/wa_churn": ("churn", "Yes", []),
}
# Those that settings were chosen on.
TO_CHOOSE_ON = {
    "breast_cancer": ("target", "0", []),
    "DAAG/spam7": ("yesno", "y", []),
    "ISLR/OJ": ("Purchase", "MM", []),
    "openintro/email": ("spam", "1", ["time"]),
}
SHARE, MAX_ROWS = 0.03, 2000
CLASSIFIERS = {
    "logistic regression": partial(LogisticRegression, max_iter=2000),
    "boosted trees": partial(HistGradientBoostingClassifier, random_state=0),
}


def load(name):
    """Rows without missing values, which SMOTE does not take, and whether each is of the class."""
    target, rare, left_out = {**TABLES, **TO_CHOOSE_ON}[name]
    if name == "breast_cancer":
        table = load_breast_cancer(as_frame=True).frame
    else:
        table = frame_of(name).drop(columns="rownames")
    table = table.dropna().reset_index(drop=True)
    is_rare = (table.pop(target).astype(str) == rare).to_numpy()
    table = table.drop(columns=left_out)
    texts = table.columns[[not pd.api.types.is_numeric_dtype(dtype) for dtype in table.dtypes]]
    return table.astype(dict.fromkeys(texts, "category")), is_rare


def split(table, is_rare, seed):
    """Training rows of which `SHARE` are rare, test rows, and the same of what they are."""
    X, X_test, y, y_test = train_test_split(
        table, is_rare, test_size=0.3, stratify=is_rare, random_state=seed
    )
    rng = np.random.default_rng(seed)
    others = rng.permutation(np.flatnonzero(~y))[:MAX_ROWS]
    n_rare = round(SHARE / (1 - SHARE) * len(others))
    kept = np.concatenate([others, rng.permutation(np.flatnonzero(y))[:n_rare]])
    X = X.iloc[kept].reset_index(drop=True)
    constant = X.columns[X.nunique() < 2]
    return X.drop(columns=constant), X_test.drop(columns=constant), y[kept], y_test


def copies(X, y, n_more, seed):
    """Rows of the class again."""
    return X[y].sample(n_more, replace=True, random_state=seed)


def smote(X, y, n_more, seed):
    """Rows between neighbours of the class."""
    from imblearn.over_sampling import SMOTE, SMOTENC

    mixed = (X.dtypes == "category").any()
    sampler = SMOTENC("auto", random_state=seed) if mixed else SMOTE(random_state=seed)
    return sampler.fit_resample(X, y)[0].iloc[len(X) :]


def draws_of_the_class(X, y, n_more, seed, n_components=2, **settings):
    """Of a model that has seen the class alone."""
    vae = VAETransformer(n_components, random_state=seed, **settings)
    return TabularAutoencoder(vae).fit(X[y]).sample(n_more, random_state=seed)


def draws_for_the_class(X, y, n_more, seed, n_components=5, **settings):
    """Of a model that has seen all rows, and is told the class."""
    vae = VAETransformer(n_components, conditional=True, random_state=seed, **settings)
    asked = np.ones(n_more, dtype=bool)
    return TabularAutoencoder(vae).fit(X, y).sample(n_more, random_state=seed, y=asked)


OVERSAMPLERS = {
    "copies": copies,
    "SMOTE": smote,
    "draws, a VAE of the class": draws_of_the_class,
    "draws, a conditional VAE": draws_for_the_class,
}
if importlib.util.find_spec("imblearn") is None:
    del OVERSAMPLERS["SMOTE"]


def encoder():
    texts = make_column_selector(dtype_include="category")
    numbers = make_column_selector(dtype_exclude="category")
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return make_column_transformer((StandardScaler(), numbers), (one_hot, texts))


def judge(classifier, train, test, threshold=0.5):
    """Balanced accuracy and ROC AUC on test rows; a threshold of None is tuned in folds."""
    model = make_pipeline(encoder(), classifier)
    if threshold is None:
        model = TunedThresholdClassifierCV(model, random_state=0)
    else:
        model = FixedThresholdClassifier(model, threshold=threshold)
    X, y = test
    model.fit(*train)
    area = roc_auc_score(y, model.predict_proba(X)[:, 1])
    return balanced_accuracy_score(y, model.predict(X)), area


def compare(name, seed, settings):
    """``{(way, classifier): (balanced accuracy, ROC AUC)}``; settings are of the autoencoders."""
    X, X_test, y, y_test = split(*load(name), seed)
    n_more = (~y).sum() - y.sum()
    added = {
        way: draw(X, y, n_more, seed, **(settings if way.startswith("draws") else {}))
        for way, draw in OVERSAMPLERS.items()
    }
    found = {}
    for title, make in CLASSIFIERS.items():
        of = partial(judge, test=(X_test, y_test))
        found["nothing", title] = of(make(), (X, y))
        found["another threshold", title] = of(make(), (X, y), threshold=y.mean())
        found["a tuned threshold", title] = of(make(), (X, y), threshold=None)
        found["weights", title] = of(make(class_weight="balanced"), (X, y))
        for way, rows in added.items():
            more = pd.concat([X, rows[X.columns].astype(X.dtypes)], ignore_index=True)
            found[way, title] = of(make(), (more, np.append(y, np.ones(n_more, dtype=bool))))
    return found


def report(seeds, tables=tuple(TABLES), **settings):
    """Balanced accuracy and ROC AUC of each way, means of the seeds, and of the tables."""
    titles = [f"{title}: balanced accuracy, AUC" for title in CLASSIFIERS]
    print(f"| rows | way | {' | '.join(titles)} |")
    print("| --- " * (2 + len(CLASSIFIERS)) + "|")
    of_tables = []
    for name in tables:
        found = [compare(name, seed, settings) for seed in seeds]
        of_tables.append(_mean(found))
        _print(name, of_tables[-1])
    _print("mean", _mean(of_tables))


def _mean(found):
    return {key: np.mean([figures[key] for figures in found], axis=0) for key in found[0]}


def _print(name, found):
    for way in dict.fromkeys(way for way, _ in found):
        cells = [
            ", ".join(f"{figure:.3f}" for figure in found[way, title]) for title in CLASSIFIERS
        ]
        print(f"| {name} | {way} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    names = ", ".join([*TABLES, *TO_CHOOSE_ON])
    parser.add_argument("tables", nargs="*", default=TO_CHOOSE_ON, metavar="table", help=names)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--set", type=setting, nargs="*", default=[], metavar="NAME=VALUE")
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    report(args.seeds, args.tables, **dict(args.set))
