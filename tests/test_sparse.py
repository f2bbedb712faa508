"""The sparse autoencoder: codes are sparse in the way that was asked for."""

import numpy as np
import pytest
import torch
from torch import nn

from skae import SparseAutoencoder
from skae.architectures import TorchArchitecture
from skae.modules import KeepLargest, UnitAtoms
from skae.objectives import KSparseReconstruction, SparseReconstruction

QUICK = {"max_iter": 20, "random_state": 0}


def test_units_are_as_active_as_asked(digits):
    for target in (0.05, 0.2):
        model = SparseAutoencoder(100, alpha=50, target_activation=target, **QUICK).fit(digits)
        activation = model.transform(digits).mean(axis=0)
        assert activation.mean() == pytest.approx(target, rel=0.2)
        assert activation.max() < 2 * target  # of each unit, not only their mean


def test_new_rows_are_as_sparse_by_default(digits):
    code = SparseAutoencoder(100, random_state=0).fit(digits[:300]).transform(digits[300:])
    assert code.mean() == pytest.approx(0.05, rel=0.2)


def test_a_greater_l1_penalty_leaves_more_zeros_and_atoms_keep_their_norm(digits):
    models = [
        SparseAutoencoder(100, penalty="l1", alpha=alpha, **QUICK).fit(digits)
        for alpha in (0.0, 1.0, 10.0)
    ]
    zeros = [(model.transform(digits) == 0).mean() for model in models]
    assert zeros[0] + 0.05 < zeros[1] < zeros[2] - 0.05
    for model in models:
        origin, units = torch.zeros(1, 100), torch.eye(100)
        decoder = model.module_.decoder[0]
        atoms = (decoder(units) - decoder(origin)).norm(dim=1)
        torch.testing.assert_close(atoms, torch.ones(100))


def test_k_values_are_kept_and_they_are_the_largest(digits):
    model = SparseAutoencoder(
        100, penalty="k", n_nonzero_coefs=7, transform_n_nonzero_coefs=12, **QUICK
    ).fit(digits)
    assert ((model.transform(digits) != 0).sum(axis=1) == 12).all()


def test_the_largest_values_are_kept_not_those_of_the_largest_size():
    layer = KeepLargest(2, 3)
    z = torch.tensor([[3.0, -9.0, 1.0, 2.0]])
    assert layer.train()(z).tolist() == [[3.0, 0.0, 0.0, 2.0]]
    assert layer.eval()(z).tolist() == [[3.0, 0.0, 1.0, 2.0]]
    assert KeepLargest(4, 5)(z).tolist() == KeepLargest(4, 5).eval()(z).tolist() == z.tolist()


def test_the_number_kept_falls_from_all_to_k_in_half_of_the_epochs(digits):
    seen = []

    class Spy(nn.Module):
        def forward(self, z):
            if self.training:
                seen.append(int((z != 0).sum(dim=1).max()))
            return z

    model = SparseAutoencoder(
        40,
        penalty="k",
        n_nonzero_coefs=4,
        architecture=TorchArchitecture(
            nn.Linear, lambda k, p: nn.Sequential(Spy(), nn.Linear(k, p))
        ),
        batch_size=100,
        max_iter=10,
        early_stopping=False,
        random_state=0,
    ).fit(digits)
    assert model.n_iter_ == 10
    assert seen[0] == 40
    assert seen[10] == pytest.approx(22, abs=1)  # a quarter of 40 steps
    assert set(seen[20:]) == {4}


@pytest.mark.parametrize(
    ("penalty", "tied_weights", "tied"),
    [("k", "auto", True), ("k", False, False), ("kl", "auto", False), ("kl", True, True)],
)
def test_weights_are_tied_for_k_or_where_asked(penalty, tied_weights, tied, digits):
    params = {"penalty": penalty, "tied_weights": tied_weights, "n_nonzero_coefs": 5}
    model = SparseAutoencoder(30, **{**QUICK, "max_iter": 2}, **params).fit(digits)
    up, down = model.module_.encoder[0][0], model.module_.decoder[0]
    atoms = down(torch.eye(30)) - down(torch.zeros(1, 30))
    assert torch.allclose(atoms, up.weight, atol=1e-5) == tied


