"""Run the classical autoencoder systems on MNIST and print one table.

    python examples/benchmarks/recipes.py                    # all of them
    python examples/benchmarks/recipes.py R2 R7 --pictures docs/images
    python examples/benchmarks/recipes.py R5 --rows 60000    # all rows, for a GPU

The convolutional systems are slow on a CPU. There they learn from the first `rows` training rows
for `epochs` passes, as the table says; `--rows` and `--epochs` change that. Figures are on the
whole test set.
"""

import argparse
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import torch
from _mnist import add_argument, load_mnist
from _two_samples import rejection_rate
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from torch import nn

from skae import (
    AdversarialAutoencoder,
    AutoencoderTransformer,
    DenoisingAutoencoder,
    SparseAutoencoder,
    VAETransformer,
)
from skae.architectures import ConvNet, TorchArchitecture
from skae.metrics import reconstruction_error

NOISE = 0.5


@dataclass(frozen=True)
class Recipe:
    """An estimator, what it is trained on, and the figures that judge it."""

    what: str
    make: Callable
    epochs: int
    figures: Callable
    rows: int = 60_000
    labels: bool = False


@dataclass(frozen=True)
class Mnist:
    """The data, and the same noisy test rows for every denoiser."""

    X_train: np.ndarray
    y_train: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    seed: int

    @property
    def noisy(self):
        """Test rows + 0.5 N(0, 1), clipped to [0, 1]."""
        noise = np.random.default_rng(self.seed).normal(0, NOISE, self.X_test.shape)
        return np.clip(self.X_test + noise, 0, 1).astype(np.float32)

    @cached_property
    def reader(self):
        """A classifier of digits that has nothing to do with the models it judges."""
        reader = MLPClassifier((256,), early_stopping=True, max_iter=100, random_state=self.seed)
        return reader.fit(self.X_train, self.y_train)


def as_written(cls, n_components, **params):
    """The papers' setting: no start, constant rate, every row trained on, the last epoch kept."""
    defaults = {"early_stopping": False, "learning_rate": "constant", "verbose": 0}
    defaults["output_activation"] = "logistic"
    if cls is VAETransformer:
        defaults |= {"kl_warmup": 0, "n_importance_samples": 1}
    else:
        defaults["init"] = "random"
    return cls(n_components, **{**defaults, **params})


def test_error(estimator, data):
    return {"test error": reconstruction_error(estimator, data.X_test)}


def denoising_error(estimator, data):
    return {"denoising error": np.mean((estimator.denoise(data.noisy) - data.X_test) ** 2)}


def vae_figures(estimator, data):
    elbo = estimator.net_.history[-1]
    figures = {"KL (nats)": elbo["train_kl"], "log p(x) bound": -elbo["train_loss"]}
    digits = data.reader
    confidence = digits.predict_proba(estimator.sample(10_000, random_state=data.seed)).max(axis=1)
    figures["samples read with confidence > 0.9"] = np.mean(confidence > 0.9)
    codes = LogisticRegression(max_iter=1000).fit(
        estimator.transform(data.X_train[:10_000]), data.y_train[:10_000]
    )
    figures["code accuracy"] = codes.score(estimator.transform(data.X_test), data.y_test)
    return figures


PRIORS = "normal", "mixture", "swiss_roll"


def prior_figures(estimator, data):
    """How often a test tells 200 codes of test rows from as many draws of each prior, or its own.

    Codes that follow no prior are moved as near to each as scaling brings them.
    """
    rng, codes = np.random.default_rng(data.seed), estimator.transform(data.X_test)
    if isinstance(estimator, AdversarialAutoencoder):
        models = [estimator]
    else:
        models = [AdversarialAutoencoder(prior=prior, max_iter=1) for prior in PRIORS]
    figures = {}
    for model in models:
        if model is not estimator:  # fitted just to have its prior
            model.fit(data.X_train[:100])
            codes = (codes - codes.mean(axis=0)) / codes.std(axis=0)
        torch.manual_seed(data.seed)
        drawn = model.module_.prior.draw(10_000, 2).numpy()
        if model is not estimator:
            codes = codes * drawn.std(axis=0) + drawn.mean(axis=0)
        name = f"told from the {model.prior} prior, share of 100 tests"
        figures[name] = rejection_rate(codes, drawn, rng)
    return figures | test_error(estimator, data)


