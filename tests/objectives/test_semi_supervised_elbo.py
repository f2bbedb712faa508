"""The bound of a classifier whose labels may be missing, by hand."""

import math

import pytest

from skae.objectives import SemiSupervisedELBO

from .functions import X, Y, make_classifier


def test_terms_of_the_semi_supervised_bound_by_hand():
    """q(y | x) = 1/3 each; z = 3 y; KL(q(z) || N(0, 1)) = (9 y^2 + e^-30 - 1 + 30) / 2."""
    module, objective = make_classifier(), SemiSupervisedELBO(weight=2.0, share=0.5)
    terms = objective(module, X, Y[2:])
    assert list(terms) == ["reconstruction", "kl", "classification", "labelled"]
    normal = 0.5 * math.log(2 * math.pi)
    nll = [normal + sum((x - 4 * y) ** 2 for y in range(3)) / 6 for x in (0, 1)]
    kl = sum(9 * y**2 + 29 for y in range(3)) / 6
    kl += math.log(1 / 3) - (math.log(0.5) + 2 * math.log(0.25)) / 3
    labelled = normal + (2 - 4) ** 2 / 2 + (9 + 29) / 2 - math.log(0.25)
    expected = {
        "reconstruction": [1.5 * nll[0], 1.5 * nll[1], 0],
        "kl": [1.5 * kl, 1.5 * kl, 0],
        "classification": [0, 0, 3 * 2 * math.log(3)],
        "labelled": [0, 0, 3 * 0.5 * labelled],
    }
    for name, term in terms.items():
        assert term.tolist() == pytest.approx(expected[name], rel=1e-5), name
    judged = objective(module.eval(), X, Y[2:])["classification"]
    assert judged.tolist() == pytest.approx([0, 0, 3 * math.log(3)])
