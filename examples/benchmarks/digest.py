"""Whether a change of the code has changed any number: a digest of what each model learns.

python examples/benchmarks/digest.py > before.txt     # of one state of the code
python examples/benchmarks/digest.py > after.txt      # of another, on the same machine
diff before.txt after.txt

Every class is fitted at fixed seeds in the ways that its code can go, with one thread. A line has
the case and digests of its parameters and buffers, of its curves, and of what its verbs give. It
takes two minutes; a part of a name given as an argument runs the cases that have it.
"""

import argparse
import hashlib
import pickle
import tempfile
import warnings
from pathlib import Path

import numpy as np
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.mixture import GaussianMixture

import skae

SMALL = {
    "hidden_layer_sizes": (12,),
    "discriminator_layer_sizes": (8,),
    "layer_max_iter": 2,
    "max_iter": 4,
    "n_clusters": 4,
    "n_components": 3,
    "n_score_samples": 4,
    "random_state": 0,
}
CURVES = (
    "loss_curve_",
    "validation_scores_",
    "best_loss_",
    "reconstruction_err_",
    "layer_loss_curves_",
    "n_iter_",
    "offset_",
)
VERBS = (
    "transform",
    "denoise",
    "impute",
    "predict",
    "predict_proba",
    "score_samples",
    "decision_function",
    "pack",
)
DEEP = (skae.AutoencoderClassifier, skae.AutoencoderOutlierDetector)


def small(cls, **settings):
    """A model that trains in no time."""
    names = cls().get_params(deep=False)
    inner = skae.AutoencoderTransformer(**{k: v for k, v in SMALL.items() if k in INNER})
    settings = {**SMALL, "transformer": inner, "autoencoder": inner, **settings}
    return cls(**{name: value for name, value in settings.items() if name in names})


INNER = ("hidden_layer_sizes", "max_iter", "n_components", "random_state")


def digest(*values):
    """The first digits of a hash of arrays, numbers and texts."""
    whole = hashlib.sha256()
    for value in values:
        array = np.asarray(value)
        whole.update(f"{array.dtype} {array.shape}".encode())
        whole.update(np.ascontiguousarray(array).tobytes())
    return whole.hexdigest()[:12]


def report(model, X):
    """Digests of weights, curves and verbs."""
    inside = getattr(model, "transformer_", getattr(model, "autoencoder_", model))
    state = inside.module_.state_dict()
    weights = [part for name in sorted(state) for part in (name, state[name].cpu().numpy())]
    curves = [f"{name} {getattr(model, name, None)!r}" for name in CURVES]
    given = []
    for verb in VERBS:
        try:
            given += [verb, getattr(model, verb)(X)]
        except (AttributeError, ValueError):
            given += [verb, "no"]
    if hasattr(model, "sample"):
        given.append(model.sample(5, random_state=1))
    if hasattr(model, "corrupt"):
        given.append(model.corrupt(X, random_state=2))
    if isinstance(model, skae.VAETransformer):
        given.append(model.sample(5, random_state=3, noise=True))
    if hasattr(model, "labels_"):
        given += [model.labels_, model.cluster_heads_]
    return f"{digest(*weights)} {digest(*curves)} {digest(*given)}"


class Data:
    """Digits: as they come, in [0, 1], with holes, sparse, in a file; labels of a third of them."""

    def __init__(self, folder):
        X, y = load_digits(return_X_y=True)
        rng = np.random.default_rng(0)
        self.unit = (X[:260] / 16).astype(np.float32)
        self.y = np.where(np.arange(260) % 3 == 0, y[:260], -1)
        self.labels = y[:260]
        self.counts = X[:260]
        self.holes = np.where(rng.uniform(size=(260, 64)) < 0.1, np.nan, X[:260])
        self.weight = rng.uniform(0, 2, size=260) * (np.arange(260) % 7 > 0)
        self.csr = sparse.csr_matrix(X[:260])
        self.new = X[260:300] / 16
        self.mapped = self.map(folder / "small", self.unit)
        # Of so many values a file is not read into memory.
        self.large = self.map(folder / "large", rng.normal(size=(34_000, 1000)).astype("f4"))
        self.wide = rng.normal(size=(1100, 8400)).astype(np.float32)
        columns = [rng.normal(size=260), rng.poisson(3, 260), rng.integers(0, 2, 260)]
        kinds = np.eye(3)[rng.integers(0, 3, 260)]
        self.mixed = np.column_stack([*columns, kinds, rng.normal(size=260) * 50])

    @staticmethod
    def map(path, values):
        """An array in a file, and the same as a memory map."""
        np.save(path, values)
        return np.load(path.with_suffix(".npy"), mmap_mode="r")


