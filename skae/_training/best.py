"""Early stopping: what is kept of a training, and when it ends."""

from dataclasses import dataclass

import torch
from skorch.callbacks import Callback

from skae._training.state import put_weights, take_weights

# By how many standard errors training must be better than the floor, and how many more it takes
# divided by the number of rows, for the spread of a few rows is known badly.
SURE, SURE_OF_FEW = 0.5, 5


@dataclass(frozen=True)
class Contender:
    """What a training came to at best, for others to judge.

    Parameters
    ----------
    net : ObjectiveNet
    n_epochs : int or None
        After how many.
    gains : tensor or None
        By how much the loss of each held-out row was less than the floor's, if there is one.
    terms, floor_terms : dict or None
        The mean terms on these rows, and those of the floor.
    """

    net: object
    n_epochs: int | None
    gains: torch.Tensor | None
    terms: dict | None
    floor_terms: dict | None


class KeepBest(Callback):
    """Keep the weights of the best validation loss, the start's included; stop on a plateau.

    Where there is a floor that is favoured, an epoch is kept only if it is better than that by more
    than the held-out rows may show by chance: few rows say little, and there are many epochs to
    pick a lucky one from.

    Parameters
    ----------
    patience : int or inf
        Epochs without progress after which training stops.
    tol : float
        What counts as progress, relative to the best loss.
    floor : ObjectiveNet or None
        A net that takes the place of the start where no epoch is surely better.
    """

    hears_batches = False

    def __init__(self, patience, tol, floor=None):
        self.patience, self.tol, self.floor = patience, tol, floor

    def on_train_begin(self, net, **kwargs):
        """Forget the last training."""
        self.best_terms_, self.best_weights_, self.floor_terms_ = None, None, None
        self.lowest_ = None

    def on_epoch_begin(self, net, dataset_valid=None, **kwargs):
        """Judge the start before the first epoch: training must not end worse."""
        iterator = net.get_iterator(dataset_valid, training=False)
        if self.floor is not None and self.floor_terms_ is None:
            self.floor_terms_ = self.floor.validate(iterator)
        if self.best_weights_ is None and not self._is_warming_up(net):
            terms = net.validate(iterator)
            self.target_, self.waited_ = terms["loss"], 0
            if self.floor is None:
                self._keep(net, terms, len(net.history) - 1)
            else:
                self._keep(net, self.floor_terms_, 0)  # however long it warmed up

    def _is_warming_up(self, net):
        """Whether the objective is not yet the one that the model is judged by."""
        return len(net.history) <= getattr(net.module_.objective, "warmup_epochs", 0)

    def _keep(self, net, terms, n_epochs):
        self.best_terms_, net.best_epoch_ = terms, n_epochs
        self.best_weights_ = take_weights(net.module_)

    def on_epoch_end(self, net, **kwargs):
        """Compare the epoch with the best one."""
        if self._is_warming_up(net):
            return
        row = net.history[-1]
        loss = row["valid_loss"]
        if self.floor is not None and (self.lowest_ is None or loss < self.lowest_["loss"]):
            terms = {name: row[f"valid_{name}"] for name in self.floor_terms_}
            gains = self.floor.row_losses_ - net.row_losses_
            self.lowest_ = {
                "loss": loss,
                "n_epochs": len(net.history),
                "gains": gains,
                "terms": terms,
                "floor_terms": self.floor_terms_,
            }
        # Written so that a start of NaN is worse than anything.
        if not loss >= self.best_terms_["loss"] and (
            self.floor is None
            or not self.floor.is_favoured_
            or self._is_sure(self.floor.row_losses_ - net.row_losses_)
        ):
            terms = {name: row[f"valid_{name}"] for name in self.best_terms_}
            self._keep(net, terms, len(net.history))
        if not loss >= self.target_ - self.tol * abs(self.target_):
            self.target_, self.waited_ = loss, 0
        else:
            self.waited_ += 1
        if self.waited_ >= self.patience:
            net.stop()

    def contender(self, net):
        """The epoch with the lowest loss, whether or not it is kept: a `Contender`."""
        known = self.lowest_ or dict.fromkeys(("n_epochs", "gains", "terms", "floor_terms"))
        return Contender(net, **{name: known[name] for name in known if name != "loss"})

    def known(self):
        """What it knows after an epoch, as a dictionary of attributes."""
        known = "best_terms_", "best_weights_", "lowest_", "target_", "waited_"
        return {name: value for name, value in vars(self).items() if name in known}

    @staticmethod
    def _is_sure(gains):
        gains = gains.double()
        error = gains.std() / len(gains) ** 0.5 if len(gains) > 1 else 0.0
        return not gains.mean() <= (SURE + SURE_OF_FEW / len(gains)) * error

    def on_train_end(self, net, **kwargs):
        """Give the net its best weights."""
        if self.best_weights_ is not None:
            put_weights(net.module_, self.best_weights_)
            self.best_weights_ = None
