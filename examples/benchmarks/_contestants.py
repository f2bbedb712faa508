"""The sides of the comparisons in `speed.py`.

Each takes `Images`, prepares what is not to be timed, and returns a function that does the work
once; that may return another one, which says how good the outcome is. What a library needs is
imported inside, since the peers run in environments without skae.
"""

import functools
import itertools
import os
import tempfile

import numpy as np
from sklearn import datasets
from sklearn.datasets import load_digits

# Layers from X to the code; the decoders mirror them.
DIGITS, DIGITS_EPOCHS, DIGITS_BATCH = (64, 32, 8), 20, 32
WIDE, WIDE_EPOCHS, WIDE_BATCH = (784, 512, 128, 10), 2, 128
CONV_ROWS, CONV_EPOCHS = 4096, 2
PRECISION_EPOCHS = 5
LR, CHUNK = 1e-3, 1024
R2_ERROR = 0.0194

TABLES = ("iris", "wine", "breast_cancer", "digits")
MODELS = {
    "default": "AutoencoderTransformer",
    "vae": "VAETransformer",
    "denoising": "DenoisingAutoencoder",
    "detector": "AutoencoderOutlierDetector",
}
FEW_EPOCHS = 5  # a tenth of the default's

CONTESTANTS = {}


class Images:
    """MNIST, when it is asked for: its training rows, or another part of what `load` gives.

    Parameters
    ----------
    load : function
        Gives training rows, their labels, and the same to test on.
    at_most : int or None
        How many rows of any table there are to be.
    """

    def __init__(self, load, at_most=None):
        self.load, self.at_most = functools.cache(load), at_most

    def __call__(self, part=0):
        return self.load()[part][: self.at_most]


def contestant(prepare):
    """Register a side under the name of its function."""
    CONTESTANTS[prepare.__name__] = prepare
    return prepare


def digits():
    return (load_digits().data / 16).astype(np.float32)


# Hand-written loops: one tensor, `randperm`, slices, fused Adam, no wait for the loss.


def mlp(sizes, activation):
    from torch import nn

    layers = []
    for n_inputs, n_outputs in itertools.pairwise(sizes):
        layers += [nn.Linear(n_inputs, n_outputs), activation()]
    return nn.Sequential(*layers[:-1])


def mirrored(sizes, activation):
    from torch import nn

    return nn.Sequential(mlp(sizes, activation), mlp(sizes[::-1], activation))


def train_by_hand(model, loss_of, x, batch_size, n_epochs, lr=LR):
    import torch

    optimizer = torch.optim.Adam(model.parameters(), lr=lr, fused=True)
    for _ in range(n_epochs):
        for indices in torch.randperm(len(x), device=x.device).split(batch_size):
            optimizer.zero_grad()
            loss_of(model, x[indices]).backward()
            optimizer.step()


def squared_error(model, x):
    from torch.nn.functional import mse_loss

    return mse_loss(model(x), x)


def loop(X, sizes, batch_size, n_epochs):
    import torch
    from torch import nn

    x = torch.from_numpy(X)

    def fit():
        train_by_hand(mirrored(sizes, nn.ReLU), squared_error, x, batch_size, n_epochs)

    fit()
    return fit


@contestant
def digits_loop(images):
    return loop(digits(), DIGITS, DIGITS_BATCH, DIGITS_EPOCHS)


@contestant
def digits_jax(images):
    fit = jax_loop(digits(), DIGITS, DIGITS_BATCH, DIGITS_EPOCHS)
    fit()
    return fit


@contestant
def digits_compiling(images):
    """With the time that JAX takes to compile."""
    import jax

    def fit():
        jax.clear_caches()
        jax_loop(digits(), DIGITS, DIGITS_BATCH, DIGITS_EPOCHS)()

    fit()
    return fit


