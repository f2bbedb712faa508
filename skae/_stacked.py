"""The stacked denoising autoencoder."""

from numbers import Integral

import torch
from sklearn.utils._param_validation import Interval
from torch import nn

from skae._base.applying import device_of
from skae._base.corruption import CorruptionMixin
from skae._base.reconstruction import DensityAutoencoder
from skae._documented import public
from skae.architectures._mlp import layer_sizes
from skae.modules import CorruptedAutoencoder, Corruption, LayerAutoencoder, split_layers
from skae.objectives import LayerDenoising

# From how many rows the spread of a layer is measured.
MAX_MEASURED_ROWS = 1000


@public
class StackedDenoisingAutoencoder(CorruptionMixin, DensityAutoencoder):
    r"""Deep denoising autoencoder, whose layers are trained one after the other and then together.

    Each layer :math:`f_l` first learns, with a decoder :math:`g_l` of its own, to denoise what the
    layers below it make of the clean rows, :math:`h_i = f_{l-1}(\ldots f_1(x_i))`, with a random
    corruption c [1]_:

    .. math:: \min_{f_l, g_l} \frac{1}{n} \sum_i \mathbb{E}_c\, L(h_i, g_l(f_l(c(h_i)))).

    From there all layers are trained as those of a :class:`DenoisingAutoencoder`. As the
    transformer of an ``AutoencoderClassifier(..., fine_tune=True)`` it is the classifier of [1]_,
    but for the code, which is linear here: count the hidden layers only.

    Parameters
    ----------
    n_components : int, default=2
        Width of the code, the last layer.
    hidden_layer_sizes : tuple of int, default=(256, 128)
        Widths of the encoder's hidden layers; the decoder mirrors them.
    activation : str, default="silu"
        Between the layers: "relu", "elu", "tanh", "gelu", "silu", "leaky_relu", "selu", "softplus",
        "logistic" or "identity".
    architecture : architecture, default=None
        An object of :mod:`skae.architectures`, or one of your own with the same two methods. If
        given, it replaces `hidden_layer_sizes` and `activation`. Both of its networks must be
        `torch.nn.Sequential` with as many linear layers, as those of `MLP` are.
    layer_max_iter : int, default=15
        Epochs of each single layer, before `max_iter` epochs of all of them. It is no different in
        `partial_fit`, whose first call trains the layers on the rows that it is given.
    noise : {"gaussian", "masking", "salt_and_pepper"}, default="masking"
        The corruption: add normal noise; set values to 0; set values to the smallest or the largest
        value of their feature in the training rows, by a fair coin.
    noise_level : float, default=0.25
        For "gaussian" the standard deviation, in units of X. Otherwise the share of the values that
        is replaced, in [0, 1]. Of the layers' values the noise is as large a share as of the rows'
        (for "gaussian", of their spread).
    clip : bool or (float, float), default=False
        Whether corrupted values are clipped, as a camera would: True to the range of each feature
        in the training rows, a pair to that range for all features. The pair is also what salt and
        pepper put.
    loss : {"squared_error", "absolute_error", "log_loss"}, default="squared_error"
        What the reconstruction costs. "log_loss", the binary cross-entropy, needs X in [0, 1].
    output_activation : {"auto", "identity", "logistic"}, default="auto"
        What ends the decoder. "auto" is logistic where the loss needs it; otherwise outputs are
        clipped at the bounds that the data show: where at least 5 % of the training rows share the
        smallest (or the largest) value of a feature, that value is taken for its bound, such as 0
        for counts and 0 and 1 for pixels. "identity" clips nothing; "logistic" needs X in [0, 1].
    latent_density : estimator with `fit` and `sample`, default=None
        What `sample` draws codes from, fitted to (at most 10 000) training codes when first needed.
        None is a Gaussian mixture.
    learning_rate : {"annealed", "constant"}, default="annealed"
        "annealed" rises to `learning_rate_init` in the first 5 % of the steps that `max_iter`
        allows and falls linearly to zero in the last 70 %. "constant" stays.
    learning_rate_init : float, default=0.003
        Peak learning rate of Adam.
    batch_size : int or "auto", default="auto"
        Rows in a batch. "auto" makes about 25 batches an epoch, of 16 to 128 rows.
    max_iter : int, default=50
        Epochs, at most.
    early_stopping : bool, default=True
        Whether to hold out rows, keep the epoch that is best on them (the start included) and stop
        after `n_iter_no_change` epochs without progress. Otherwise the last epoch is kept.
    validation_fraction : float, default=0.1
        The share of the rows to hold out; at least two, if two are left to learn from.
    n_iter_no_change : int or inf, default=10
        Epochs without progress after which training stops early.
    tol : float, default=1e-4
        What counts as progress, as a share of the best validation loss.
    warm_start : bool, default=False
        Whether `fit` goes on from the last solution.
    device : str or torch.device, default="auto"
        "cpu", "cuda", "cuda:1", "mps", ... "auto" takes a GPU if there is one.
    callbacks : list of skorch callbacks, default=None
        Called during training.
    checkpoint : str or path-like, default=None
        A folder in which `fit` keeps its state after each epoch, until it ends. If it is killed,
        the same `fit` goes on from there.
    net_params : dict, default=None
        Merged last into the settings of the skorch net, such as
        ``{"optimizer__weight_decay": 1e-3, "compile": True}``.
    random_state : int, RandomState instance or None, default=None
        Determines the start, the batches, the held-out rows and all noise; read when a model is
        started, so not on a warm start. The global random state
        of torch is never touched; that of numpy only by None, as everywhere in scikit-learn.
    verbose : int, default=0
        Whether to show progress: a bar in a terminal or a notebook, else a line for each epoch.

    Attributes
    ----------
    net_ : ObjectiveNet
        The skorch net; ``net_.history`` has every term of the objective in every epoch.
    module_ : torch.nn.Module
        The torch module: ``decode(encode(scaling_(x)))`` is the standardized reconstruction.
    scaling_ : torch.nn.Module
        Standardizes rows, and back with its ``inverse``.
    n_iter_ : int
        Number of epochs trained.
    loss_curve_ : list of float
        Training loss of each epoch, penalty included, of rows as the module sees them.
    layer_loss_curves_ : list of list of float
        Training loss of each epoch of each single layer, of values as that layer sees them.
    validation_scores_ : list of float or None
        Minus the loss on held-out rows after each epoch.
    best_loss_ : float
        The loss of the kept epoch, on held-out rows if there are any.
    reconstruction_err_ : float
        The reconstruction loss of the kept epoch in units of X, on held-out rows if there are any.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if X has names that are all strings.
    latent_density_ : estimator
        The density that `sample` draws codes from.

    See Also
    --------
    DenoisingAutoencoder : All layers at once, from a start at PCA.
    AutoencoderClassifier : Fine-tunes it with labels.

    Notes
    -----
    `transform`, `inverse_transform` and `score_samples` corrupt nothing. `score_samples` is minus
    the loss of each row, in units of X.

    References
    ----------
    .. [1] Vincent, Larochelle, Lajoie, Bengio and Manzagol, "Stacked denoising autoencoders", JMLR
       11, 2010.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import StackedDenoisingAutoencoder
    >>> X, _ = load_digits(return_X_y=True)
    >>> model = StackedDenoisingAutoencoder(16, layer_max_iter=2, max_iter=5, random_state=0)
    >>> model.fit(X).denoise(X).shape
    (1797, 64)
    >>> [len(curve) for curve in model.layer_loss_curves_]  # 64 - 256 - 128 - 16
    [2, 2, 2]
    """

    _parameter_constraints: dict = {
        **DensityAutoencoder._parameter_constraints,
        **CorruptionMixin._corruption_constraints,
        "layer_max_iter": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        n_components=2,
        *,
        hidden_layer_sizes=(256, 128),
        activation="silu",
        architecture=None,
        layer_max_iter=15,
        noise="masking",
        noise_level=0.25,
        clip=False,
        loss="squared_error",
        output_activation="auto",
        latent_density=None,
        learning_rate="annealed",
        learning_rate_init=0.003,
        batch_size="auto",
        max_iter=50,
        early_stopping=True,
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-4,
        warm_start=False,
        device="auto",
        callbacks=None,
        checkpoint=None,
        net_params=None,
        random_state=None,
        verbose=0,
    ):
        super().__init__(
            n_components,
            hidden_layer_sizes=hidden_layer_sizes,
            activation=activation,
            architecture=architecture,
            noise=noise,
            noise_level=noise_level,
            clip=clip,
            loss=loss,
            output_activation=output_activation,
            latent_density=latent_density,
            learning_rate=learning_rate,
            learning_rate_init=learning_rate_init,
            batch_size=batch_size,
            max_iter=max_iter,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            tol=tol,
            warm_start=warm_start,
            device=device,
            callbacks=callbacks,
            checkpoint=checkpoint,
            net_params=net_params,
            random_state=random_state,
            verbose=verbose,
        )
        self.layer_max_iter = layer_max_iter

    def _make_module(self, start):
        encoder, decoder = self._make_networks(self.n_components, self.n_components)
        up, down = split_layers(encoder), split_layers(decoder)
        if not up or not down or len(up) != len(down):
            raise ValueError(
                "StackedDenoisingAutoencoder needs an architecture whose encoder and decoder are "
                "torch.nn.Sequential that start with a torch.nn.Linear and have as many of them, "
                "as MLP makes them. For other networks use DenoisingAutoencoder."
            )
        output, link = self._make_outputs()
        if output is not None:
            decoder = nn.Sequential(decoder, output)
        return CorruptedAutoencoder(encoder, decoder, link, self._make_corruption())

    def _n_epochs_before(self):
        if self.architecture is not None:  # which has as many layers as it likes
            return None
        return (len(layer_sizes(self.hidden_layer_sizes)) + 1) * self.layer_max_iter

    def _before_training(self, start, module, rows, trainer):
        """Train each layer on what those below it give, with the layer that undoes it."""
        self.layer_loss_curves_ = []
        how = {"max_epochs": self.layer_max_iter, "learning_rate": self.learning_rate}
        up, down = split_layers(module.encoder), _split_outputs(module.decoder)[::-1]
        for number, (layer, inverse) in enumerate(zip(up, down, strict=True)):
            below = nn.Sequential(*up[:number])
            corruption = self._corruption_of(below, rows) if number else module.corrupt
            objective = LayerDenoising("squared_error" if number else self.loss)
            part = LayerAutoencoder(below, layer, inverse, corruption)
            curve = trainer.train_part(part, objective, rows, **how)
            self.layer_loss_curves_.append(curve)

    def _corruption_of(self, below, rows):
        """Noise of the values that the layers `below` give, as large as that of the rows."""
        kept = torch.randperm(len(rows))[:MAX_MEASURED_ROWS].sort().values
        with torch.no_grad():
            h = below(rows[kept.to(rows.device)][0].to(device_of(below))).cpu()
        level = self.noise_level
        if self.noise == "gaussian":
            level = level / self.scaling_.scale.item() * h.var(dim=0, correction=0).mean().sqrt()
        low, high = h.amin(dim=0), h.amax(dim=0)
        return Corruption(self.noise, level, torch.zeros_like(low), low, high, clip=False)


def _split_outputs(decoder):
    """The layers of a decoder, the last of them with what ends it."""
    if not isinstance(decoder[0], nn.Sequential):
        return split_layers(decoder)
    network, output = decoder
    layers = split_layers(network)
    layers[-1].append(output)
    return layers
