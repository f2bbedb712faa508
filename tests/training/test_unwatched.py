"""Whatever watches scikit-learn's methods sees the user's model, and nothing of its inside."""

import functools
import importlib.util
import subprocess
import sys
from threading import Event, Thread

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

import skae
from skae._training.unwatched import unwatched
from tests.quick import make

WATCHED = PCA, GaussianMixture, LogisticRegression, Pipeline, StandardScaler, GridSearchCV
WATCHED = *WATCHED, StackingClassifier, KMeans  # which a mixture makes
MODELS = {
    "a start at principal components": lambda: make(skae.AutoencoderTransformer, init="pca"),
    "a density": lambda: make(skae.AutoencoderTransformer, latent_density=GaussianMixture(2)),
    "a classifier": lambda: skae.AutoencoderClassifier(make(skae.AutoencoderTransformer)),
    "a Pipeline": lambda: skae.AutoencoderOutlierDetector(
        make_pipeline(StandardScaler(), PCA(2)), contamination=0.2
    ),
    "a Pipeline in a Pipeline": lambda: skae.AutoencoderClassifier(
        make_pipeline(make_pipeline(StandardScaler(), PCA(3)), PCA(2))
    ),
    "a search, which clones": lambda: skae.AutoencoderClassifier(
        PCA(2), GridSearchCV(LogisticRegression(), {"C": [1, 2]}, cv=2)
    ),
    "a stack, which clones more": lambda: skae.AutoencoderClassifier(
        make_pipeline(StandardScaler(), PCA(2)),
        StackingClassifier(
            [("a", make_pipeline(StandardScaler(), LogisticRegression()))],
            LogisticRegression(),
            cv=2,
        ),
    ),
}


@pytest.fixture
def seen(monkeypatch):
    """The names of the classes whose fits a tool has seen, wrapped as tools do it."""
    names = []

    def wrap(method):
        @functools.wraps(method)
        def fit(self, *args, **kwargs):
            names.append(type(self).__name__)
            return method(self, *args, **kwargs)

        return fit

    for cls in WATCHED:
        for name in ("fit", "fit_transform", "fit_predict"):
            if hasattr(vars(cls).get(name), "fn"):  # what may be there or not is wrapped within
                monkeypatch.setattr(vars(cls)[name], "fn", wrap(vars(cls)[name].fn))
            elif hasattr(cls, name):
                monkeypatch.setattr(cls, name, wrap(getattr(cls, name)))
    return names


@pytest.mark.parametrize("name", MODELS)
def test_no_inner_fit_is_seen(name, seen, digits):
    X = digits[:60]
    model = MODELS[name]().fit(X, np.arange(60) % 2)
    if hasattr(model, "sample"):
        model.sample(2)
    assert seen == []
    PCA(2).fit(X)
    assert seen == ["PCA"]  # of the user's own all is seen


def test_what_is_fitted_is_the_same_as_without_a_tool(digits, request):
    X = digits[:100]
    plain = make(skae.AutoencoderTransformer, init="pca").fit(X)
    request.getfixturevalue("seen")
    watched = make(skae.AutoencoderTransformer, init="pca").fit(X)
    np.testing.assert_array_equal(watched.transform(X), plain.transform(X))
    np.testing.assert_array_equal(watched.sample(5, 0), plain.sample(5, 0))


def test_other_threads_are_watched_meanwhile(seen, digits):
    begin, inside, leave = Event(), Event(), Event()

    def fit_outside():
        begin.wait()
        PCA(2).fit(digits)

    def fit_inside():
        PCA(3).fit(digits)
        inside.set()
        leave.wait()
        KMeans(2).fit(digits[:20])

    other = Thread(target=fit_outside)
    other.start()
    with unwatched():
        PCA(3).fit(digits)
        with unwatched():
            begin.set()
            other.join()
        late = Thread(target=fit_inside)
        late.start()
        inside.wait()
    assert seen == ["PCA"]
    leave.set()
    late.join()
    assert seen == ["PCA", "KMeans"]  # the block has ended
    assert not hasattr(Thread.start, "__wrapped__")


def test_threads_of_joblib_are_inside(seen, digits):
    voting = VotingClassifier(
        [(str(c), LogisticRegression(C=c, max_iter=500)) for c in (1, 2)], n_jobs=2
    )
    classifier = skae.AutoencoderClassifier(make(skae.AutoencoderTransformer), voting)
    with parallel_config("threading"):
        classifier.fit(digits[:60], np.arange(60) % 2)
    assert seen == []


def test_a_tool_that_is_switched_off_meanwhile_stays_off(seen, monkeypatch):
    watching = vars(PCA)["fit"]
    own = watching.__wrapped__
    with unwatched():
        monkeypatch.setattr(PCA, "fit", own)
    assert vars(PCA)["fit"] is own


def test_the_tool_finds_its_wrappers_again_also_after_a_failure(seen):
    before = [vars(cls).get("fit") for cls in WATCHED]
    # What checks parameters is a wrapper of scikit-learn's own.
    with pytest.raises(ValueError, match="parameter of PCA must be"), unwatched():
        PCA("many").fit(np.eye(3))
    assert [vars(cls).get("fit") for cls in WATCHED] == before
    assert seen == []


# In a process of its own, since what wraps scikit-learn stays there.
AUTOLOGGED = """
import mlflow, numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skae import AutoencoderClassifier, AutoencoderTransformer

X = np.random.default_rng(0).normal(size=(60, 6))
mlflow.set_tracking_uri("sqlite:///runs.db")
mlflow.sklearn.autolog(log_models=False)
model = AutoencoderTransformer(2, init="pca", max_iter=1)
with mlflow.start_run():
    model.fit(X).sample(2)
    AutoencoderClassifier(model, LogisticRegression()).fit(X, X[:, 0] > 0)
    nested = make_pipeline(make_pipeline(StandardScaler(), PCA(3)), PCA(2))
    AutoencoderClassifier(nested, LogisticRegression()).fit(X, X[:, 0] > 0)
    mlflow.log_params(model.get_params())
make_pipeline(StandardScaler(), model).fit(X)
pipeline, own = mlflow.search_runs(output_format="list")
assert own.data.params == {k: str(v) for k, v in model.get_params().items()}, own.data.params
assert pipeline.data.tags["estimator_name"] == "Pipeline"
assert pipeline.data.params["autoencodertransformer__n_components"] == "2", pipeline.data.params
"""


def test_mlflow_logs_the_user_s_model(tmp_path):
    if importlib.util.find_spec("mlflow") is None:
        pytest.skip("needs skae[mlflow]")
    command = [sys.executable, "-c", AUTOLOGGED]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
