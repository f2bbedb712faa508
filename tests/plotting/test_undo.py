"""What encoders of scikit-learn made of a table is led back to its columns."""

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    OrdinalEncoder,
    PowerTransformer,
    StandardScaler,
    TargetEncoder,
)

from skae.plotting._columns import columns_of
from skae.plotting._undo import CannotUndo, undo

COLOURS = np.array(["red", "green", "blue", "red", "red", "blue"] * 5, dtype=object)[:, None]
SIZES = np.random.default_rng(0).gamma(2.0, size=(30, 2))


def back(step, rows, **settings):
    encoded = step.transform(rows)
    encoded = encoded.toarray() if hasattr(encoded, "toarray") else encoded
    return undo(step, columns_of(np.asarray(encoded)), **settings)


HOT = {
    "plain": {},
    "one dropped": {"drop": "first"},
    "one dropped of two": {"drop": "if_binary"},
    "rare ones": {"min_frequency": 6},
    "rare ones, one dropped": {"min_frequency": 6, "drop": ["red"]},
}


@pytest.mark.parametrize("name", HOT)
def test_one_hot_columns_go_back_with_their_probabilities(name):
    step = OneHotEncoder(**HOT[name]).fit(COLOURS)
    (column,) = back(step, COLOURS, names=["colour"])
    rare = COLOURS[:, 0] == "green" if "rare" in name else np.zeros(30, dtype=bool)
    assert column.name == "colour"
    np.testing.assert_array_equal(column.values, np.where(rare, "infrequent", COLOURS[:, 0]))
    # A model gives shares: of the columns that there are, and the rest is the dropped one's.
    given = step.get_feature_names_out(["c"]).tolist()
    shares = {"c_red": 0.5, "c_blue": 0.3, "c_green": 0.2, "c_infrequent_sklearn": 0.2}
    rows = np.array([[shares[column] for column in given]])
    (column,) = undo(step, columns_of(rows))
    assert column.values[0] == "red"
    third = "infrequent" if "rare" in name else "green"
    found = {category: share[0] for category, share in column.probabilities.items()}
    assert found == pytest.approx({"red": 0.5, "blue": 0.3, third: 0.2})


def test_where_all_are_rare_and_those_are_dropped_no_column_is_left():
    step = OneHotEncoder(min_frequency=20, drop="first").fit(COLOURS)
    (column,) = undo(step, [], names=["colour"])
    assert column.name == "colour"


def test_a_missing_category_and_an_unknown_one():
    rows = COLOURS.copy()
    rows[3] = np.nan
    step = OneHotEncoder(handle_unknown="ignore").fit(rows)
    (column,) = back(step, np.array([["blue"], [np.nan], ["pink"]], dtype=object))
    assert column.values.tolist() == ["blue", "missing", None]
    assert "missing" in column.categories


def test_numbers_of_categories_are_rounded():
    step = OrdinalEncoder().fit(COLOURS)
    (column,) = undo(step, columns_of(np.array([[-0.7], [0.4], [1.6], [7.0], [np.nan]])))
    assert column.values.tolist() == ["blue", "blue", "red", "red", None]


WAYS = {
    "names": lambda: ["length", "width"],
    "numbers": lambda: [2, 0],
    "slice": lambda: slice(0, 3, 2),
    "mask": lambda: np.array([True, False, True]),
    "selector": lambda: make_column_selector("length|width"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("rest", ["passthrough", "drop"])
def test_the_parts_of_a_column_transformer_go_back_to_their_places(way, rest):
    pandas = pytest.importorskip("pandas")
    length, width = SIZES.T
    length = np.where(np.arange(30) == 4, np.nan, length)
    table = pandas.DataFrame({"length": length, "colour": COLOURS[:, 0], "width": width})
    table["price"] = 1.0 + np.arange(30)
    chosen = WAYS[way]()
    if way == "mask":
        chosen = np.array([True, False, True, False])
    numbers = make_pipeline(KNNImputer(), PowerTransformer(), "passthrough")
    colours = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder())
    step = ColumnTransformer(
        [("colours", colours, ["colour"]), ("numbers", numbers, chosen)], remainder=rest
    ).fit(table)
    columns = {column.name: column.values for column in back(step, table)}
    assert list(columns) == list(table)[: 4 if rest == "passthrough" else 3]
    np.testing.assert_array_equal(columns["colour"], table["colour"])
    known = np.isfinite(length)
    for name in set(columns) - {"colour"}:
        np.testing.assert_allclose(columns[name][known], table[name][known], rtol=1e-6)


def test_a_slice_of_names_includes_its_end():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(np.eye(4), columns=list("abcd"))
    step = ColumnTransformer([("numbers", StandardScaler(with_std=False), slice("b", "c"))])
    columns = back(step.fit(table), table)
    assert [column.name for column in columns] == ["b", "c"]
    np.testing.assert_allclose(columns[1].values, table["c"], atol=1e-12)


def test_what_has_no_way_back_stays_encoded_and_says_so():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"colour": COLOURS[:, 0], "size": SIZES[:, 0]})
    step = ColumnTransformer(
        [("mean", TargetEncoder(), ["colour"]), ("number", StandardScaler(), ["size"])]
    ).fit(table, SIZES[:, 1])
    size, colour = back(step, table)
    assert (size.name, size.encoded, colour.encoded) == ("size", False, True)
    for step in [
        FunctionTransformer(np.log).fit(SIZES),
        make_pipeline(StandardScaler(), TargetEncoder()).fit(SIZES, np.arange(30) % 2),
    ]:
        with pytest.raises(CannotUndo):
            back(step, SIZES)
    (name, _) = back(FunctionTransformer(np.log, np.exp).fit(SIZES), SIZES)
    np.testing.assert_allclose(name.values, SIZES[:, 0])


def test_an_imputer_that_leaves_columns_out_has_no_way_back():
    rows = np.column_stack([np.full(30, np.nan), SIZES])
    kept = SimpleImputer(keep_empty_features=True).fit(rows)
    assert len(back(kept, rows)) == 3
    gone = SimpleImputer().fit(rows)
    with pytest.warns(UserWarning, match="without any observed values"):
        encoded = gone.transform(rows)
    with pytest.raises(CannotUndo):
        undo(gone, columns_of(encoded))
