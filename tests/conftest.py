"""Data that scikit-learn ships, in the sizes that tests need."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

# Test processes run side by side: more threads than cores make small models many times slower.
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def digits():
    """400 digits, 64 pixels from 0 to 16."""
    return load_digits(return_X_y=True)[0][:400]


@pytest.fixture(scope="session")
def unit_digits(digits):
    """400 digits, 64 pixels in [0, 1]."""
    return np.asarray(digits / 16, dtype=np.float32)
