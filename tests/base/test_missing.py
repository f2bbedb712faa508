"""Values that were not observed: they teach nothing, and are filled in."""

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.impute import SimpleImputer
from sklearn.utils import get_tags

from skae import (
    AutoencoderClassifier,
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    DenoisingAutoencoder,
    VAETransformer,
)
from skae.losses import LIKELIHOODS, LOSSES, observed
from skae.modules import FillMissing

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
    function = {**LOSSES, **LIKELIHOODS}[name]
    output = torch.randn(6, 4 * function.n_outputs, generator=generator, requires_grad=True)
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
    kept = [n for n in range(output.shape[1]) if n % 4 != 1]
    torch.testing.assert_close(found, function(x[:, rest], output[:, kept], *extra))
    assert not output.grad[:, 1::4].any()
    assert not observed(name, torch.full((6, 3), torch.nan), output[:, kept], *extra).any()


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
    """Without missing values, allowing them changes nothing."""
    whole = np.nan_to_num(holes, nan=0.5)
    if isinstance(model, DenoisingAutoencoder):  # masked values are missing ones
        model = clone(model).set_params(noise="gaussian")
    strict = type(model)(**{**model.get_params(), "allow_nan": False}).fit(whole)
    np.testing.assert_allclose(
        model.fit(whole).transform(whole), strict.transform(whole), rtol=1e-3, atol=1e-4
    )


def factor_rows(n_rows, rng):
    """Rows of a factor model, and its mean, covariance, loadings and noise."""
    mean, loadings = rng.normal(size=6), rng.normal(size=(6, 2))
    noise = rng.uniform(0.1, 0.5, 6)
    X = mean + rng.normal(size=(n_rows, 2)) @ loadings.T + rng.normal(size=(n_rows, 6)) * noise**0.5
    return X, mean, loadings @ loadings.T + np.diag(noise), loadings, noise


def expectation(row, mean, covariance):
    """The row with the mean of a normal distribution, given what is not NaN, in place of NaN."""
    seen = ~np.isnan(row)
    weights = np.linalg.solve(covariance[np.ix_(seen, seen)], (row - mean)[seen])
    return np.where(seen, row, mean + covariance[:, seen] @ weights)


def test_holes_are_filled_with_what_the_observed_values_lead_to_expect():
    rng = np.random.default_rng(0)
    X, mean, covariance, loadings, noise = factor_rows(40, rng)
    holes = np.where(rng.uniform(size=X.shape) < 0.4, np.nan, X)
    holes[0], holes[1] = np.nan, X[1]
    bounds = np.full(6, -100.0), np.array([100.0] * 5 + [mean[5]])
    fill = FillMissing(*map(torch.from_numpy, (mean, loadings, 1 / noise, *bounds)))
    expected = np.array([expectation(row, mean, covariance) for row in holes])
    expected[:, 5] = np.where(np.isnan(holes[:, 5]), expected[:, 5].clip(max=mean[5]), X[:, 5])
    np.testing.assert_allclose(fill(torch.from_numpy(holes)), expected)
    np.testing.assert_array_equal(fill(torch.from_numpy(X)), X)


def test_what_is_put_is_within_both_bounds():
    bounds = torch.tensor([-1.0, -10.0]), torch.tensor([10.0, 1.0])
    fill = FillMissing(torch.tensor([-3.0, 3.0]), torch.zeros(2, 1), torch.ones(2), *bounds)
    x = torch.tensor([[torch.nan, torch.nan], [-5.0, torch.nan]])
    assert fill(x).tolist() == [[-1.0, 1.0], [-5.0, 1.0]]


@pytest.mark.parametrize("dtypes", [(torch.float32, torch.float64), (torch.float64, torch.float32)])
@pytest.mark.parametrize("n_factors", [0, 1])
def test_filled_rows_keep_their_dtype(n_factors, dtypes):
    of_rows, of_model = dtypes
    mean, loadings = torch.tensor([1.0, 2.0]), torch.ones(2, n_factors)
    bounds = torch.full((2,), -9.0), torch.full((2,), 9.0)
    given = (mean, loadings, torch.ones(2), *bounds)
    fill = FillMissing(*(tensor.to(of_model) for tensor in given))
    x = torch.tensor([[3.0, torch.nan], [torch.nan, torch.nan]], dtype=of_rows)
    # One factor: half of what the first value differs by, for its noise is as large.
    expected = torch.tensor([[3.0, 2.0 + n_factors], [1.0, 2.0]], dtype=of_rows)
    torch.testing.assert_close(fill(x), expected)


def test_holes_are_filled_where_the_rows_are():
    tensors = torch.zeros(3), torch.zeros(3, 2), torch.ones(3), torch.zeros(3), torch.ones(3)
    fill = FillMissing(*tensors).to("meta")
    shape = {"device": "meta"}
    assert fill._factors(torch.zeros(4, 3, **shape), torch.ones(4, 3, **shape)).is_meta


