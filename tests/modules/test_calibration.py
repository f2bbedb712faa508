"""Linear maps of logits."""

import torch

from skae.modules import Calibration

LOGITS = torch.tensor([[0.3, -1.0], [2.0, 0.5]])
OTHERS = torch.tensor([[1.0, 0.0], [-1.0, 4.0]])


def test_until_it_is_set_it_is_the_first_source():
    calibration = Calibration(2, 2)
    for _ in range(2):
        assert not calibration.is_set
        assert calibration(LOGITS, OTHERS).tolist() == LOGITS.tolist()
        calibration.set(torch.ones(2, 2, 2), torch.ones(2))
        assert calibration.is_set
        calibration.reset()


def test_each_class_hears_of_the_others_and_of_all_sources():
    calibration = Calibration(2, 2)
    weights = torch.tensor([[[2.0, 1.0], [0.0, 3.0]], [[1.0, 0.0], [5.0, 1.0]]])
    calibration.set(weights, torch.tensor([10.0, 20.0]))
    assert calibration(LOGITS[1:], OTHERS[1:]).tolist() == [[10 + 4.5 - 1, 20 + 1.5 - 5 + 4]]


def test_it_is_set_by_what_is_loaded():
    """A file holds the numbers alone, and none of a model from before there were any."""
    source, loaded = Calibration(1, 2), Calibration(1, 2)
    source.set(torch.eye(2)[None], torch.tensor([0.0, 1.0]))
    for state, is_set in (
        (source.state_dict(), True),
        (Calibration(1, 2).state_dict(), False),
        (source.state_dict(), True),
        ({}, False),
    ):
        loaded.load_state_dict(state)
        assert loaded.is_set == is_set
