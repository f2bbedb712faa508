"""Data that scikit-learn ships, in the sizes that tests need."""

import os

# Test processes run side by side, and start others: more threads than cores make small models many
# times slower. It is read when numpy and torch are imported, here and in all that tests start.
os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def digits():
    """400 digits, 64 pixels from 0 to 16."""
    return load_digits(return_X_y=True)[0][:400]


@pytest.fixture(scope="session")
def unit_digits(digits):
    """400 digits, 64 pixels in [0, 1]."""
    return np.asarray(digits / 16, dtype=np.float32)


@pytest.fixture(scope="session")
def rows():
    """200 digits, and labels that two thirds of them lack."""
    X, y = load_digits(return_X_y=True)
    return X[:200], np.where(np.arange(200) % 3, -1, y[:200])


def pytest_addoption(parser):
    """Know `--thorough`."""
    parser.addoption(
        "--thorough", action="store_true", help="as many tries as docs/reliability.md counts"
    )


@pytest.fixture
def tries(request):
    """``tries(few, many)``: how many a test makes; what it has made is printed at the end."""
    return lambda few, many: many if request.config.getoption("--thorough", False) else few