def jax_loop(X, sizes, batch_size, n_epochs):
    """The same steps as `loop`, an epoch compiled as a whole, on as many threads as torch has."""
    if os.environ.get("OMP_NUM_THREADS") == "1":
        os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
    import jax
    from jax import numpy as jnp
    from jax.tree_util import tree_map

    x, n_whole = jnp.asarray(X), len(X) // batch_size * batch_size
    shapes = [*itertools.pairwise(sizes), *itertools.pairwise(sizes[::-1])]
    linear = len(sizes) - 2, len(shapes) - 1

    def loss(layers, x):
        found = x
        for i, (weight, bias) in enumerate(layers):
            found = found @ weight + bias
            found = found if i in linear else jax.nn.relu(found)
        return jnp.mean((found - x) ** 2)

    def step(state, rows):
        layers, first, second, n = state
        slopes, n = jax.grad(loss)(layers, x[rows]), n + 1
        first = tree_map(lambda mean, slope: 0.9 * mean + 0.1 * slope, first, slopes)
        second = tree_map(lambda mean, slope: 0.999 * mean + 0.001 * slope**2, second, slopes)

        def moved(value, mean, square):
            return value - LR * mean / (1 - 0.9**n) / (jnp.sqrt(square / (1 - 0.999**n)) + 1e-8)

        return (tree_map(moved, layers, first, second), first, second, n), None

    @jax.jit
    def epoch(state, key):
        order = jax.random.permutation(key, len(x))
        state, _ = jax.lax.scan(step, state, order[:n_whole].reshape(-1, batch_size))
        return step(state, order[n_whole:])[0] if n_whole < len(x) else state

    def start(rng):
        layers = []
        for n_inputs, n_outputs in shapes:
            bound = n_inputs**-0.5
            sizes = (n_inputs, n_outputs), n_outputs
            layers.append([rng.uniform(-bound, bound, size).astype(np.float32) for size in sizes])
        zeros = tree_map(np.zeros_like, layers)
        return layers, zeros, zeros, np.float32(0)

    def fit():
        state, key = start(np.random.default_rng(0)), jax.random.key(0)
        for i in range(n_epochs):
            state = epoch(state, jax.random.fold_in(key, i))
        jax.block_until_ready(state)
        return lambda: loss(state[0], x).item()

    return fit


@contestant
def mnist_loop(images):
    return loop(images(), WIDE, WIDE_BATCH, WIDE_EPOCHS)


@contestant
def precision_loop(images):
    return judged_loop(images, "highest")


@contestant
def precision_medium(images):
    """With torch's own switch for products in fewer bits."""
    return judged_loop(images, "medium")


def judged_loop(images, precision):
    import torch
    from torch import nn

    x, x_test = (torch.from_numpy(images(part)) for part in (0, 2))

    def fit():
        model, before = mirrored(WIDE, nn.ReLU), torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision(precision)
        try:
            train_by_hand(model, squared_error, x, WIDE_BATCH, PRECISION_EPOCHS)
        finally:
            torch.set_float32_matmul_precision(before)
        return lambda: squared_error(model, x_test).item()

    return fit


@contestant
def vae_loop(images):
    import torch
    from torch import nn
    from torch.nn.functional import binary_cross_entropy_with_logits

    x = torch.from_numpy(images())

    def loss_of(model, x):
        encoder, decoder = model
        mean, log_var = encoder(x).chunk(2, dim=1)
        z = mean + torch.randn_like(mean) * (0.5 * log_var).exp()
        nll = binary_cross_entropy_with_logits(decoder(z), x, reduction="sum")
        kl = 0.5 * (mean.square() + log_var.exp() - 1 - log_var).sum()
        return (nll + kl) / len(x)

    def fit():
        encoder = mlp((*WIDE[:-1], 2 * WIDE[-1]), nn.ReLU)
        model = nn.ModuleList([encoder, mlp(WIDE[::-1], nn.ReLU)])
        train_by_hand(model, loss_of, x, WIDE_BATCH, WIDE_EPOCHS)

    return fit


def conv_networks():
    """The networks of skae's default `ConvNet` for 28 x 28 images and a code of 10."""
    from skae.architectures import ConvNet

    architecture = ConvNet((28, 28))
    return architecture.make_encoder(784, 10), architecture.make_decoder(10, 784)


@contestant
def conv_loop(images):
    """In the memory format that is faster here, found once before the turns."""
    import time

    import torch
    from torch import nn

    x = torch.from_numpy(images()[:CONV_ROWS])

    def fit(memory_format, n_epochs=CONV_EPOCHS):
        model = nn.Sequential(*conv_networks()).to(memory_format=memory_format)
        train_by_hand(model, squared_error, x, WIDE_BATCH, n_epochs)

    seconds = {}
    for memory_format in (torch.contiguous_format, torch.channels_last):
        fit(memory_format, 1)
        start = time.process_time()
        fit(memory_format, 1)
        seconds[memory_format] = time.process_time() - start
    best = min(seconds, key=seconds.get)
    return lambda: fit(best)


# skae, with the same networks, steps and learning rate.


def plain_skae(**settings):
    """Settings that leave nothing but the loop: what the defaults add is another question."""
    return {
        "activation": "relu",
        "output_activation": "auto",
        "early_stopping": False,
        "learning_rate": "constant",
        "learning_rate_init": LR,
        "random_state": 0,
        **settings,
    }


