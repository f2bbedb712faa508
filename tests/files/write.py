"""Writes a model of each class in the present format, and what it gives: `load` reads it for ever.

python tests/files/write.py        # into tests/files/format_1, when there is a new format or class

What is there is left as it is: it must be read as it was written. (The first classes of format 1
have their outputs in one file, ``outputs.npz``.)
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_iris

import skae
from skae.persistence import FORMAT

FOLDER = Path(__file__).parent / f"format_{FORMAT}"
SMALL = {"hidden_layer_sizes": (4,), "max_iter": 2, "random_state": 0}
VERBS = ("transform", "predict", "predict_proba", "score_samples", "decision_function")


def main():
    """Write the files that are not there yet."""
    FOLDER.mkdir(exist_ok=True)
    X, y = load_iris(return_X_y=True)
    X = X / 8
    for name in skae.__all__:
        file = FOLDER / f"{name}.safetensors"
        if not name[0].isupper() or file.exists():
            continue
        cls = getattr(skae, name)
        wanted = {**SMALL, "n_clusters": 3, "layer_max_iter": 1, "n_components": 2}
        wanted["discriminator_layer_sizes"] = (4,)
        wanted |= dict.fromkeys(("transformer", "autoencoder"), skae.VAETransformer(1, **SMALL))
        model = cls(**{k: v for k, v in wanted.items() if k in cls().get_params(deep=False)})
        model.fit(X, np.array(["a", "b", "c"])[y])
        skae.save(model, file)
        verbs = [verb for verb in VERBS if hasattr(model, verb)]
        outputs = {f"{name}.{verb}": getattr(model, verb)(X[::15]) for verb in verbs}
        np.savez_compressed(file.with_suffix(".npz"), **outputs)


if __name__ == "__main__":
    main()
