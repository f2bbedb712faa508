"""Fits the same model in other processes or threads, for `test_reliability.py`.

python tests/workers.py fork          # or spawn, loky, threading, none
"""

import hashlib
import json
import multiprocessing
import sys

import torch
from joblib import Parallel, delayed
from sklearn.datasets import load_digits

import skae

N_FITS = 4


def fit(name):
    """All weights of a model as one text, and the number of torch's threads."""
    X, y = load_digits(return_X_y=True)
    cls = getattr(skae, name)
    model = cls(hidden_layer_sizes=(8,), max_iter=2, random_state=0).fit(X[:120] / 16, y[:120] % 3)
    if hasattr(model, "predict_proba"):
        model.predict_proba(X.repeat(10, axis=0))  # enough values for several threads
    digest = hashlib.sha256()
    for value in model.module_.state_dict().values():
        digest.update(value.numpy().tobytes())
    return digest.hexdigest(), torch.get_num_threads()


def main(way, name="VAETransformer"):
    """Print what each fit gave."""
    torch.rand(7)  # what the process has drawn before must not matter
    if way == "none":
        found = [fit(name)]
    elif way in ("loky", "threading"):
        found = Parallel(n_jobs=2, backend=way)(delayed(fit)(name) for _ in range(N_FITS))
    else:
        fit(name)  # so that what is forked has trained before
        with multiprocessing.get_context(way).Pool(2) as pool:
            found = pool.map(fit, [name] * N_FITS)
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
