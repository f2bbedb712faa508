"""Every callback that skorch ships does what it is for, or is refused with what to do instead."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import skorch.callbacks as of_skorch
import torch
from sklearn.metrics import make_scorer, r2_score

from skae import AutoencoderTransformer

SETTINGS = {"hidden_layer_sizes": (16,), "init": "random", "learning_rate": "constant"}
SETTINGS = {**SETTINGS, "max_iter": 4, "random_state": 0}
ENCODER = "model.encoder.*"


class Log:
    """Stands for a run of some service: notes what it is told."""

    info = SimpleNamespace(run_id="this run")

    def __init__(self, folder):
        self.dir, self.told = folder, {}

    def __getitem__(self, name):
        return _Place(self, name)

    def __setitem__(self, name, value):
        self.told[name] = [value]

    def note(self, name, value):
        self.told.setdefault(name, []).append(value)

    def log(self, values):
        for name, value in values.items():
            self.note(name, value)

    def log_scalar(self, name, value, step):
        self.note(name, value)

    def log_metric(self, run_id, name, value, step):
        self.note(name, value)

    def add_scalar(self, tag, scalar_value, global_step):
        self.note(tag, scalar_value)

    def watch(self, module):
        self.told["watched"] = [module]

    def close(self, run_id=None):
        self.told["closed"] = [True]

    stop = set_terminated = close


class _Place:
    """Where Neptune puts a value."""

    def __init__(self, log, path):
        self.log, self.path = log, path

    def __getitem__(self, name):
        return _Place(self.log, f"{self.path}/{name}")

    def __setitem__(self, name, value):
        self.log[f"{self.path}/{name}"] = value

    def append(self, value):
        self.log.note(self.path, value)


def as_plain(case):
    """Whether training went as it does with nobody watching."""
    np.testing.assert_array_equal(case.model.transform(case.X), case.plain.transform(case.X))
    assert case.model.n_iter_ == 4


def learned_late(case):
    """Whether the first two epochs moved no weight of the encoder, and the next one did."""
    as_seen = [torch.equal(a, b) for a, b in zip(case.seen, case.seen[1:], strict=False)]
    assert as_seen == [True, True, False]


def learned_early(case):
    """The other way round."""
    as_seen = [torch.equal(a, b) for a, b in zip(case.seen, case.seen[1:], strict=False)]
    assert as_seen == [False, False, True]


def told(name):
    def check(case):
        as_plain(case)
        assert case.log.told[name] == case.model.net_.history[:, "train_loss"]

    return check


def wrote(name):
    def check(case):
        as_plain(case)
        assert (case.folder / name).exists()

    return check


def recorded(*names):
    def check(case):
        as_plain(case)
        for name in names:
            assert all(np.isfinite(case.model.net_.history[:, name]))

    return check


def printed(text):
    def check(case):
        as_plain(case)
        assert text in "".join(case.capsys.readouterr())

    return check


def full(case):
    """Whether the bar has counted every batch of an epoch, once."""
    as_plain(case)
    bar = case.model.callbacks[0].pbar_
    assert bar.n == bar.total == 26


def halved(parameter):
    parameter.data.div_(2)


def n_rows(net, X, y):
    return float(len(X))


def stopped(case):
    assert case.model.n_iter_ == 2


def slowed(case):
    assert [rate < 1e-4 for rate in case.rates] == [False, True, True, True]


def clipped(case):
    assert max(case.norms) <= 1e-3 * 1.01


def began_elsewhere(case):
    assert not torch.allclose(case.seen[0], case.plain_seen[0], atol=1e-3)


def went_on(case):
    n_before = case.model.n_iter_
    case.model.fit(case.X, X_val=case.X_val)
    assert case.model.n_iter_ == n_before + 4


SLOW = {"policy": "StepLR", "step_size": 1, "gamma": 1e-3}
WARM = {"policy": "WarmRestartLR", "min_lr": 1e-6, "max_lr": 1e-3, "base_period": 9}
# What to try, and either what shows that it works or what the refusal says to do.
CASES = {
    "BatchScoring": (lambda c: [of_skorch.BatchScoring(n_rows)], r"\[:, 'train_loss'\].*EpochS"),
    "EpochScoring, as BatchScoring's refusal says": (
        lambda c: [of_skorch.EpochScoring(n_rows, name="train_n", on_train=True)],
        recorded("train_n", "train_loss", "valid_loss"),
    ),
    "BatchScoring, a class": (lambda c: [of_skorch.BatchScoring], "EpochScoring"),
    "Callback": (lambda c: [of_skorch.Callback()], as_plain),
    "Checkpoint": (lambda c: [of_skorch.Checkpoint(dirname=c.folder)], wrote("params.pt")),
    "Checkpoint, loading": (lambda c: [of_skorch.Checkpoint(load_best=True)], "early_stopping=T"),
    "EarlyStopping": (lambda c: [of_skorch.EarlyStopping(patience=1, threshold=9)], stopped),
    "EarlyStopping, loading": (lambda c: [of_skorch.EarlyStopping(load_best=True)], "early_stop"),
    "EpochScoring": (lambda c: [of_skorch.EpochScoring(n_rows, name="n")], recorded("n")),
    "EpochScoring of a name": (lambda c: [of_skorch.EpochScoring("r2")], "Give a function"),
    "EpochScoring of a metric": (lambda c: [of_skorch.EpochScoring(r2_score)], "Give a function"),
    "EpochScoring of a scorer": (
        lambda c: [of_skorch.EpochScoring(make_scorer(r2_score))],
        "Give a function",
    ),
    "EpochTimer": (lambda c: [of_skorch.EpochTimer()], recorded("dur")),
    "Freezer": (lambda c: [of_skorch.Freezer(ENCODER, at=3)], learned_early),
    "GradientNormClipping": (lambda c: [of_skorch.GradientNormClipping(1e-3)], clipped),
    "Initializer": (lambda c: [of_skorch.Initializer("model.*", fn=halved)], began_elsewhere),
    "InputShapeSetter": (lambda c: [of_skorch.InputShapeSetter()], "Leave it out"),
    "InputShapeSetter, a class": (lambda c: [("a", of_skorch.InputShapeSetter)], "Leave it out"),
    "LRScheduler": (lambda c: [of_skorch.LRScheduler(**SLOW)], slowed),
    "LoadInitState": (
        lambda c: [p := of_skorch.TrainEndCheckpoint(dirname=c.folder), of_skorch.LoadInitState(p)],
        went_on,
    ),
    "MlflowLogger": (
        lambda c: [of_skorch.MlflowLogger(c.log, c.log, create_artifact=False)],
        told("train_loss"),
    ),
    "NeptuneLogger": (
        lambda c: [of_skorch.NeptuneLogger(c.log)],
        told("training/train/epoch/loss"),
    ),
    "ParamMapper": (lambda c: [of_skorch.ParamMapper("model.*", halved)], began_elsewhere),
    "PassthroughScoring": (
        lambda c: [of_skorch.PassthroughScoring("valid_loss")],
        recorded("valid_loss"),
    ),
    "PrintLog": (lambda c: [of_skorch.PrintLog()], printed("valid_loss")),
    "PrintLog, a class": (lambda c: [of_skorch.PrintLog], printed("valid_loss")),
    "ProgressBar": (lambda c: [of_skorch.ProgressBar()], full),
    "TrainEndCheckpoint": (
        lambda c: [of_skorch.TrainEndCheckpoint(dirname=c.folder)],
        wrote("train_end_params.pt"),
    ),
    "TensorBoard": (lambda c: [of_skorch.TensorBoard(c.log)], told("Loss/train_loss")),
    "SacredLogger": (lambda c: [of_skorch.SacredLogger(c.log)], told("train_loss")),
    "Unfreezer": (
        lambda c: [of_skorch.Freezer(ENCODER), of_skorch.Unfreezer(ENCODER, at=3)],
        learned_late,
    ),
    "WandbLogger": (lambda c: [of_skorch.WandbLogger(c.log)], told("train_loss")),
    "WarmRestartLR": (lambda c: [of_skorch.LRScheduler(**WARM)], None),
}


class Watch(of_skorch.Callback):
    """Note the weights of the encoder before each epoch, and rates and gradients."""

    def __init__(self, case):
        self.case = case
        case.seen, case.rates, case.norms = [], [], []

    def on_grad_computed(self, net, named_parameters, **kwargs):
        gradients = [p.grad.flatten() for _, p in named_parameters if p.grad is not None]
        self.case.norms.append(torch.cat(gradients).norm().item())
        if len(self.case.rates) < len(net.history):
            self.case.rates.append(net.optimizer_.param_groups[0]["lr"])

    def on_epoch_begin(self, net, **kwargs):
        parameters = net.module_.model.encoder.parameters()
        self.case.seen.append(torch.cat([p.detach().flatten() for p in parameters]))


@pytest.fixture(scope="module")
def plain(digits):
    case = SimpleNamespace()
    model = AutoencoderTransformer(4, callbacks=[Watch(case)], **SETTINGS).fit(
        digits[:200], X_val=digits[200:]
    )
    return model, case.seen


def test_each_is_here():
    assert {*of_skorch.__all__} <= {*CASES}


@pytest.mark.parametrize("name", CASES)
def test_a_callback_works_or_is_refused(name, digits, tmp_path, monkeypatch, capsys, plain):
    if not hasattr(of_skorch, name.split(",")[0].split()[0]):
        pytest.skip("this skorch has none")
    neptune = {"types": "File", "handler": "Handler"}
    for module, what in neptune.items():
        made = ModuleType(f"neptune.{module}")
        setattr(made, what, type(what, (), {"from_content": staticmethod(lambda *a, **k: a)}))
        monkeypatch.setitem(sys.modules, f"neptune.{module}", made)
    monkeypatch.setitem(sys.modules, "neptune", ModuleType("neptune"))
    make, expected = CASES[name]
    case = SimpleNamespace(folder=tmp_path, log=Log(tmp_path), X=digits[:200], X_val=digits[200:])
    case.plain, case.plain_seen = plain
    case.capsys = capsys
    callbacks = [*make(case), Watch(case)]
    case.model = AutoencoderTransformer(4, callbacks=callbacks, **SETTINGS)
    if isinstance(expected, str):
        with pytest.raises(ValueError, match=f"callbacks has .*{expected}"):
            case.model.fit(case.X, X_val=case.X_val)
        return
    model = case.model.fit(case.X, X_val=case.X_val)
    if expected is not None:
        expected(case)
    # The best epoch is kept, and nothing is missing in the history.
    assert len(model.validation_scores_) == model.n_iter_
    assert model.best_loss_ <= -max(model.validation_scores_)
    assert -model.score(case.X_val) == pytest.approx(model.reconstruction_err_, rel=1e-5)
