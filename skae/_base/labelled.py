"""What is known of labels, some of which may be missing: the classes, and how often each came."""

from dataclasses import dataclass

import numpy as np

from skae._base.holes import Holes
from skae._base.start import Record
from skae._rows.labels import check_labels, declared_classes


@dataclass(frozen=True)
class KnownLabels(Record):
    """How often each class was there.

    Parameters
    ----------
    shares : array of shape (n_classes,)
        Of the labelled rows. Classes that are yet to come count as the rarest, or as one row where
        that is less.
    counts : array of shape (n_classes,) or None
        Sums of weights.
    labelled_share : float or None
        The share of the rows that have a label.
    with_unlabelled : bool
        Whether there were rows without one.
    """

    shares: np.ndarray
    counts: np.ndarray | None = None
    labelled_share: float | None = None
    with_unlabelled: bool = False

    PLACE = "_known_labels"
    NAMES = {
        "shares": "_class_shares",
        "counts": "_class_counts",
        "labelled_share": "_labelled_share",
        "with_unlabelled": "_decodes_unlabelled",
    }

    @classmethod
    def of(cls, rows, n_classes, before, n_new=None):
        """What `rows` show; those of `before`, if not None, were seen by the same model.

        In a stream the first `n_new` are counted: the others were there before.
        """
        labels = rows.labels.cpu().numpy()
        labelled = labels >= 0
        weight = np.ones(len(labels)) if rows.raw_weight is None else rows.raw_weight
        stream, new = n_new is not None, np.flatnonzero(labelled[:n_new])
        counts = np.bincount(labels[new], weight[new], minlength=n_classes)
        # Another fit counts anew, but rows without any label say nothing of the classes.
        if before is not None and (stream or not labelled.any()):
            # A model of the first version knows shares only.
            counts = counts + (before.shares if before.counts is None else before.counts)
        rarest = counts[counts > 0].min(initial=weight.mean())
        shares = np.where(counts > 0, counts, rarest)
        return cls(
            shares / shares.sum(),
            counts,
            float(weight[labelled].sum() / weight.sum()),
            bool((before is not None and before.with_unlabelled) or not labelled.all()),
        )


class LabelledMixin(Holes):
    """Reads labels, where the model learns them."""

    def _learns_classes(self):
        """Whether training needs labels, some of which may be missing."""
        return True

    def _read_labels(self, y, X, classes=None):
        if not self._learns_classes():
            if classes is not None:
                raise ValueError("classes is for models that were made with conditional=True.")
            return None
        fitted = self.classes_ if hasattr(self, "net_") else None
        if classes is not None:
            classes = declared_classes(classes, fitted)
        known = classes if fitted is None else fitted
        self.classes_, labels = check_labels(y, X, type(self).__name__, known)
        return labels