def test_what_is_expected_of_holes_is_learned_from_rows_with_holes():
    rng = np.random.default_rng(0)
    X, mean, covariance, *_ = factor_rows(3000, rng)
    holes = np.where(rng.uniform(size=X.shape) < 0.3, np.nan, X)
    model = AutoencoderTransformer(1, **{**QUICK, "max_iter": 1}, allow_nan=True).fit(holes)
    fill, scaling = model.module_.fill, model.scaling_
    assert fill.loadings.shape[1] >= 2
    found = scaling.inverse(fill(scaling(torch.from_numpy(holes)).float())).numpy()
    best = np.array([expectation(row, mean, covariance) for row in holes])
    missing = np.isnan(holes)
    assert np.mean((found - best)[missing] ** 2) < 0.01 * np.mean((best - mean)[missing] ** 2)


@pytest.mark.parametrize("before", [False, True])
def test_allow_nan_that_is_set_after_fit_waits_for_the_next_fit(before):
    X = np.random.default_rng(0).normal(size=(50, 4))
    holes = np.where(np.arange(4) == 1, np.nan, X[:3])
    model = AutoencoderTransformer(2, **QUICK, allow_nan=before).fit(X)
    model.set_params(allow_nan=not before)
    if before:
        assert np.isfinite(model.transform(holes)).all()
        assert np.isfinite(model.score_samples(holes)).all()
        with pytest.raises(ValueError, match="contains NaN"):
            model.fit(X, X_val=holes)
    else:
        with pytest.raises(ValueError, match="contains NaN"):
            model.transform(holes)
        assert np.isfinite(model.fit(X, X_val=holes).transform(holes)).all()


def test_a_masked_value_is_a_missing_one(holes):
    params = {**QUICK, "max_iter": 1, "noise": "masking", "noise_level": 0.5}
    plain = DenoisingAutoencoder(3, **params).fit(np.nan_to_num(holes)).module_
    model = DenoisingAutoencoder(3, **params, allow_nan=True).fit(holes).module_
    x = torch.rand(200, 64)
    assert model.corrupt(x).isnan().float().mean() == pytest.approx(0.5, abs=0.03)
    assert not plain.corrupt(x).isnan().any()


@pytest.mark.parametrize(("early_stopping", "n_judged"), [(True, 40), (False, 400)])
def test_held_out_rows_weigh_the_estimates(early_stopping, n_judged, holes, monkeypatch):
    judged = []
    original = AutoencoderTransformer._share_of_reconstructions
    monkeypatch.setattr(
        AutoencoderTransformer,
        "_share_of_reconstructions",
        lambda self, rows: judged.append(len(rows)) or original(self, rows),
    )
    params = {**QUICK, "max_iter": 1, "early_stopping": early_stopping, "init": "random"}
    AutoencoderTransformer(3, **params, allow_nan=True).fit(holes)
    assert judged == [n_judged]


def test_reconstructions_count_as_much_as_they_help(holes, unit_digits):
    """One component has less to say about holes than all factors together."""
    narrow = AutoencoderTransformer(1, **QUICK, allow_nan=True).fit(holes)
    wide = DenoisingAutoencoder(30, **QUICK, allow_nan=True, noise="masking").fit(holes)
    assert 0 <= narrow._share < wide._share <= 1
    missing = np.isnan(holes)

    def error(filled):
        return np.mean((filled - unit_digits)[missing] ** 2)

    x = wide.scaling_(torch.from_numpy(holes)).float()
    with torch.no_grad():
        each = [wide.scaling_.inverse(estimate).numpy() for estimate in wide._estimates(x)]
    assert error(wide.impute(holes)) < min(error(filled) for filled in each)


@pytest.mark.parametrize("kind", ["independent", "one column", "one row", "three rows", "flag"])
def test_where_nothing_leads_to_expect_anything_the_mean_is_put(kind):
    rng = np.random.default_rng(0)
    X = rng.normal(2, 1, (400, 5))
    X[rng.uniform(size=X.shape) < 0.2] = np.nan
    X = {"one column": X[:, :1], "one row": X[:1], "three rows": X[:3]}.get(kind, X)
    if kind == "flag":
        X[:, 0] = X[:, 0] > 2
    model = AutoencoderTransformer(1, **QUICK, allow_nan=True).fit(X)
    filled = model.impute(X)
    assert np.isfinite(filled).all()
    if kind == "one column":
        np.testing.assert_allclose(filled[np.isnan(X)], np.nanmean(X), rtol=1e-5)
    assert np.isfinite(model.partial_fit(X).transform(X)).all()


def test_rows_without_any_value_are_refused_if_there_are_no_others():
    with pytest.raises(ValueError, match="nothing but NaN"):
        AutoencoderTransformer(1, **QUICK, allow_nan=True).fit(np.full((5, 2), np.nan))