def fit_skae(X, cls, *sizes, **settings):
    estimator = cls(sizes[-1], hidden_layer_sizes=sizes[1:-1], **plain_skae(**settings))
    estimator.fit(X[:256])  # loads what a first fit loads
    return lambda: estimator.fit(X) is None or None


def fit_plain_skae(X, sizes, batch_size, n_epochs):
    from skae import AutoencoderTransformer

    settings = {"init": "random", "output_activation": "identity"}
    return fit_skae(
        X, AutoencoderTransformer, *sizes, batch_size=batch_size, max_iter=n_epochs, **settings
    )


@contestant
def digits_skae(images):
    return fit_plain_skae(digits(), DIGITS, DIGITS_BATCH, DIGITS_EPOCHS)


@contestant
def mnist_skae(images):
    return fit_plain_skae(images(), WIDE, WIDE_BATCH, WIDE_EPOCHS)


@contestant
def precision_skae(images):
    return fit_wide_skae(images, precision="bfloat16")


def fit_wide_skae(images, **settings):
    """To be judged by its test error."""
    from skae import AutoencoderTransformer
    from skae.metrics import reconstruction_error

    X, X_test = images(), images(2)
    settings = plain_skae(output_activation="identity", max_iter=PRECISION_EPOCHS, **settings)
    estimator = AutoencoderTransformer(
        WIDE[-1],
        hidden_layer_sizes=WIDE[1:-1],
        init="random",
        batch_size=WIDE_BATCH,
        device="cpu",
        **settings,
    ).fit(X[:256])

    def fit():
        estimator.fit(X)
        return lambda: reconstruction_error(estimator, X_test)

    return fit


@contestant
def vae_skae(images):
    from skae import VAETransformer

    return fit_skae(
        images(),
        VAETransformer,
        *WIDE,
        likelihood="bernoulli",
        batch_size=WIDE_BATCH,
        max_iter=WIDE_EPOCHS,
    )


@contestant
def conv_skae(images):
    from skae import AutoencoderTransformer
    from skae.architectures import ConvNet

    X = images()
    estimator = AutoencoderTransformer(
        WIDE[-1],
        architecture=ConvNet((28, 28)),
        **plain_skae(output_activation="identity", batch_size=WIDE_BATCH, max_iter=CONV_EPOCHS),
    )
    estimator.fit(X[:256])
    return lambda: estimator.fit(X[:CONV_ROWS]) is None or None


# skae as it comes.


def in_turns(make, rows_of, judge):
    """Fits with the next seed in each turn: the same seeds and held-out rows on both sides."""
    import warnings

    turns = itertools.count()

    def fit():
        seed = next(turns)
        X, X_test = rows_of(seed)
        with warnings.catch_warnings(action="ignore"):
            model = make(seed).fit(X)
        return lambda: judge(model, X_test)

    with warnings.catch_warnings(action="ignore"):
        make(0).fit(rows_of(0)[0][:256])  # loads what a first fit loads
    return fit


def maker(name, *args, **settings):
    import skae

    return lambda seed: getattr(skae, name)(*args, random_state=seed, **settings)


def held_out(table, images):
    """Functions of a seed: a quarter of the rows of a small table is held out."""
    from sklearn.model_selection import train_test_split

    X = getattr(datasets, f"load_{table}")().data[: images.at_most]
    return lambda seed: train_test_split(X, random_state=seed)


def explained(model, X):
    from skae.metrics import explained_variance

    return explained_variance(model, X)


def told_apart(model, X):
    """The area under the curve of held-out rows beside rows whose values come from several."""
    from sklearn.metrics import roc_auc_score

    mixed = np.random.default_rng(0).permuted(X, axis=0)
    X = np.concatenate([X, mixed])
    is_ours = hasattr(model, "score_samples")
    strangeness = -model.score_samples(X) if is_ours else model.decision_function(X)
    return roc_auc_score(np.arange(len(X)) >= len(mixed), strangeness)


def fit_table(model, table, images):
    judge = told_apart if model == "detector" else explained
    return in_turns(maker(MODELS[model]), held_out(table, images), judge)


for _model, _table in itertools.product(MODELS, TABLES):
    CONTESTANTS[f"{_model}_{_table}"] = functools.partial(fit_table, _model, _table)


def pyod_table(table, images):
    from pyod.models.auto_encoder import AutoEncoder

    return in_turns(
        lambda seed: AutoEncoder(random_state=seed, verbose=0), held_out(table, images), told_apart
    )