def style_figures(estimator, data):
    """How often test rows are read as the class that their style is rendered as."""
    styles = estimator.transform(data.X_test[:1000]).repeat(10, axis=0)
    asked = np.arange(len(styles)) % 10
    rendered = estimator.inverse_transform(styles, asked)
    sampled = estimator.sample(len(asked), random_state=data.seed, y=asked)
    return {
        "styles read as the class asked for": data.reader.score(rendered, asked),
        "samples read as the class asked for": data.reader.score(sampled, asked),
    }


def activation_figures(estimator, data):
    """The mean activation of units on test rows, which has a target."""
    activation = estimator.transform(data.X_test).mean(axis=0)
    return {
        "mean activation of all units": activation.mean(),
        "of the least active unit": activation.min(),
        "of the most active unit": activation.max(),
    } | test_error(estimator, data)


def initialize(network):
    """Glorot's uniform weights and zero biases, as in R8b's source.

    Torch's own are smaller: through so many layers no signal of the code would be left.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)


class DenseFromMap(nn.Module):
    """R8b's decoder: a 7 x 7 seed, three transposed convolutions, a dense layer to the pixels."""

    def __init__(self, n_inputs, n_features):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(n_inputs, 24),
            nn.LeakyReLU(0.3),
            nn.Linear(24, 49),
            nn.LeakyReLU(0.3),
            nn.Unflatten(1, (1, 7, 7)),
            nn.ConvTranspose2d(1, 64, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.ConvTranspose2d(64, 64, 3, padding=1),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.ConvTranspose2d(64, 64, 3, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(14 * 14 * 64, n_features),
        )
        initialize(self)

    def forward(self, z):
        return self.layers(z)


class LeakyConvEncoder(nn.Module):
    """R8b's encoder: three 4 x 4 convolutions of 64 channels with dropout."""

    def __init__(self, n_features, n_outputs):
        super().__init__()
        layers = [nn.Unflatten(1, (1, 28, 28))]
        # Uneven zeros keep the last map at 7 x 7 under an even kernel.
        for n_in, stride, zeros in (
            (1, 2, (1, 1, 1, 1)),
            (64, 2, (1, 1, 1, 1)),
            (64, 1, (1, 2, 1, 2)),
        ):
            layers += [
                nn.ZeroPad2d(zeros),
                nn.Conv2d(n_in, 64, 4, stride),
                nn.LeakyReLU(0.3),
                nn.Dropout(0.2),
            ]
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(7 * 7 * 64, n_outputs))
        initialize(self)

    def forward(self, x):
        return self.layers(x)


R5_NET = ConvNet(
    (28, 28),
    channels=(32, 64, 128),
    strides=(2, 2, 1),
    downsampling="max_pooling",
    hidden_layer_sizes=None,
    decoder_channels=(128, 64),
    activation="relu",
)
R6_NET = ConvNet(
    (28, 28),
    channels=(64, 64, 32),
    downsampling="max_pooling",
    hidden_layer_sizes=None,
    activation="relu",
)
R8_NET = ConvNet(
    (28, 28),
    channels=(1, 64, 64, 64),
    strides=(1, 2, 1, 1),
    upsampling="transposed",
    decoder_channels=(64, 64, 64),
    hidden_layer_sizes=(128,),
    activation="relu",
)
ADVERSARIAL = {
    "hidden_layer_sizes": (1000, 1000),
    "discriminator_layer_sizes": (1000, 1000),
    "activation": "relu",
    "batch_size": 250,
}
GAUSSIAN = {"noise": "gaussian", "noise_level": NOISE, "clip": (0, 1)}

