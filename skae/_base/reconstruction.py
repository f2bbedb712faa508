"""What the autoencoders without a likelihood share: losses, outputs, the linear start, sampling."""

from abc import abstractmethod
from numbers import Integral

import numpy as np
import torch
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from sklearn.utils._param_validation import HasMethods, StrOptions
from torch import nn

from skae._base.autoencoder import BaseAutoencoder
from skae._priors import draw_from, seed_density
from skae._rows.source import chunks
from skae.losses import LOSSES, SCALE_DEGREE
from skae.modules import LinearPlusNetwork, tie_weights
from skae.objectives import Reconstruction

# What the principal components of the start are computed from, at most: so many values, or so many
# rows if they have more values. Those that the model is held against see more, where the rows are
# in memory.
MAX_START_VALUES, MAX_START_ROWS = 2**23, 1000
MAX_FLOOR_VALUES = 2**26
# With more rows than these one start has to do: training is long, and matters more.
MAX_ROWS_TO_TRY_BOTH = 10_000
# How many training codes are kept for the density that `sample` draws from, at most.
MAX_KEPT_CODES = 10_000


class ReconstructionAutoencoder(BaseAutoencoder):
    """Base class of the autoencoders that minimize a reconstruction loss."""

    _parameter_constraints: dict = {
        **BaseAutoencoder._parameter_constraints,
        "loss": [StrOptions(set(LOSSES))],
    }

    _cost = "loss"

    @abstractmethod
    def __init__(self, n_components, *, loss, **shared):
        super().__init__(n_components, **shared)
        self.loss = loss

    def _row_scores(self, module, x):
        objective = Reconstruction(self._fitted_loss(), self._takes_nan())
        loss = objective(module, x)["reconstruction"]
        return -loss * self._loss_unit()

    def _fitted_loss(self):
        return self.net_.module_.objective.loss

    def _loss_unit(self):
        """The loss in units of X, divided by that of standardized rows."""
        return self.scaling_.scale.item() ** SCALE_DEGREE.get(self._fitted_loss(), 0)

    def _describe_training(self, rows, terms):
        self.reconstruction_err_ = terms["reconstruction"] * self._loss_unit()


TIED_WEIGHTS: list = ["boolean", StrOptions({"auto"})]


def tie(encoder, decoder, tied_weights):
    """Give the decoder the encoder's weights as the parameter `tied_weights` has it."""
    if tied_weights and not tie_weights(encoder, decoder) and tied_weights != "auto":
        raise ValueError(
            "tied_weights=True needs an architecture with as many torch.nn.Linear in the decoder "
            "as in the encoder, in shapes that mirror each other, as MLP has them. Set "
            "tied_weights='auto' or False."
        )


class DensityAutoencoder(ReconstructionAutoencoder):
    """Base class of those whose codes follow no prior: `sample` fits a density to them."""

    _parameter_constraints: dict = {
        **ReconstructionAutoencoder._parameter_constraints,
        "latent_density": [HasMethods(["fit", "sample"]), None],
    }

    @abstractmethod
    def __init__(self, n_components, *, latent_density, **shared):
        super().__init__(n_components, **shared)
        self.latent_density = latent_density

    @property
    def latent_density_(self):
        """The density of the training codes; fitted when first asked for."""
        if not hasattr(self, "net_"):
            raise AttributeError(f"This {type(self).__name__} has no latent_density_ before fit.")
        if self._latent_density is None:
            density = clone(self._density_to_fit, safe=False)
            if density is None:
                density = self._default_density()
            codes = self._codes if len(self._codes) > 1 else np.repeat(self._codes, 2, axis=0)
            seed_density(density, self._density_seed)
            density.fit(codes)
            self._latent_density = density
        return self._latent_density

    def _default_density(self):
        """A Gaussian mixture of at most ten blobs, with ten rows for each direction of a blob."""
        n_blobs = len(np.unique(self._codes, axis=0)) // (10 * (self._codes.shape[1] + 1))
        return GaussianMixture(min(10, max(1, n_blobs)), reg_covar=1e-4, max_iter=500)

    def _describe_training(self, rows, terms):
        super()._describe_training(rows, terms)
        kept = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))
        kept = kept[:MAX_KEPT_CODES]
        with torch.inference_mode():
            codes = _encode(self.module_, rows, kept)
        self._codes, self._latent_density = codes.numpy().astype(np.float64), None
        # As all that is fitted, it does not follow parameters that are set afterwards.
        self._density_to_fit = clone(self.latent_density, safe=False)
        self._density_seed = int(self._rng.randint(np.iinfo(np.int32).max))
        if self.latent_density is not None:
            _ = self.latent_density_  # one that does not work should say so in fit

    def _draw_codes(self, n_samples, random_state):
        return draw_from(self.latent_density_, n_samples, random_state)