for _table in TABLES:
    CONTESTANTS[f"pyod_{_table}"] = functools.partial(pyod_table, _table)


def made_rows(n_rows, n_columns=20, n_test=10_000):
    """Columns that are curved functions of five hidden ones, with noise; some rows to test on."""
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(n_rows + n_test, 5)).astype(np.float32)
    bent = np.tanh(hidden @ rng.normal(size=(5, 40)).astype(np.float32))
    X = bent @ rng.normal(size=(40, n_columns)).astype(np.float32)
    X += 0.1 * X.std() * rng.standard_normal(X.shape, dtype=np.float32)
    return X[:n_rows], X[n_rows:]


def fit_tall(n_rows, images, **settings):
    rows = made_rows(min(n_rows, images.at_most or n_rows))
    return in_turns(maker("AutoencoderTransformer", 5, **settings), lambda seed: rows, explained)


@contestant
def tall_thousands(images):
    return fit_tall(200_000, images)


@contestant
def tall_million(images):
    return fit_tall(1_000_000, images)


@contestant
def tall_tenth(images):
    """A tenth of the epochs, all of them."""
    return fit_tall(1_000_000, images, max_iter=FEW_EPOCHS, early_stopping=False)


@contestant
def pixels_default(images):
    from skae.metrics import reconstruction_error

    rows = images(), images(2)
    return in_turns(maker("AutoencoderTransformer", 16), lambda seed: rows, reconstruction_error)


@contestant
def ladder_epoch(images):
    from skae import LadderClassifier

    X = images()
    y = few_labels(len(X))
    model = LadderClassifier(max_iter=1, random_state=0).fit(X[:256], y[:256])
    return lambda: model.fit(X, y) is None or None


