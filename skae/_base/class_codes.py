"""What codes of each class look like: where the decoder is told the class, `sample` draws those."""

from dataclasses import dataclass

import numpy as np
import torch

from skae._base.applying import device_of
from skae._base.start import Record
from skae.modules import one_hot

# How many rows are looked at, at most: of each class an equal share of them.
MAX_ROWS = 10_000
# Codes of few rows are drawn several times, until there are so many draws.
MIN_DRAWS = 2000
# Quantities that are drawn for have one fit for all that are as near, in widths of the kernel.
STEP = 0.25
# A class of n rows is believed n / (n + this) of how far they lie from what is decoded.
ROWS_BEFORE = 0.5


@dataclass(frozen=True)
class ClassCodes(Record):
    """Codes of rows by their class, as a density for each class.

    Of variational models it is the mean of the posteriors of its rows, which among all priors
    p(z | y) makes the bound of the likelihood largest [1]_. Where codes are points it is that of
    one drawn at random, blurred: those of the class have the mean m and the covariance C, and such
    a code z becomes ``m + sqrt(1 - h^2) (z - m) + h e`` with e from N(0, C), so that m and C stay
    [2]_. The width h is that of Silverman's rule for so many rows [3]_, and the C of few rows is
    drawn towards that within all classes.

    Parameters
    ----------
    codes : array of shape (n_samples, n_components)
        Points, or the means of posteriors.
    numbers : array of shape (n_samples,)
        Of the classes, integer; -1, no class, is one of its own. Or floats, told as quantities:
        then rows count the more for a number the nearer theirs are.
    variances : array of shape (n_samples, n_components) or None
        Of the posteriors.
    weight : array of shape (n_samples,) or None

    References
    ----------
    .. [1] Tomczak and Welling, "VAE with a VampPrior", AISTATS 2018.
    .. [2] West, "Approximating posterior distributions by mixtures", Journal of the Royal
       Statistical Society B 55, 1993.
    .. [3] Silverman, "Density estimation for statistics and data analysis", 1986.
    """

    codes: np.ndarray
    numbers: np.ndarray
    variances: np.ndarray | None = None
    weight: np.ndarray | None = None

    PLACE = "_class_codes"
    NAMES = {
        "codes": "_codes_of_classes",
        "numbers": "_numbers_of_codes",
        "variances": "_variances_of_codes",
        "weight": "_weights_of_codes",
    }

    def beside(self, earlier, stream):
        """These, and those of `earlier` that they do not stand for; of None, these.

        Of a class that these lack they are all. Where a stream goes on, they are all of numbers,
        and of a class as many as it has become fewer: what rows of a piece have does not undo what
        more rows had.
        """
        kept = np.empty(0, dtype=int) if earlier is None else self._beyond(earlier.numbers, stream)
        if not len(kept):
            return self
        joined = {}
        for name in self.NAMES:
            parts = getattr(self, name), getattr(earlier, name)
            if name == "weight" and any(part is not None for part in parts):
                parts = self._raw_weight(), earlier._raw_weight()
            if parts[0] is not None:
                joined[name] = np.concatenate([parts[0], parts[1][kept]])
        if len(joined["numbers"]) > MAX_ROWS:
            some = _some_of_each(len(joined["numbers"]), torch.from_numpy(joined["numbers"]))
            joined = {name: part[some.numpy()] for name, part in joined.items()}
        return ClassCodes(**joined)

    def _beyond(self, earlier, stream):
        """Which of earlier numbers these do not stand for."""
        if self._are_quantities:
            return np.arange(len(earlier) if stream else 0)
        kept = [np.empty(0, dtype=int)]
        for number in np.unique(earlier):
            rows, n_now = np.flatnonzero(earlier == number), (self.numbers == number).sum()
            if stream or n_now == 0:
                kept.append(rows[: max(0, len(rows) - n_now)])
        return np.concatenate(kept)

    def replace(self, codes, numbers, random_state):
        """Put codes of their classes, as far as those are known, in the place of some others.

        What comes in a place depends on its own class only.
        """
        places = random_state.random_sample(len(codes))
        noise = random_state.standard_normal(codes.shape)
        within = self._within() if self.variances is None else None
        for centre, of in self._groups(numbers):
            codes[of] = self._draw(centre, numbers[of], places[of], noise[of], within)

    def normals(self, numbers):
        """Normal distributions with the moments of what is drawn, of variational models.

        Parameters
        ----------
        numbers : array of shape (n,)

        Returns
        -------
        means : array of shape (n, n_components)
        covariances : array of shape (n, n_components, n_components)
            Those of the prior for classes of which nothing is known.
        """
        n_codes = self.codes.shape[1]
        means = np.zeros((len(numbers), n_codes))
        covariances = np.tile(np.eye(n_codes), (len(numbers), 1, 1))
        for centre, of in self._groups(numbers):
            rows, weight, codes, slope = self._near(centre)
            mean, covariance = _moments(codes, weight)
            means[of] = mean + (numbers[of] - centre)[:, None] * slope
            covariances[of] = covariance + np.diag(weight @ self.variances[rows])
        return means, covariances

    def _groups(self, numbers):
        """Numbers of which something is known that have one fit: it, and a mask of them."""
        centres = self._centres(numbers)
        known = centres if self._are_quantities else np.intersect1d(numbers, self.numbers)
        return [(centre, centres == centre) for centre in np.unique(known)]

    def _draw(self, centre, numbers, places, noise, within):
        rows, weight, means, slope = self._near(centre)
        chosen = np.searchsorted(weight.cumsum(), places).clip(max=len(rows) - 1)
        moved = (numbers - centre)[:, None] * slope
        if self.variances is not None:
            return means[chosen] + np.sqrt(self.variances[rows[chosen]]) * noise + moved
        mean, covariance = _moments(means, weight)
        n_rows, n_codes = 1 / np.square(weight).sum(), len(mean)
        few = (n_codes + 1) / (n_rows + n_codes + 1)
        covariance = (1 - few) * covariance + few * within
        blur = _silverman(n_rows, n_codes) ** 2
        apart = np.sqrt(1 - blur) * (means[chosen] - mean)
        return mean + apart + np.sqrt(blur) * noise @ _root(covariance) + moved

    @property
    def _are_quantities(self):
        return self.numbers.dtype.kind == "f"

    def draw_numbers(self, n_samples, random_state):
        """Numbers as rows have them."""
        return random_state.choice(self.numbers, n_samples, p=self._shares(slice(None)))

    def _width(self):
        """How near numbers are to each other, in quantities: as Silverman's rule has it."""
        return _silverman(1 / np.square(self._shares(slice(None))).sum(), 1) * self.numbers.std()

    def _centres(self, numbers):
        """What is fitted for each number: of quantities the nearest of a fine grid."""
        step = STEP * self._width() if self._are_quantities else 0
        return np.rint(numbers / step) * step if step > 0 else numbers

    def _near(self, number):
        """Rows of a class, their shares and their codes, and how these change with the number.

        Of quantities all rows, shares that are larger the nearer their numbers, and codes moved to
        there: along the line that fits those near best, since codes tell of the number.
        """
        if not self._are_quantities:
            rows = np.flatnonzero(self.numbers == number)
            return rows, self._shares(rows), self.codes[rows].astype(np.float64), 0.0
        weight, apart = self._shares(slice(None)), self.numbers.astype(np.float64) - number
        width = self._width()
        if width > 0:
            nearness = -0.5 * (apart / width) ** 2
            weight = weight * np.exp(nearness - nearness.max())
            weight /= weight.sum()
        codes, away = self.codes.astype(np.float64), apart - weight @ apart
        spread = weight @ away**2
        slope = (weight * away) @ codes / spread if spread > 0 else np.zeros(codes.shape[1])
        return np.arange(len(codes)), weight, codes - apart[:, None] * slope, slope

    def _shares(self, rows):
        weight = self._raw_weight()[rows]
        return weight / weight.sum()

    def _raw_weight(self):
        return np.ones(len(self.codes)) if self.weight is None else self.weight

    def _within(self):
        """The mean covariance within a class, of all rows; of numbers that of all codes."""
        parts = [self._near(n) for n in ([0] if self._are_quantities else np.unique(self.numbers))]
        covariances = [_moments(codes, weight)[1] for _, weight, codes, _ in parts]
        return np.average(covariances, axis=0, weights=[len(rows) for rows, *_ in parts])


