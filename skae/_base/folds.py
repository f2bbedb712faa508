"""Small tables are judged by folds, and learned whole."""

from dataclasses import replace

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning

from skae._rows.checks import warn_user
from skae._training.interrupts import ends_more
from skae._training.net import TrainingDiverged
from skae._training.state import take_record

# Of more rows a tenth says enough, and a training takes longer than a second; of fewer a fold says
# nothing.
MIN_ROWS, MAX_ROWS, N_FOLDS = 20, 500, 4
# Standard errors: a tenth of the rows that shows a gain, but not one of so many, is not believed;
# over all rows it takes so many.
BEYOND_DOUBT, SURE = 3.0, 2.0
# What is worse than the floor by so many is not tried again.
HOPELESS = -1.0


class Folds:
    """Trainings of the starts without a part of the rows, each of which is held out once.

    Parameters
    ----------
    make : callable
        ``(start, rows)`` -> a net, which is at the floor for the start "floor".
    trainer : Trainer
    rows : Rows
    """

    def __init__(self, make, trainer, rows):
        self.make, self.trainer, self.rows = make, trainer, rows

    def choose(self, outcome, floor):
        """The outcome that all rows speak for, trained on all of them.

        Parameters
        ----------
        outcome : Outcome
            By the rows that were held out.
        floor : ObjectiveNet

        Returns
        -------
        Outcome
        """
        tried = [one for one in outcome.tried if one.gains is not None]
        contenders = [one for one in tried if standard_errors(one.gains) > HOPELESS]
        task = self.trainer.task
        over = outcome.interrupted or (task is not None and task.wants_end)
        if over or not any(one.gains.mean() > 0 for one in contenders):
            return outcome
        chosen = next((one for one in contenders if one.net is outcome.net), None)
        try:
            if chosen is None or standard_errors(chosen.gains) < BEYOND_DOUBT:
                chosen = self._best_by_folds(contenders)
            if chosen is None:
                net = take_record(floor, outcome.net)
                net.best_epoch_ = 0
                return replace(outcome, net=net, terms=contenders[0].floor_terms)
            return self._learned_whole(chosen, outcome)
        except TrainingDiverged:
            return outcome
        except KeyboardInterrupt as interrupt:
            if ends_more(interrupt):
                raise
            warn_user(
                "Training was interrupted while the starts were compared; the model is the best on "
                "the rows that were held out.",
                ConvergenceWarning,
            )
            outcome.net.interrupted_ = True
            return replace(outcome, interrupted=True)

    def _best_by_folds(self, contenders):
        """The one with the largest gains over the floor, or None if they are not sure."""
        order = self.trainer.random_state.permutation(len(self.rows))
        gains = [[] for _ in contenders]
        for held in np.array_split(order, N_FOLDS):
            rows = self.rows.part(np.sort(np.setdiff1d(order, held)))
            held = self.rows.part(np.sort(held))
            floor = losses(self.make("floor", rows), held)
            for one, found in zip(contenders, gains, strict=True):
                net = self.make(one.net.start_, rows)
                self.trainer.train_alone(net, rows, one.n_epochs)
                found.append(floor - losses(net, held))
        gains = [torch.cat(found) for found in gains]
        best = max(range(len(gains)), key=lambda number: gains[number].mean())
        return contenders[best] if standard_errors(gains[best]) > SURE else None

    def _learned_whole(self, chosen, outcome):
        """The same training on all rows, with the record of the one that was judged."""
        net = self.make(chosen.net.start_, self.rows)
        self.trainer.train_alone(net, self.rows, chosen.n_epochs)
        take_record(net, chosen.net)
        net.best_epoch_ = chosen.n_epochs
        return replace(outcome, net=net, terms=chosen.terms)


def losses(net, rows):
    """Of each row."""
    net.validate(net.get_iterator(rows, training=False))
    return net.row_losses_.double()


def standard_errors(gains):
    """How many its mean is from zero."""
    gains = gains.double()
    return (gains.mean() / (gains.std() / len(gains) ** 0.5)).item() if len(gains) > 1 else 0.0
