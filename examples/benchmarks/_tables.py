"""Data sets for `pca_floor.py`: what scikit-learn ships and generates, and text of its own."""

import importlib
import inspect
import pkgutil

import numpy as np
import sklearn
from _mnist import load_mnist
from sklearn import datasets
from sklearn.feature_extraction.image import extract_patches_2d
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import KBinsDiscretizer, StandardScaler

REAL = ("iris", "wine", "breast_cancer", "diabetes", "digits")


def docstrings():
    """What scikit-learn's public classes and functions say of themselves."""
    texts = set()
    for module in pkgutil.iter_modules(sklearn.__path__):
        if module.name.startswith("_") or module.name in ("conftest", "tests", "experimental"):
            continue
        members = vars(importlib.import_module(f"sklearn.{module.name}"))
        for name, member in members.items():
            if name.startswith("_") or not callable(member):
                continue
            texts.add(inspect.getdoc(member) or "")
            methods = vars(member).values() if inspect.isclass(member) else ()
            texts |= {inspect.getdoc(method) or "" for method in methods if callable(method)}
    return sorted(text for text in texts if len(text) > 200)


def tfidf(max_features):
    vectorizer = TfidfVectorizer(max_features=max_features, stop_words="english", dtype=np.float32)
    return vectorizer.fit_transform(docstrings())


def one_hot(name, n_bins):
    X = getattr(datasets, f"load_{name}")().data
    return KBinsDiscretizer(n_bins, encode="onehot-dense", strategy="quantile").fit_transform(X)


def picture_rows(name):
    """The rows of a photograph: 427 samples, 640 grey pixels."""
    return datasets.load_sample_image(name).mean(axis=2)


def patches(name):
    """8 x 8 patches of a photograph in grey, cut at random."""
    image = picture_rows(name)
    return extract_patches_2d(image, (8, 8), max_patches=3000, random_state=0).reshape(3000, -1)


def latent_classes(seed=0):
    """A table of 12 categorical columns with 5 values each, one-hot, of 4 hidden classes."""
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.full(5, 0.3), size=(4, 12))
    hidden = rng.integers(4, size=1500)
    columns = [[rng.choice(5, p=shares[label, column]) for label in hidden] for column in range(12)]
    return np.eye(5)[np.array(columns).T].reshape(1500, 60)


def sparse_code():
    """Mixtures of 4 of 40 atoms."""
    atoms = datasets.make_sparse_coded_signal(
        600, n_components=40, n_features=30, n_nonzero_coefs=4, random_state=0
    )
    return next(iter(atoms)).reshape(600, 30)


GENERATED = {
    "blobs": lambda: datasets.make_blobs(1000, 20, centers=8, random_state=0)[0],
    "classification": lambda: datasets.make_classification(
        1000, 30, n_informative=8, random_state=0
    )[0],
    "friedman": lambda: datasets.make_friedman1(1000, random_state=0)[0],
    "gaussian": lambda: np.random.default_rng(0).normal(size=(500, 20)),
    "low rank": lambda: datasets.make_low_rank_matrix(500, 50, effective_rank=8, random_state=0),
    "moons": lambda: datasets.make_moons(500, noise=0.05, random_state=0)[0],
    "s curve": lambda: datasets.make_s_curve(1000, noise=0.05, random_state=0)[0],
    "swiss roll": lambda: datasets.make_swiss_roll(1500, noise=0.1, random_state=0)[0],
    "sparse code": sparse_code,
}


def all_tables(mnist=None):
    """``{name: function that gives X}``; what is random in them is seeded."""
    tables = {}
    for name in REAL:
        load = getattr(datasets, f"load_{name}")
        tables[name] = lambda load=load: load().data
        tables[f"{name}, standardized"] = lambda load=load: StandardScaler().fit_transform(
            load().data
        )
    tables |= GENERATED
    tables |= {
        "text": lambda: tfidf(500),
        "text, wide": lambda: tfidf(4000)[::8],
        "wine, one-hot": lambda: one_hot("wine", 5),
        "breast cancer, one-hot": lambda: one_hot("breast_cancer", 4),
        "latent classes, one-hot": latent_classes,
        "photograph, rows": lambda: picture_rows("china.jpg"),
        "photograph, patches": lambda: patches("flower.jpg"),
        "low rank, wide": lambda: datasets.make_low_rank_matrix(
            80, 2000, effective_rank=6, random_state=0
        ),
        "gaussian, wide": lambda: np.random.default_rng(0).normal(size=(100, 1000)),
        "MNIST-5k": lambda: load_mnist(mnist)[0][:5000],
    }
    return tables


def student_tables(n_draws=20, degrees_of_freedom=1.5):
    """Draws of Student's t with an infinite variance: a few rows lie far from all others."""
    size = 400, 8
    return {
        f"student {seed}": lambda seed=seed: np.random.default_rng(seed).standard_t(
            degrees_of_freedom, size
        )
        for seed in range(n_draws)
    }