def ways(cls, data):
    """Ways to fit any class: a name, settings, and a function of model and labels."""
    params = cls().get_params(deep=False)
    X, y = data.unit, data.y
    told = {"classes": range(10)} if "labelled_batch_size" in params else {}

    def stream(model):
        model.partial_fit(X[:130], y[:130], **told)
        return model.partial_fit(X[130:], y[130:])

    yield "plain", {}, lambda model: model.fit(X, y)
    yield "float64", {}, lambda model: model.fit(data.counts, y)
    yield "weights", {}, lambda model: model.fit(X, y, sample_weight=data.weight)
    yield "sparse", {}, lambda model: model.fit(data.csr, y)
    yield "mapped", {}, lambda model: model.fit(data.mapped, y)
    if "early_stopping" in params:
        other = not params["early_stopping"]
        yield "other stopping", {"early_stopping": other}, lambda model: model.fit(X, y)
        yield "warm", {"warm_start": True}, lambda model: model.fit(X, y).fit(X[:200], y[:200])
        yield "copied", {"warm_start": True}, lambda model: copied(model.fit(X, y)).fit(X, y)
        yield "stream", {}, stream
        yield "patience", {"n_iter_no_change": 1, "tol": 0.5}, lambda model: model.fit(X, y)
    if hasattr(cls, "partial_fit"):
        yield "fit and stream", {}, lambda model: model.fit(X, y).partial_fit(X[:99], y[:99])
    if hasattr(cls, "transform") and "labelled_batch_size" not in params:
        yield "X_val", {}, lambda model: model.fit(X[:200], y[:200], X_val=X[200:])
    if "loss" in params:
        yield "log_loss", {"loss": "log_loss"}, lambda model: model.fit(X, y)
        yield "absolute", {"loss": "absolute_error"}, lambda model: model.fit(X, y)
    if "output_activation" in params:
        for name in ("identity", "logistic"):
            yield name, {"output_activation": name}, lambda model: model.fit(X, y)
    if "allow_nan" in params:
        yield "holes", {"allow_nan": True}, lambda model: model.fit(data.holes, y)
        yield "holes, stream", {"allow_nan": True}, lambda model: model.partial_fit(data.holes, y)
    if "conditional" in params:
        asked = {"conditional": True}
        yield "conditional", asked, lambda model: model.fit(X, y)
        yield "conditional, all", asked, lambda model: model.fit(X, data.labels)
        yield (
            "conditional, stream",
            asked,
            lambda model: model.partial_fit(X[:99], y[:99], classes=range(10)).partial_fit(X, y),
        )
        yield (
            "conditional, warm",
            {**asked, "warm_start": True, "early_stopping": True},
            lambda model: model.fit(X, y).fit(X[:200], data.labels[:200]),
        )
    if "noise" in params:
        for noise in ("masking", "salt_and_pepper", "gaussian"):
            yield noise, {"noise": noise, "clip": True}, lambda model: model.fit(X, y)
    if "latent_density" in params:
        density = {"latent_density": GaussianMixture(2)}
        yield "density", density, lambda model: model.fit(X, y)
    if "prior" in params:
        for prior in ("mixture", "swiss_roll", uniform):
            name = prior if isinstance(prior, str) else "callable"
            yield name, {"prior": prior, "prior_scale": 2.0}, lambda model: model.fit(X, y)


def copied(model):
    """A model that has been to a pickle."""
    return pickle.loads(pickle.dumps(model))


def uniform(n_samples, random_state):
    """A prior of one's own."""
    return random_state.uniform(-1, 1, size=(n_samples, 3))


