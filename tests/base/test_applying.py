"""Modules applied to rows and to codes, chunk by chunk."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from torch import nn

from skae import AutoencoderTransformer
from skae.architectures import MLP, TorchArchitecture

from .estimators import QUICK, every_encoder


@every_encoder
def test_inference_drops_nothing_out(cls, digits):
    model = cls(3, architecture=MLP((32,), dropout=0.5), early_stopping=False, max_iter=1)
    model.fit(digits)
    np.testing.assert_array_equal(model.transform(digits), model.transform(digits))
    codes = model.transform(digits)
    np.testing.assert_array_equal(model.inverse_transform(codes), model.inverse_transform(codes))


def test_rows_come_back_in_order_over_many_chunks(digits):
    model = AutoencoderTransformer(3, **QUICK).fit(digits)
    many = np.tile(digits, (6, 1))  # 2400 rows
    np.testing.assert_allclose(
        model.transform(many), np.tile(model.transform(digits), (6, 1)), atol=1e-4
    )
    back = model.inverse_transform(model.transform(many))
    np.testing.assert_allclose(back[2000:], back[:400], atol=1e-3)
    np.testing.assert_allclose(model.score_samples(many)[2000:], model.score_samples(digits))


def test_modules_that_work_in_place_or_in_float32_only_do_no_harm(digits):
    class InPlace(nn.Linear):
        def forward(self, x):
            x -= 0.5
            return super().forward(x.float())

    X = digits.astype(np.float32) / 16
    architecture = TorchArchitecture(InPlace, nn.Linear)
    model = AutoencoderTransformer(
        3, architecture=architecture, loss="log_loss", max_iter=1, random_state=0
    )
    kept = X.copy()
    model.fit(X)
    codes = model.transform(X)
    model.inverse_transform(codes)
    assert np.isfinite(model.score(X))
    np.testing.assert_array_equal(X, kept)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize(
    "container", [np.asarray, np.float16, np.float32, sparse.csr_array, pd.DataFrame]
)
def test_any_row_may_be_the_one_that_is_not_finite(container, value, digits):
    X = np.resize(digits, (2100, digits.shape[1]))
    fitted_to = pd.DataFrame(digits) if container is pd.DataFrame else digits
    model = AutoencoderTransformer(2, **QUICK).fit(fitted_to)
    X[2000, 3] = value
    for method in (model.transform, model.score_samples):
        with pytest.raises(ValueError, match=r"Input X contains (NaN|infinity)"):
            method(container(X))


def test_values_beyond_float32_are_refused_not_turned_into_nan(digits):
    model = AutoencoderTransformer(2, **QUICK).fit(digits)
    for method in (model.transform, model.score_samples):
        with pytest.raises(ValueError, match="not finite"):
            method(digits * 1e60)
    with pytest.raises(ValueError, match="not finite"):
        model.inverse_transform(np.full((1, 2), 1e60))
