"""Codes that tell what was counted, and not how much."""

import numpy as np
import pytest
import torch
from scipy import stats

import skae
from skae import VAEClassifier, VAETransformer
from skae._base.exposure import rates_of
from skae.export import to_module
from skae.metrics import reconstruction_error

QUICK = {"hidden_layer_sizes": (16,), "max_iter": 4, "random_state": 0, "likelihood": "poisson"}
PROFILES = np.exp(np.random.default_rng(1).normal(size=(2, 12)))


def make_counts(n_rows=400):
    """Two kinds of rows, counted to depths that have nothing to do with them; and the depths."""
    rng = np.random.default_rng(0)
    kind, depth = rng.integers(0, 2, n_rows), np.exp(rng.normal(size=n_rows))
    return rng.poisson(PROFILES[kind] * depth[:, None]).astype(float), kind, depth


@pytest.fixture(scope="module")
def counts():
    return make_counts()


def with_column(X, depth, place=0):
    """The counts with hours of counting beside them."""
    return np.insert(X, place, 10 * depth, axis=1)


def explained(codes, depth):
    """The largest share of a code that the depth explains."""
    D = np.vander(np.log(depth), 3)
    left = codes - D @ np.linalg.lstsq(D, codes, rcond=None)[0]
    return (1 - left.var(axis=0) / codes.var(axis=0)).max()


def test_codes_tell_kinds_and_not_depths(counts):
    X, kind, depth = counts
    settings = {**QUICK, "max_iter": 30}
    plain, told = (VAETransformer(1, exposure=e, **settings).fit(X) for e in (None, "auto"))
    assert explained(plain.transform(X), depth) > 0.5
    codes = told.transform(X)
    assert explained(codes, depth) < 0.1
    assert abs(np.corrcoef(codes[:, 0], kind)[0, 1]) > 0.7
    hours = with_column(X, depth)
    given = VAETransformer(1, exposure=0, **settings).fit(hours)
    assert explained(given.transform(hours), depth) < 0.1


def test_reconstructions_have_the_exposure_that_is_told(counts):
    X = counts[0]
    vae = VAETransformer(1, **{**QUICK, "max_iter": 30}).fit(X)
    codes = vae.transform(X)
    mean, total = vae.inverse_transform(codes), vae._start.statistics.mean.sum()
    np.testing.assert_allclose(
        vae.inverse_transform(codes, exposure=2 * total), 2 * mean, rtol=1e-4
    )
    own = vae.inverse_transform(codes, exposure=X.sum(axis=1))
    np.testing.assert_allclose(own.sum(axis=1), X.sum(axis=1), rtol=0.2, atol=1e-3)
    assert np.mean((own - X) ** 2) == pytest.approx(reconstruction_error(vae, X), rel=1e-5)
    assert reconstruction_error(vae, X) < 0.5 * np.mean((mean - X) ** 2)
    out = np.empty_like(own)
    assert vae.inverse_transform(codes, exposure=X.sum(axis=1), out=out) is out
    np.testing.assert_array_equal(out, own)


@pytest.mark.parametrize("n_rows", [1, 400])
@pytest.mark.parametrize("exposure", ["sum", 0])
def test_scores_are_of_rows_given_how_much_was_counted(counts, exposure, n_rows):
    """Where codes tell nothing the rates are shares of the mean row, times what was counted."""
    X, _, depth = counts
    table = X if exposure == "sum" else with_column(X, depth)
    vae = VAETransformer(1, exposure=exposure, **QUICK).fit(table)
    for last in (vae.module_.decoder[0][-1], vae.module_.encoder[-1][-1]):
        last.weight.data.zero_(), last.bias.data.zero_()
    mean = vae._start.statistics.mean  # of the rows that are not held out
    size, total = (table[:, 0], mean[0]) if exposure == 0 else (X.sum(axis=1), mean.sum())
    rate = mean[-12:] / total * np.maximum(size, 1e-9)[:, None]
    expected = stats.poisson(rate).logpmf(X).sum(axis=1)[:n_rows]
    np.testing.assert_allclose(vae.score_samples(table[:n_rows]), expected, rtol=1e-4, atol=1e-4)


