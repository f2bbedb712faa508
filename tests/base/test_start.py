"""A fitted model depends on how it began, on nothing that is set later, and survives copies."""

import copy
import io
import pickle

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import is_classifier
from sklearn.mixture import BayesianGaussianMixture
from sklearn.naive_bayes import GaussianNB
from torch import nn

import skae
from skae import AutoencoderTransformer, StackedDenoisingAutoencoder, VAETransformer
from skae.architectures import MLP, TorchArchitecture

SMALL = {
    "discriminator_layer_sizes": (4,),
    "hidden_layer_sizes": (6,),
    "layer_max_iter": 1,
    "max_iter": 2,
    "n_clusters": 3,
    "n_components": 2,
    "n_score_samples": 3,
    "random_state": 0,
}
VERBS = (
    "transform",
    "predict",
    "predict_proba",
    "score_samples",
    "decision_function",
    "denoise",
    "impute",
    "pack",
)
CLASSES = [getattr(skae, name) for name in skae.__all__ if name[0].isupper()]
NETS = [cls for cls in CLASSES if "max_iter" in cls().get_params()]
every_class = pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
every_net = pytest.mark.parametrize("cls", NETS, ids=lambda cls: cls.__name__)


def small(cls, **settings):
    """A model that trains in no time."""
    names = cls().get_params(deep=False)
    settings = {**SMALL, **settings}
    inner = AutoencoderTransformer(2, hidden_layer_sizes=(6,), max_iter=2, random_state=0)
    # Of a fitted LogisticRegression a pickle has another hash: its coefficients are a view.
    settings |= {"transformer": inner, "autoencoder": inner, "classifier": GaussianNB()}
    return cls(**{name: value for name, value in settings.items() if name in names})


@pytest.fixture(scope="module")
def data():
    """Rows that no loss of probabilities takes, and labels of a third of them."""
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 2, size=(60, 5))
    return X, np.where(np.arange(60) % 3 == 0, np.arange(60) % 2, -1)


def outputs(model, X):
    """What all verbs give."""
    found = {}
    for verb in VERBS:
        if hasattr(model, verb):
            try:
                found[verb] = getattr(model, verb)(X)
            except ValueError as error:  # such as `impute` of a model that knows no holes
                found[verb] = str(error)
    if hasattr(model, "sample"):
        found["sample"] = model.sample(4, random_state=0)
    if hasattr(model, "inverse_transform"):
        codes = np.zeros((1, model._n_features_out))
        told = (0,) if len(found["sample"]) and is_told(model) else ()
        found["inverse_transform"] = model.inverse_transform(codes, *told)
    if hasattr(model, "corrupt"):
        found["corrupt"] = model.corrupt(X, random_state=0)
    if hasattr(model, "cluster_heads_"):
        found["cluster_heads_"] = model.cluster_heads_
    return found


def is_told(model):
    return hasattr(model, "_is_conditional") and model._is_conditional()


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for verb, value in expected.items():
        np.testing.assert_array_equal(found[verb], value, err_msg=verb)


OTHERS = {
    "handle_unknown": "error",
    "activation": "tanh",
    "architecture": MLP((3,)),
    "batch_size": 7,
    "callbacks": [],
    "checkpoint": "nowhere",
    "class_prior": "uniform",
    "clip": (0.4, 0.6),
    "code_activation": "tanh",
    "contamination": 0.4,
    "denoising_cost": (1.0, 1.0, 1.0),
    "device": "cpu",
    "discriminator_layer_sizes": (3,),
    "fine_tune_params": {},
    "kl_warmup": 3,
    "n_importance_samples": 2,
    "hidden_layer_sizes": 3,
    "init": "random",
    "latent_density": BayesianGaussianMixture(n_components=2),
    "learning_rate": "constant",
    "exposure": 0,
    "likelihood": "bernoulli",
    "loss": "absolute_error",
    "n_clusters": 2,
    "net_params": {"optimizer": torch.optim.SGD},
    "noise": "salt_and_pepper",
    "noise_level": 0.123,
    "n_rehearsed": 3,
    "noise_variance": 3.0,
    "output_activation": "logistic",
    "penalty": "k",
    "precision": "bfloat16",
    "prior": "swiss_roll",
    "tied_weights": True,
    "transform_n_nonzero_coefs": 1,
    "validation_fraction": 0.4,
}


def another(name, value):
    """A value of a parameter that is allowed, and different."""
    if name in OTHERS:
        return "annealed" if value == OTHERS[name] == "constant" else OTHERS[name]
    if isinstance(value, bool):
        return not value
    if name == "labelled_batch_size":
        return 3
    if value is None or isinstance(value, str) or hasattr(value, "fit") or value != value:
        return value
    return value + (0.5 if isinstance(value, float) else 1)


