"""All displays, the parts of their pictures, and a table with all kinds of columns."""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

from skae.plotting import (
    LatentManifoldDisplay,
    LatentSpaceDisplay,
    LossCurveDisplay,
    ReconstructionDisplay,
)

DISPLAYS = [LatentManifoldDisplay, LatentSpaceDisplay, LossCurveDisplay, ReconstructionDisplay]
QUICK = {"hidden_layer_sizes": (16,), "max_iter": 2, "random_state": 0}

START = np.datetime64("2020-01-01", "ms")


def tile(image, i, j):
    """The picture in line i and column j of a mosaic of digits."""
    return image.get_array()[8 * i : 8 * i + 8, 8 * j : 8 * j + 8]


def draw(display, estimator, X):
    rows = () if display is LossCurveDisplay else (X,)
    return display.from_estimator(estimator, *rows)


def make_table(library):
    """60 rows of numbers, whole numbers, booleans, categories, dates and durations."""
    rng = np.random.default_rng(0)
    place = rng.normal(size=(60, 2))
    colours = np.array(["red", "green", "blue"], dtype=object)[np.digitize(place[:, 0], [-1, 1])]
    colours[7] = None
    return library.DataFrame(
        {
            "income": 40_000 + 9000 * place[:, 0],
            "children": (3 + place[:, 1]).round().astype(int),
            "married": place[:, 0] > 0,
            "colour": colours,
            "since": START + (1e10 * place[:, 1]).astype("m8[ms]"),
            "stayed": (7.2e6 + 5e5 * place[:, 0]).astype("m8[ms]"),
        }
    )


class Places(TransformerMixin, BaseEstimator):
    """A stand-in for a model of tables: two codes, and frames for them."""

    def fit(self, X, y=None):
        self.library_ = __import__(type(X).__module__.split(".")[0])
        self.feature_names_in_ = np.array(X.columns, dtype=object)
        self.n_features_in_ = len(X.columns)
        return self

    def transform(self, X):
        since = (np.asarray(X["since"]) - START) / np.timedelta64(1, "ms")
        return np.column_stack([(np.asarray(X["income"]) - 40_000) / 9000, since / 1e10])

    def inverse_transform(self, X):
        first, second = np.round(X, 1).T
        colours = np.array(["red", "green", "blue"], dtype=object)[np.digitize(first, [-1, 1])]
        return self.library_.DataFrame(
            {
                "income": 40_000 + 9000 * first,
                "children": (3 + second).round().astype(int),
                "married": first > 0,
                "colour": colours,
                "since": START + (1e10 * second).astype("m8[ms]"),
                "stayed": (7.2e6 + 5e5 * first).astype("m8[ms]"),
            }
        )
