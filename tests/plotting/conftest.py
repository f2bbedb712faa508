"""A model to be shown, and no window."""

import pytest

from skae import VAETransformer

from .displays import QUICK


@pytest.fixture(autouse=True)
def _no_window():
    matplotlib = pytest.importorskip("matplotlib")
    pyplot = pytest.importorskip("matplotlib.pyplot")
    backend = matplotlib.get_backend()
    matplotlib.use("Agg")
    yield
    pyplot.close("all")
    matplotlib.use(backend)


@pytest.fixture(scope="session")
def vae(digits):
    return VAETransformer(2, **QUICK).fit(digits)
