"""Tensors in, and tensors out where scikit-learn's dispatch asks for them."""

import os
import subprocess
import sys
import textwrap
from importlib.util import find_spec

import numpy as np
import pytest
import sklearn
import torch
from sklearn.base import clone, is_classifier
from sklearn.utils.fixes import parse_version

from skae import AutoencoderTransformer
from skae._rows.tensors import as_numpy

from ..test_common import all_estimators

SKLEARN = parse_version(sklearn.__version__)
QUICK = {"hidden_layer_sizes": (8,), "max_iter": 2, "random_state": 0}
VERBS = ("transform", "predict", "predict_proba", "decision_function", "score_samples", "denoise")


@pytest.mark.parametrize("estimator", all_estimators(), ids=lambda e: type(e).__name__)
def test_a_tensor_gives_what_an_array_gives(estimator, unit_digits):
    unit_digits, y = unit_digits[:100], np.arange(100) % 3
    if "random_state" in estimator.get_params():
        estimator.set_params(random_state=0)
    by_array = clone(estimator).fit(unit_digits, y)
    by_tensor = clone(estimator).fit(torch.from_numpy(unit_digits), torch.from_numpy(y))
    for verb in VERBS:
        if hasattr(by_array, verb):
            expected = getattr(by_array, verb)(unit_digits)
            found = getattr(by_tensor, verb)(torch.from_numpy(unit_digits))
            assert type(found) is np.ndarray
            assert found.dtype == expected.dtype
            np.testing.assert_array_equal(found, expected)
    # Before 1.7 scikit-learn's accuracy of a tensor and an array was an error.
    if is_classifier(estimator) and parse_version("1.7") <= SKLEARN:
        labels = torch.from_numpy(y)
        assert by_tensor.score(torch.from_numpy(unit_digits), labels) == by_array.score(
            unit_digits, y
        )


def test_kinds_of_tensors(digits):
    X = torch.from_numpy(digits)
    expected = AutoencoderTransformer(2, **QUICK).fit(digits).transform(digits)
    for tensor in (X, X.clone().requires_grad_(), X.t().contiguous().t(), X.to_sparse()):
        found = AutoencoderTransformer(2, **QUICK).fit(tensor).transform(tensor)
        np.testing.assert_array_equal(found, expected)
    for dtype in (torch.float32, torch.bfloat16, torch.int16, torch.float16):  # whole numbers to 16
        found = AutoencoderTransformer(2, **QUICK).fit(X.to(dtype)).transform(X.to(dtype))
        np.testing.assert_allclose(found, expected, rtol=0.02, atol=0.02)
        assert found.dtype == (np.float64 if dtype is torch.float64 else np.float32)


def test_memory_is_shared_where_that_is_possible(unit_digits):
    tensor = torch.from_numpy(unit_digits)
    assert np.shares_memory(as_numpy(tensor), unit_digits)
    assert as_numpy(unit_digits) is unit_digits
    before = tensor.clone()
    AutoencoderTransformer(2, **QUICK).fit(tensor).transform(tensor)
    assert torch.equal(tensor, before)


def test_weights_and_held_out_rows_may_be_tensors(digits):
    weight = np.linspace(0.5, 1.5, 300)
    given = (digits[:300], None, weight), {"X_val": digits[300:]}
    expected = AutoencoderTransformer(2, **QUICK).fit(*given[0], **given[1])
    X, X_val = torch.from_numpy(digits[:300]), torch.from_numpy(digits[300:])
    found = AutoencoderTransformer(2, **QUICK).fit(X, None, torch.from_numpy(weight), X_val=X_val)
    np.testing.assert_array_equal(found.transform(digits), expected.transform(digits))


DISPATCHED = """
import numpy as np, torch
from sklearn import config_context
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from skae import AdversarialAutoencoderClustering, AutoencoderClassifier, AutoencoderTransformer
from skae.metrics import explained_variance, reconstruction_error
from skae.model_selection import SemiSupervisedSplit

torch.set_num_threads(1)
X, y = load_digits(return_X_y=True)
X = torch.from_numpy(X[:200]).float()
y = torch.from_numpy(y[:200])
model = AutoencoderTransformer(2, hidden_layer_sizes=(8,), max_iter=2, random_state=0).fit(X)
classifier = AutoencoderClassifier(model).fit(X, y)
expected = model.transform(X)
with config_context(array_api_dispatch=True):
    Z = model.transform(X)
    assert isinstance(Z, torch.Tensor) and Z.dtype == torch.float32 and Z.device == X.device
    assert np.array_equal(Z.numpy(), expected)
    assert isinstance(model.inverse_transform(Z), torch.Tensor)
    assert isinstance(model.score_samples(X), torch.Tensor)
    assert isinstance(model.score(X), float)
    assert isinstance(classifier.predict(X), torch.Tensor)
    assert isinstance(model.transform(X.numpy()), np.ndarray)
    pipeline = make_pipeline(MinMaxScaler(), model).fit(X)
    assert isinstance(pipeline.transform(X), torch.Tensor)
    clustering = AdversarialAutoencoderClustering(3, hidden_layer_sizes=(8,), max_iter=2)
    assert isinstance(clustering.fit_predict(X), torch.Tensor)
    for metric in (explained_variance, reconstruction_error):
        assert np.isfinite(metric(model, X))
    partly = torch.where(torch.arange(200) % 3 > 0, -1, y)
    train, test = next(SemiSupervisedSplit(2).split(X, partly))
    assert len(train) + len(test) == 200 and (partly[test] >= 0).all()
"""


@pytest.mark.skipif(
    parse_version("1.8") > SKLEARN and find_spec("array_api_compat") is None,
    reason="scikit-learn needs array_api_compat for it",
)
def test_with_dispatch_tensors_come_back():
    environment = {**os.environ, "SCIPY_ARRAY_API": "1"}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(DISPATCHED)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_tensors_of_a_gpu(digits):
    X = torch.from_numpy(digits)
    on_cpu = AutoencoderTransformer(2, device="cpu", **QUICK).fit(X)
    found = AutoencoderTransformer(2, device="cpu", **QUICK).fit(X.cuda()).transform(X.cuda())
    np.testing.assert_array_equal(found, on_cpu.transform(X))
