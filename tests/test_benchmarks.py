"""The benchmark scripts run from end to end, on small data in place of theirs."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

BENCHMARKS = Path(__file__).parent.parent / "examples" / "benchmarks"


def run(script, *arguments):
    return subprocess.run(
        [sys.executable, BENCHMARKS / script, *map(str, arguments)],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"},
    ).stdout


@pytest.fixture
def small_mnist(tmp_path):
    """A file like MNIST's, of enlarged digits."""
    images, y = load_digits(return_X_y=True)
    images = np.kron(images.reshape(-1, 8, 8) / 16 * 255, np.ones((3, 3)))
    X = np.pad(images, ((0, 0), (2, 2), (2, 2))).astype(np.uint8)
    path = tmp_path / "mnist.npz"
    np.savez(path, X_train=X[:400], y_train=y[:400], X_test=X[400:500], y_test=y[400:500])
    return path


@pytest.mark.parametrize(
    ("name", "figure"),
    [
        ("R1", "test error"),
        ("R2-defaults", "test error"),
        ("R4", "denoising error"),
        ("R6", "denoising error"),
        ("R7", "KL (nats)"),
        ("R8b", "samples read with confidence"),
    ],
)
def test_recipes_print_their_figures_and_draw(name, figure, small_mnist, tmp_path):
    sizes = "--rows", 100, "--epochs", 1
    table = run("recipes.py", name, "--mnist", small_mnist, *sizes, "--pictures", tmp_path)
    assert f"| {name} |" in table
    assert figure in table
    assert "nan" not in table
    assert (tmp_path / f"{name}.png").stat().st_size > 5000


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
def test_memory_is_measured():
    assert "growth in fit" in run("memory.py", "--rows", 20_000)
