"""What a model may fill in: all the holes of the algorithm, which by default do nothing."""

from abc import ABCMeta, abstractmethod

from skae._rows.columns import Target

# ruff: noqa: B027  a hole may be left as it is


class Holes(metaclass=ABCMeta):
    """The holes, in the order in which `fit` comes to them.

    Parameters are read as attributes; what is known of the rows is in `self._start`.
    """

    def _find_columns(self, X):
        """Which columns of the rows of a new model have which likelihood, or None."""
        return None

    def _make_target(self, columns):
        """What the decoder must reproduce: a `Target`, with the columns as they were found."""
        return Target()

    def _read_labels(self, y, X, classes=None):
        """Class numbers of the rows, -1 where there is no label, or None."""
        return None

    def _hide_labels(self, table):
        """The table that is learned from, some labels of which may be hidden."""
        return table

    # Whether the epochs of early stopping are compared by rows with a label.
    _judged_by_labels = False

    def _make_scaling(self, statistics, target):
        """What rows are standardized by."""
        return statistics.scaling()

    def _measure_logs(self, table):
        """What `log_moments` measures of the columns that are amounts, or None."""
        return None

    def _learn_to_fill(self, table, statistics, span):
        """The arguments of `FillMissing`, or None where no value may be missing."""
        return None

    def _check_rows(self, rows):
        """Refuse rows, of this batch size, that the model can not learn from."""

    def _note(self, rows, n_new):
        """Note what else is needed of `rows`, or of all rows of a stream so far.

        In a stream the first `n_new` are new, the others are rehearsed; elsewhere it is None.
        """

    def _starts(self, n_rows, has_val):
        """Where to start from; of several, what is best on the held-out rows is kept."""
        return ["random"]

    def _n_epochs_before(self):
        """How many epochs `_before_training` has at most; None where that is not known."""
        return 0

    def _make_floor(self, starts, all_rows, rows, trainer):
        """A net that is kept, untrained, where no start is surely better; or None."""
        return None

    def _n_labelled(self, rows):
        """Labelled rows that are added to a batch, or None: see `BatchIterator`."""
        return None

    @abstractmethod
    def _make_module(self, start):
        """The torch module, for standardized rows; it starts where `start` says."""

    def _make_fill(self):
        """A module that fills rows with missing values, or None."""
        return None

    def _before_training(self, start, module, rows, trainer):
        """Prepare a new module on rows: it has its random weights, and nothing has moved them."""

    @abstractmethod
    def _make_objective(self):
        """The objective: ``(module, x, y) -> {"term": (batch,)}``."""

    def _judge_again(self, outcome, trainer, all_rows, floor):
        """What is kept of a training, by more than the rows that were held out: an `Outcome`.

        The floor is a net, or None where there is none, or where rows to validate on were given.
        """
        return outcome

    def _before_piece(self, n_new):
        """Before the training on a further piece of a stream, of `n_new` rows."""

    def _after_piece(self, n_learned):
        """After that training, on `n_learned` rows with those that were rehearsed."""

    def _after_training(self, table, rows, terms, stream):
        """Set further fitted attributes; if that fails, the training is undone.

        Parameters
        ----------
        table : Table
        rows : pair of Rows
            Those that were learned from, and those that were held out or None.
        terms : dict
            The kept model's mean terms.
        stream : bool
            Whether it was `partial_fit`.
        """

    # What decoding, drawing and filling ask for.

    def _make_log_scale(self):
        """What puts the columns of standardized rows that are amounts on another scale, or None."""
        return None

    def _reconstruct(self, x):
        """What standardized rows are expected to be, given what was observed of them."""
        return self.module_.reconstruct(x)

    def _tell(self, X, y):
        """What else the decoder is told of codes X: arrays."""
        return ()

    def _draw_labels(self, n_samples, random_state):
        """Classes to decode codes as, where the decoder is told those."""
        return None

    def _exposure_prior(self):
        """How logarithms of exposures are distributed, where a decoder is told those, or None."""
        return None

    def _exposures_of(self, codes, y, exposure, random_state):
        """Logarithms of given exposures, or of drawn ones, over the mean; None is the mean."""
        return None