def test_drawn_rows_are_counted_as_far_as_those_of_training(counts):
    X, _, depth = counts
    vae = VAETransformer(1, **QUICK).fit(X)
    drawn = vae.sample(4000, random_state=0, noise=True).sum(axis=1)
    levels = [0.05, 0.25, 0.5, 0.75, 0.95]
    np.testing.assert_allclose(np.quantile(drawn, levels), np.quantile(X.sum(1), levels), rtol=0.2)
    given = vae.sample(3, random_state=0, exposure=[10, 100, 1000]).sum(axis=1)
    np.testing.assert_allclose(given, [10, 100, 1000], rtol=0.2)
    whole = vae.sample(200, random_state=0, noise=True, exposure=1000)
    np.testing.assert_array_equal(whole, np.round(whole))
    assert whole.sum(axis=1).mean() == pytest.approx(1000, rel=0.1)
    hours = with_column(X, depth)
    told = VAETransformer(1, exposure=0, **QUICK).fit(hours)
    for noise in (False, True):
        rows = told.sample(4, random_state=0, exposure=[1, 2, 4, 8], noise=noise)
        np.testing.assert_allclose(rows[:, 0], [1, 2, 4, 8], rtol=1e-5)


@pytest.mark.parametrize(("level", "spread"), [(8, 0.3), (30, 0.1), (300, 0.5)])
@pytest.mark.parametrize("likelihood", ["poisson", "negative_binomial"])
def test_sums_of_drawn_rows_vary_as_those_of_training(likelihood, level, spread):
    """And what they vary by around their rates, by chance, is there once."""
    rng = np.random.default_rng(0)
    rates = level * np.exp(spread * rng.normal(size=(1000, 1))) * PROFILES[0] / PROFILES[0].sum()
    if likelihood == "negative_binomial":
        rates = rates * rng.gamma(2, 1 / 2, rates.shape)
    X = rng.poisson(rates).astype(float)
    settings = {**QUICK, "likelihood": likelihood, "max_iter": 9, "early_stopping": False}
    vae = VAETransformer(1, **settings).fit(X)
    nothing = {"conditions": np.full((1, X.shape[1]), np.nan)}
    for given in ({}, nothing):
        drawn = vae.sample(4000, random_state=0, noise=True, **given)
        logs, own = (np.log(rows.sum(axis=1) + 0.5) for rows in (drawn, X))
        assert logs.std() == pytest.approx(own.std(), rel=0.04)
        assert logs.mean() == pytest.approx(own.mean(), abs=0.03)


@pytest.mark.parametrize("dispersion", [0.0, 0.2])
def test_rates_have_the_moments_that_sums_leave_them(dispersion):
    rng = np.random.default_rng(0)
    rates = rng.gamma(3, 4, 5000)
    noise = rng.gamma(1 / dispersion, dispersion, 5000) if dispersion else 1
    sums = rng.poisson(rates * noise).astype(float)
    rates, shares = rates_of(sums, dispersion)
    assert shares.sum() == pytest.approx(1)
    mean, square = shares @ rates, shares @ rates**2
    assert mean == pytest.approx(sums.mean(), rel=0.01)
    assert square * (1 + dispersion) + mean == pytest.approx(np.mean(sums**2), rel=0.02)


@pytest.mark.parametrize("cls", [VAETransformer, VAEClassifier])
def test_drawn_rows_of_a_class_are_counted_as_far_as_its_own(counts, cls):
    X, kind, _ = counts
    X = X * np.where(kind == 1, 20, 1)[:, None]
    told = {"conditional": True} if cls is VAETransformer else {}
    vae = cls(1, **QUICK, **told).fit(X, kind)
    for k in (0, 1):
        given = vae.sample(300, random_state=0, y=k, noise=True, exposure=100.0)
        assert given.sum(axis=1).mean() == pytest.approx(100, rel=0.05)
        np.testing.assert_array_equal(given, given.round())
        drawn = np.median(vae.sample(1000, random_state=0, y=k).sum(axis=1))
        assert drawn == pytest.approx(np.median(X[kind == k].sum(axis=1)), rel=0.2)


