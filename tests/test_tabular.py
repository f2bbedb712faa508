"""Frames in, frames out."""

import datetime
import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from sklearn import config_context
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import (
    AutoencoderClassifier,
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    DenoisingAutoencoder,
    SparseAutoencoder,
    TabularAutoencoder,
    VAEClassifier,
    VAETransformer,
    load,
    save,
)

from .generated_frames import frames, try_frames

QUICK = {"hidden_layer_sizes": (8,), "max_iter": 3, "random_state": 0}


def shop(n_rows=300, seed=0):
    """Orders: what a customer spends depends on the city and on the day; some is not known."""
    rng = np.random.default_rng(seed)
    city = rng.choice(["Ulm", "Bonn", "Kiel"], n_rows, p=[0.6, 0.3, 0.1])
    rank = np.select([city == "Ulm", city == "Bonn"], [0.0, 1.0], 2.0)
    day = rng.integers(0, 200, n_rows)
    frame = pd.DataFrame(
        {
            "order": np.arange(n_rows) + 1,
            "city": pd.Categorical(city, categories=["Kiel", "Bonn", "Ulm", "Jena"]),
            "items": rng.poisson(2 + 3 * rank),
            "amount": (20 + 30 * rank + day / 20 + rng.normal(0, 2, n_rows)).round(2),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(day, unit="D"),
            "paid": rng.random(n_rows) < 0.2 + 0.35 * rank,
            "note": [f"note {i}" for i in rng.integers(0, 250, n_rows)],
        },
        index=[f"row {i}" for i in range(n_rows)],
    )
    frame.loc[rng.random(n_rows) < 0.1, "city"] = None
    frame.loc[rng.random(n_rows) < 0.1, "amount"] = None
    return frame


@pytest.fixture(scope="module")
def table():
    return shop()


@pytest.fixture(scope="module")
def model(table):
    vae = VAETransformer(2, max_iter=60, random_state=0)
    with pytest.warns(UserWarning, match="leaves out.*'order': another value in each row"):
        return TabularAutoencoder(vae).fit(table)


def test_what_was_found(model, table):
    assert model.column_kinds_ == {
        "order": "identifier",
        "city": "categorical",
        "items": "integer",
        "amount": "numeric",
        "day": "datetime",
        "paid": "boolean",
        "note": "text",
    }
    likelihood = dict(model.autoencoder_.likelihood)
    assert likelihood["hurdle_lognormal"] == [0]
    assert likelihood["lognormal"] == [1]
    assert likelihood["gaussian"] == [2]
    assert likelihood["bernoulli"] == [3]
    assert likelihood["categorical"] == [4, 5, 6]
    days = (table["day"] - pd.Timestamp(0)) / pd.Timedelta("1D")
    expected = {"amount": table["amount"], "paid": table["paid"] * 1.0, "day": days}
    for name, values in expected.items():
        moments = values.mean(), values.std(ddof=0)
        assert model.column_statistics_[name] == pytest.approx(moments)
    assert list(model.feature_names_in_) == list(table)
    assert list(model.get_feature_names_out()) == ["tabularautoencoder0", "tabularautoencoder1"]


@pytest.mark.parametrize("verb", ["inverse_transform", "sample", "impute"])
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_come_back(model, table, verb, library):
    if library == "polars":
        values = table.astype(object).where(table.notna(), None)
        table = pl.DataFrame({name: values[name].tolist() for name in table})
        with pytest.warns(UserWarning, match="leaves out"):
            model = TabularAutoencoder(VAETransformer(2, **QUICK)).fit(table)
    given = {
        "inverse_transform": lambda: model.inverse_transform(model.transform(table)),
        "sample": lambda: model.sample(20, random_state=0),
        "impute": lambda: model.impute(table),
    }[verb]()
    assert isinstance(given, type(table))
    assert list(given.columns) == list(table.columns)
    assert list(given.dtypes) == list(table.dtypes)
    if library == "pandas":
        index = pd.RangeIndex(20) if verb == "sample" else table.index
        # Codes are an array, which has none.
        assert given.index.equals(index if verb != "inverse_transform" else pd.RangeIndex(300))
    cities = set(np.asarray(given["city"])) - {None}
    assert cities <= {"Ulm", "Bonn", "Kiel"}  # and never Jena, which is in no row