class DeterministicAutoencoder(DensityAutoencoder):
    """Base class of those that start at PCA."""

    _parameter_constraints: dict = {
        **DensityAutoencoder._parameter_constraints,
        "init": [StrOptions({"auto", "pca", "random"})],
    }

    @abstractmethod
    def __init__(self, n_components, *, init, **shared):
        super().__init__(n_components, **shared)
        self.init = init

    def _starts(self, n_rows, has_val):
        if self.init != "auto":
            return [self.init]
        if self.architecture is not None or self._needs_unit_interval() is not None:
            return ["random"]
        both = has_val and n_rows <= MAX_ROWS_TO_TRY_BOTH and not self.callbacks
        return ["random", "pca"] if both else ["pca"]

    def _make_module(self, rows, statistics, start):
        encoder, decoder = self._make_networks(self.n_components, self.n_components)
        if start in ("pca", "floor"):
            self._check_pca_start(encoder, decoder)
            components = torch.zeros(self.n_components, self.n_features_in_)
            mean, spread = torch.zeros(self.n_features_in_), 1.0
            if rows is not None:
                few = start == "pca" or rows.lies_in_file
                n_values = MAX_START_VALUES if few else MAX_FLOOR_VALUES
                fill = self._make_fill() if self.allow_nan else nn.Identity()
                components, mean, spread = _principal_components(
                    rows, fill, self.n_components, self.random_state, n_values
                )
            encoder, decoder = _around(encoder, decoder, components, mean, spread)
        output, link = self._make_outputs(statistics)
        decoder = decoder if output is None else nn.Sequential(decoder, output)
        return self._assemble(encoder, decoder, link, statistics)

    @abstractmethod
    def _assemble(self, encoder, decoder, link, statistics):
        """The module of these parts."""

    def _check_pca_start(self, encoder, decoder):
        linear_end = all(
            isinstance(network, nn.Sequential) and isinstance(network[-1], nn.Linear)
            for network in (encoder, decoder)
        )
        if not linear_end or self._needs_unit_interval() is not None:
            raise ValueError(
                "init='pca' needs loss='squared_error' or 'absolute_error', outputs that are not "
                "logistic, and networks that end in a linear layer, as MLP gives them. Use "
                "init='random' or init='auto'."
            )


def _principal_components(rows, fill, n_components, random_state, n_values):
    """The components, (n_components, n_features), the mean, and the spread along the first."""
    n_features = rows.n_features
    n_kept = max(n_components + 1, MAX_START_ROWS, n_values // n_features)
    kept = torch.randperm(len(rows))[:n_kept]
    kept = kept[np.argsort(rows.subset[kept.numpy()])]
    x = np.empty((len(kept), n_features), dtype=np.float32)
    for part in chunks(len(kept)):  # in one piece the rows of a file would be there twice
        x[part] = fill(rows[kept[part].to(rows.device)][0].cpu())
    weight = None if rows.weight is None else rows.weight.cpu()[kept].numpy()
    components = np.zeros((n_components, n_features), dtype=np.float32)
    mean, spread = np.average(x, axis=0, weights=weight).astype(np.float32), 1.0
    if weight is not None:
        x = (x - mean) * np.sqrt(weight)[:, None]
        x = np.concatenate([x, -x])  # which is centred already, so that PCA does not do it again
    if len(x) > 1:
        # With the same seed and order of rows this is the very PCA that a user would compare with,
        # also where its solver is a random one.
        random_state = random_state if isinstance(random_state, Integral) else 0
        pca = PCA(min(n_components, *x.shape), random_state=random_state)
        with np.errstate(invalid="ignore", divide="ignore"):  # shares of no variance at all
            pca.fit(x)
        components[: pca.n_components_] = pca.components_
        spread = pca.singular_values_[0] / np.sqrt(len(x))
    if not 1e-3 < spread < 1e3:  # such as 0 or NaN, where rows do not vary
        spread = 1.0
    return torch.from_numpy(components), torch.from_numpy(mean), spread


def _around(encoder, decoder, components, mean, spread):
    """Add linear maps that start as the principal components; the networks start at zero."""
    # Codes that vary as the inputs of a network should. One factor for all keeps their metric.
    weight = components / spread
    encoder = LinearPlusNetwork(weight, -weight @ mean, encoder)
    # Moved by single rows of many features, this map would fit those rows and no others.
    encoder.linear.requires_grad_(False)
    return encoder, LinearPlusNetwork(components.T * spread, mean, decoder)


def _encode(module, rows, indices):
    """Codes of some of the `Rows`, on the CPU."""
    device = next(module.parameters()).device
    return torch.cat([module.encode(x.to(device)).cpu() for x in rows.chunks_of(indices)])
