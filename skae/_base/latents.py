"""What is drawn with rows of which some values are known: codes, and how much was counted."""

import copy

import torch

from skae._base.applying import device_of
from skae.objectives import cholesky, posterior_codes

# Codes that are decoded at a time, and values.
CODES_AT_ONCE, VALUES_AT_ONCE = 2**14, 2**23
# Beyond so many deviations from their mean logarithms of exposures are further apart, by 1 for each
# deviation: rows that are counted much further than those of training do occur.
FAR = 4.0


class Latents:
    """What is asked of a module about rows of which some values are known.

    Latents are codes. Where the module is told exposures, one more stands behind these, standard
    normal, for the logarithm of the exposure. It counts where the known values leave that open.

    Parameters
    ----------
    module : VariationalAutoencoder
    exposures : array of shape (n_classes + 1, 2) or None
        Means and deviations of the logarithms of exposures: of each class, and last of all.
    of_classes : ClassCodes or None
        Where the module is told the class or a number: codes are normal with the moments of these,
        in place of standard normal.
    draws_told : bool
        Whether classes or numbers are drawn as well, where the decoder is told any.
    """

    def __init__(self, module, exposures=None, of_classes=None, draws_told=False):
        self.module, self.device, self.of_classes = module, device_of(module), of_classes
        self.exposures = None
        if exposures is not None:
            self.exposures = torch.from_numpy(exposures).float().to(self.device)
        self.link = copy.deepcopy(module.link)
        for part in self.link.modules():
            if hasattr(part, "allow_nan"):
                part.allow_nan = True
        alternatives = (module.alternatives() if draws_told else None) or (None, torch.zeros(1))
        self.told, self.log_shares = (None if part is None else part.cpu() for part in alternatives)

    def log_exposure(self, x, z, y):
        """What the values of a row that are not NaN say, or else its latent, ``(batch, 1)``."""
        x, exposure = x.to(self.device), self.module.exposure
        mean, deviation = self._moments(y).unbind(1)
        drawn = _log_exposure_of(z[:, -1].float().to(self.device), mean, deviation)
        return torch.where(exposure.is_known(x), exposure(x), drawn[:, None])

    def _moments(self, y):
        groups = y if self.module.n_classes else torch.full((len(y),), -1)
        return self.exposures[groups.to(self.device)]  # of a row without a class those of all

    def log_likelihood(self, x, z, y):
        """``log p(x | z, y)`` of the values of each row that are not NaN, ``(batch,)``."""
        x, codes, told = x.to(self.device), z, [y.to(self.device)]
        if self.exposures is not None:
            codes = z[:, :-1]
            told.append(self.log_exposure(x, z, y))
        output = self.module.output(codes.float().to(self.device), *told)
        return -self.link.nll(x, output).cpu().double()

    def energy(self, x, z, y):
        """``-log p(x, u | y)`` of standard normal u that latents are made of; but a constant."""
        normals, which = self._normals(y)
        square = normals.standard(z.double(), which).square().sum(dim=1)
        return 0.5 * square - self.log_likelihood(x, z, y)

    def _normals(self, y):
        """Distributions of codes, and which of them is that of each value of y."""
        values, which = y.unique(return_inverse=True)
        return _Normals.of(self.of_classes, values), which

    def codes(self, x, y, n_draws):
        """Draws for each of the rows: see `posterior_codes`."""
        told = y[:, None] if self.told is None else self.told.expand(len(x), -1)
        normals, which = self._normals(told)
        x = x.to(self.device)

        def log_likelihood(u, drawn, rows):
            found, flat = [], u.flatten(0, 1)
            for part in torch.arange(len(flat)).split(n_at_once(x)):
                row = rows[part // u.shape[1]]
                place = row, drawn.flatten()[part]
                z = normals.codes(flat[part], which[place])
                found.append(self.log_likelihood(x[row.to(self.device)], z, told[place]))
            return torch.cat(found).view(u.shape[:2])

        start = normals.standard(self._guess(x)[:, None].expand(-1, told.shape[1], -1), which)
        u, drawn, n_effective = posterior_codes(
            log_likelihood, start, n_draws, self.log_shares.double()
        )
        z = normals.codes(u, which.gather(1, drawn))
        return z, drawn, n_effective

    def _guess(self, x):
        """Latents that rows may have, ``(batch, n_latents)``."""
        module = self.module
        guess = module.posterior(x if module.unobserved is not None else x.nan_to_num())[0]
        if self.exposures is not None:
            latent = _latent_of(module.exposure(x), *self.exposures[-1])
            guess = torch.cat([guess, latent], dim=1)
        return guess.cpu().double()


class _Normals:
    """Normal distributions of codes, or standard normal ones.

    Parameters
    ----------
    means : tensor of shape (n, n_components) or None
    factors : tensor of shape (n, n_components, n_components) or None
        Cholesky factors of their covariances.
    """

    def __init__(self, means=None, factors=None):
        self.means, self.factors = means, factors

    @classmethod
    def of(cls, of_classes, numbers):
        """Those of some numbers, by `ClassCodes` if there are any."""
        if of_classes is None:
            return cls()
        means, covariances = map(torch.from_numpy, of_classes.normals(numbers.numpy()))
        return cls(means, cholesky(covariances))

    def codes(self, u, which):
        """Latents whose codes are distributed so, of standard normal ones.

        Parameters
        ----------
        u : tensor of shape (..., n_latents)
            Codes come first, others stay.
        which : integer tensor of shape (...,)
            Their distributions.
        """
        return self._each(lambda u, mean, factor: mean + u @ factor.T, u, which)

    def standard(self, z, which):
        """The opposite."""

        def standard(z, mean, factor):
            return torch.linalg.solve_triangular(factor, (z - mean).T, upper=False).T

        return self._each(standard, z, which)

    def _each(self, function, latents, which):
        if self.means is None:
            return latents
        n_codes, found = self.means.shape[1], latents.clone()
        for number in which.unique():
            of = which == number
            moved = function(latents[of][:, :n_codes], self.means[number], self.factors[number])
            found[of] = torch.cat([moved, latents[of][:, n_codes:]], dim=1)
        return found


def n_at_once(x):
    """How many codes are decoded at a time."""
    return max(1, min(CODES_AT_ONCE, VALUES_AT_ONCE // x.shape[1]))


def _log_exposure_of(latent, mean, deviation):
    return mean + deviation * latent + (latent.abs() - FAR).relu() * latent.sign()


def _latent_of(log_exposure, mean, deviation):
    """The opposite, but no further than there are any."""
    away = log_exposure - mean
    near = (away / deviation).clamp(-FAR, FAR)
    return (near + (away - deviation * near) / (1 + deviation)).clamp(-2 * FAR, 2 * FAR)