def test_what_is_filled_in_is_what_the_rest_of_the_row_says(model, table):
    whole = shop(seed=1).dropna()
    holes = whole.copy()
    holes["amount"] = np.nan
    filled = model.impute(holes)
    error = filled["amount"] - whole["amount"]
    assert error.std() < 0.6 * whole["amount"].std()  # 0.36
    holes = whole.assign(
        city=pd.Categorical([None] * len(whole), categories=whole["city"].cat.categories)
    )
    right = (model.impute(holes)["city"] == whole["city"]).mean()
    assert right > 0.85 > (whole["city"] == "Ulm").mean()
    pd.testing.assert_frame_equal(filled.drop(columns="amount"), whole.drop(columns="amount"))


def test_what_is_drawn_hangs_together(model, table):
    drawn = model.sample(2000, random_state=0)
    shares = drawn["city"].value_counts(normalize=True)
    for city, share in table["city"].value_counts(normalize=True).items():
        assert shares.get(city, 0) == pytest.approx(share, abs=0.07)
    means = drawn.groupby("city", observed=True)["amount"].mean()
    assert means["Bonn"] - means["Ulm"] == pytest.approx(30, abs=8)
    assert drawn["items"].min() >= 0
    assert (drawn["day"] == drawn["day"].dt.normalize()).all()
    assert model.sample(5, random_state=1).equals(model.sample(5, random_state=1))
    plain = model.sample(2000, random_state=0, noise=False)
    assert plain["amount"].std() < drawn["amount"].std()


@pytest.mark.parametrize(
    "inside",
    [
        AutoencoderTransformer(2, **QUICK),
        DenoisingAutoencoder(2, **QUICK),
        SparseAutoencoder(8, max_iter=3, random_state=0),
        VAETransformer(2, conditional=True, **QUICK),
        VAEClassifier(2, **QUICK),
    ],
    ids=lambda m: type(m).__name__,
)
def test_any_autoencoder_inside(inside, table):
    """Those that do not take NaN are given means; verbs are those that the autoencoder has."""
    y = np.where(table["paid"], "yes", "no")
    X = table.drop(columns=["order", "note", "paid"])
    model = TabularAutoencoder(inside)
    model.fit(X, y)
    codes = model.transform(X)
    assert codes.shape == (300, inside.n_components)
    assert np.isfinite(codes).all()
    assert np.isfinite(model.score_samples(X)).all()
    told = (
        {"y": "yes"}
        if isinstance(inside, VAEClassifier) or getattr(inside, "conditional", 0)
        else {}
    )
    assert model.sample(4, random_state=0, **told).dtypes.equals(X.dtypes)
    assert hasattr(model, "denoise") == hasattr(inside, "denoise")
    assert hasattr(model, "predict") == hasattr(inside, "predict")
    if hasattr(model, "denoise"):
        assert model.denoise(X).index.equals(X.index)
    if hasattr(model, "predict"):
        assert set(model.predict(X)) <= {"yes", "no"}
        assert list(model.classes_) == ["no", "yes"]
        assert model.score(X, y) == (model.predict(X) == y).mean()


