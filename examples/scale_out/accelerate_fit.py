"""One large fit in several processes, each of which takes its part of every batch.

The processes add up their gradients after each step, through Hugging Face accelerate, so the result
is that of one process with the same `batch_size`, whatever their number. All of them must be given
the same rows and the same `random_state`.

pip install '.[distributed]'
python examples/scale_out/accelerate_fit.py                                  # 1 process
torchrun --nproc-per-node 2 examples/scale_out/accelerate_fit.py             # 2 processes
torchrun --nproc-per-node 2 examples/scale_out/accelerate_fit.py --mnist PATH --batch-size 1024
"""

import argparse
import time

import numpy as np
import torch
from accelerate import Accelerator
from sklearn.datasets import load_digits

from skae import AutoencoderTransformer
from skae.metrics import explained_variance


def load(path):
    """Rows of MNIST from an .npz file with X_train and X_test, or digits."""
    if path is None:
        X = load_digits().data.astype(np.float32)
        return X[:1500], X[1500:]
    with np.load(path) as data:
        return tuple(data[name].reshape(len(data[name]), -1) for name in ("X_train", "X_test"))


def main(arguments=None):
    """Fit, and say how long it took and how good it is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mnist", help="an .npz file with X_train and X_test, rows of bytes")
    parser.add_argument("--batch-size", type=int, default=256, help="of all processes together")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--hidden", type=int, nargs="+", default=[512, 256])
    parser.add_argument("--cpu", action="store_true", help="even where there are GPUs")
    options = parser.parse_args(arguments)

    accelerator = Accelerator(cpu=options.cpu or not torch.cuda.is_available())
    torch.set_num_threads(1)  # so that one process does not use the cores of two
    X_train, X_test = load(options.mnist)
    model = AutoencoderTransformer(
        16,
        hidden_layer_sizes=options.hidden,
        init="random",
        batch_size=options.batch_size,
        max_iter=options.epochs,
        device=accelerator.device,
        net_params={"accelerator": accelerator},
        random_state=0,
        verbose=accelerator.is_main_process,
    )
    model.fit(X_train[: 2 * options.batch_size])  # so that all is loaded
    accelerator.wait_for_everyone()
    start = time.perf_counter()
    model.fit(X_train)
    seconds = time.perf_counter() - start
    if accelerator.is_main_process:  # all processes have the same model now
        print(
            f"{accelerator.num_processes} processes: {seconds:.1f} s, explained variance of "
            f"held-out rows {explained_variance(model, X_test):.5f}"
        )
    accelerator.end_training()


if __name__ == "__main__":
    main()
