"""Which column has which likelihood: as asked for, or as the data show."""

import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.preprocessing import OneHotEncoder

from skae import VAETransformer
from skae._rows.columns import check_ranges, detect_columns, resolve_columns
from skae.losses import LIKELIHOODS


def as_lists(parts):
    return [(name, columns.tolist()) for name, columns in parts]


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array], ids=["array", "sparse"])
def test_blocks_are_found(container):
    rng = np.random.default_rng(0)
    codes = np.column_stack([rng.integers(0, n, 3000) for n in (3, 2, 4)])
    one_hot = OneHotEncoder(sparse_output=False).fit_transform(codes)
    flags = rng.integers(0, 2, (3000, 2))
    X = np.hstack([rng.normal(size=(3000, 2)), one_hot, flags, np.ones((3000, 1)), one_hot[:, :3]])
    assert as_lists(detect_columns(container(X))) == [
        ("gaussian", [0, 1]),
        ("bernoulli", [11, 12, 13]),
        ("categorical", [2, 3, 4]),
        ("categorical", [5, 6]),
        ("categorical", [7, 8, 9, 10]),
        ("categorical", [14, 15, 16]),
    ]


def test_a_column_that_was_never_observed_belongs_to_no_block():
    flags = np.random.default_rng(0).integers(0, 2, 50).astype(float)
    X = np.column_stack([np.full(50, np.nan), flags, np.full(50, np.nan), flags, 1 - flags])
    X[::5] = np.nan
    assert as_lists(detect_columns(X)) == [
        ("gaussian", [0, 2]),
        ("bernoulli", [1]),
        ("categorical", [3, 4]),
    ]


@pytest.mark.parametrize("columns", [[1, 3], slice(1, None, 2), ["b", "d"], [False, True] * 2])
def test_columns_are_given_as_to_a_column_transformer(columns):
    pairs = [("gaussian", [0, 2]), ("poisson", columns)]
    parts = resolve_columns(pairs, LIKELIHOODS, 4, np.array(list("abcd"), dtype=object))
    assert as_lists(parts) == [("gaussian", [0, 2]), ("poisson", [1, 3])]


def test_groups_without_columns_are_left_out():
    parts = resolve_columns([("bernoulli", []), ("gaussian", slice(None))], LIKELIHOODS, 2)
    assert as_lists(parts) == [("gaussian", [0, 1])]


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([("gaussian", [0, 1])], r"columns \[2\] have \[0\] likelihoods"),
        ([("gaussian", [0, 1]), ("poisson", [1, 2])], r"columns \[1\] have \[2\]"),
        ([], r"columns \[0, 1, 2\] have \[0, 0, 0\] likelihoods"),
        ([("cauchy", [0, 1, 2])], "the names are"),
        ([("gaussian", [0, 1, 3])], "X has columns 0 to 2"),
        ([("gaussian", [0, 1, -1])], "X has columns 0 to 2"),
        ([("gaussian", ["a"])], "X has no names"),
        (["gaussian"], "pairs of a name and columns"),
    ],
    ids=str,
)
def test_wrong_columns_are_named(pairs, message):
    with pytest.raises(ValueError, match=message):
        resolve_columns(pairs, LIKELIHOODS, 3)


@pytest.mark.parametrize(
    ("name", "value"),
    [("bernoulli", 1.5), ("categorical", -0.5), ("poisson", -1.0), ("negative_binomial", -1.0)],
)
def test_values_that_a_likelihood_can_not_have_are_refused(name, value):
    X = np.tile([0.0, 1, 0], (2000, 1))
    parts = [("gaussian", np.array([0])), (name, np.array([1, 2]))]
    X[1999, 0] = value
    check_ranges(X, parts)
    X[1999, 1] = value
    with pytest.raises(ValueError, match=f"likelihood='{name}' needs values in"):
        check_ranges(X, parts)


@pytest.mark.parametrize(
    ("row", "columns"), [([0.0, 0, 0], [0, 1]), ([0, 1, 1], [1, 2]), ([0, 1, 0], [1])]
)
def test_categories_that_are_not_one_hot_are_refused(row, columns):
    X = np.tile([0.0, 1, 0], (20, 1))
    X[3] = np.nan
    check_ranges(X, [("categorical", np.array([1, 2]))])
    X[7] = row
    with pytest.raises(ValueError, match="one-hot categories"):
        check_ranges(X, [("categorical", np.array(columns))])


def held(X, kind, tmp_path):
    """The same rows, in memory or not."""
    if kind == "csr":
        return sparse.csr_array(X)
    if kind == "file":
        mapped = np.memmap(tmp_path / "X", X.dtype, "w+", shape=X.shape)
        mapped[:] = X
        return mapped
    return X


@pytest.mark.parametrize("kind", ["dense", "csr", "file"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["poisson", "negative_binomial"])
def test_what_is_no_count_is_warned_of(name, dtype, kind, tmp_path):
    counts = np.random.default_rng(0).poisson([0.3, 3, 200], size=(3000, 3)).astype(dtype)
    parts = [(name, np.arange(3))]
    with warnings.catch_warnings(action="error"):
        check_ranges(held(counts, kind, tmp_path), parts, learned=True)
        check_ranges(counts.astype(np.int16), parts, learned=True)
        check_ranges(held(np.log1p(counts), kind, tmp_path), parts)  # nothing is learned
    with pytest.warns(UserWarning, match=f"{name}' is for .* are log1p of counts: .*expm1"):
        check_ranges(held(np.log1p(counts), kind, tmp_path), parts, learned=True)
    shares = np.log1p(1e4 * counts / counts.sum(axis=1, keepdims=True))
    for X in (shares, counts + 100.5, np.where(np.arange(3000)[:, None] == 2900, 0.5, counts)):
        with pytest.warns(UserWarning, match="no whole numbers, such as .* neither scaled nor"):
            check_ranges(held(X, kind, tmp_path), parts, learned=True)


def test_only_columns_of_counts_must_be_whole_numbers():
    X = np.random.default_rng(0).poisson(3, size=(50, 3)).astype(float)
    X[:, 0] += 0.5
    X[3, 1] = np.nan
    parts = [("gaussian", np.array([0])), ("poisson", np.array([1, 2]))]
    with warnings.catch_warnings(action="error"):
        check_ranges(X, parts, learned=True)
        model = VAETransformer(2, likelihood=parts, max_iter=1, hidden_layer_sizes=(4,))
        model.fit(X[4:])
        X[:, 2] += 0.25
        model.score(X[4:])
    with pytest.warns(UserWarning, match="likelihood='poisson' is for counts"):
        model.fit(X[4:])