def test_a_column_may_have_a_name_and_stand_anywhere(counts):
    pandas = pytest.importorskip("pandas")
    X, _, depth = counts
    first, last = with_column(X, depth), with_column(X, depth, place=12)
    names = [f"x{i}" for i in range(12)]
    frame = pandas.DataFrame(first, columns=["hours", *names])
    named = VAETransformer(1, exposure="hours", **QUICK).fit(frame)
    pairs = VAETransformer(1, exposure="hours", **{**QUICK, "likelihood": [("poisson", names)]})
    np.testing.assert_array_equal(pairs.fit(frame).transform(frame), named.transform(frame))
    assert named.score_samples(frame) == pytest.approx(
        VAETransformer(1, exposure=0, **QUICK).fit(first).score_samples(first)
    )
    moved = VAETransformer(1, exposure=12, **QUICK).fit(last)
    assert moved.sample(2, random_state=0, exposure=7)[:, 12] == pytest.approx(7)


def test_the_sum_is_taken_where_all_of_many_columns_are_counts(counts):
    X = counts[0]
    mixed = [("poisson", slice(0, 10)), ("gaussian", [10, 11])]
    for params, expected in (
        ({}, True),
        ({"exposure": None}, False),
        ({"likelihood": "gaussian"}, False),
        ({"likelihood": mixed}, False),
        ({"likelihood": mixed, "exposure": "sum"}, True),
    ):
        vae = VAETransformer(1, **{**QUICK, "max_iter": 1, **params}).fit(X)
        assert (vae.module_.exposure is not None) == expected, params
    few = VAETransformer(1, **{**QUICK, "max_iter": 1}).fit(X[:, :9])
    assert few.module_.exposure is None


def test_rows_of_zeros_and_of_holes_have_codes_and_scores(counts):
    X = counts[0].copy()
    X[:5] = 0
    vae = VAETransformer(1, **QUICK).fit(X)
    assert np.isfinite(vae.transform(X)).all()
    # Nothing is what there is if nothing was counted.
    assert vae.score_samples(X)[:5] == pytest.approx(0, abs=0.3)
    X[5:10, 3:] = np.nan
    X[10] = np.nan
    holes = VAETransformer(1, allow_nan=True, **QUICK).fit(X)
    assert np.isfinite(holes.transform(X)).all()
    assert np.isfinite(holes.score_samples(X)).all()
    filled = holes.impute(X)
    assert (filled[:, 3:][5:10] >= 0).all()


def test_holes_are_filled_for_what_was_counted_of_their_row(counts):
    X = counts[0]
    holes, rng = X.copy(), np.random.default_rng(0)
    hidden = rng.uniform(size=X.shape) < 0.2
    holes[hidden] = np.nan
    vae = VAETransformer(1, allow_nan=True, **{**QUICK, "max_iter": 20}).fit(holes)
    error = np.mean((vae.impute(holes) - X)[hidden] ** 2)
    assert error < 0.3 * np.mean((np.nanmean(holes, axis=0) - X)[hidden] ** 2)


def test_a_stream_notes_the_exposures_of_all_its_pieces(counts):
    X = counts[0]
    order = np.argsort(X.sum(axis=1))  # so that no piece is like the whole
    vae = VAETransformer(1, **QUICK)
    for piece in np.array_split(order, 4):
        vae.partial_fit(X[piece])
    drawn = vae.sample(4000, random_state=0).sum(axis=1)
    np.testing.assert_allclose(
        np.quantile(drawn, [0.1, 0.5, 0.9]), np.quantile(X.sum(1), [0.1, 0.5, 0.9]), rtol=0.3
    )


def test_files_and_modules_know_it(counts, tmp_path):
    X, _, depth = counts
    hours = with_column(X, depth)
    for table, exposure in ((X, "sum"), (hours, 0)):
        vae = VAETransformer(1, exposure=exposure, **QUICK).fit(table)
        skae.save(vae, tmp_path / "model.skae")
        loaded = skae.load(tmp_path / "model.skae")
        np.testing.assert_array_equal(loaded.score_samples(table), vae.score_samples(table))
        draws = (m.sample(9, random_state=0, noise=True) for m in (vae, loaded))
        np.testing.assert_array_equal(*draws)
        codes = to_module(vae, "encoder")(torch.from_numpy(table)).detach().numpy()
        np.testing.assert_allclose(codes, vae.transform(table), atol=1e-5)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"exposure": "sum", "likelihood": "gaussian"}, "no column has a likelihood of counts"),
        ({"exposure": "hours"}, "exposure has columns .'hours'., but X has no names"),
        ({"exposure": 12}, "exposure has columns .12., but X has columns 0 to 11"),
        ({"exposure": 0}, "exposure must be positive, but the column"),
        ({"exposure": True}, "exposure=True is neither a column nor a word"),
        ({"exposure": False}, "exposure=False is neither a column nor a word"),
        ({"exposure": 1, "likelihood": [("poisson", slice(0, 12))]}, r"columns \[1\] have \[2\]"),
    ],
)
def test_what_is_no_exposure_is_refused(counts, params, message):
    with pytest.raises(ValueError, match=message):
        VAETransformer(1, **{**QUICK, **params}).fit(counts[0])