RECIPES = {
    "R1": Recipe(
        "dense, 784-1000-1000-2, ReLU, Adam 0.005, batch 64",
        lambda: as_written(
            AutoencoderTransformer,
            2,
            hidden_layer_sizes=(1000, 1000),
            activation="relu",
            learning_rate_init=0.005,
            batch_size=64,
        ),
        epochs=10,
        figures=test_error,
    ),
    "R2": Recipe(
        "dense, 784-512-128-10, ELU, batch 1024",
        lambda: as_written(
            AutoencoderTransformer,
            10,
            hidden_layer_sizes=(512, 128),
            activation="elu",
            learning_rate_init=0.001,
            batch_size=1024,
        ),
        epochs=10,
        figures=test_error,
    ),
    "R2-defaults": Recipe(
        "the widths of R2, everything else as skae has it",
        lambda: AutoencoderTransformer(10, hidden_layer_sizes=(512, 128)),
        epochs=10,
        figures=test_error,
    ),
    "R3": Recipe(
        "dense, 784-64, ReLU code, log loss",
        lambda: as_written(
            AutoencoderTransformer,
            64,
            architecture=TorchArchitecture(relu_code, nn.Linear),
            loss="log_loss",
            learning_rate_init=0.001,
            batch_size=256,
        ),
        epochs=20,
        figures=test_error,
    ),
    "R4": Recipe(
        "R3, denoising",
        lambda: as_written(
            DenoisingAutoencoder,
            64,
            architecture=TorchArchitecture(relu_code, nn.Linear),
            loss="log_loss",
            learning_rate_init=0.001,
            batch_size=256,
            **GAUSSIAN,
        ),
        epochs=20,
        figures=denoising_error,
    ),
    "R5": Recipe(
        "convolutional denoising, pooling, squared error, batch 512",
        lambda: as_written(
            DenoisingAutoencoder,
            7 * 7 * 128,
            architecture=R5_NET,
            learning_rate_init=0.001,
            batch_size=512,
            **GAUSSIAN,
        ),
        epochs=10,
        rows=20_000,
        figures=denoising_error,
    ),
    "R6": Recipe(
        "convolutional denoising, nearest upsampling, log loss",
        lambda: as_written(
            DenoisingAutoencoder,
            4 * 4 * 32,
            architecture=R6_NET,
            loss="log_loss",
            learning_rate_init=0.001,
            batch_size=128,
            **GAUSSIAN,
        ),
        epochs=5,
        rows=20_000,
        figures=denoising_error,
    ),
    "R7": Recipe(
        "variational, 784-256-2, ReLU",
        lambda: as_written(
            VAETransformer,
            2,
            hidden_layer_sizes=(256,),
            activation="relu",
            likelihood="bernoulli",
            learning_rate_init=0.001,
            batch_size=128,
        ),
        epochs=30,
        figures=vae_figures,
    ),
    "R8": Recipe(
        "variational, convolutional, 2-D code",
        lambda: as_written(
            VAETransformer,
            2,
            architecture=R8_NET,
            likelihood="bernoulli",
            learning_rate_init=0.001,
            batch_size=128,
        ),
        epochs=4,
        rows=10_000,
        figures=vae_figures,
    ),
    "R8b": Recipe(
        "variational, convolutional, leaky, dropout, 8-D code, squared error",
        lambda: as_written(
            VAETransformer,
            8,
            architecture=TorchArchitecture(LeakyConvEncoder, DenseFromMap),
            noise_variance=0.5,
            kl_warmup=2,
            # The source takes 30 000 steps at 5e-4. A third of them must go further each.
            learning_rate="annealed",
            learning_rate_init=1e-3,
            batch_size=64,
        ),
        epochs=12,
        rows=60_000,
        figures=vae_figures,
    ),
    **{
        f"R9-{prior.replace('_', '-')}": Recipe(
            f"adversarial, 784-1000-1000-2, prior: {prior}",
            partial(AdversarialAutoencoder, 2, prior=prior, **ADVERSARIAL),
            epochs=20,
            figures=prior_figures,
        )
        for prior in PRIORS
    },
    "R9-plain": Recipe(
        "no adversary, 784-1000-1000-2, codes scaled to each prior",
        partial(
            AutoencoderTransformer,
            2,
            hidden_layer_sizes=(1000, 1000),
            activation="relu",
            batch_size=250,
        ),
        epochs=10,
        figures=prior_figures,
    ),
    "R10": Recipe(
        "adversarial, decoder and discriminator are told the class, 10-D style",
        partial(AdversarialAutoencoder, 10, conditional=True, **ADVERSARIAL),
        epochs=20,
        figures=style_figures,
        labels=True,
    ),
    "R12": Recipe(
        "sparse, 784-196, logistic code, mean activation 0.1, weight decay",
        lambda: SparseAutoencoder(
            196,
            target_activation=0.1,
            alpha=50,
            # Without it weights of pixels that are always dark stay as they were drawn.
            net_params={"optimizer__weight_decay": 1e-4},
            batch_size=250,
            early_stopping=False,
        ),
        epochs=15,
        figures=activation_figures,
    ),
}


