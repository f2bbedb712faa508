"""What a stream has shown, kept in bounded memory, and what models make of it."""

import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_digits
from sklearn.decomposition import IncrementalPCA

import skae
from skae import AutoencoderTransformer, VAETransformer
from skae._base import reservoir
from skae._base.reservoir import RareRows, Reservoir
from skae._rows.columns import Target
from skae._rows.source import as_source
from skae._rows.table import Table
from skae.metrics import explained_variance

from .estimators import every_classifier

QUICK = {"hidden_layer_sizes": (32,), "random_state": 0}
DIGITS, CLASSES = load_digits(return_X_y=True)


def table(X, **columns):
    return Table(as_source(X), Target(), np.arange(X.shape[0]), **columns)


def kept_of(pieces, size, random_state):
    """The reservoir after some tables."""
    found = Reservoir.like(pieces[0], size, True)
    for piece in pieces:
        found = found.with_rows(piece, random_state)
    return found


@pytest.mark.parametrize("ends", [(200,), (7, 60, 61, 200), range(1, 201)])
def test_each_row_of_a_stream_is_kept_with_the_same_chance(ends):
    numbers = np.arange(200.0)[:, None]
    pieces = [table(part) for part in np.split(numbers, [*ends][:-1])]
    random_state, counts = np.random.RandomState(0), np.zeros(200)
    for _ in range(300):
        kept = kept_of(pieces, 20, random_state)
        assert len(np.unique(kept.X)) == len(kept) == 20
        counts[kept.X[:, 0].astype(int)] += 1
    # A binomial of 300 draws has a deviation of 5.2; halves of them one of 23 about 3000.
    assert np.abs(counts - 30).max() < 25
    assert counts.std() == pytest.approx(5.2, rel=0.2)
    assert abs(counts[:100].sum() - 3000) < 120


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array])
def test_labels_and_weights_stay_with_their_rows(form):
    X = np.arange(1.0, 101)[:, None] * [1, 0, 0, 2]
    source, numbers, weight = as_source(form(X)), np.arange(100), np.arange(1.0, 101)
    pieces = [
        Table(source, Target(), numbers[:30], None, numbers),
        Table(source, Target(), numbers[30:31], weight, numbers),
        Table(source, Target(), numbers[31:], weight, numbers),
    ]
    kept = kept_of(pieces, 40, np.random.RandomState(0))
    rows = kept.X.toarray() if sparse.issparse(kept.X) else kept.X
    np.testing.assert_array_equal(rows, X[kept.labels])
    early = kept.labels < 30  # whose weight nobody said
    np.testing.assert_array_equal(kept.weight, np.where(early, 1, kept.labels + 1))
    assert 0 < early.sum() < 40
    again = Reservoir.from_state(pickle.loads(pickle.dumps(kept.to_state())))
    assert type(again.X) is type(kept.X)
    np.testing.assert_array_equal((again.X != kept.X).sum(), 0)


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("weighted", [False, True])
def test_rows_of_classes_that_become_few_are_remembered(form, weighted):
    """As many as there were of them at most, up to ten of each class."""

    def holding(labels, weight=None):
        labels = np.array(labels)
        X = form(np.column_stack([labels, np.arange(len(labels)), np.zeros(len(labels))]))
        return Reservoir(X, 40, True, len(labels), labels, weight)

    weight = np.full(20, 3.0) if weighted else None
    first, second = holding([0] * 15 + [1] * 3 + [2] * 2, weight), holding([0] * 16 + [2] * 3)
    assert RareRows.of(first, first) is None
    rare = RareRows.of(first, second)
    assert rare.labels.tolist() == [1, 1, 1]
    third = RareRows.of(second, holding([0] * 2 + [1]), rare)
    assert third.labels.tolist() == [1] * 3 + [0] * 10 + [2] * 3
    rows = third.X.toarray() if sparse.issparse(third.X) else third.X
    assert rows[:, 1].tolist() == [15, 16, 17, *range(10), 16, 17, 18]
    assert (third.weight is None) if not weighted else third.weight.tolist() == [3] * 3 + [1] * 13
    # Of fewer rows than are remembered nothing is new.
    fourth = RareRows.of(holding([0] * 2 + [1]), holding([0, 0]), third)
    assert fourth is third
    assert (
        sorted(third.to_state()) == sorted(f"_rare{name}" for name in first.to_state()) or weighted
    )
    again = RareRows.from_state(pickle.loads(pickle.dumps(third.to_state())))
    assert (again.X != third.X).sum() == 0


