"""What the autoencoders that undo a corruption share."""

import copy

import numpy as np
import torch
from sklearn.utils import check_random_state

from skae._base.applying import TORCH_DTYPES
from skae._base.holes import Holes
from skae._rows.source import as_source
from skae._rows.sources.dtypes import float_dtype
from skae._rows.tensors import tensors_welcome
from skae._training.device import forked_seed, plain_torch
from skae.modules import Corruption
from skae.objectives import Denoising

# Beyond this the squared error overflows in float32.
MAX_RELATIVE_LEVEL = 1e15


class CorruptionMixin(Holes):
    """Adds `denoise`, and the corruption of the input that it undoes, to an autoencoder."""

    def denoise(self, X):
        """Reconstruct noisy rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Noisy rows.

        Returns
        -------
        X_denoised : ndarray of shape (n_samples, n_features)
            ``inverse_transform(transform(X))``.
        """
        return self.inverse_transform(self.transform(X))

    @tensors_welcome
    def corrupt(self, X, random_state=None):
        """Corrupt rows as training does, to look at the noise or to measure `denoise`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Clean rows.
        random_state : int, RandomState instance or None, default=None
            Determines the noise. Pass an int for the same noise at each call.

        Returns
        -------
        X_corrupted : ndarray of shape (n_samples, n_features)
            Noisy rows, in the units and the floating dtype of X; with `allow_nan`, masked values
            are NaN.

        Raises
        ------
        NotFittedError
            Before `fit`: noise is measured against the training rows.
        ValueError
            If X is not as `fit` needs it.
        """
        X = self._validate_target(X)
        dtype = TORCH_DTYPES[np.dtype(float_dtype(X.dtype)).name]
        x = as_source(X).tensor(slice(None)).to(dtype)
        seed = int(check_random_state(random_state).randint(np.iinfo(np.int32).max))
        with plain_torch(grad=False), forked_seed(torch.device("cpu"), seed):
            corruption = copy.deepcopy(self.module_.corrupt).cpu()
            corrupted = corruption(self.scaling_(x)).to(x.dtype)
            return self.scaling_.inverse(corrupted, clip=False).numpy()

    def _make_corruption(self):
        if self.noise != "gaussian" and self.noise_level > 1:
            raise ValueError(
                f"noise_level={self.noise_level} must be a share in [0, 1] for noise="
                f"{self.noise!r}. Only Gaussian noise has a standard deviation in units of X."
            )
        statistics = self._start.statistics
        low, high, clips = statistics.low, statistics.high, self.clip
        if not isinstance(clips, bool | np.bool_):
            low, high = self._clip_range(low)
            clips = True
        # Where values may be missing, a masked one is: it is filled like those.
        zero = np.full_like(low, np.nan if self._as_fitted("allow_nan", False) else 0.0)
        zero, low, high = (self.scaling_(torch.from_numpy(value)) for value in (zero, low, high))
        level = self.noise_level
        if self.noise == "gaussian":
            level = level / self.scaling_.scale.item()
            if level > MAX_RELATIVE_LEVEL:
                raise ValueError(
                    f"noise_level={self.noise_level} is {level:.1g} times the spread of X: float32 "
                    "can not hold the sum. Give it in units of X."
                )
        return Corruption(self.noise, level, zero, low, high, clips)

    def _clip_range(self, low):
        bounds = np.asarray(self.clip, dtype=np.float64)
        if bounds.shape != (2,) or not bounds[0] < bounds[1]:
            raise ValueError(
                f"clip={self.clip!r} must be True, False or a pair (smallest, largest) in units "
                "of X."
            )
        return np.full_like(low, bounds[0]), np.full_like(low, bounds[1])

    def _make_objective(self):
        return Denoising(self.loss, self._as_fitted("allow_nan", False))
