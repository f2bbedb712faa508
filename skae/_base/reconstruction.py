"""What the autoencoders without a likelihood share: a loss, and a density of the codes."""

import numpy as np
import torch
from sklearn.base import clone
from sklearn.mixture import GaussianMixture

from skae._base.applying import device_of
from skae._base.autoencoder import BaseAutoencoder
from skae._base.principal import turn
from skae._base.start import Record
from skae._priors import draw_from, seed_density
from skae._training.device import plain_torch
from skae._training.unwatched import unwatched
from skae.losses import SCALE_DEGREE
from skae.modules import tie_weights
from skae.objectives import Reconstruction

# How many training codes are kept for the density that `sample` draws from, at most.
MAX_KEPT_CODES = 10_000


class ReconstructionAutoencoder(BaseAutoencoder):
    """Base class of the autoencoders that minimize a reconstruction loss."""

    _cost = "loss"

    def _row_scores(self, module, x):
        objective = Reconstruction(self._as_fitted("loss"), self._as_fitted("allow_nan", False))
        return -objective(module, x)["reconstruction"] * self._loss_unit()

    def _loss_unit(self):
        """The loss in units of X, divided by that of standardized rows, where it has units."""
        return self.scaling_.scale.item() ** SCALE_DEGREE.get(self._as_fitted("loss"), 0)

    def _after_training(self, table, rows, terms, stream):
        super()._after_training(table, rows, terms, stream)
        self.reconstruction_err_ = terms["reconstruction"] * self._loss_unit()


def tie(encoder, decoder, tied_weights):
    """Give the decoder the encoder's weights as the parameter `tied_weights` has it."""
    if tied_weights and not tie_weights(encoder, decoder) and tied_weights != "auto":
        raise ValueError(
            "tied_weights=True needs an architecture with as many torch.nn.Linear in the decoder "
            "as in the encoder, in shapes that mirror each other, as MLP has them. Set "
            "tied_weights='auto' or False."
        )


class CodeDensity(Record):
    """The density of training codes, fitted when it is first asked for.

    Parameters
    ----------
    codes : array of shape (n_samples, n_components) or None
        None while nobody has asked for those of a stream.
    asked : estimator with `fit` and `sample`, or None
        The user's, not fitted; None leaves it to the model.
    seed : int
        Of the fit.
    ready : estimator or None
        The fitted one, if there is one.
    """

    PLACE = "_density"
    NAMES = {
        "codes": "_codes",
        "asked": "_density_to_fit",
        "seed": "_density_seed",
        "ready": "_latent_density",
    }

    def __init__(self, codes, asked, seed, ready=None):
        self.codes, self.asked, self.seed, self.ready = codes, asked, seed, ready

    def fitted(self, make_default):
        """The fitted density; ``make_default(codes)`` makes one where the user has none."""
        if self.ready is None:
            density = clone(self.asked, safe=False)
            if density is None:
                density = make_default(self.codes)
            codes = self.codes if len(self.codes) > 1 else np.repeat(self.codes, 2, axis=0)
            seed_density(density, self.seed)
            with unwatched():
                density.fit(codes)
            self.ready = density
        return self.ready

    def to_state(self):
        """As flat names. The default is left out: it is the same when it is fitted again."""
        ready = None if self.asked is None else self.ready
        names = self.NAMES.items()
        return {name: getattr(self, field) for field, name in names} | {"_latent_density": ready}


class DensityAutoencoder(ReconstructionAutoencoder):
    """Base class of those whose codes follow no prior: `sample` fits a density to them."""

    @property
    def latent_density_(self):
        """The density of the training codes; fitted when first asked for."""
        if not hasattr(self, "net_"):
            raise AttributeError(f"This {type(self).__name__} has no latent_density_ before fit.")
        self._see_codes()
        return self._density.fitted(self._default_density)

    def _default_density(self, codes):
        """A Gaussian mixture of at most ten blobs, with ten rows for each direction of a blob."""
        n_blobs = len(np.unique(codes, axis=0)) // (10 * (codes.shape[1] + 1))
        return GaussianMixture(min(10, max(1, n_blobs)), reg_covar=1e-4, max_iter=500)

    def _after_training(self, table, rows, terms, stream):
        super()._after_training(table, rows, terms, stream)
        seen, judged = rows
        is_part = judged is not None and table.X_val is None
        shares = turn(self.module_, [seen, judged] if is_part else [seen])
        vars(self).pop("explained_variance_ratio_", None)
        if shares is not None:
            self.explained_variance_ratio_ = shares
        # As all that is fitted, it does not follow parameters that are set afterwards.
        asked = clone(self.latent_density, safe=False)
        seed = int(self._rng.randint(np.iinfo(np.int32).max))
        self._density = CodeDensity(None, asked, seed)
        # All rows of a stream so far are many, beside those of a piece.
        rehearses = stream and hasattr(self, "_reservoir")
        if not rehearses:
            self._see_codes(rows[0])
        if asked is not None and not (rehearses and self.n_iter_ > 1):
            _ = self.latent_density_  # one that does not work should say so in fit

    def _see_codes(self, rows=None):
        """Encode what the density is to be of, unless it is there."""
        if self._density.codes is not None:
            return
        rows = self._rehearsed_rows() if rows is None else rows
        kept = rows.fair_sample(MAX_KEPT_CODES, torch.Generator().manual_seed(0))
        with plain_torch(grad=False):
            codes = _encode(self.module_, rows, kept)
        self._density.codes = codes.numpy().astype(np.float64)

    def __getstate__(self):
        if hasattr(self, "_density"):
            self._see_codes()
        return super().__getstate__()

    def _draw_codes(self, n_samples, random_state, y=None):
        return draw_from(self.latent_density_, n_samples, random_state)


def _encode(module, rows, indices):
    """Codes of some of the `Rows`, on the CPU."""
    device = device_of(module)
    return torch.cat([module.encode(x.to(device)).cpu() for x in rows.chunks_of(indices)])
