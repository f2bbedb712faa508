"""Data that scikit-learn ships, in the sizes that tests need."""

import numpy as np
import pytest
from sklearn.datasets import load_digits


@pytest.fixture(scope="session")
def digits():
    """400 digits, 64 pixels from 0 to 16."""
    return load_digits(return_X_y=True)[0][:400]


@pytest.fixture(scope="session")
def unit_digits(digits):
    """400 digits, 64 pixels in [0, 1]."""
    return np.asarray(digits / 16, dtype=np.float32)
