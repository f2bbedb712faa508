"""What the MNIST recipes learned, as pictures."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

N_DIGITS = 12  # in a row
N_STYLES = 10  # in the picture of styles
N_STEPS = 15  # of the plane, each way


def draw(estimator, data, folder, name):
    """Save ``NAME.png``: filters, or rows of digits and the plane of codes where there is one."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    path = Path(folder) / f"{name}.png"
    if hasattr(estimator, "target_activation"):
        plt.imsave(path, _filters(estimator), cmap="gray")
        return
    conditional = getattr(estimator, "conditional", False)
    rows = _styles(estimator, data) if conditional else _rows(estimator, data)
    if estimator.n_components == 2 and not conditional:
        fig, (top, left, right) = _layout()
        _show_plane(estimator, data, left, right)
    else:
        fig, top = plt.subplots(figsize=(8, 0.75 * len(rows)))
    _show_rows(rows, top)
    if conditional:  # the class of each column
        top.set_xticks(28 * np.arange(2, N_DIGITS) + 14, range(10))
    fig.savefig(path, dpi=90, bbox_inches="tight")
    plt.close(fig)


def _filters(estimator):
    """The weights of seven times twenty units, each as bright as its largest weight allows."""
    weights = next(estimator.module_.encoder.parameters()).detach().cpu().numpy()[:140]
    weights /= np.abs(weights).max(axis=1, keepdims=True)
    return _mosaic(weights.reshape(-1, 20, 28, 28))


def _rows(estimator, data):
    """The rows of digits that show what this estimator is for."""
    X = data.X_test[:N_DIGITS]
    if hasattr(estimator, "denoise"):
        X_noisy = data.noisy[:N_DIGITS]
        return {"original": X, "noisy": X_noisy, "denoised": estimator.denoise(X_noisy)}
    rows = {"original": X, "reconstruction": estimator.inverse_transform(estimator.transform(X))}
    X_sampled = estimator.sample(3 * N_DIGITS, random_state=data.seed)
    return rows | {"sampled": X_sampled[::3], " ": X_sampled[1::3], "  ": X_sampled[2::3]}


def _styles(estimator, data):
    """A row for each test digit: itself, and its style as each of the digits."""
    X = data.X_test[:N_STYLES]
    styles = estimator.transform(X).repeat(10, axis=0)
    rendered = estimator.inverse_transform(styles, np.tile(np.arange(10), N_STYLES))
    blank = np.zeros((1, X.shape[1]))
    rendered = rendered.reshape(N_STYLES, 10, -1)
    # A gap between the digit and its renderings.
    return {
        f"{label}": np.concatenate([X[i : i + 1], blank, rendered[i]])
        for i, label in enumerate("abcdefghij"[:N_STYLES])
    }


def _layout():
    fig = plt.figure(figsize=(8, 8))
    grid = fig.add_gridspec(2, 2, height_ratios=(3.75, 4), hspace=0.08)
    axes = fig.add_subplot(grid[0, :]), fig.add_subplot(grid[1, 0]), fig.add_subplot(grid[1, 1])
    return fig, axes


def _show_rows(rows, ax):
    images = np.stack(list(rows.values())).reshape(len(rows), N_DIGITS, 28, 28)
    ax.imshow(_mosaic(images), cmap="gray_r", vmin=0, vmax=1)
    ax.set_xticks([])
    ax.set_yticks(28 * np.arange(len(rows)) + 14, list(rows))
    ax.tick_params(length=0)


def _show_plane(estimator, data, left, right):
    """The test codes by digit, and what the plane between them decodes to."""
    codes = estimator.transform(data.X_test)
    low, high = np.percentile(codes, [2, 98], axis=0)
    scatter = left.scatter(*codes.T, c=data.y_test, s=1, cmap="tab10")
    left.set(title="codes of the test rows", xlabel="component 0", ylabel="component 1")
    left.legend(*scatter.legend_elements(), fontsize=7, markerscale=0.7, handletextpad=0)
    margin = 0.25 * (high - low)
    left.set_xlim(low[0] - margin[0], high[0] + margin[0])
    left.set_ylim(low[1] - margin[1], high[1] + margin[1])
    # The second component grows upwards, as in the scatter.
    first, second = (np.linspace(low[i], high[i], N_STEPS) for i in (0, 1))
    plane = np.stack(np.meshgrid(first, second[::-1]), axis=-1).reshape(-1, 2)
    decoded = estimator.inverse_transform(plane).reshape(N_STEPS, N_STEPS, 28, 28)
    right.imshow(_mosaic(decoded), cmap="gray_r", vmin=0, vmax=1)
    right.set(title="the decoded plane", xticks=[], yticks=[])


def _mosaic(images):
    """(n_rows, n_columns, height, width) -> one image."""
    return np.block([list(row) for row in images])
