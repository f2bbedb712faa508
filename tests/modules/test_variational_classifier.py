"""The posterior of a class, and of the likeliest one."""

import torch

from skae.modules import VariationalClassifier

from ..objectives.functions import Apply, X, Y, make_classifier


def test_without_a_class_the_posterior_is_that_of_the_likeliest():
    module = make_classifier()
    module.classifier = Apply(lambda x: torch.cat([x, 1.5 - x, x * x - 1], dim=1))
    mean, log_var = module.posterior(X)
    assert mean.tolist() == [[3], [0], [6]]
    assert log_var.tolist() == [[-30]] * 3
    assert module.posterior(X, Y)[0].tolist() == [[0], [0], [3]]


def test_the_posteriors_of_all_classes_are_those_of_each():
    """The classes in turn, all rows of one before the next; the encoder sees the rows once."""
    module, seen = make_classifier(), []
    module.encoder = Apply(lambda x: (seen.append(len(x)), torch.cat([x, -x], dim=1))[1])
    labels, mean, log_var = module.posteriors(X, Y[2:])
    assert seen == [3]
    assert labels.tolist() == [0, 0, 1, 1, 2, 2, 1]
    rows = torch.cat([X[:2]] * 3 + [X[2:]])
    torch.testing.assert_close((mean, log_var), module.posterior(rows, labels))


def test_a_new_class_shifts_nothing():
    module = VariationalClassifier(
        Apply(lambda x: x), 2, Apply(lambda x: x), Apply(lambda z: z), None, torch.full((3,), 1 / 3)
    )
    x = torch.randn(4, 2)
    for label in range(3):
        torch.testing.assert_close(module.posterior(x, torch.full((4,), label))[0], x[:, :1])
    assert module.classify(x) is x