def special(data, folder):
    """Cases of one class: a name, a model, and how to fit it."""
    X, y = data.unit, data.y

    def fit(model):
        return model.fit(X, y)

    plain = skae.AutoencoderTransformer
    for init in ("pca", "random"):
        yield f"init={init}", small(plain, init=init), fit
    yield "tight", small(plain, n_components=60, max_iter=2), fit
    yield "wide", small(plain, max_iter=1, early_stopping=False), lambda m: m.fit(data.wide)
    yield "file", small(plain, max_iter=1), lambda m: m.fit(data.large)
    large = sparse.csr_matrix(np.where(np.abs(data.large[:, :]) > 2, data.large, 0))
    yield "large sparse", small(plain, max_iter=1), lambda m: m.fit(large)
    yield "checkpoint", small(plain, checkpoint=folder / "kept"), fit
    yield (
        "holes and weights",
        small(plain, allow_nan=True),
        lambda m: m.fit(data.holes, sample_weight=data.weight),
    )
    yield "few rows", small(plain), lambda m: m.fit(X[:4])
    yield "conv", small(plain, architecture=skae.architectures.ConvNet((8, 8), channels=(4,))), fit
    for penalty in ("kl", "l1", "k"):
        settings = {"penalty": penalty, "n_components": 20, "n_nonzero_coefs": 5}
        yield f"penalty={penalty}", small(skae.SparseAutoencoder, **settings), fit
    yield "tied", small(skae.SparseAutoencoder, tied_weights=True), fit
    yield "deep", small(skae.ContractiveAutoencoder, hidden_layer_sizes=(12,)), fit
    yield "layers", small(skae.StackedDenoisingAutoencoder, hidden_layer_sizes=(12, 8)), fit
    vae = skae.VAETransformer
    for name in ("bernoulli", "laplace"):
        yield f"likelihood={name}", small(vae, likelihood=name), fit
    for name in ("poisson", "negative_binomial"):
        yield f"likelihood={name}", small(vae, likelihood=name), lambda m: m.fit(data.counts)
    yield "mixed", small(vae, likelihood="mixed"), lambda m: m.fit(data.mixed)
    pairs = [("poisson", [1]), ("gaussian", [0, 2, 6]), ("categorical", [3, 4, 5])]
    yield "pairs", small(vae, likelihood=pairs, noise_variance=0.5), lambda m: m.fit(data.mixed)
    yield "mean noise", small(vae, noise_variance="mean"), fit
    yield "warm-up", small(vae, kl_warmup=2, max_iter=5), fit
    yield "draws", small(vae, n_importance_samples=3), fit
    yield (
        "holes and classes",
        small(vae, allow_nan=True, conditional=True),
        lambda m: m.fit(data.holes, y),
    )
    meta = skae.AutoencoderClassifier
    few = {"max_iter": 2}
    for inside in (plain, skae.StackedDenoisingAutoencoder, vae):
        tuned = small(meta, transformer=small(inside), fine_tune=True, fine_tune_params=few)
        yield f"fine-tuned {inside.__name__}", tuned, fit
    holes = small(meta, transformer=small(plain, allow_nan=True), fine_tune=True)
    yield "fine-tuned with holes", holes, lambda m: m.fit(data.holes, y)
    frozen = FrozenEstimator(small(plain).fit(X))
    yield "frozen", small(meta, transformer=frozen), fit


def cases(data, folder):
    """All of them."""
    for name in skae.__all__:
        cls = getattr(skae, name)
        if isinstance(cls, type) and cls not in DEEP:
            for way, settings, fit in ways(cls, data):
                yield f"{name}: {way}", small(cls, **settings), fit
    for cls in DEEP:
        for way, settings, fit in list(ways(cls, data))[:1]:
            yield f"{cls.__name__}: {way}", small(cls, **settings), fit
    for way, model, fit in special(data, folder):
        yield f"{type(model).__name__}: {way}", model, fit


def main():
    """Print a line for each case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", nargs="?", default="", help="of the names of cases")
    part = parser.parse_args().part
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", ConvergenceWarning)
    with tempfile.TemporaryDirectory() as folder:
        data = Data(Path(folder))
        for name, model, fit in cases(data, Path(folder)):
            if part not in name:
                continue
            X = data.new
            fitted = fit(clone(model) if "frozen" not in name else model)
            if fitted.n_features_in_ != X.shape[1]:
                X = PCA(2).fit(np.eye(4)).transform(np.eye(4))  # any numbers
                X = np.resize(np.abs(X).round(), (8, fitted.n_features_in_))
            print(f"{name:60s} {report(fitted, X)}", flush=True)


if __name__ == "__main__":
    main()