def test_scores_are_densities_of_what_was_observed():
    """In other units the density of each observed value changes by their factor, no other."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 4)) @ rng.normal(size=(4, 4))
    X[rng.uniform(size=X.shape) < 0.2] = np.nan
    rows = np.array([[1, 2, 3, 4], [1, np.nan, 3, np.nan], [np.nan] * 4])
    model = VAETransformer(2, **QUICK, allow_nan=True, early_stopping=False)
    plain, moved = (clone(model).fit(c * X) for c in (1, 8))
    change = plain.score_samples(rows) - moved.score_samples(8 * rows)
    np.testing.assert_allclose(change, np.array([4, 2, 0]) * np.log(8), atol=1e-2)
    assert plain.score_samples(rows)[2] == pytest.approx(0, abs=0.05)
    of_all = moved.reconstruction_err_ - plain.reconstruction_err_
    assert of_all == pytest.approx((~np.isnan(X)).sum(axis=1).mean() * np.log(8), abs=1e-3)


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("how", ["validated", "weighted", "both"])
def test_the_error_is_in_units_of_the_rows_that_it_is_of(how, early_stopping):
    """Which may have other values, and other weights, than those that are learned from."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 4)) @ rng.normal(size=(4, 4))
    holes = (rng.uniform(size=(200, 4)) < 0.6) & (np.arange(200) < 100)[:, None]
    weight = np.where(holes.any(axis=1), 1.0, 9.0) if how != "validated" else None
    model = VAETransformer(2, **QUICK, allow_nan=True, early_stopping=early_stopping)
    errors, n_observed = [], 4
    for unit in (1, 8):
        rows = {"X_val": unit * X} if how != "weighted" else {}
        fitted = clone(model).fit(np.where(holes, np.nan, unit * X), None, weight, **rows)
        errors.append(fitted.reconstruction_err_)
    if how == "weighted":
        judged = slice(None)
        if early_stopping:
            judged = np.sort(np.random.RandomState(0).permutation(200)[180:])
        n_observed = np.average((~holes).sum(axis=1)[judged], weights=weight[judged])
    assert errors[1] - errors[0] == pytest.approx(n_observed * np.log(8), abs=1e-3)


def test_the_first_rows_of_a_stream_bound_nothing():
    rng = np.random.default_rng(0)
    X = np.repeat(np.linspace(0, 10, 500), 3).reshape(-1, 3) + rng.normal(0, 0.1, (500, 3))
    model = AutoencoderTransformer(1, **QUICK, allow_nan=True).partial_fit(X[:100])
    for _ in range(5):
        model.partial_fit(X)
    assert model.impute([[9.0, np.nan, 9.0]])[0, 1] > 6


def test_imputed_categories_are_probabilities():
    rng = np.random.default_rng(0)
    category = rng.integers(3, size=400)
    X = np.column_stack([rng.normal(category, 0.5), np.eye(3)[category]])
    X[rng.uniform(size=400) < 0.3, 1:] = np.nan
    likelihood = [("gaussian", [0]), ("categorical", [1, 2, 3])]
    model = VAETransformer(2, **QUICK, allow_nan=True, likelihood=likelihood).fit(X)
    filled = model.impute(X)[:, 1:]
    np.testing.assert_allclose(filled.sum(axis=1), 1)
    holes = np.isnan(X[:, 1])
    assert (filled[holes].argmax(axis=1) == category[holes]).mean() > 0.5


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([np.nan, 1, 0], [0, 1, 0]),
        ([np.nan, 0, 0], [1, 0, 0]),
        ([0, np.nan, np.nan], [0, None, None]),
        ([np.nan, np.nan, 0.25], [None, None, 0.25]),
        ([np.nan, np.nan, np.nan], [None, None, None]),
    ],
)
def test_categories_that_are_given_in_part_leave_the_rest(given, expected):
    X = np.eye(3)[np.random.default_rng(0).integers(3, size=200)]
    X[:40, 0] = np.nan
    params = {**QUICK, "max_iter": 3, "allow_nan": True, "likelihood": "categorical"}
    (filled,) = VAETransformer(1, **params).fit(X).impute([given])
    assert filled.sum() == pytest.approx(1)
    assert (filled >= 0).all()
    for value, wanted in zip(filled, expected, strict=True):
        assert 0 < value < 1 if wanted is None else value == pytest.approx(wanted)


def test_impute_needs_no_class(holes):
    y = np.arange(len(holes)) % 2
    model = VAETransformer(2, **{**QUICK, "max_iter": 1}, allow_nan=True, conditional=True)
    with pytest.raises(ValueError, match="conditional=False"):
        model.fit(holes, y).impute(holes)


def test_estimators_that_hold_one_take_missing_values_too(holes):
    y = load_digits().target[: len(holes)]
    inside = AutoencoderTransformer(5, **QUICK, allow_nan=True)
    for outer in (
        AutoencoderClassifier(inside),
        AutoencoderClassifier(inside, fine_tune=True, fine_tune_params={"max_iter": 10}),
        AutoencoderOutlierDetector(inside),
    ):
        assert get_tags(outer).input_tags.allow_nan
        found = outer.fit(holes, y).predict(holes)
        if hasattr(outer, "classes_"):
            assert (found == y).mean() > 0.6
    assert not get_tags(AutoencoderClassifier()).input_tags.allow_nan


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
    filled = model.impute(far)[:, 1::2]
    low, high = np.nanmin(holes, axis=0)[1::2], np.nanmax(holes, axis=0)[1::2]
    assert ((filled >= low) & (filled <= high)).all()