class EarlierCodes(ClassCodes):
    """Those of rows that were learned from before a stream, and are not rehearsed with it."""

    PLACE = "_earlier_codes"
    NAMES = {field: f"{name}_before" for field, name in ClassCodes.NAMES.items()}


def _moments(codes, weight):
    """Mean and covariance."""
    mean = weight @ codes
    return mean, (weight * (codes - mean).T) @ (codes - mean)


def _silverman(n_rows, n_codes):
    """The width of a normal kernel, in standard deviations."""
    return min(1.0, (4 / (n_rows * (n_codes + 2))) ** (1 / (n_codes + 4)))


def _root(covariance):
    values, vectors = np.linalg.eigh(covariance)
    return np.sqrt(values.clip(0))[:, None] * vectors.T


class Missed:
    """By how much the means of what is decoded miss those of the rows of each class.

    Parameters
    ----------
    n_classes, n_features : int
    """

    def __init__(self, n_classes, n_features):
        self.n_rows = torch.zeros(n_classes, 1)
        self.sums, self.weights = torch.zeros(2, n_classes, n_features, dtype=torch.float64)

    def add(self, module, x, seen):
        """Decode rows from draws of their codes."""
        mean, numbers, variance, weight = seen
        n_times = 1 if variance is None else 1 + MIN_DRAWS // len(x)
        generator = torch.Generator().manual_seed(0)
        of_class = one_hot(numbers, len(self.n_rows))
        self.n_rows += of_class.sum(dim=0)[:, None].cpu()
        shares = (of_class * weight[:, None]).T.to(x) / n_times
        for _ in range(n_times):
            z = mean
            if variance is not None:
                z = mean + variance.sqrt() * torch.randn(mean.shape, generator=generator).to(mean)
            apart = x - module.output(z, numbers)[:, : x.shape[1]]
            self.sums += (shares @ apart.nan_to_num()).cpu()
            self.weights += (shares @ apart.isfinite().to(x)).cpu()

    def levels(self):
        """Standardized, ``(n_classes, n_features)``; a little less where a class has few rows."""
        missed = self.sums / self.weights.clamp_min(torch.finfo(torch.float32).tiny)
        return missed * self.n_rows / (self.n_rows + ROWS_BEFORE)


