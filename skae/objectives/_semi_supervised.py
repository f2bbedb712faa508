"""Rows with and without labels in one batch: the labelled ones come last, see `BatchIterator`."""

import torch


def of_plain(term, n_rows):
    """A term of the first rows of a batch as one of all, with the same mean.

    Parameters
    ----------
    term : tensor of shape (n_plain,)
    n_rows : int
        All rows of the batch.

    Returns
    -------
    tensor of shape (n_rows,)
    """
    return torch.cat([term * (n_rows / len(term)), term.new_zeros(n_rows - len(term))])


def of_labelled(term, n_rows):
    """A term of the last rows of a batch as one of all, with the same mean; 0 if there are none.

    Parameters
    ----------
    term : tensor of shape (n_labelled,)
    n_rows : int
        All rows of the batch.

    Returns
    -------
    tensor of shape (n_rows,)
    """
    share = n_rows / max(len(term), 1)
    return torch.cat([term.new_zeros(n_rows - len(term)), term * share])