def test_it_shrinks_to_a_fair_sample_and_grows_while_it_has_all():
    random_state, pieces = np.random.RandomState(0), [table(np.arange(50.0)[:, None])]
    full = kept_of(pieces, 80, random_state)
    assert full.has_all
    assert len(full.of_size(100, random_state).with_rows(pieces[0], random_state)) == 100
    small = full.of_size(10, random_state)
    assert (len(small), small.n_seen, small.has_all) == (10, 50, False)
    assert np.isin(small.X, full.X).all()
    # What is gone does not come back: a larger one would be mostly of late rows.
    larger = small.of_size(40, random_state).with_rows(pieces[0], random_state)
    assert len(larger) == 10


def test_what_auto_keeps_is_bounded(monkeypatch):
    """By rows, by bytes as they came, and never next to none."""
    for X, size in [
        (np.zeros((5, 3)), 10_000),
        (np.zeros((5, 2000)), 2**24 // 16_000),
        (np.zeros((5, 2000), np.uint8), 2**24 // 2000),
        (np.zeros((5, 100_000)), 100),
        (sparse.random_array((5, 100_000), density=1e-3, format="csr"), 10_000),
    ]:
        assert Reservoir.like(table(X), "auto", True).size == size
    monkeypatch.setattr(reservoir, "MAX_ROWS", 30)
    model = AutoencoderTransformer(2, **QUICK)
    for part in np.split(DIGITS[:200], 10):
        model.partial_fit(part)
        size = len(pickle.dumps(model))
    grown = len(pickle.dumps(model.partial_fit(part)))
    assert len(model._reservoir) == 30
    assert grown < 1.01 * size


def test_rows_of_a_file_are_copied(tmp_path):
    np.save(tmp_path / "X.npy", DIGITS[:100])
    X = np.load(tmp_path / "X.npy", mmap_mode="r")
    model = AutoencoderTransformer(2, **QUICK).partial_fit(X)
    kept = model._reservoir.X
    assert type(kept) is np.ndarray
    assert kept.base is None
    np.testing.assert_array_equal(kept, DIGITS[:100])


def stream(model, X, y=None, n=50, **told):
    for start in range(0, len(X), n):
        labels = () if y is None else (y[start : start + n],)
        model.partial_fit(X[start : start + n], *labels, **told)
    return model


@pytest.mark.parametrize("by", ["a column", "their class"])
def test_a_sorted_stream_leaves_no_less_than_incremental_pca(by):
    order = np.argsort(DIGITS[:, 28] if by == "a column" else CLASSES, kind="stable")
    train, test = DIGITS[order[order % 4 > 0]], DIGITS[::4]
    model = AutoencoderTransformer(8, random_state=0)
    found = explained_variance(stream(model, train), test)
    expected = explained_variance(stream(IncrementalPCA(8), train), test)
    assert found > expected + 0.01
    forgets = AutoencoderTransformer(8, random_state=0, n_rehearsed=0)
    assert explained_variance(stream(forgets, train), test) < expected - 0.05


@every_classifier
def test_classes_that_are_gone_are_remembered(cls):
    order = np.argsort(CLASSES, kind="stable")[: 4 * 170]
    X, y = DIGITS[order], np.where(np.arange(len(order)) % 2, CLASSES[order], -1)
    scores = [
        np.mean(stream(model, X, y, classes=range(10)).predict(X)[y < 0] == CLASSES[order][y < 0])
        for model in (cls(**QUICK, n_rehearsed=n) for n in (0, "auto"))
    ]
    assert scores[1] > max(0.7, scores[0] + 0.2)


@pytest.mark.parametrize("cls", [AutoencoderTransformer, VAETransformer])
def test_a_quiet_beginning_does_not_stay(cls):
    X = DIGITS[np.random.default_rng(0).permutation(len(DIGITS))]
    train, test = X[:1000], X[1000:]
    quiet = np.concatenate([train[:50] / 1000, train[50:]])
    model = stream(cls(8, **QUICK), quiet)
    expected = explained_variance(stream(cls(8, **QUICK), train), test)
    assert explained_variance(model, test) > 0.7 * expected
    assert model.n_iter_ == 19  # begun anew at the second piece, and at none since
    assert stream(cls(8, **QUICK), train).n_iter_ == 20


def test_codes_that_are_drawn_are_of_the_whole_stream():
    """Not of the last piece, and of the module as it is."""
    order = np.argsort(CLASSES, kind="stable")
    model = stream(AutoencoderTransformer(2, **QUICK, n_rehearsed=300), DIGITS[order])
    copied = pickle.loads(pickle.dumps(model))
    model.sample(2)
    codes = np.sort(model.transform(model._reservoir.X), axis=0)
    for one in (model, copied):
        np.testing.assert_allclose(np.sort(one._density.codes, axis=0), codes, atol=1e-4)
    before = model.sample(3, random_state=0)
    model.partial_fit(DIGITS[:50])
    assert (model.sample(3, random_state=0) != before).any()


def test_only_what_is_known_whole_moves_linear_maps():
    """Where `fit` or an unrehearsed piece came before, there was more to learn from."""
    X, maps = DIGITS[:200], []
    for begin in ("stream", "fit", "unrehearsed"):
        model = AutoencoderTransformer(4, init="pca", max_iter=1, **QUICK)
        if begin == "fit":
            model.fit(X[:100])
        else:
            model.set_params(n_rehearsed=0 if begin == "unrehearsed" else "auto")
            model.partial_fit(X[:100])
        before = model.module_.encoder.linear.weight.clone()
        model.set_params(n_rehearsed="auto").partial_fit(X[100:])
        maps.append((model.module_.encoder.linear.weight - before).abs().max().item() > 0)
    assert maps == [True, False, False]
    assert model._reservoir.n_seen == 100
    model.set_params(warm_start=True).fit(X)
    assert not hasattr(model, "_reservoir")


def test_the_same_pieces_leave_the_same_bits():
    """Also where the model was pickled on the way, and where a piece was refused."""
    parts, models = np.split(DIGITS[:300], 6), []
    for way in ("straight", "pickled", "refused"):
        model = AutoencoderTransformer(3, **QUICK, n_rehearsed=120)
        for part in parts:
            model.partial_fit(part)
            if way == "pickled":
                model = pickle.loads(pickle.dumps(model))
            if way == "refused":
                with pytest.raises(ValueError, match="diverged"):
                    model.partial_fit(1e30 * part)
                assert model._reservoir.n_seen == 50 * model.n_iter_
        models.append(model)
    for other in models[1:]:
        np.testing.assert_array_equal(other.transform(DIGITS), models[0].transform(DIGITS))


def test_a_file_without_rows(tmp_path):
    pytest.importorskip("safetensors")
    model = stream(AutoencoderTransformer(2, **QUICK), 0.123 + DIGITS[:200])
    sizes = []
    for n_rehearsed in ("auto", 0):
        path = tmp_path / f"{n_rehearsed}.safetensors"
        skae.save(model.set_params(n_rehearsed=n_rehearsed), path)
        copied = skae.load(path)
        np.testing.assert_array_equal(copied.transform(DIGITS), model.transform(DIGITS))
        np.testing.assert_array_equal(*(one.sample(3, random_state=0) for one in (model, copied)))
        assert hasattr(copied, "_reservoir") == (n_rehearsed == "auto")
        sizes.append(path.stat().st_size)
        copied.partial_fit(DIGITS[:50])
    assert sizes[0] - sizes[1] > 8 * 200 * 64
    assert (0.123 + DIGITS[199]).tobytes() in (tmp_path / "auto.safetensors").read_bytes()
    assert (0.123 + DIGITS[199]).tobytes() not in path.read_bytes()


@pytest.mark.parametrize("first", [np.asarray, sparse.csr_array])
def test_pieces_may_be_of_any_form(first, tmp_path):
    """A sparse one after a dense one, missing values, weights now and then, one row, integers."""
    np.save(tmp_path / "X.npy", DIGITS[:60])
    model = AutoencoderTransformer(2, **QUICK, allow_nan=first is np.asarray, n_rehearsed=70)
    model.partial_fit(first(DIGITS[:50]))
    model.partial_fit(sparse.csr_array(DIGITS[50:90]))
    model.partial_fit(np.load(tmp_path / "X.npy", mmap_mode="r"))
    model.partial_fit(DIGITS[90:130].astype(np.uint8), sample_weight=np.arange(40.0))
    if first is np.asarray:
        model.partial_fit(np.where(DIGITS[:30] > 15, np.nan, DIGITS[:30]))
    model.partial_fit(DIGITS[130:131])
    assert sparse.issparse(model._reservoir.X) == (first is not np.asarray)
    assert model._reservoir.X.shape == (70, 64)
    assert np.isfinite(model.transform(DIGITS)).all()