def test_beside_the_rest_of_the_house(table):
    X = table.drop(columns=["order", "note", "paid"])
    inside = TabularAutoencoder(AutoencoderTransformer(2, **QUICK))
    search = GridSearchCV(inside, {"autoencoder__n_components": [1, 3]}, cv=2).fit(X)
    assert search.best_params_ == {"autoencoder__n_components": 3}
    y = table["paid"].to_numpy().astype(int)
    pipeline = make_pipeline(inside, StandardScaler(), LogisticRegression()).fit(X, y)
    assert pipeline.score(X, y) > 0.5
    assert AutoencoderClassifier(inside).fit(X, np.where(np.arange(300) % 2, y, -1)).predict(
        X
    ).shape == (300,)
    detector = AutoencoderOutlierDetector(inside, contamination=0.1).fit(X)
    assert 0 < (detector.predict(X) < 0).mean() < 0.3
    framed = inside.set_output(transform="pandas").fit(X).transform(X)
    assert framed.index.equals(X.index)
    assert inside.inverse_transform(framed).index.equals(X.index)
    rows = np.random.default_rng(0).normal(size=(50, 3))
    of_arrays = clone(inside).set_output(transform="polars").fit(rows)
    assert of_arrays.sample(2).columns == ["x0", "x1", "x2"]
    with config_context(transform_output="pandas"):
        assert list(clone(inside).fit(rows).sample(2)) == ["x0", "x1", "x2"]


def test_pieces(table):
    """The range of numbers grows; the scale and the categories are those of the first piece."""
    X = table.drop(columns=["order", "note"])
    model = TabularAutoencoder(VAETransformer(2, **QUICK))
    for start in range(0, 300, 100):
        model.partial_fit(X[start : start + 100])
    whole = TabularAutoencoder(VAETransformer(2, **QUICK)).fit(X)
    assert model.sample(500, random_state=0)["amount"].max() <= X["amount"].max()
    ends = [[(c.low, c.high) for c in m._table.learned() if not c.unit] for m in (model, whole)]
    assert ends[0] == ends[1]
    with pytest.raises(ValueError, match="infinite"):
        model.partial_fit(X[:50].assign(amount=np.inf))
    assert np.isfinite(model.transform(X)).all()


