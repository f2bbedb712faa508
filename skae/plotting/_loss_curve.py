"""How the loss fell in training."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skae.plotting._axes import begin
from skae.plotting._steps import flat


class LossCurveDisplay:
    """The loss of each epoch, on the training rows and on the held-out ones.

    Use `from_estimator` to create it.

    Parameters
    ----------
    loss_curve : array-like of shape (n_epochs,)
        The loss, or one of its terms, on the training rows.
    validation_loss : array-like of shape (n_epochs,), default=None
        The same on held-out rows; NaN where there were none.
    best_epoch : int, default=None
        The epoch that was kept, counted from 1; 0 is the start.
    kept_start : bool, default=False
        Whether what was kept is the start of the last of several fits, which followed that epoch.
    term : str, default="loss"
        What was recorded.
    estimator_name : str, default=None
        For the title.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes.
    figure_ : matplotlib Figure
        The figure.
    lines_ : list of matplotlib Line2D
        The curves, training first.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sklearn.datasets import load_digits
    >>> from skae import AutoencoderTransformer
    >>> from skae.plotting import LossCurveDisplay
    >>> X, _ = load_digits(return_X_y=True)
    >>> model = AutoencoderTransformer(2, max_iter=3, random_state=0).fit(X)
    >>> display = LossCurveDisplay.from_estimator(model)
    >>> len(display.lines_)
    2
    """

    def __init__(
        self,
        *,
        loss_curve,
        validation_loss=None,
        best_epoch=None,
        kept_start=False,
        term="loss",
        estimator_name=None,
    ):
        self.loss_curve = loss_curve
        self.validation_loss = validation_loss
        self.best_epoch = best_epoch
        self.kept_start = kept_start
        self.term = term
        self.estimator_name = estimator_name

    @classmethod
    def from_estimator(cls, estimator, *, term="loss", name=None, ax=None, **kwargs):
        """Draw the losses of a fitted estimator.

        Parameters
        ----------
        estimator : object
            Fitted, of skae; or a pipeline, of which the last step of skae is taken.
        term : str, default="loss"
            What to draw: "loss", or a term of it, such as "reconstruction" or "kl".
        name : str, default=None
            For the title; the name of the class by default.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **kwargs
            Passed on to `plot`.

        Returns
        -------
        display : LossCurveDisplay
            With the picture drawn.

        Raises
        ------
        NotFittedError
            Before `fit`.
        TypeError
            If the estimator was not trained by skae.
        ValueError
            If there is no such term.
        """
        trained = _trained_step(estimator)
        history = trained.net_.history
        recorded = sorted(
            key.removeprefix("train_")
            for key, value in history[-1].items()
            if key.startswith("train_") and not isinstance(value, bool)
        )
        if term not in recorded:
            raise ValueError(f"term={term!r} was not recorded. Choose one of {recorded}.")
        rows = [row for row in history if f"train_{term}" in row]
        validation = np.array([row.get(f"valid_{term}", np.nan) for row in rows], dtype=float)
        display = cls(
            loss_curve=np.array([row[f"train_{term}"] for row in rows]),
            validation_loss=None if np.isnan(validation).all() else validation,
            best_epoch=trained.net_.best_epoch_,
            kept_start=_kept_start(trained),
            term=term,
            estimator_name=type(trained).__name__ if name is None else name,
        )
        return display.plot(ax=ax, **kwargs)

    def plot(self, ax=None, *, train_kwargs=None, validation_kwargs=None):
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        train_kwargs, validation_kwargs : dict, default=None
            Passed on to `matplotlib.axes.Axes.plot` for each of the two curves.

        Returns
        -------
        display : LossCurveDisplay
            The display itself.
        """
        begin(self, ax)
        epochs = np.arange(1, len(self.loss_curve) + 1)
        curves = [(self.loss_curve, {"label": "training", **(train_kwargs or {})})]
        if self.validation_loss is not None:
            held_out = {"label": "held-out rows", **(validation_kwargs or {})}
            curves.append((self.validation_loss, held_out))
        marker = "o" if len(epochs) == 1 else None  # one point makes no line
        self.lines_ = [
            self.ax_.plot(epochs, values, **{"marker": marker, **kwargs})[0]
            for values, kwargs in curves
        ]
        self._drawn = [*self.lines_]
        if self.best_epoch is not None:
            style = {"color": "0.6", "linestyle": ":", "label": f"kept: {self._kept()}"}
            self._drawn.append(self.ax_.axvline(self.best_epoch, **style))
        self.ax_.set(xlabel="epoch", ylabel=self.term, title=self.estimator_name)
        self.ax_.xaxis.get_major_locator().set_params(integer=True)
        self.ax_.legend()
        return self

    def _kept(self):
        if self.best_epoch == 0:
            return "the start"
        return "the start of the last fit" if self.kept_start else f"epoch {self.best_epoch}"


def _trained_step(estimator):
    """What has the net: the estimator, or the last of a pipeline's steps that has one."""
    check_is_fitted(estimator)
    trained = [step for step in flat(estimator) if hasattr(step, "net_")]
    if not trained:
        raise TypeError(
            f"{type(estimator).__name__} has no net_ of its own, so there are no losses to draw. "
            "Give an estimator that skae trains; of a meta-estimator, the fitted one inside."
        )
    return trained[-1]


def _kept_start(trained):
    """Whether no epoch of the last fit was kept, but what it began with.

    The net then names the epoch before. Its loss was measured anew, on the held-out rows of the
    last fit, and differs from that in the history.
    """
    net, loss = trained.net_, getattr(trained, "best_loss_", None)  # not there while it is trained
    # Before this epoch another loss was measured.
    warmup = getattr(net.module_.objective, "warmup_epochs", 0)
    if loss is None or net.best_epoch_ is None or net.best_epoch_ <= warmup:
        return False
    return net.history[net.best_epoch_ - 1].get("valid_loss") != loss
