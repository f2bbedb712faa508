"""One fit in several processes."""

import os
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from .nets import accelerator
from .together import SHARED, WEIGHT, small, weights


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory):
    """What two processes that train together have found, and the folder with their files."""
    pytest.importorskip("accelerate", reason="needs skae[distributed]")
    folder = tmp_path_factory.mktemp("together")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node"]
    done = subprocess.run(
        [*command, "2", Path(__file__).with_name("together.py"), folder],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return folder, [torch.load(folder / f"found{i}.pt", weights_only=False) for i in range(2)]


@pytest.fixture(scope="module")
def one_process():
    X = load_digits().data[:400]
    model = small(**SHARED).fit(X, sample_weight=WEIGHT)
    return model, weights(model), [model.loss_curve_, model.validation_scores_]


def test_two_processes_learn_what_one_does(two_processes, one_process):
    _, found = two_processes
    _, expected, (losses, scores) = one_process
    for name, value in found[0]["weights"][0].items():
        torch.testing.assert_close(value, expected[name], rtol=0, atol=1e-5)
    assert found[0]["curves"][0] == pytest.approx(losses, rel=1e-5)
    assert found[0]["curves"][1] == pytest.approx(scores, rel=1e-5)


def test_a_second_fit_is_shared_as_well_and_the_model_is_an_ordinary_one(
    two_processes, one_process
):
    folder, _ = two_processes
    model, *_ = one_process
    X = load_digits().data[:400]
    expected = joblib.load(folder / "model1.joblib").transform(X)
    np.testing.assert_allclose(model.fit(X, sample_weight=WEIGHT).transform(X), expected, atol=1e-4)


def test_each_process_learns_from_its_part(two_processes):
    _, found = two_processes
    n_rows = [one["n_rows"] for one in found]
    assert sum(n_rows) == 3 * 400
    assert min(n_rows) > 3 * 180


def test_all_processes_have_the_same_model(two_processes):
    folder, (one, other) = two_processes
    assert len(one["weights"]) == 6
    for mine, theirs in zip(one["weights"], other["weights"], strict=True):
        assert all(torch.equal(value, theirs[name]) for name, value in mine.items())
    assert one["curves"] == other["curves"]
    assert [path.name for path in folder.glob("params*")] == ["params0.pt"]


def test_processes_draw_noise_of_their_own(two_processes):
    _, (one, other) = two_processes
    assert not set(one["next"]) & set(other["next"])


def test_processes_stop_together(two_processes):
    _, found = two_processes
    assert [one["n_iter"] for one in found] == [2, 2]


def test_processes_that_can_not_train_together_are_refused(two_processes):
    for one in two_processes[1]:
        assert "Give each of them all of X" in one["own rows"]
        assert "the same integer as random_state" in one["own seed"]
        assert "can not be divided among 2 processes" in one["few rows"]


def test_one_process_with_an_accelerator_is_an_ordinary_fit(digits):
    models = [small(net_params=p).fit(digits) for p in (None, {"accelerator": accelerator()})]
    expected, found = map(weights, models)
    assert all(torch.equal(value, expected[name]) for name, value in found.items())


def test_the_cpu_of_an_accelerator_is_the_cpu(digits):
    device = torch.device("cpu", 0)
    params = {"accelerator": accelerator(device=device)}
    expected, found = small().fit(digits), small(device=device, net_params=params).fit(digits)
    np.testing.assert_array_equal(found.transform(digits), expected.transform(digits))


def test_a_checkpoint_of_several_processes_is_refused(digits, tmp_path):
    pytest.importorskip("safetensors", reason="needs skae[files]")
    of_two = accelerator(num_processes=2, process_index=0)
    with pytest.raises(ValueError, match="checkpoint is for training in one process"):
        small(checkpoint=tmp_path, net_params={"accelerator": of_two}).fit(digits)


def test_an_accelerator_that_does_not_see_the_others_is_refused(digits, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ValueError, match="knows of one process, but 2 were started"):
        small(net_params={"accelerator": accelerator()}).fit(digits)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"mixed_precision": "bf16"}, "Leave these settings out"),
        ({"gradient_accumulation_steps": 2}, "Leave these settings out"),
        ({"device": torch.device("meta")}, r"Set device=accelerator\.device"),
    ],
)
def test_an_accelerator_that_would_do_more_is_refused(params, message, digits):
    with pytest.raises(ValueError, match=message):
        small(device="cpu", net_params={"accelerator": accelerator(**params)}).fit(digits)
