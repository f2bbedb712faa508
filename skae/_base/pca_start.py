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
from skae._base.start import Record
from skae._rows.source import chunks
from skae._training.net import ObjectiveNet
from skae._training.unwatched import unwatched
from skae.losses import LINKS, LOSSES
from skae.modules import LinearPlusNetwork

# What the principal components of the start are computed from, at most: so many values, or so many
# rows if they have more values. Those that the model is held against see more, where the rows are
# in memory.
MAX_START_VALUES, MAX_START_ROWS = 2**23, 1000
MAX_FLOOR_VALUES = 2**26
# With more rows than these one start has to do: training is long, and matters more.
MAX_ROWS_TO_TRY_BOTH = 10_000
# After each piece of a stream the decoder's linear map is fitted to so many times the rows that it
# was learned from, within these bounds. Fewer move it by less.
FITTED_SHARE, MIN_FITTED_ROWS, FITTED_ROWS = 10, 200, 1000
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

    @property
    def spread(self):
        """What to divide by for codes to vary as the inputs of a network should.

        One factor for all keeps their metric.
        """
        spread = np.sqrt(self.variances[0])
        return spread if 1e-3 < spread < 1e3 else 1.0  # such as 0 or NaN, where rows do not vary


@dataclass(frozen=True)
class AsTrained(Record):
    """The decoder's linear map, as training has left it, before it was fitted.

    Training goes on from there. Were it to go on from the fitted map, the network could grow along
    what that makes up for, and both without end.
    """

    weight: np.ndarray
    bias: np.ndarray

    PLACE = "_as_trained"
    ONLY_REHEARSED = True
    NAMES = {"weight": "_trained_weight", "bias": "_trained_bias"}

    @classmethod
    def of(cls, module):
        """That of a module."""
        linear = _linear_part(module.decoder).linear
        return cls(*(part.detach().cpu().numpy().copy() for part in (linear.weight, linear.bias)))

    def give_back(self, module):
        """Undo the fit."""
        _linear_part(module.decoder).begin_at(*map(torch.tensor, (self.weight, self.bias)))


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
            _linear_part(network).begin_at(*(torch.as_tensor(part).float() for part in maps))

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
        vectors, mean = torch.from_numpy(found.vectors), torch.from_numpy(found.mean)
        weight = vectors / found.spread
        self._begin_at(module, (weight, -weight @ mean), (vectors.T * found.spread, mean))

    def _before_piece(self, n_new):
        as_trained = vars(self).pop("_as_trained", None)
        if not self._follows_stream():
            return
        with torch.no_grad(), self._make_trainer().seeded():
            is_enough = self._reservoir.has_all or len(self._reservoir) >= MIN_FITTED_ROWS
            if is_enough and self._reservoir.has_grown(n_new):
                self._turn_encoder(self.module_, self._rehearsed_rows())
            elif as_trained is not None:
                as_trained.give_back(self.module_)

    def _after_piece(self, n_learned):
        if not self._follows_stream():
            return
        n_rows = max(n_learned, np.clip(FITTED_SHARE * n_learned, MIN_FITTED_ROWS, FITTED_ROWS))
        self._as_trained = AsTrained.of(self.module_)
        with torch.no_grad(), self._make_trainer().seeded():
            rows = self._rehearsed_rows(n_rows)
            is_sample = len(rows) < self._reservoir.n_seen
            self._fit_decoder(self.module_, rows, FITTED_ROWS - len(rows) if is_sample else 0)

    def _follows_stream(self):
        """Whether there are linear maps for squared errors, of no other rows than are known."""
        squared = self._as_fitted("loss") == "squared_error"
        return squared and self.net_.start_ == "pca" and self._reservoir.knows_all

    def _turn_encoder(self, module, rows):
        """Let the encoder's linear map follow the principal components of a stream.

        Of the bases of what they span it takes the one that is nearest to the codes so far, so that
        what networks have learned goes on to hold.
        """
        found = principal_components(
            rows, module.fill, self.n_components, self.random_state, MAX_START_VALUES
        )
        if not np.isfinite(found.variances).all():
            return
        linear = _linear_part(module.encoder).linear
        vectors = torch.from_numpy(found.vectors).to(linear.weight)
        left, _, right = torch.linalg.svd(linear.weight @ vectors.T)
        weight = left @ right @ vectors / found.spread
        mean = torch.from_numpy(found.mean).to(weight)
        linear.weight.copy_(weight)
        linear.bias.copy_(-weight @ mean)

    def _fit_decoder(self, module, rows, n_before):
        """Move the decoder's linear map to where squared errors are least.

        Where it is counts as much as `n_before` rows.
        """
        n_rows, n_codes = len(rows), self.n_components
        corrupt = getattr(module, "corrupt", nn.Identity())
        x, (_, weight) = rows[torch.arange(n_rows, device=rows.device)]
        linear = _linear_part(module.decoder).linear
        x = x.to(linear.weight.device)
        codes = module.encode(corrupt(x))
        left = x - module.decoder(codes)
        weight = torch.ones(n_rows, 1) if weight is None else weight[:, None]
        change = regressed(codes, left, weight.to(codes), max(1, n_before))
        linear.weight.add_(change[:, :n_codes].to(linear.weight))
        linear.bias.add_(change[:, n_codes].to(linear.weight))

    def _has_floor(self, starts):
        return "pca" in starts

    def _judge_again(self, outcome, trainer, all_rows, floor):
        is_small = folds.MIN_ROWS <= len(all_rows) <= folds.MAX_ROWS
        if floor is None or not is_small or self.callbacks:
            return outcome
        make = partial(self._new_net, trainer)
        return folds.Folds(make, trainer, all_rows).choose(outcome, floor)


def _linear_part(network):
    return next(m for m in network.modules() if isinstance(m, LinearPlusNetwork))


def regressed(x, y, weight, n_before):
    """The regression of each column of y on x and a constant; NaN in y is not counted.

    It is drawn towards zero, as by so many rows of unit variance.

    Parameters
    ----------
    x : tensor of shape (n_samples, n_features)
    y : tensor of shape (n_samples, n_targets)
    weight : tensor of shape (n_samples, 1)
    n_before : float

    Returns
    -------
    tensor of shape (n_targets, n_features + 1), float64
        The constant comes last.
    """
    x, y, weight = (part.cpu().double() for part in (x, y, weight))  # not all devices know it
    x = torch.cat([x, torch.ones_like(weight)], dim=1)
    seen = y.isfinite()
    y = torch.where(seen, y, 0)
    before = n_before * torch.eye(x.shape[1]).to(x)
    if seen.all():
        return torch.linalg.solve((weight * x).T @ x + before, x.T @ (weight * y)).T
    products = (x[:, :, None] * x[:, None, :]).flatten(1)
    gram = ((weight * seen).T @ products).unflatten(1, before.shape)
    return torch.linalg.solve(gram + before, (weight * y).T @ x)


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
        # Shares of no variance at all, or squares of what training will refuse.
        quiet = np.errstate(invalid="ignore", divide="ignore", over="ignore")
        with quiet, unwatched():
            pca.fit(x)
        components[: pca.n_components_] = pca.components_
        variances[: pca.n_components_] = pca.singular_values_.astype(np.float64) ** 2 / len(x)
    return Components(components, mean, variances, total_variance(x))


def total_variance(x):
    """The sum of the variances of the columns, without a copy of x in float64."""
    centre = x.mean(axis=0, dtype=np.float64)
    return sum(np.square(x[part] - centre).sum() for part in chunks(len(x))) / len(x)
