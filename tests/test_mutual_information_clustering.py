"""The clustering by mutual information."""

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, make_blobs, make_moons
from sklearn.metrics import adjusted_rand_score

import skae._mutual_information_clustering as clustering
from skae import MutualInformationClustering
from skae._base.cluster_starts import agreement, neighbors_of, pairs
from skae.objectives._mutual_information import nearest

QUICK = {"hidden_layer_sizes": (16,), "max_iter": 2, "random_state": 0}


@pytest.fixture(scope="module")
def fitted(digits):
    return MutualInformationClustering(6, **QUICK).fit(digits)


@pytest.mark.parametrize("sizes", [(280, 80, 40), (360, 24, 16)])
def test_uneven_groups_are_told_apart(sizes):
    rng = np.random.default_rng(16)
    centres, y = rng.normal(0, 2.5, (3, 10)), np.repeat([0, 1, 2], sizes)
    X = centres[y] + rng.normal(size=(len(y), 10))
    model = MutualInformationClustering(3, random_state=0).fit(X)
    assert adjusted_rand_score(y, model.labels_) == 1
    assert np.bincount(model.labels_).tolist() == list(sizes)


def test_rows_that_were_not_there_are_told_apart():
    """Moons, which are no clumps, and rows that no graph of the training rows knows."""
    X, y = make_moons(2000, noise=0.08, random_state=0)
    model = MutualInformationClustering(2, random_state=0).fit(X[:1000])
    assert adjusted_rand_score(y[1000:], model.predict(X[1000:])) > 0.97


def test_training_improves_on_a_start_of_some_rows(monkeypatch):
    """Digits whose start sees a sixth of the rows."""
    X, y = load_digits(return_X_y=True)
    monkeypatch.setattr(clustering, "MAX_ROWS", 300)
    found = [
        MutualInformationClustering(10, max_iter=n, random_state=0).fit(X).labels_ for n in (1, 30)
    ]
    begun, ended = (adjusted_rand_score(y, labels) for labels in found)
    assert ended > begun + 0.05
    assert ended > 0.1 + adjusted_rand_score(y, KMeans(10, random_state=0).fit_predict(X))


def test_probabilities_are_in_the_order_of_the_labels(fitted, digits):
    probabilities = fitted.predict_proba(digits)
    np.testing.assert_array_equal(probabilities.argmax(axis=1), fitted.predict(digits))
    np.testing.assert_allclose(np.exp(fitted.transform(digits)), probabilities)
    assert (np.diff(np.bincount(fitted.labels_, minlength=6)) <= 0).all()
    assert fitted.get_feature_names_out().tolist()[:1] == ["mutualinformationclustering0"]


def test_the_score_is_that_of_neighbours(fitted, digits):
    neighbors, _ = neighbors_of(digits)
    expected = agreement(pairs(fitted.predict(digits), neighbors))
    assert fitted.score(digits) == pytest.approx(expected)
    with pytest.raises(ValueError, match="two different rows"):
        fitted.score(digits[:1])


def test_the_start_is_kept_where_training_ends_with_less(digits):
    """A rate at which nothing is learned but noise."""
    settings = {"hidden_layer_sizes": (64,), "random_state": 0}
    begun = MutualInformationClustering(6, max_iter=1, **settings)
    begun.set_params(learning_rate_init=1e-3).fit(digits)
    torn = MutualInformationClustering(6, max_iter=20, learning_rate_init=5.0, **settings)
    even = torn.set_params(class_prior="uniform").fit(digits).score(digits)
    kept = torn.set_params(class_prior="start").fit(digits)
    assert kept.score(digits) > even
    assert kept.net_.best_epoch_ == 0
    assert np.isfinite(kept.best_loss_)
    assert not hasattr(kept, "_begun")


def test_shares_may_be_an_array(digits):
    prior = np.array([3.0, 2.0, 1.0])
    model = MutualInformationClustering(3, class_prior=prior, **QUICK).fit(digits)
    np.testing.assert_allclose(model.module_.shares.sort().values, [1 / 6, 1 / 3, 1 / 2])