def relu_code(n_features, n_outputs):
    """R3's encoder: one layer whose code is rectified."""
    return nn.Sequential(nn.Linear(n_features, n_outputs), nn.ReLU())


def run(recipe, data, rows=None, epochs=None):
    """Fit a recipe; returns the estimator, its settings, figures and seconds."""
    rows, epochs = min(rows or recipe.rows, len(data.X_train)), epochs or recipe.epochs
    estimator = recipe.make().set_params(max_iter=epochs, random_state=data.seed)
    start = time.perf_counter()
    estimator.fit(data.X_train[:rows], data.y_train[:rows] if recipe.labels else None)
    seconds = time.perf_counter() - start
    return estimator, f"{rows} x {epochs}", recipe.figures(estimator, data), seconds


def baselines(data):
    """What a denoiser must beat: the noisy rows, and the best projection on PCA's components."""
    X_noisy, X_test = data.noisy, data.X_test
    pca = PCA(300, random_state=data.seed).fit(data.X_train)
    codes = pca.transform(X_noisy)
    errors = {
        k: np.mean((codes[:, :k] @ pca.components_[:k] + pca.mean_ - X_test) ** 2)
        for k in range(1, 301)
    }
    best = min(errors, key=errors.get)
    return {
        "noisy input": np.mean((X_noisy - X_test) ** 2),
        f"PCA, best number of components ({best})": errors[best],
    }


def print_row(*cells):
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def main(arguments=None):
    """Run the recipes asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"which: {', '.join(RECIPES)}; default all")
    parser.add_argument("--rows", type=int, help="training rows, in place of each recipe's own")
    parser.add_argument("--epochs", type=int, help="passes, in place of each recipe's own")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pictures", help="a folder to draw each recipe's picture into")
    add_argument(parser)
    options = parser.parse_args(arguments)
    unknown = set(options.names) - set(RECIPES)
    if unknown:
        parser.error(f"unknown recipes {sorted(unknown)}; there are {', '.join(RECIPES)}")

    data = Mnist(*load_mnist(options.mnist), options.seed)
    names = options.names or list(RECIPES)
    print(
        f"seed {options.seed}, torch {torch.__version__}, {torch.get_num_threads()} threads, "
        f"{platform.machine()}, GPU: {torch.cuda.is_available()}\n"
    )
    print_row("recipe", "system", "rows x epochs", "figure", "value", "seconds")
    print_row(*["---"] * 6)
    if {"R4", "R5", "R6"} & set(names):
        for figure, value in baselines(data).items():
            print_row("", "denoising baseline", "", figure, f"{value:.4f}", "")
    for name in names:
        recipe = RECIPES[name]
        estimator, size, figures, seconds = run(recipe, data, options.rows, options.epochs)
        for figure, value in figures.items():
            print_row(name, recipe.what, size, figure, f"{value:.4f}", f"{seconds:.0f}")
        if options.pictures:
            from _pictures import draw

            draw(estimator, data, options.pictures, name)


if __name__ == "__main__":
    sys.exit(main())