def test_files_and_pickles(model, table, tmp_path):
    pytest.importorskip("safetensors", reason="needs skae[files]")
    save(model, tmp_path / "model.safetensors")
    for again in (load(tmp_path / "model.safetensors"), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(again.transform(table), model.transform(table))
        pd.testing.assert_frame_equal(again.impute(table), model.impute(table))
        pd.testing.assert_frame_equal(
            again.sample(9, random_state=0), model.sample(9, random_state=0)
        )
        assert repr(again.column_kinds_) == repr(model.column_kinds_)


def test_files_of_categories_that_are_no_texts(tmp_path):
    """Of cut numbers, of times of day and of dates."""
    pytest.importorskip("safetensors", reason="needs skae[files]")
    number = np.arange(60) % 9
    start = pd.Timestamp("2024-01-01", tz="Europe/Berlin")
    table = pd.DataFrame(
        {
            ("a", 1): pd.cut(number, 3),
            ("a", 2): pd.Categorical([start + pd.Timedelta(days=int(i) // 3) for i in number]),
            ("b", 1): [datetime.time(int(i) // 2) for i in number],
            ("b", 2): number / 3,
        }
    )
    model = TabularAutoencoder(VAETransformer(2, **QUICK)).fit(table)
    save(model, tmp_path / "it.safetensors")
    again = load(tmp_path / "it.safetensors")
    pd.testing.assert_frame_equal(again.sample(9, random_state=0), model.sample(9, random_state=0))
    pd.testing.assert_frame_equal(again.impute(table), table)


def test_without_missing_values(table):
    """`allow_nan=False` refuses them, wherever they come from."""
    X = table[["items", "day", "paid", "city"]].dropna()
    model = TabularAutoencoder(AutoencoderTransformer(2, **QUICK), allow_nan=False).fit(X)
    assert not model.autoencoder_.allow_nan
    assert not hasattr(TabularAutoencoder(SparseAutoencoder()), "denoise")
    for wrong in (table[["items", "day", "paid", "city"]], X.assign(city=["Rom", *X["city"][1:]])):
        with pytest.raises(ValueError, match=r"'city'.*allow_nan=True"):
            model.transform(wrong)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"column_kinds": {"town": "categorical"}}, "column_kinds has 'town', but X has"),
        ({"column_kinds": {"city": "nominal"}}, "column_kinds has 'nominal' for 'city'"),
        ({"column_kinds": {"city": "numeric"}}, "'city' is to have numbers"),
        ({"handle_unknown": "drop"}, "handle_unknown"),
        ({"allow_nan": False}, r"\['amount', 'city'\] have missing"),
    ],
)
def test_settings_that_do_not_go_with_the_table(change, error, table):
    with warnings.catch_warnings(action="ignore"), pytest.raises(ValueError, match=error):
        TabularAutoencoder(VAETransformer(2, **QUICK)).set_params(**change).fit(table)


def test_tables_that_are_none(table):
    pa = pytest.importorskip("pyarrow")
    for wrong, advice in (
        (pl.DataFrame({"a": [1]}).lazy(), r"X.collect\(\)"),
        (pa.table({"a": [1, 2]}), r"X.to_pandas\(\)"),
    ):
        with pytest.raises(TypeError, match=advice):
            TabularAutoencoder().fit(wrong)
    with pytest.raises(ValueError, match="likelihood='poisson', but a table"):
        TabularAutoencoder(VAETransformer(likelihood="poisson")).fit(table[["items", "paid"]])
    model = TabularAutoencoder(VAETransformer(2, **QUICK))
    with pytest.raises(ValueError, match=r"several columns of one name: \['paid'\]"):
        model.fit(pd.concat([table, table[["paid"]]], axis=1))
    with pytest.raises(ValueError, match=r"Found a table with 0 sample\(s\)"):
        model.fit(table[:0])
    with pytest.raises(ValueError, match=r"Nothing is left to learn.*1 sample"):
        model.fit(table[:1])
    model.fit(table.set_axis(range(7), axis=1)[[2, 4, 5]])
    with pytest.raises(ValueError, match=r"X has the columns \[5, 4, 2\]"):
        model.transform(table.set_axis(range(7), axis=1)[[5, 4, 2]])


def test_generated_frames(request):
    """Whatever the frame, it comes back as one of the same dtypes, or ends in words."""
    n_frames = 2000 if request.config.getoption("--thorough") else 12

    @try_frames(n_frames)
    @given(frames)
    def check(frame):
        vae = VAETransformer(1, hidden_layer_sizes=(4,), max_iter=1, random_state=0)
        try:
            with warnings.catch_warnings(action="ignore"):
                model = TabularAutoencoder(vae).fit(frame)
        except ValueError as error:
            if "Nothing is left to learn" not in str(error):
                raise
            return
        drawn = model.sample(3, random_state=0)
        back = model.inverse_transform(model.transform(frame))
        filled = model.impute(frame)
        for made in (drawn, back, filled):
            assert list(made.dtypes) == list(frame.dtypes)
            assert list(made.columns) == list(frame.columns)
        assert len(filled) == len(back) == len(frame)
        assert len(drawn) == 3

    check()


def bank(n_rows=500, holes=0.0):
    """Customers: a gain that is mostly 0, a loan that is positive, both skewed; and their age."""
    rng = np.random.default_rng(0)
    age = rng.normal(45, 12, n_rows).round().clip(18)
    frame = pd.DataFrame(
        {
            "loan": rng.lognormal(9, 0.8, n_rows) * (1 + (age > 45)),
            "age": age,
            "gain": np.where(rng.random(n_rows) < 0.8, 0, rng.lognormal(7, 1, n_rows).round()),
            "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 9, n_rows), "D"),
        }
    )
    return frame.mask(rng.random(frame.shape) < holes)


@pytest.mark.parametrize("holes", [0.0, 0.2])
def test_amounts_are_drawn_and_filled_in_as_what_they_are(holes):
    table = bank(holes=holes)
    model = TabularAutoencoder(VAETransformer(2, **{**QUICK, "max_iter": 30})).fit(table)
    amounts = {column.name: column.amount for column in model._table.columns}
    assert amounts == {"loan": "lognormal", "age": "", "gain": "hurdle_lognormal", "since": ""}
    drawn = model.sample(5000, random_state=0)
    known = table.dropna()
    for name in ("loan", "age", "gain"):
        assert known[name].min() <= drawn[name].min() <= drawn[name].max() <= table[name].max()
    assert (drawn["gain"] == 0).mean() == pytest.approx(
        (table["gain"].dropna() == 0).mean(), abs=0.03
    )
    assert (drawn["gain"] == drawn["gain"].round()).all()
    assert drawn["gain"].mean() == pytest.approx(table["gain"].mean(), rel=0.15)
    assert drawn["loan"].mean() == pytest.approx(table["loan"].mean(), rel=0.15)
    if holes:
        truth, filled = bank(), model.impute(table)
        for name in ("loan", "gain"):  # what is filled in is a mean, not a median
            gaps = table[name].isna()
            expected, spread = truth[name][~gaps].mean(), truth[name].std() / gaps.sum() ** 0.5
            assert filled[name][gaps].mean() == pytest.approx(expected, abs=3 * spread)


def test_a_classifier_draws_amounts_as_what_they_are():
    table = bank()
    y = np.where(table["age"] > 45, "old", "young")
    model = TabularAutoencoder(VAEClassifier(2, **{**QUICK, "max_iter": 20})).fit(table, y)
    drawn = model.sample(1000, random_state=0, y="old")
    assert (drawn["gain"] == 0).mean() == pytest.approx(0.8, abs=0.06)
    assert not (model.sample(1000, 0, y="old", noise=False)["gain"] == 0).any()


def test_amounts_are_standardized_where_nothing_knows_them():
    for inside in (AutoencoderTransformer, DenoisingAutoencoder):
        model = TabularAutoencoder(inside(2, **QUICK)).fit(bank())
        assert not model._table.is_amount.any()
    model = TabularAutoencoder(VAETransformer(2, likelihood="laplace", **QUICK)).fit(bank())
    assert not model._table.is_amount.any()
    assert model._encode(bank()).std(axis=0) == pytest.approx(1)


def test_amounts_survive_files(tmp_path):
    model = TabularAutoencoder(VAETransformer(2, **QUICK)).fit(bank())
    save(model, tmp_path / "model.safetensors")
    other = load(tmp_path / "model.safetensors")
    assert other._table.is_amount.tolist() == model._table.is_amount.tolist()
    assert other.sample(20, random_state=0).equals(model.sample(20, random_state=0))
    assert (other.score_samples(bank()) == model.score_samples(bank())).all()


# Given the values of some columns.


@pytest.mark.parametrize("library", ["pandas", "polars", "array"])
def test_values_that_are_asked_for_come_back_as_they_were_given(model, table, library):
    day, asked = pd.Timestamp("2024-03-02"), {"city": "Kiel", "amount": 71.237, "paid": True}
    if library == "pandas":
        drawn, ess = model.sample(40, 0, conditions={**asked, "day": day}, return_ess=True)
        assert ess.shape == (1,)
        assert drawn.dtypes.equals(table.dtypes)
        assert drawn["day"].eq(day).all()
        again = model.sample(40, 0, conditions={**asked, "day": "2024-03-02"})
        pd.testing.assert_frame_equal(drawn, again)
    else:
        columns = ["city", "amount", "paid", "items"]
        X = table[columns].astype({"city": object})
        X = pl.from_pandas(X) if library == "polars" else X.to_numpy()
        inner = TabularAutoencoder(VAETransformer(2, **QUICK)).fit(X)
        names = asked if library == "polars" else {0: "Kiel", 1: 71.237, 2: True}
        drawn = inner.sample(40, 0, conditions=names)
        assert type(drawn) is type(X)
        drawn = pd.DataFrame(np.asarray(drawn), columns=columns)
    for name, value in asked.items():
        assert (drawn[name] == value).all(), name
    assert drawn["items"].nunique() > 3


def test_amounts_that_can_not_be_are_refused():
    model = TabularAutoencoder(VAETransformer(2, **QUICK)).fit(bank())
    for conditions, message in (
        ({"loan": 0.0}, "0.0 for 'loan', an amount that was positive in all rows"),
        ({"loan": -1.0}, "-1.0 for 'loan', an amount that was never negative"),
        (bank().iloc[:3][["age", "gain"]] * -1, "for 'gain', an amount that was never negative"),
    ):
        with pytest.raises(ValueError, match=message):
            model.sample(2, 0, conditions=conditions)
    assert model.sample(2, 0, conditions={"gain": 0.0})["gain"].tolist() == [0.0, 0.0]


def test_other_columns_follow_what_is_asked_for(model, table):
    high, low = (model.sample(200, 0, conditions={"city": name}) for name in ("Kiel", "Ulm"))
    means = table.groupby("city", observed=True)["amount"].mean()
    assert high["amount"].mean() == pytest.approx(means["Kiel"], rel=0.15)
    assert low["amount"].mean() == pytest.approx(means["Ulm"], rel=0.2)  # Bonn: twice
    cities = model.sample(200, 0, conditions={"amount": float(means["Bonn"])})["city"]
    assert (cities == "Bonn").mean() > 0.8
    with pytest.warns(UserWarning, match="hardly possible"):
        model.sample(20, 0, conditions={"amount": 1e4})


def test_a_part_of_a_frame_is_completed_under_its_index(model, table):
    X = table.loc[["row 3", "row 5"], ["items", "city"]]
    drawn = model.sample(3, 0, conditions=X)
    assert drawn.index.tolist() == ["row 3"] * 3 + ["row 5"] * 3
    repeated = X.loc[drawn.index]
    assert drawn["items"].tolist() == repeated["items"].tolist()
    known = repeated["city"].notna()
    assert drawn.loc[known, "city"].tolist() == repeated.loc[known, "city"].tolist()
    assert drawn["amount"].notna().all()


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ({"town": "Ulm"}, "columns .'town'., but in fit the table had .'order', 'city'"),
        ({"city": "Rome"}, "'Rome' for 'city', but in fit the column had .'Bonn', 'Kiel', 'Ulm'"),
        ({"paid": 2}, r"2.0 for 'paid', but in fit the column had .False, True"),
        ({"order": 7}, "'order', which was left out in fit: another value in each row"),
        ({"items": 2.5}, "2.5 for 'items', which is a column of whole numbers"),
        ({"amount": "much"}, "is to have numbers"),
        ({"amount": np.inf}, "infinite"),
        ({"amount": [1, 2]}, "one value for each"),
        (np.ones((1, 2)), "shape"),
        (pd.DataFrame({"city": []}), "no rows"),
    ],
    ids=str,
)
def test_conditions_that_a_table_can_not_have_are_named(model, conditions, message):
    with pytest.raises(ValueError, match=message):
        model.sample(2, conditions=conditions)


