"""Values that were not observed: they teach nothing, and are filled in."""

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.impute import SimpleImputer
from sklearn.utils import get_tags

from skae import AutoencoderTransformer, DenoisingAutoencoder, VAETransformer
from skae._scaling import ColumnStatistics
from skae.losses import LIKELIHOODS, LOSSES, observed

QUICK = {"hidden_layer_sizes": (32,), "max_iter": 10, "random_state": 0}
MODELS = [
    AutoencoderTransformer(3, **QUICK, allow_nan=True),
    AutoencoderTransformer(3, **QUICK, allow_nan=True, loss="log_loss"),
    DenoisingAutoencoder(3, **QUICK, allow_nan=True, noise="masking"),
    VAETransformer(3, **QUICK, allow_nan=True),
    VAETransformer(3, **{**QUICK, "max_iter": 30}, allow_nan=True, likelihood="bernoulli"),
]
each_model = pytest.mark.parametrize("model", MODELS, ids=repr)


@pytest.fixture(scope="module")
def holes(unit_digits):
    """The digits with a fifth of the values missing, at random."""
    rng = np.random.default_rng(0)
    return np.where(rng.uniform(size=unit_digits.shape) < 0.2, np.nan, unit_digits)


@pytest.mark.parametrize("name", [*LOSSES, *LIKELIHOODS])
def test_the_loss_is_that_of_the_observed_values(name):
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(6, 4, generator=generator)
    x = (x > 0.5).float() if name == "categorical" else x
    output = torch.randn(6, 4, generator=generator, requires_grad=True)
    function = {**LOSSES, **LIKELIHOODS}[name]
    extra = (torch.full((4,), 0.3),) if name in LIKELIHOODS else ()
    torch.testing.assert_close(observed(name, x, output, *extra), function(x, output, *extra))
    x[:, 1] = torch.nan
    found = observed(name, x, output, *extra)
    found.sum().backward()
    assert output.grad.isfinite().all()
    if name == "categorical":
        assert not found.any()
        return
    rest = [0, 2, 3]
    extra = tuple(parameter[rest] for parameter in extra)
    torch.testing.assert_close(found, function(x[:, rest], output[:, rest], *extra))
    assert not output.grad[:, 1].any()
    assert not observed(name, torch.full((6, 3), torch.nan), output[:, rest], *extra).any()


@each_model
def test_missing_values_are_filled_in_better_than_by_means(model, holes, unit_digits):
    filled = model.fit(holes).impute(holes)
    missing = np.isnan(holes)
    np.testing.assert_array_equal(filled[~missing], holes[~missing])
    means = SimpleImputer(keep_empty_features=True).fit_transform(holes)
    error, of_means = (np.mean((x - unit_digits)[missing] ** 2) for x in (filled, means))
    assert error < 0.8 * of_means
    assert np.isfinite(model.transform(holes)).all()
    assert np.isfinite(model.score_samples(holes)).all()
    np.testing.assert_array_equal(model.impute(unit_digits), unit_digits)


@each_model
def test_what_is_missing_teaches_nothing(model, holes):
    """Without missing values, allowing them changes nothing; whole rows of them are no data."""
    whole = np.nan_to_num(holes, nan=0.5)
    strict = type(model)(**{**model.get_params(), "allow_nan": False}).fit(whole)
    np.testing.assert_allclose(
        model.fit(whole).transform(whole), strict.transform(whole), rtol=1e-3, atol=1e-4
    )


def test_statistics_of_observed_values():
    rng = np.random.default_rng(0)
    X, weight = rng.normal(3, 2, (700, 4)), rng.uniform(size=700)
    X[:, 3] = np.minimum(X[:, 3], 3)
    rows = np.arange(0, 700, 2)
    whole = ColumnStatistics.measure(X, rows, weight)
    found = ColumnStatistics.measure_observed(X, rows, weight)
    for name in ("mean", "deviation", "low", "high", "low_share", "high_share"):
        np.testing.assert_allclose(getattr(found, name), getattr(whole, name), err_msg=name)
    holes = X.copy()
    holes[::4, 0] = np.nan
    holes[:, 2] = np.nan
    found = ColumnStatistics.measure_observed(holes, rows, weight)
    left = np.setdiff1d(rows, np.arange(0, 700, 4))
    assert found.mean[0] == pytest.approx(np.average(X[left, 0], weights=weight[left]))
    assert (found.mean[2], found.deviation[2]) == (0, 0)


def test_missing_values_are_allowed_on_request_only(holes):
    assert not get_tags(AutoencoderTransformer()).input_tags.allow_nan
    assert get_tags(MODELS[0]).input_tags.allow_nan
    strict = AutoencoderTransformer(3, **QUICK)
    with pytest.raises(ValueError, match="contains NaN"):
        strict.fit(holes)
    strict.fit(np.nan_to_num(holes))
    for verb in (strict.transform, strict.score_samples):
        with pytest.raises(ValueError, match="contains NaN"):
            verb(holes)
    with pytest.raises(ValueError, match="fitted with allow_nan=True"):
        strict.impute(holes)
    with pytest.raises(ValueError, match="infinity"):
        MODELS[0].fit(np.where(np.isnan(holes), np.inf, holes))
    with pytest.raises(ValueError, match=r"needs values in \[0, 1\]"):
        MODELS[1].fit(2 * holes)


def test_imputed_rows_keep_their_dtype_and_container(holes):
    model = AutoencoderTransformer(3, **QUICK, allow_nan=True).fit(holes.astype(np.float32))
    assert model.impute(holes.astype(np.float32)).dtype == np.float32
    filled = model.impute(sparse.csr_array(holes))
    np.testing.assert_allclose(filled, model.impute(holes), rtol=1e-5)


def test_imputed_values_stay_within_the_range_of_the_feature(holes):
    model = AutoencoderTransformer(3, **QUICK, allow_nan=True).fit(holes)
    far = np.where(np.arange(64) % 2, np.nan, 100.0)[None].repeat(3, axis=0)
    filled = model.impute(far, n_iter=20)[:, 1::2]
    low, high = np.nanmin(holes, axis=0)[1::2], np.nanmax(holes, axis=0)[1::2]
    assert ((filled >= low) & (filled <= high)).all()