@pytest.mark.parametrize("told", [False, True])
@every_class
def test_parameters_that_are_set_after_fit_change_no_output(cls, told, data, tries):
    X, y = data
    params = cls().get_params(deep=False)
    wishes = {"conditional": told, "allow_nan": told}
    if told and not wishes.keys() & params.keys():
        pytest.skip("there is nothing else to ask for")
    model = small(cls, **wishes).fit(X, y)
    expected = outputs(model, X)
    changes = {name: another(name, value) for name, value in model.get_params(deep=False).items()}
    assert {name for name in changes if changes[name] is not getattr(model, name)} >= {
        name for name in params if name not in ("transformer", "autoencoder", "classifier")
    } - {name for name, value in params.items() if value is None} - {"device", "missing_values"}
    # Together, or one after the other: that tells at once which of them it was.
    for names in np.array_split(list(changes), tries(2, len(changes))):
        model.set_params(**{name: changes[name] for name in names})
        assert_same(outputs(model, X), expected)
    assert_same(outputs(pickle.loads(pickle.dumps(model)), X), expected)


@every_class
def test_a_hash_depends_on_what_was_learned_alone(cls, data):
    X, y = data
    model = small(cls).fit(X, y)
    before = joblib.hash(model)
    outputs(model, X)
    assert joblib.hash(model) == before
    again = pickle.loads(pickle.dumps(model))
    assert joblib.hash(again) == before
    outputs(again, X)
    assert joblib.hash(again) == joblib.hash(copy.deepcopy(again)) == before
    assert joblib.hash(small(cls).fit(X[:-1], y[:-1])) != before


@pytest.mark.parametrize("warm_start", [False, True])
@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
@every_net
def test_what_fails_after_training_leaves_what_was_there(cls, error, warm_start, data, monkeypatch):
    X, y = data
    after = cls._after_training

    def fails(self, *args):
        after(self, *args)
        raise error

    model, expected = small(cls, warm_start=warm_start), None
    if warm_start:
        expected = outputs(model.fit(X, y), X), joblib.hash(model)
    monkeypatch.setattr(cls, "_after_training", fails)
    with pytest.raises(error):
        model.fit(X[:50], y[:50])
    monkeypatch.undo()
    if warm_start:
        assert_same(outputs(model, X), expected[0])
        assert joblib.hash(model) == expected[1]
    else:
        assert not model.__sklearn_is_fitted__()
        assert not [name for name in vars(model) if name.endswith("_") and name[0] != "_"][2:]


@pytest.mark.parametrize("hook", ["_share_of_reconstructions", "_probabilities"])
def test_the_last_attributes_of_a_fit_are_part_of_it(hook, data, monkeypatch):
    """These were found once after the training was over."""
    X, y = data
    cls = {"_share_of_reconstructions": VAETransformer}.get(
        hook, skae.AdversarialAutoencoderClustering
    )

    def interrupted(self, *args):
        raise KeyboardInterrupt

    monkeypatch.setattr(cls, hook, interrupted)
    model = small(cls, allow_nan=True)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert not model.__sklearn_is_fitted__()


class Fourier(nn.Module):
    """Random features, kept in all the ways that a module can keep what its `forward` reads."""

    def __init__(self, n_inputs, n_outputs):
        super().__init__()
        n_features = 4
        self.register_buffer("frequencies", torch.randn(n_inputs, n_features), persistent=False)
        self.phases = torch.randn(n_features)
        self.factors = [float(torch.rand(())), {"array": np.random.RandomState(1).rand(n_features)}]
        self.shift = (torch.randn(n_features).double(), "text")
        self.norm = nn.BatchNorm1d(n_features)
        self.head = nn.Linear(n_features, n_outputs)
        self.n_calls = 0

    def forward(self, x):
        if self.training:
            self.n_calls += 1
            self.frequencies *= 1.01
        z = (x @ self.frequencies + self.phases).sin() * self.factors[0]
        z = z * torch.from_numpy(self.factors[1]["array"]).to(z) + self.shift[0].to(z)
        return self.head(self.norm(z)) + 0.001 * self.n_calls


class Odd(nn.Module):
    """A linear layer, and something else that it reads."""

    def __init__(self, n_inputs, n_outputs):
        super().__init__()
        self.linear = nn.Linear(n_inputs, n_outputs)
        self.begin()

    def begin(self):
        pass

    def forward(self, x):
        return self.linear(x) + self.more(x)

    def more(self, x):
        return 0


class Lazy(Odd):
    """It has a buffer that comes with the first training step."""

    def begin(self):
        self.register_buffer("shift", None, persistent=False)

    def more(self, x):
        if self.training:
            self.shift = x.detach().mean().reshape(1)
        return 0 if self.shift is None else self.shift


class Lazier(Lazy):
    def begin(self):
        pass

    def more(self, x):
        if self.training and not hasattr(self, "shift"):
            self.register_buffer("shift", torch.rand(1), persistent=False)
        return getattr(self, "shift", 0)


class Resized(Odd):
    def begin(self):
        self.register_buffer("mask", torch.ones(1), persistent=False)

    def more(self, x):
        self.mask = torch.ones(len(x), device=x.device)
        return self.mask[:, None]


class Property(Odd):
    def begin(self):
        self.__dict__["scale"] = float(torch.rand(()))

    @property
    def scale(self):
        return 2 * self.__dict__["scale"]

    def more(self, x):
        return self.scale