def test_nothing_left_to_draw_is_refused(model, table):
    full = table.drop(columns=["order", "note"]).dropna().iloc[:2]
    with pytest.raises(ValueError, match="nothing is left to draw"):
        model.sample(conditions=full)


def test_autoencoders_that_draw_from_codes_alone_refuse_conditions(table):
    inner = AutoencoderTransformer(2, **QUICK)
    plain = TabularAutoencoder(inner, column_kinds={"order": "drop", "note": "drop"}).fit(table)
    with pytest.raises(ValueError, match="can not draw rows given"):
        plain.sample(conditions={"city": "Ulm"})
    with pytest.raises(ValueError, match="needs a model with a likelihood"):
        plain.impute(table, n_draws=2)


def test_imputations_are_several_tables(model, table):
    drawn = model.impute(table, n_draws=3, random_state=0)
    assert len(drawn) == 3
    gaps = table["amount"].isna()
    for one in drawn:
        assert one.index.equals(table.index)
        pd.testing.assert_series_equal(one.loc[~gaps, "amount"], table.loc[~gaps, "amount"])
        assert set(one["city"].dropna()) <= {"Ulm", "Bonn", "Kiel"}
        assert one["city"].notna().all()
    assert (drawn[0].loc[gaps, "amount"] != drawn[1].loc[gaps, "amount"]).any()
    again = model.impute(table, n_draws=3, random_state=0)
    pd.testing.assert_frame_equal(drawn[2], again[2])