def test_exposures_of_draws_are_checked(counts):
    X = counts[0]
    vae = VAETransformer(1, **QUICK).fit(X)
    for exposure, message in (
        ([1, 2], "2 values for 3 rows"),
        (-1, "must not be negative"),
        ([1, np.nan, 3], "NaN"),
        (True, "exposure=True is no number"),
        ([True, False, True], "is no number"),
        ([1, 2, 1e30], r"exposure has 1e\+30, but at most 1.07e\+13"),
    ):
        with pytest.raises(ValueError, match=message):
            vae.sample(3, exposure=exposure)
        with pytest.raises(ValueError, match=message):
            vae.inverse_transform(np.zeros((3, 1)), exposure=exposure)
    assert not vae.sample(3, random_state=0, exposure=0, noise=True).any()
    assert vae.sample(1, random_state=0, exposure=1e13).sum() == pytest.approx(1e13, rel=1e-3)
    hours = VAETransformer(1, exposure=0, **QUICK).fit(with_column(X, counts[2]))
    for exposure, message in ((0, "must be positive where a column"), (1e30, "but at most")):
        with pytest.raises(ValueError, match=message):
            hours.sample(exposure=exposure)
    plain = VAETransformer(1, **{**QUICK, "exposure": None}).fit(X)
    with pytest.raises(ValueError, match="exposure is for models of counts"):
        plain.inverse_transform(plain.transform(X), exposure=1)


def test_rows_of_an_exposure_have_that_sum():
    """Of what the decoder says only the shares count, however far a code lies out."""
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.full(12, 0.3), size=3)[rng.integers(3, size=200)]
    counts = rng.poisson(rng.lognormal(5, 0.7, size=(200, 1)) * shares)
    model = VAETransformer(
        2, likelihood="poisson", hidden_layer_sizes=(16,), max_iter=5, random_state=0
    ).fit(counts)
    asked = np.array([3.0, 1000.0, 50.0])
    rows = model.inverse_transform([[0, 0], [4, -4], [-9, 2.0]], exposure=asked)
    np.testing.assert_allclose(rows.sum(axis=1), asked, rtol=1e-4)


@pytest.mark.parametrize("value", [0.0, -3.0])
def test_a_column_that_says_nothing_was_counted_is_refused_by_all_verbs(counts, value):
    X, kind, depth = counts
    hours = with_column(X, depth)
    vae = VAETransformer(1, exposure=0, allow_nan=True, **QUICK).fit(hours)
    classifier = VAEClassifier(1, exposure=0, **QUICK).fit(hours, kind)
    wrong = hours[:9].copy()
    wrong[3, 0] = value
    for verb in (
        vae.transform,
        vae.score_samples,
        vae.impute,
        lambda rows: vae.impute(rows, n_draws=2),
        lambda rows: reconstruction_error(vae, rows),
        classifier.transform,
        classifier.predict,
        classifier.predict_proba,
        lambda rows: vae.partial_fit(rows),
        lambda rows: VAETransformer(1, exposure=0, **QUICK).fit(hours, X_val=rows),
    ):
        with pytest.raises(ValueError, match=f"exposure must be positive.* has {value:.6g}"):
            verb(wrong)
    wrong[3, 0] = np.nan
    assert np.isfinite(vae.transform(wrong)).all()
    # A model that was fitted before has another column for it.
    moved = with_column(X, depth, place=12)
    vae.set_params(exposure=12).fit(moved, X_val=moved[:50])
    assert np.isfinite(vae.transform(moved)).all()
