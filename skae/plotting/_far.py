"""What lies far from all else, and how it is shown without shrinking that."""

import math

import numpy as np

# How many values are judged by the others, and which share at either end is not part of those.
MIN_JUDGED, FAR_SHARE = 10, 0.02
# How much wider the frame is than what it shows, at either end.
MARGIN = 0.05


def far_limits(values):
    """Between which values lies what is not far, ``(low, high)``.

    Of the finite values the outermost 2 % at either end, at least one, are set aside; far is what
    lies beyond the range of the others by more than the width of that range. Of fewer than ten
    values, and where that width is zero, none is far.
    """
    values = np.sort(values[np.isfinite(values)])
    aside = max(1, math.ceil(FAR_SHARE * len(values)))
    if len(values) < MIN_JUDGED or values[aside] == values[-1 - aside]:
        return -np.inf, np.inf
    low, high = float(values[aside]), float(values[-1 - aside])
    return 2 * low - high, 2 * high - low


def near_limits(values):
    """How a colour bar extends, and limits of the colours: those of the values that are not far."""
    low, high = far_limits(values)
    near = values[(values >= low) & (values <= high)]
    ends = {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}
    limits = {"vmin": near.min(), "vmax": near.max()} if len(near) else {}
    return ends[(values < low).any(), (values > high).any()], limits


def mark_far(ax, collections):
    """Leave far points outside of the frame, with triangles at its edge.

    Returns
    -------
    n_far : int
        How many points are far.
    marks : list of matplotlib PathCollection
        The triangles.
    """
    points = np.concatenate([np.asarray(some.get_offsets()) for some in collections])
    limits = np.array([far_limits(values) for values in points.T]).T
    is_far = (points < limits[0]) | (points > limits[1])
    if not is_far.any():
        return 0, []
    frame = np.empty((2, 2))
    for axis, name in enumerate("xy"):
        near = points[~is_far[:, axis], axis]
        margin = MARGIN * (np.ptp(near) or 1.0)
        frame[:, axis] = near.min() - margin, near.max() + margin
        if is_far[:, axis].any():
            getattr(ax, f"set_{name}lim")(frame[:, axis])
    marks = [mark for some in collections for mark in _mark(ax, some, limits, frame)]
    return int(is_far.any(axis=1).sum()), marks


def _mark(ax, collection, limits, frame):
    """Triangles in the colours of the points, one kind for each side of the frame."""
    points = np.asarray(collection.get_offsets())
    values = collection.get_array()
    shades = collection.get_facecolor() if values is None else collection.to_rgba(values)
    left = np.ones(len(points), dtype=bool)
    for marker, axis, side in [("<", 0, -1), (">", 0, 1), ("v", 1, -1), ("^", 1, 1)]:
        which = left & (side * points[:, axis] > side * limits[max(side, 0), axis])
        left &= ~which
        if which.any():
            yield ax.scatter(
                *points[which].clip(*frame).T,
                c=np.broadcast_to(shades, (len(points), 4))[which],
                marker=marker,
                s=36,
                linewidths=0.5,
                edgecolors="black",
                alpha=1,
                zorder=3,
                clip_on=False,
                label="_far",
            )
