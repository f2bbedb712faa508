"""Rows with and without labels in one batch: the labelled ones come last, see `BatchIterator`."""

import torch


def beside(*, classification, **plain):
    """Terms of a batch, one value per row, whose means are those of the parts.

    Parameters
    ----------
    classification : tensor of shape (n_labelled,)
        A term of the labelled rows.
    **plain : tensors of shape (n_plain,)
        Terms of the others.

    Returns
    -------
    dict of tensors of shape (n_plain + n_labelled,)
    """
    n_plain, n_labelled = len(next(iter(plain.values()))), len(classification)
    n_rows = n_plain + n_labelled
    terms = {
        name: torch.cat([value * (n_rows / n_plain), value.new_zeros(n_labelled)])
        for name, value in plain.items()
    }
    zeros = classification.new_zeros(n_plain)
    share = n_rows / max(n_labelled, 1)
    return {**terms, "classification": torch.cat([zeros, classification * share])}