def few_labels(n_rows, n_labelled=100):
    """Labels for the ladder, of the first rows: what they are costs nothing."""
    labelled = np.arange(n_rows) < min(n_labelled, n_rows // 2)
    return np.where(labelled, np.arange(n_rows) % 10, -1)


# Other libraries, in their own words for the same network.


@contestant
def digits_sklearn(images):
    return fit_sklearn(digits(), DIGITS, DIGITS_BATCH, DIGITS_EPOCHS)


@contestant
def mnist_sklearn(images):
    return fit_sklearn(images(), WIDE, WIDE_BATCH, WIDE_EPOCHS)


def fit_sklearn(X, sizes, batch_size, n_epochs):
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPRegressor

    model = MLPRegressor(
        hidden_layer_sizes=sizes[1:] + sizes[-2:0:-1],
        batch_size=batch_size,
        max_iter=n_epochs,
        tol=0,
        n_iter_no_change=n_epochs,
        alpha=0,
        random_state=0,
    )

    def fit():
        with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
            model.fit(X, X)

    return fit


@contestant
def digits_skorch(images):
    import torch
    from skorch import NeuralNet
    from torch import nn

    X = digits()

    def fit():
        NeuralNet(
            mirrored(DIGITS, nn.ReLU),
            criterion=nn.MSELoss,
            optimizer=torch.optim.Adam,
            lr=LR,
            batch_size=DIGITS_BATCH,
            max_epochs=DIGITS_EPOCHS,
            train_split=None,
            verbose=0,
        ).fit(X, X)

    fit()
    return fit


@contestant
def mnist_keras(images):
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    X = images()

    def fit(n_epochs=WIDE_EPOCHS):
        sizes = WIDE[1:] + WIDE[-2:0:-1]
        linear = WIDE[-1]
        layers = [
            keras.layers.Dense(size, activation=None if size == linear else "relu")
            for size in sizes
        ]
        model = keras.Sequential([keras.Input((784,)), *layers, keras.layers.Dense(784)])
        model.compile(keras.optimizers.Adam(LR), "mse")
        model.fit(X, X, batch_size=WIDE_BATCH, epochs=n_epochs, verbose=0)

    fit(1)
    return fit


@contestant
def mnist_pythae(images):
    import logging

    import torch
    from pythae.models import AE, AEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig
    from torch import nn

    logging.disable(logging.WARNING)

    class Encoder(BaseEncoder):
        def __init__(self):
            super().__init__()
            self.layers = mlp(WIDE, nn.ReLU)

        def forward(self, x):
            return ModelOutput(embedding=self.layers(x))

    class Decoder(BaseDecoder):
        def __init__(self):
            super().__init__()
            self.layers = mlp(WIDE[::-1], nn.ReLU)

        def forward(self, z):
            return ModelOutput(reconstruction=self.layers(z))

    from pythae.data.datasets import BaseDataset

    x = torch.from_numpy(images())

    def fit(rows=x):
        with tempfile.TemporaryDirectory() as folder:
            config = BaseTrainerConfig(
                output_dir=folder,
                num_epochs=WIDE_EPOCHS,
                learning_rate=LR,
                per_device_train_batch_size=WIDE_BATCH,
                optimizer_cls="Adam",
                no_cuda=True,
            )
            model = AE(AEConfig(input_dim=(784,), latent_dim=WIDE[-1]), Encoder(), Decoder())
            labels = torch.zeros(len(rows))
            BaseTrainer(model, BaseDataset(rows, labels), training_config=config).train()

    fit(x[:256])
    return fit


@contestant
def mnist_pyod(images):
    from pyod.models.auto_encoder import AutoEncoder

    X = images()

    def fit(rows=X):
        AutoEncoder(
            preprocessing=False,
            lr=LR,
            epoch_num=WIDE_EPOCHS,
            batch_size=WIDE_BATCH,
            hidden_neuron_list=list(WIDE[1:]),
            batch_norm=False,
            dropout_rate=0,
            verbose=0,
        ).fit(rows)

    fit(X[:256])
    return fit


# Beyond a fit.


@contestant
def transform_skae(images):
    X = images()
    estimator = trained(X)
    return lambda: estimator.transform(X) is None or None


@contestant
def transform_module(images):
    import torch

    X = images()
    encoder, x = trained(X).module_.encoder, torch.from_numpy(X)

    def transform():
        with torch.inference_mode():
            torch.cat([encoder(chunk) for chunk in x.split(CHUNK)])

    return transform


def trained(X):
    from skae import AutoencoderTransformer

    settings = plain_skae(init="random", batch_size=WIDE_BATCH, max_iter=1)
    return AutoencoderTransformer(WIDE[-1], hidden_layer_sizes=WIDE[1:-1], **settings).fit(X[:1024])


@contestant
def quality_skae(images):
    """The defaults, but for the number of epochs: one is enough."""
    from skae import AutoencoderTransformer
    from skae.metrics import reconstruction_error

    X = images()
    estimator = AutoencoderTransformer(WIDE[-1], max_iter=1, random_state=0).fit(X[:256])

    def fit():
        estimator.fit(X)
        return lambda: reconstruction_error(estimator, images(2))

    return fit


@contestant
def quality_loop(images):
    """The recipe: 784-512-128-10 mirrored, ELU, logistic outputs, batches of 1024, 10 epochs."""
    import torch
    from torch import nn

    x, x_test = (torch.from_numpy(images(part)) for part in (0, 2))

    def fit():
        model = nn.Sequential(mirrored(WIDE, nn.ELU), nn.Sigmoid())
        train_by_hand(model, squared_error, x, 1024, 10)
        return lambda: squared_error(model, x_test).item()

    return fit


@contestant
def rows_one(images):
    X = images()
    return fit_rows(X[: len(X) // 10])


@contestant
def rows_ten(images):
    return fit_rows(images())


def fit_rows(X):
    from skae import AutoencoderTransformer

    settings = {"batch_size": WIDE_BATCH, "max_iter": 1, "init": "random"}
    return fit_skae(X, AutoencoderTransformer, *WIDE, **settings)


@contestant
def search_skae(images):
    from skae import AutoencoderTransformer

    return search(
        AutoencoderTransformer(8, **plain_skae(batch_size=DIGITS_BATCH, max_iter=DIGITS_EPOCHS))
    )


@contestant
def search_sklearn(images):
    from sklearn.neural_network import MLPRegressor

    return search(
        MLPRegressor(
            batch_size=DIGITS_BATCH, max_iter=DIGITS_EPOCHS, tol=0, n_iter_no_change=DIGITS_EPOCHS
        )
    )


def search(estimator):
    """Four settings, four folds, two new processes."""
    import warnings

    from joblib.externals.loky import get_reusable_executor
    from sklearn.model_selection import GridSearchCV

    X, is_ours = digits(), hasattr(estimator, "n_components")
    sizes = (16,), (32,), (64,), (128,)
    if not is_ours:
        sizes = [(*size, 8, *size) for size in sizes]

    def fit():
        get_reusable_executor().shutdown(wait=True)
        grid = GridSearchCV(estimator, {"hidden_layer_sizes": sizes}, cv=4, n_jobs=2, refit=False)
        with warnings.catch_warnings(action="ignore"):
            grid.fit(X, None if is_ours else X)
        get_reusable_executor().shutdown(wait=True)  # whose processor time then counts

    return fit