class Shadow(Odd):
    def begin(self):
        self.act = "relu"

    def act(self):
        raise AssertionError("shadowed")

    def more(self, x):
        return x.sum(dim=1, keepdim=True).relu() if self.act == "relu" else 0


class Values(Odd):
    def begin(self):
        number = float(torch.rand(()))
        self.itself = [number]
        self.itself.append(self.itself)  # not plain: what the constructor makes of it stays
        self.values = {0: np.float64(number), (1, 2): {number, 1.0}, None: complex(number, 1)}
        self.sparse = torch.eye(2).to_sparse()

    def more(self, x):
        return float(self.values[0]) + sum(self.values[1, 2]) + self.values[None].real


ODD = [Lazy, Lazier, Resized, Property, Shadow, Values]


@pytest.mark.filterwarnings("ignore:Sparse")
@pytest.mark.parametrize("kept", ["best", "last"])
@pytest.mark.parametrize("module", ODD, ids=lambda cls: cls.__name__)
def test_odd_modules_survive_a_copy(module, kept, data):
    X, _ = data
    settings = {"architecture": TorchArchitecture(module, module), "warm_start": True}
    settings |= {"early_stopping": kept == "best", "max_iter": 2, "random_state": 0}
    model = AutoencoderTransformer(2, **settings).fit(X)
    expected = outputs(model, X)
    for one in (copy.deepcopy(model), through_joblib(model)):
        assert_same(outputs(one, X), expected)
    with pytest.raises(ValueError, match="diverged"):
        model.set_params(learning_rate_init=1e30).fit(X)
    assert_same(outputs(model, X), expected)


def test_a_subclass_may_hand_on_few_parameters(data):
    class Narrow(AutoencoderTransformer):
        def __init__(self, n_components=2, *, random_state=None):
            super().__init__(n_components, max_iter=2, random_state=random_state)

    X, _ = data
    model = Narrow(random_state=0).fit(X)
    expected = AutoencoderTransformer(2, max_iter=2, random_state=0).fit(X)
    assert_same(outputs(model, X), outputs(expected, X))


def through_joblib(model):
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    return joblib.load(file)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_all_that_a_module_reads_survives_a_copy(early_stopping, data, tmp_path):
    X, _ = data
    architecture = TorchArchitecture(Fourier, Fourier)
    model = AutoencoderTransformer(2, architecture=architecture, early_stopping=early_stopping)
    model.set_params(max_iter=3, random_state=0, warm_start=True).fit(X)
    path = tmp_path / "model.safetensors"
    skae.save(model, path)
    copies = [
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),
        through_joblib(model),
        skae.load(path, classes=[Fourier]),
    ]
    for one in copies:
        assert_same(outputs(one, X), outputs(model, X))
    assert {joblib.hash(one) for one in copies[:3]} == {joblib.hash(model)}
    assert copies[0].module_.encoder.shift[0].dtype == torch.float64
    expected = outputs(model.fit(X), X)
    assert_same(outputs(copies[1].fit(X), X), expected)


def test_an_undone_training_gives_back_all_that_a_module_reads(data):
    X, _ = data
    architecture = TorchArchitecture(Fourier, Fourier)
    model = AutoencoderTransformer(2, architecture=architecture, max_iter=2, random_state=0)
    expected = outputs(model.set_params(warm_start=True).fit(X), X)
    with pytest.raises(ValueError, match="diverged"):
        model.set_params(learning_rate_init=1e30).fit(X)
    assert_same(outputs(model, X), expected)


def test_the_best_epoch_has_the_buffers_that_it_had(data):
    X, _ = data
    architecture = TorchArchitecture(Fourier, Fourier)
    settings = {"architecture": architecture, "random_state": 0, "learning_rate": "constant"}
    model = AutoencoderTransformer(2, max_iter=12, n_iter_no_change=np.inf, **settings).fit(X)
    best = model.net_.best_epoch_
    assert 0 < best < 12
    brief = AutoencoderTransformer(2, max_iter=best, **settings).fit(X)
    for name, expected in brief.module_.named_buffers():
        torch.testing.assert_close(dict(model.module_.named_buffers())[name], expected)


@pytest.mark.parametrize("sizes", [8, np.int64(8), [8], (8, 4)])
def test_layers_may_be_one_number(sizes, data):
    X, _ = data
    model = small(StackedDenoisingAutoencoder, hidden_layer_sizes=sizes).fit(X)
    assert len(model.layer_loss_curves_) == np.size(sizes) + 1


@every_net
def test_hidden_layers_may_be_one_number(cls, data):
    X, y = data
    model = small(cls, hidden_layer_sizes=3).fit(X, y)
    assert np.isfinite(model.score(X, y) if is_classifier(model) else model.best_loss_)


@pytest.mark.parametrize("rate", [-1.0, None, "fast"])
def test_a_rate_that_is_set_later_and_is_none_spoils_no_copy(rate, digits):
    model = small(AutoencoderTransformer).fit(digits)
    expected = model.transform(digits)
    copied = pickle.loads(pickle.dumps(model.set_params(learning_rate_init=rate)))
    np.testing.assert_array_equal(copied.transform(digits), expected)
