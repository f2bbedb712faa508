"""Can a classifier learn from rows that a variational autoencoder has drawn?

python examples/benchmarks/tabular.py
python examples/benchmarks/tabular.py fair --seeds 0 --set n_components=8

Tables with mixed columns that statsmodels ships, 70 % of the rows to learn from. The generator is
told the class, and draws each as often as it was; a classifier is trained on as many drawn rows,
and tested on the real rows that are left. The figure is its ROC AUC, beside that of one trained on
real rows. CTGAN's TVAE, for which the class is a column, is measured where ctgan is installed.
"""

import argparse
import importlib
import importlib.util
import platform
import sys
import time
import warnings

import numpy as np
import torch
from _settings import setting
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skae import TabularAutoencoder, VAETransformer

# The class, and which columns are categories.
TABLES = {
    "anes96": ("vote", ["PID", "educ", "TVnews"]),
    "fair": ("affairs", ["occupation", "occupation_husb", "religious", "rate_marriage"]),
    "randhie": ("mdvis", ["idp", "hlthg", "hlthf", "hlthp", "lncoins"]),
}
FEW = 40  # numbers of no more values are categories: some are frequent, and say much


def load_table(name):
    """The table with its class in column "class", and the names of the categories."""
    module = importlib.import_module(f"statsmodels.datasets.{name}")
    table, (target, categories) = module.load_pandas().data, TABLES[name]
    is_positive = table[target] > (table[target].median() if name == "randhie" else 0)
    table = table.drop(columns=target).astype(float)
    table[categories] = table[categories].round(4).astype(str)
    return table.assign(**{"class": is_positive.astype(str)}), categories


class SkaeGenerator:
    """A `TabularAutoencoder` that is told the class."""

    def __init__(self, seed, **settings):
        ours = {"n_components": 8, "max_iter": 100, "conditional": True}
        self.seed = seed
        self.vae = VAETransformer(random_state=seed, **{**ours, **settings})

    def fit(self, table):
        """Learn from a table."""
        columns, self.classes = table.drop(columns="class"), table["class"]
        few = columns.columns[columns.nunique() <= FEW]
        kinds = dict.fromkeys(few, "categorical")
        self.model = TabularAutoencoder(self.vae, column_kinds=kinds).fit(columns, self.classes)
        return self

    def sample(self, n_rows):
        """A table of new rows."""
        classes = self.classes.sample(n_rows, random_state=self.seed).to_numpy()
        drawn = self.model.sample(n_rows, random_state=self.seed, y=classes)
        return drawn.assign(**{"class": classes})


class TVAEGenerator:
    """CTGAN's TVAE, as it comes."""

    def __init__(self, categories, seed):
        self.categories, self.seed = [*categories, "class"], seed

    def fit(self, table):
        """Learn from a table."""
        self.model = importlib.import_module("ctgan").TVAE()
        self.model.set_random_state(self.seed)
        self.model.fit(table, self.categories)
        return self

    def sample(self, n_rows):
        """A table of new rows."""
        return self.model.sample(n_rows)


def score(train, test, categories):
    """The mean area under the curve of a linear classifier and a boosted one."""
    numbers = [name for name in train if name not in [*categories, "class"]]
    encoder = ColumnTransformer(
        [
            ("numbers", StandardScaler(), numbers),
            ("categories", OneHotEncoder(handle_unknown="ignore", sparse_output=False), categories),
        ]
    )
    areas = []
    for classifier in (
        LogisticRegression(max_iter=1000),
        HistGradientBoostingClassifier(random_state=0),
    ):
        model = make_pipeline(encoder, classifier).fit(train, train["class"])
        areas.append(roc_auc_score(test["class"] == "True", model.predict_proba(test)[:, 1]))
    return np.mean(areas)


def main(arguments=None):
    """Measure the generators and print a row for each table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", nargs="*", metavar="table", help=", ".join(TABLES))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--set", type=setting, nargs="*", default=[], metavar="NAME=VALUE")
    options = parser.parse_args(arguments)
    with_tvae = importlib.util.find_spec("ctgan") is not None
    print(f"torch {torch.__version__}, {platform.machine()}, {torch.get_num_threads()} threads\n")
    print("| table | trained on | AUC on real rows | of real | seconds of a fit |")
    print("| --- " * 5 + "|")
    for name in options.tables or TABLES:
        table, categories = load_table(name)
        found = {"real rows": [], "skae": []} | ({"TVAE": []} if with_tvae else {})
        for seed in options.seeds:
            train, test = train_test_split(table, test_size=0.3, random_state=seed)
            for kind, results in found.items():
                start = time.perf_counter()
                rows = train
                with warnings.catch_warnings(action="ignore"):
                    if kind == "skae":
                        generator = SkaeGenerator(seed, **dict(options.set))
                        rows = generator.fit(train).sample(len(train))
                    elif kind == "TVAE":
                        rows = TVAEGenerator(categories, seed).fit(train).sample(len(train))
                    seconds = time.perf_counter() - start
                    results.append((score(rows, test, categories), seconds))
        real = np.mean([area for area, _ in found["real rows"]])
        for kind, results in found.items():
            area, seconds = np.mean(results, axis=0)
            share = f"{area / real:.1%}"
            print(f"| {name} | {kind} | {area:.3f} | {share} | {seconds:.0f} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