def test_the_penalty_is_weighed_and_reported(digits):
    class Model:
        encode = staticmethod(lambda x: x)
        output = staticmethod(lambda z: z)

    x = torch.rand(5, 3)
    terms = SparseReconstruction(penalty="l1", alpha=2.0)(Model, x)
    torch.testing.assert_close(terms["sparsity"], 2 * x.abs().mean(dim=1))
    terms = SparseReconstruction(penalty="kl", alpha=2.0, target=0.1)(Model, x)
    bernoulli = torch.distributions.Bernoulli
    kl = torch.distributions.kl_divergence(bernoulli(torch.tensor(0.1)), bernoulli(x.mean(dim=0)))
    torch.testing.assert_close(terms["sparsity"], (2 * kl.mean()).expand(5), rtol=1e-4, atol=0)
    assert "train_sparsity" in SparseAutoencoder(9, **QUICK).fit(digits).net_.history[-1]


def test_codes_decode_to_the_rows(digits):
    variance = digits.var(axis=0).mean()
    for penalty in ("kl", "l1", "k"):
        model = SparseAutoencoder(200, penalty=penalty, **QUICK).fit(digits)
        assert 1 + model.score(digits) / variance > 0.8, penalty
        codes, drawn = model.transform(digits), model._draw_codes(50, np.random.RandomState(0))
        assert codes.min() <= drawn.min() <= drawn.max() <= codes.max()
        assert (drawn != 0).mean() == pytest.approx((codes != 0).mean(), rel=0.2)
        samples = model.sample(50, random_state=0)
        assert np.abs(samples.mean(axis=0) - digits.mean(axis=0)).mean() < 1.5


def without_linear(n_inputs, n_features):
    """A decoder that has no `torch.nn.Linear`."""
    deconvolution = nn.ConvTranspose1d(n_inputs, n_features, 1)
    return nn.Sequential(nn.Unflatten(1, (n_inputs, 1)), deconvolution, nn.Flatten())


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"penalty": "l2"}, "'penalty' parameter"),
        (
            {"penalty": "k", "n_nonzero_coefs": 11},
            "n_nonzero_coefs=11 is more than n_components=10",
        ),
        (
            {"penalty": "k", "n_nonzero_coefs": 2, "transform_n_nonzero_coefs": 11},
            "transform_n_nonzero_coefs=11 is more",
        ),
        ({"target_activation": 1.0}, "'target_activation' parameter"),
        ({"penalty": "l1", "tied_weights": True}, "has no place with penalty='l1'"),
        (
            {"penalty": "l1", "architecture": TorchArchitecture(nn.Linear, without_linear)},
            "needs a decoder with a torch.nn.Linear",
        ),
    ],
)
def test_settings_that_make_no_sense_are_named(params, message, digits):
    with pytest.raises(ValueError, match=message):
        SparseAutoencoder(10, **QUICK, **params).fit(digits)


def test_atoms_have_norm_one_whatever_the_weights():
    linear = nn.Linear(2, 2)
    with torch.no_grad():
        linear.weight.copy_(torch.tensor([[3.0, 0.0], [4.0, -0.5]]))
        linear.bias.copy_(torch.tensor([1.0, 2.0]))
    found = UnitAtoms(linear)(torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]))
    torch.testing.assert_close(found, torch.tensor([[1.6, 2.8], [1.0, 1.0], [1.0, 2.0]]))


def test_the_last_layer_of_any_encoder_is_annealed():
    keep = KeepLargest(1, 1).train()
    model = nn.Module()
    model.encoder = nn.Sequential(nn.Identity(), nn.Identity(), keep)
    objective, z = KSparseReconstruction(n_annealed=4.0), torch.tensor([[3.0, 2.0, 1.0]])
    for n_epochs, expected in ((0, [3, 2, 1]), (2, [3, 2, 0]), (4, [3, 0, 0]), (9, [3, 0, 0])):
        objective.before_step(model, n_epochs)
        assert model.encoder(z).tolist() == [expected]
    assert objective.warmup_epochs == 4
