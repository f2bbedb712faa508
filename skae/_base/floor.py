"""Which rows can judge between a model and the principal components, its floor."""

import numpy as np
import torch

from skae._rows.source import chunks

# Of a row of which the principal components know more than this share by heart.
MAX_LEVERAGE = 0.5


def not_by_heart(floor, all_rows, rows_val):
    """The held-out rows, the last of all rows, less those that `floor` reproduces by heart.

    A row that is alone in some feature may be most of what a principal component is made of.
    Nothing that has not seen that row reproduces it, so it can not judge between the two.
    """
    model, n_rows = floor.module_.model, len(all_rows)
    linear = model.encoder.linear

    def codes(rows):
        for chunk in chunks(len(rows)):
            indices = torch.arange(chunk.start, chunk.stop, device=rows.device)
            x = model.fill(rows[indices][0].to(linear.weight.device))
            yield linear(x).cpu().double()

    with torch.no_grad():  # chunk by chunk, for there may be many rows
        sums = sum(torch.stack([z.sum(dim=0), z.square().sum(dim=0)]) for z in codes(all_rows))
        mean, squares = sums[0] / n_rows, sums[1] - sums[0].square() / n_rows
        squares = squares.clamp_min(torch.finfo(squares.dtype).tiny)
        shares = [((z - mean).square() / squares).sum(dim=1) for z in codes(rows_val)]
    fair = (torch.cat(shares) + 1 / n_rows <= MAX_LEVERAGE).numpy()
    return rows_val.part(np.flatnonzero(fair)) if 2 <= fair.sum() < len(fair) else rows_val
