"""The start at the principal components, and their part as a floor that training must beat."""

from abc import abstractmethod
from dataclasses import dataclass
from functools import partial
from numbers import Integral

import numpy as np
import torch
from sklearn.decomposition import PCA
from torch import nn

from skae._base import folds
from skae._base.holes import Holes
from skae._base.reconstruction import DensityAutoencoder
from skae._rows.source import chunks
from skae._training.net import ObjectiveNet
from skae.losses import LINKS, LOSSES
from skae.modules import LinearPlusNetwork

# What the principal components of the start are computed from, at most: so many values, or so many
# rows if they have more values. Those that the model is held against see more, where the rows are
# in memory.
MAX_START_VALUES, MAX_START_ROWS = 2**23, 1000
MAX_FLOOR_VALUES = 2**26
# With more rows than these one start has to do: training is long, and matters more.
MAX_ROWS_TO_TRY_BOTH = 10_000
# Of a row of which the principal components know more than this share by heart.
MAX_LEVERAGE = 0.5


@dataclass(frozen=True)
class Floor:
    """A net that is not trained: the principal components.

    Where it knows the rows that are held out as well it is favoured by that, the more the fewer
    rows there are: what training has added to it is sure then.
    """

    net: ObjectiveNet
    knows_held_out: bool

    def fair(self, all_rows, rows_val):
        """The held-out rows, the last of all rows, less those that it reproduces by heart.

        A row that is alone in some feature may be most of what a principal component is made of.
        Nothing that has not seen that row reproduces it, so it can not judge between the two.
        """
        if not self.knows_held_out:
            return rows_val
        model, n_rows = self.net.module_.model, len(all_rows)
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


@dataclass(frozen=True)
class Components:
    """Principal components of standardized rows.

    Parameters
    ----------
    vectors : array of shape (n_components, n_features)
        Zero where there are fewer.
    mean : array of shape (n_features,)
    variances : array of shape (n_components,)
        Along the components; 0 where there are fewer.
    variance : float
        Of the rows, summed over the features.
    """

    vectors: np.ndarray
    mean: np.ndarray
    variances: np.ndarray
    variance: float


class LinearMapsMixin(Holes):
    """Networks beside linear maps, and what is kept where training adds nothing to those."""

    def _make_linear_networks(self, n_outputs, n_inputs):
        """An encoder and a decoder that are linear maps plus networks, which start at zero."""
        encoder, decoder = self._make_free_networks(n_outputs, n_inputs)
        self._check_pca_start(encoder, decoder)
        encoder = LinearPlusNetwork(self.n_features_in_, n_outputs, encoder)
        n_held = self.n_components
        decoder = LinearPlusNetwork(n_inputs, self.n_features_in_, decoder, n_held)
        # Moved by single rows of many features, this map would fit those rows and no others.
        encoder.linear.requires_grad_(False)
        return encoder, decoder

    def _begin_at(self, module, encoder, decoder):
        """Set the linear maps of a module: of each the weight and the bias."""
        for network, maps in ((module.encoder, encoder), (module.decoder, decoder)):
            found = next(m for m in network.modules() if isinstance(m, LinearPlusNetwork))
            found.begin_at(*(torch.as_tensor(part).float() for part in maps))

    _floor_knows_held_out = True

    def _make_floor(self, starts, all_rows, rows, trainer):
        if not self._has_floor(starts):
            return None
        before = self._rng.get_state(legacy=False)
        rows = all_rows if self._floor_knows_held_out else rows
        floor = Floor(self._new_net(trainer, "floor", rows), self._floor_knows_held_out)
        floor.net.is_favoured_ = self._floor_knows_held_out
        # So that the random start is the very one of init="random" with the same seed.
        self._rng.set_state(before)
        return floor

    @abstractmethod
    def _has_floor(self, starts):
        """Whether the principal components are a model of this kind."""

    def _check_pca_start(self, encoder, decoder):
        linear_end = all(
            isinstance(network, nn.Sequential) and isinstance(network[-1], nn.Linear)
            for network in (encoder, decoder)
        )
        if not linear_end or self._needs_unit_interval() is not None:
            linear = " or ".join(f"'{name}'" for name in reversed(LOSSES) if name not in LINKS)
            raise ValueError(
                f"init='pca' needs loss={linear}, outputs that are not logistic, and networks that "
                "end in a linear layer, as MLP gives them. Use init='random' or init='auto'."
            )


class PCAStartAutoencoder(LinearMapsMixin, DensityAutoencoder):
    """Base class of those that may start at PCA."""

    def _starts(self, n_rows, has_val):
        if self.init != "auto":
            return [self.init]
        if self.architecture is not None or self._needs_unit_interval() is not None:
            return ["random"]
        both = has_val and n_rows <= MAX_ROWS_TO_TRY_BOTH and not self.callbacks
        return ["random", "pca"] if both else ["pca"]

    def _make_module(self, start):
        linear = start in ("pca", "floor")
        make = self._make_linear_networks if linear else self._make_networks
        encoder, decoder = make(self.n_components, self.n_components)
        output, link = self._make_outputs()
        decoder = decoder if output is None else nn.Sequential(decoder, output)
        return self._assemble_parts(encoder, decoder, link)

    @abstractmethod
    def _assemble_parts(self, encoder, decoder, link):
        """The module of these parts."""

    def _before_training(self, start, module, rows, trainer):
        if start not in ("pca", "floor"):
            return
        few = start == "pca" or rows.lies_in_file
        n_values = MAX_START_VALUES if few else MAX_FLOOR_VALUES
        found = principal_components(
            rows, module.fill, self.n_components, self.random_state, n_values
        )
        # Codes that vary as the inputs of a network should. One factor for all keeps their metric.
        spread = np.sqrt(found.variances[0])
        if not 1e-3 < spread < 1e3:  # such as 0 or NaN, where rows do not vary
            spread = 1.0
        vectors, mean = torch.from_numpy(found.vectors), torch.from_numpy(found.mean)
        weight = vectors / spread
        self._begin_at(module, (weight, -weight @ mean), (vectors.T * spread, mean))

    def _has_floor(self, starts):
        return "pca" in starts

    def _judge_again(self, outcome, trainer, all_rows, floor):
        if len(all_rows) > folds.MAX_ROWS or trainer.checkpoint is not None or self.callbacks:
            return outcome
        make = partial(self._new_net, trainer)
        return folds.Folds(make, trainer, all_rows).choose(outcome, floor)


def principal_components(rows, fill, n_components, random_state, n_values):
    """The `Components` of so many values of the rows, or few more."""
    n_features = rows.n_features
    n_kept = max(n_components + 1, MAX_START_ROWS, n_values // n_features)
    kept = torch.randperm(len(rows))[:n_kept]
    kept = kept[np.argsort(rows.subset[kept.numpy()])]
    x = np.empty((len(kept), n_features), dtype=np.float32)
    for part in chunks(len(kept)):  # in one piece the rows of a file would be there twice
        x[part] = fill(rows[kept[part].to(rows.device)][0].cpu())
    weight = None if rows.weight is None else rows.weight.cpu()[kept].numpy()
    components = np.zeros((n_components, n_features), dtype=np.float32)
    variances, mean = np.zeros(n_components), np.average(x, axis=0, weights=weight)
    mean = mean.astype(np.float32)
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
        variances[: pca.n_components_] = pca.singular_values_.astype(np.float64) ** 2 / len(x)
    return Components(components, mean, variances, x.var(axis=0, dtype=np.float64).sum())
