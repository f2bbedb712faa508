"""How fast is ONNX Runtime beside `transform`, and how far from it?

python examples/benchmarks/onnx_speed.py --mnist PATH

The two sides take turns, A B A B ...; times are medians. Both have as many threads as they take.
"""

import argparse
import sys
import time

import numpy as np
import onnxruntime
import torch
from _mnist import add_argument, load_mnist

from skae import AutoencoderTransformer, LadderClassifier, VAETransformer
from skae.export import to_onnx

MODELS = {
    "AutoencoderTransformer(10)": AutoencoderTransformer(10, max_iter=1, random_state=0),
    "VAETransformer(10)": VAETransformer(10, max_iter=1, random_state=0),
    "LadderClassifier()": LadderClassifier(max_iter=1, random_state=0),
}


def seconds(function, X):
    """How long one call takes."""
    start = time.perf_counter()
    function(X)
    return time.perf_counter() - start


def main(arguments=None):
    """Measure the models and print a row for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--repeats", type=int, default=20)
    add_argument(parser)
    options = parser.parse_args(arguments)
    X, y, *_ = load_mnist(options.mnist)
    X, y = X[: options.rows], y[: options.rows]
    print(f"torch {torch.__version__}, onnxruntime {onnxruntime.__version__}\n")
    print("| model | rows | largest difference | seconds | of ONNX Runtime | ratio |")
    print("| --- " * 6 + "|")
    for name, model in MODELS.items():
        model.fit(X[:2000], y[:2000])
        classifies = hasattr(model, "predict_proba")
        verb = model.predict_proba if classifies else model.transform
        exported = to_onnx(model, "all" if classifies else "encoder")
        session = onnxruntime.InferenceSession(exported.SerializeToString())

        def run(X, session=session):
            return session.run(None, {"X": X})[0]

        for rows in (X[:1], X):
            difference = np.abs(verb(rows) - run(rows)).max()
            pairs = [(seconds(verb, rows), seconds(run, rows)) for _ in range(options.repeats)]
            ours, theirs = np.median(pairs, axis=0)
            ratio = np.median([a / b for a, b in pairs])
            print(
                f"| {name} | {len(rows)} | {difference:.1e} | {ours:.5f} | {theirs:.5f} | "
                f"{ratio:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    sys.exit(main())