def test_what_is_refused(digits):
    with pytest.raises(ValueError, match=r"class_prior=\[1, 2\] must have 6 positive numbers"):
        MutualInformationClustering(6, class_prior=[1, 2]).fit(digits)
    with pytest.raises(ValueError, match="n_samples=3 should be >= n_clusters=8"):
        MutualInformationClustering().fit(digits[:3])
    with pytest.raises(ValueError, match="batch_size of 2 or more"):
        MutualInformationClustering(batch_size=1).fit(digits)
    with pytest.raises(ValueError, match=r"class_prior=.* must have 6"):
        MutualInformationClustering(6, class_prior=list("abcdef")).fit(digits)
    model = MutualInformationClustering(4, **QUICK).fit(digits)
    with pytest.raises(ValueError, match="two rows are needed at least"):
        model.set_params(n_rehearsed=0).partial_fit(digits[:1])


def test_a_stream_finds_clusters_in_its_first_piece(digits):
    model = MutualInformationClustering(4, **QUICK).partial_fit(digits[:200])
    before = model.module_.shares.clone()
    model.partial_fit(digits[200:])
    assert not hasattr(model, "labels_")
    assert torch.equal(model.module_.shares, before)
    assert len(np.unique(model.predict(digits))) == 4


def test_rows_that_weigh_nothing_are_not_looked_at(digits):
    weight = np.repeat([1.0, 0.0], 200)
    model = MutualInformationClustering(4, **QUICK).fit(digits, sample_weight=weight)
    alone = MutualInformationClustering(4, **QUICK).fit(digits[:200])
    np.testing.assert_array_equal(model.predict(digits), alone.predict(digits))


def test_training_normalizes_batches(digits):
    """And not what the start has left, for inference."""
    means = [
        MutualInformationClustering(4, **QUICK | {"max_iter": n}).fit(digits).module_
        for n in (1, 2)
    ]
    assert not torch.equal(*(module.norms[0].running_mean for module in means))


@pytest.mark.parametrize(("n_rows", "batch_size"), [(5, 256), (60, 10_000), (60, 20)])
def test_a_start_takes_a_hundred_steps(n_rows, batch_size, digits, monkeypatch):
    steps = []

    def train_part(trainer, module, objective, rows, *, max_epochs, **settings):
        steps.append(max_epochs * -(-len(rows) // batch_size))

    monkeypatch.setattr("skae._training.trainer.Trainer.train_part", train_part)
    MutualInformationClustering(3, batch_size=batch_size, **QUICK).fit(digits[:n_rows])
    assert 100 <= steps[0] < 110


def test_copies_are_nobody_s_neighbours():
    X, y = make_blobs(300, 5, centers=4, random_state=0)
    weight = np.where(np.arange(300) < 20, 15, 1)
    often = np.repeat(np.arange(300), weight)
    model = MutualInformationClustering(4, random_state=0).fit(X[often])
    assert adjusted_rand_score(y, model.predict(X)) > 0.98
    assert 0 < model.module_.reach < 5
    weighted = MutualInformationClustering(4, random_state=0).fit(X, sample_weight=weight)
    assert adjusted_rand_score(y, weighted.predict(X)) > 0.98
    heavy = MutualInformationClustering(4, random_state=0)
    heavy.fit(X, sample_weight=np.where(np.arange(300) == 0, 1000, 1))
    assert len(np.unique(heavy.predict(X))) > 1
    assert MutualInformationClustering(3, **QUICK).fit(X[[0, 0, 0, 0]]).labels_.tolist() == [0] * 4


def test_the_perturbation_is_a_share_of_the_distance_to_the_tenth():
    X = np.random.default_rng(0).normal(size=(100, 400)).astype(np.float32)
    model = MutualInformationClustering(2, perturbation=0.5, **QUICK).fit(X)
    x = model.scaling_(torch.from_numpy(X))
    tenth = torch.cdist(x, x).sort(dim=1).values[:, 10].mean()
    # Of 100 rows all are in one batch; the tenth of 50 components is the tenth nearly.
    radius = (model.module_.reach * nearest(x)).mean()
    assert radius.item() == pytest.approx(0.5 * tenth.item(), rel=0.05)
