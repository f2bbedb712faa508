"""Distributions of codes to aim at: objects with ``draw(n_samples, n_components) -> tensor``."""

import copy
import inspect
import math
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_random_state


@dataclass(frozen=True)
class NormalPrior:
    """Independent normal components of this standard deviation."""

    scale: float = 1.0

    def draw(self, n_samples, n_components):
        """Codes, from torch's generator."""
        return self.scale * torch.randn(n_samples, n_components)


def _check_plane(n_components, prior):
    if n_components < 2:
        raise ValueError(
            f"prior={prior!r} lies in a plane and needs n_components of at least 2, not "
            f"{n_components}. Take prior='normal', or one of your own."
        )


@dataclass(frozen=True)
class MixturePrior:
    """Ten normal blobs, the petals of a flower in the first two components.

    A petal lies at four fifths of four scales from the centre, is 0.5 scales long and 0.1 wide
    (standard deviations); further components are normal.
    """

    scale: float = 1.0
    n_blobs: int = 10

    def draw(self, n_samples, n_components):
        """Codes, from torch's generator."""
        _check_plane(n_components, "mixture")
        z = torch.randn(n_samples, n_components)
        angle = torch.randint(self.n_blobs, (n_samples,)) * (2 * math.pi / self.n_blobs)
        along, across = 3.2 + 0.5 * z[:, 0], 0.1 * z[:, 1]
        z[:, 0] = along * angle.cos() - across * angle.sin()
        z[:, 1] = along * angle.sin() + across * angle.cos()
        return self.scale * z


@dataclass(frozen=True)
class SwissRollPrior:
    """A spiral of one and a half turns in the first two components, a little blurred.

    Its outer end is four scales from the centre; further components are normal.
    """

    scale: float = 1.0

    def draw(self, n_samples, n_components):
        """Codes, from torch's generator."""
        _check_plane(n_components, "swiss_roll")
        z = torch.randn(n_samples, n_components)
        # The square root makes the spiral as dense outside as inside.
        radius = torch.rand(n_samples).sqrt()
        angle = 3 * math.pi * radius
        z[:, 0] = 4 * radius * angle.cos() + 0.1 * z[:, 0]
        z[:, 1] = 4 * radius * angle.sin() + 0.1 * z[:, 1]
        return self.scale * z


@dataclass(frozen=True)
class SampledPrior:
    """What a function or a density gives: ``source(n, random_state)`` or ``source.sample(n)``."""

    source: object

    def draw(self, n_samples, n_components):
        """Codes, from a seed that torch's generator gives."""
        seed = int(torch.randint(np.iinfo(np.int32).max, ()))
        if not hasattr(self.source, "sample"):
            codes = self._call(n_samples, np.random.RandomState(seed))
        else:
            try:
                codes = draw_from(self.source, n_samples, check_random_state(seed))
            except NotFittedError as error:
                raise NotFittedError(
                    f"prior={self.source!r} is not fitted. Fit it, and give it in a "
                    "sklearn.frozen.FrozenEstimator: what clones an estimator, such as a search, "
                    "makes new its parameters, and a density with them."
                ) from error
        codes = torch.as_tensor(np.asarray(codes, dtype=np.float32))
        if codes.shape != (n_samples, n_components) or not codes.isfinite().all():
            raise ValueError(
                f"prior must give finite codes of shape (n_samples, n_components) = "
                f"{(n_samples, n_components)}, but {self.source!r} gave shape {tuple(codes.shape)}."
            )
        return codes

    def _call(self, *arguments):
        try:
            inspect.signature(self.source, follow_wrapped=False).bind(*arguments)
        except ValueError:  # a function in C may have no signature
            pass
        except TypeError as error:
            raise TypeError(
                f"prior={self.source!r} must take two arguments, (n_samples, random_state): {error}"
            ) from error
        return self.source(*arguments)


class EmpiricalDensity:
    """The codes that it is fitted to, each as likely as any other."""

    def fit(self, X):
        """Remember the codes."""
        self.X_ = X
        return self

    def sample(self, n_samples=1, random_state=None):
        """Draw codes, with replacement."""
        return self.X_[check_random_state(random_state).randint(len(self.X_), size=n_samples)]


PRIORS = {"mixture": MixturePrior, "normal": NormalPrior, "swiss_roll": SwissRollPrior}


def seed_density(density, random_state):
    """Set every `random_state` of a density, those of its parts included."""
    params = density.get_params() if hasattr(density, "get_params") else {}
    seeds = [name for name in params if name.split("__")[-1] == "random_state"]
    if seeds:
        density.set_params(**dict.fromkeys(seeds, random_state))


def draw_from(density, n_samples, random_state):
    """Rows of a fitted density with `sample`, as scikit-learn's have it, in random order."""
    density = copy.deepcopy(density)
    if isinstance(density, FrozenEstimator):  # its parameters do not show
        density = density.estimator
    seed_density(density, random_state)
    if "random_state" in inspect.signature(density.sample).parameters:
        codes = density.sample(n_samples, random_state=random_state)
    else:
        codes = density.sample(n_samples)
    codes = codes[0] if isinstance(codes, tuple) else codes
    return random_state.permutation(codes)  # a mixture draws one component after the other
