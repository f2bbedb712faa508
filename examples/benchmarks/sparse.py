"""How long skae takes on a sparse matrix of words, beside an earlier build of its own.

python examples/benchmarks/sparse.py                             # seconds and quality
python examples/benchmarks/sparse.py --before ENV/bin/python     # and those of that environment

X is the TF-IDF of 3000 words in 3000 docstrings of the installed numpy, scipy and scikit-learn;
1000 more are held out. The two sides take turns, each in a process of its own; a ratio is
the median of the pairs'. "Four epochs" shows what a pass costs, whatever ends a training.
"""

import argparse
import ast
import contextlib
import os
import subprocess
import sys
import tempfile
import time
import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from scipy import sparse

PACKAGES = "numpy", "scipy", "sklearn"
N_TRAIN, N_TEST, N_WORDS, MIN_WORDS = 3000, 1000, 3000, 50


def docstrings():
    """The longer docstrings of functions and classes, each once, in random order."""
    found = set()
    for package in PACKAGES:
        folder = Path(find_spec(package).origin).parent
        for path in sorted(folder.rglob("*.py")):
            with contextlib.suppress(SyntaxError, UnicodeDecodeError), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                for node in ast.walk(ast.parse(path.read_text())):
                    if isinstance(node, ast.FunctionDef | ast.ClassDef):
                        found.add(ast.get_docstring(node) or "")
    found = sorted(text for text in found if len(text.split()) >= MIN_WORDS)
    return [found[i] for i in np.random.RandomState(0).permutation(len(found))]


def tfidf(n_texts):
    """A CSR matrix of float32."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = TfidfVectorizer(
        max_features=N_WORDS, stop_words="english", token_pattern="[a-zA-Z]{3,}", dtype=np.float32
    )
    return words.fit_transform(docstrings()[:n_texts])


def fit(X, **params):
    """An autoencoder of the same seed."""
    from skae import AutoencoderTransformer

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return AutoencoderTransformer(random_state=0, **params).fit(X)


def contestants(X, X_test, n_components):
    """What is timed: functions that give the model and, where it is of interest, its quality."""
    from skae.metrics import explained_variance

    short = {"init": "random", "max_iter": 4, "early_stopping": False}
    model = fit(X, n_components=n_components, max_iter=1)
    return {
        "fit": lambda: fit(X, n_components=n_components),
        "four epochs": lambda: fit(X, n_components=n_components, **short),
        "transform": lambda: model.transform(X),
        "score_samples": lambda: model.score_samples(X),
    }, lambda fitted: explained_variance(fitted, X_test.toarray())


def work(path, n_components):
    """Do what the other process asks for, line by line."""
    X = sparse.load_npz(path)
    timed, quality = contestants(X[:-N_TEST], X[-N_TEST:], n_components)
    for line in sys.stdin:
        cpu, wall = time.process_time(), time.perf_counter()
        result = timed[line.strip()]()
        took = time.process_time() - cpu, time.perf_counter() - wall
        score = quality(result) if line.strip() == "fit" else np.nan
        print("took", *took, score, flush=True)


class Side:
    """A process of an environment, which waits for its turns."""

    def __init__(self, python, *arguments):
        # What this process finds by PYTHONPATH is no part of another environment.
        own = python == sys.executable
        env = {k: v for k, v in os.environ.items() if own or k != "PYTHONPATH"}
        self.process = subprocess.Popen(
            [python, __file__, "--worker", *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=env,
        )

    def run(self, work):
        """Processor seconds, seconds, and explained variance where something was fitted."""
        self.process.stdin.write(work + "\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("took "):
                return tuple(map(float, line.split()[1:]))
        raise RuntimeError(f"the process of {self.process.args} has ended")

    def close(self):
        """Let the process end."""
        self.process.stdin.close()
        self.process.wait()


def report(n_components, sides, n_pairs):
    """Print a row for each piece of work."""
    for name, wanted in WANTED.items():
        found = np.array([[side.run(name) for side in sides] for _ in range(n_pairs)])
        ratios = np.median(found[:, 0] / found[:, -1], axis=0)
        cells = [f"{name}, {n_components} components", wanted]
        cells += [f"{ratio:.3f}" for ratio in ratios[:2]] if len(sides) > 1 else ["", ""]
        for side in np.median(found, axis=0):
            cells += [f"{side[0]:.2f}", "" if np.isnan(side[2]) else f"{side[2]:.4f}"]
        print("|", " | ".join(map(str, cells)), "|", flush=True)


WANTED = {"fit": 0.4, "four epochs": "-", "transform": "-", "score_samples": "-"}


def main(arguments=None):
    """Make the matrix and let the sides take turns."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--before", metavar="PYTHON", help="of the environment of another build")
    parser.add_argument("--components", type=int, nargs="+", default=[2, 16])
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--rows", type=int, default=N_TRAIN, help="to train on, at most")
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.worker:
        return work(options.worker[0], int(options.worker[1]))
    pythons = [sys.executable, *([options.before] if options.before else [])]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "X.npz")
        X = tfidf(options.rows + N_TEST)
        sparse.save_npz(path, X)
        print(f"{X.shape[0] - N_TEST} x {X.shape[1]}, {X.nnz / np.prod(X.shape):.4f} filled\n")
        columns = ["seconds", "explained variance", "its seconds", "its explained variance"]
        columns = ["work", "wanted", "processor", "wall", *columns[: 2 * len(pythons)]]
        print("|", " | ".join(columns), "|\n|" + " --- |" * len(columns))
        for n_components in options.components:
            sides = [Side(python, path, n_components) for python in pythons]
            try:
                report(n_components, sides, options.pairs)
            finally:
                for side in sides:
                    side.close()
    return None


if __name__ == "__main__":
    sys.exit(main())