def look(module, tables, missed=None):
    """Codes of some rows of each class, as `ClassCodes`.

    Parameters
    ----------
    module : Autoencoder
        Trained; a variational one has a `posterior`. Where it has `classify`, that says what rows
        without a label are.
    tables : list of Rows
    missed : Missed or None
        What is to see rows of the first table: those that were learned from.
    """
    device, found = device_of(module), []
    with torch.inference_mode():
        for rows in tables:
            kept = _some_of_each(len(rows), None if rows.labels is None else rows.labels.cpu())
            labels, weight = _known_of(rows, kept)
            start = 0
            for x in rows.chunks_of(kept):
                part, x = slice(start, start + len(x)), x.to(device)
                known = None if labels is None else labels[part].to(device)
                seen = *encoded(module, x, known), weight[part].to(x)
                if missed is not None and rows is tables[0]:
                    missed.add(module, x, seen)
                found.append(seen)
                start += len(x)
        mean, numbers, variance, weight = (
            None if parts[0] is None else torch.cat(parts).cpu().numpy()
            for parts in zip(*found, strict=True)
        )
    is_weighted = any(rows.raw_weight is not None for rows in tables)
    return ClassCodes(mean, numbers, variance, weight if is_weighted else None)


def _some_of_each(n_rows, labels):
    """Which rows, in random order: all, or of each class an equal share of so many."""
    order = torch.randperm(n_rows, generator=torch.Generator().manual_seed(0))
    if labels is None or n_rows <= MAX_ROWS or labels.is_floating_point():
        return order[:MAX_ROWS]
    labels = labels[order]
    kinds = labels.unique()
    return torch.cat([order[labels == kind][: MAX_ROWS // len(kinds)] for kind in kinds])


def _known_of(rows, kept):
    """Labels or None, and weights."""
    labels = None if rows.labels is None else rows.labels.cpu()[kept]
    if rows.raw_weight is None:
        return labels, torch.ones(len(kept))
    return labels, torch.from_numpy(rows.raw_weight)[kept]


def encoded(module, x, labels):
    """Means of codes, class numbers, and variances or None."""
    if hasattr(module, "classify"):
        likeliest = module.classify(x).argmax(dim=1)
        labels = likeliest if labels is None else torch.where(labels < 0, likeliest, labels)
    if not hasattr(module, "posterior"):
        return module.encode(x), labels, None
    mean, log_var = module.posterior(x, labels)
    # One that is wider than the prior is of a row like none that the encoder knows.
    return mean, labels, log_var.clamp(max=0).exp()
