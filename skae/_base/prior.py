"""Codes that follow a prior."""

import numpy as np
import torch

from skae._base.holes import Holes
from skae._priors import PRIORS, SampledPrior
from skae._training.device import forked_seed, plain_torch

# Of a squared distance in float32.
SMALLEST_SPREAD = 1e-30


class PriorMixin(Holes):
    """What `prior` and `prior_scale` stand for; `sample` draws from it."""

    def _prior(self):
        named = isinstance(self.prior, str)
        return PRIORS[self.prior](self.prior_scale) if named else SampledPrior(self.prior)

    def _make_prior(self):
        prior = self._prior()
        prior.draw(2, self.n_components)  # one that does not work should say so now
        return prior

    def _spread(self, prior):
        """The mean squared distance of two of its draws, the same at each call."""
        with forked_seed(torch.device("cpu"), 0):
            drawn = prior.draw(1000, self.n_components).double()
        spread = 2 * drawn.var(dim=0).sum().item()
        if spread < SMALLEST_SPREAD:
            raise ValueError(
                f"prior={self.prior!r} gives codes that hardly differ, so there is no distance to "
                "hold codes of rows against. Give a wider one, or a larger prior_scale."
            )
        return spread

    def _draw_codes(self, n_samples, random_state, y=None):
        seed = int(random_state.randint(np.iinfo(np.int32).max))
        with plain_torch(grad=False), forked_seed(torch.device("cpu"), seed):
            prior = self._start.then(self)._prior()
            return prior.draw(n_samples, self._n_features_out).numpy()
