"""What several public classes say of their parameters and attributes: each thing once.

`skae._base.parameters` fills it in.
"""

import os
from dataclasses import dataclass, field
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.utils._param_validation import HasMethods, Interval, Options, StrOptions

from skae._base.reservoir import MANY, MAX_BYTES, MAX_ROWS
from skae._priors import PRIORS
from skae._rows.columns import MIN_SUMMED
from skae._training.trainer import EPOCHS, MIN_EPOCHS, WORTH_STEPS
from skae.architectures._activations import ACTIVATIONS
from skae.losses import LIKELIHOODS, LOSSES


@dataclass(frozen=True)
class Parameter:
    """A parameter: `words` are the text for a kind of models, where that is another."""

    type: str
    constraint: list
    text: str
    words: dict = field(default_factory=dict)


def _names(table):
    return ", ".join(f'"{name}"' for name in table)


COUNT = Interval(Integral, 1, None, closed="left")
NOT_NEGATIVE_COUNT = Interval(Integral, 0, None, closed="left")
NOT_NEGATIVE = Interval(Real, 0, None, closed="left")
AUTO = StrOptions({"auto"})
EARLY_STOPPING = (
    "Whether to hold out rows, keep the epoch that is best on them (the start included) and stop "
    "after `n_iter_no_change` epochs without progress. Otherwise the last epoch is kept."
)

# What a model is.
MODEL = {
    "n_components": Parameter("int", [COUNT], "Width of the code."),
    "hidden_layer_sizes": Parameter(
        "tuple of int",
        ["array-like", COUNT],
        "Widths of the encoder's hidden layers; the decoder mirrors them.",
    ),
    "activation": Parameter("str", [str], f"Between the layers: {_names(ACTIVATIONS)}."),
    "architecture": Parameter(
        "architecture",
        [HasMethods(["make_encoder", "make_decoder"]), None],
        "An object of :mod:`skae.architectures`, or one of your own with the same two methods. If "
        "given, it replaces `hidden_layer_sizes` and, in the encoder and the decoder, "
        "`activation`.",
    ),
    "noise": Parameter(
        '{"gaussian", "masking", "salt_and_pepper"}',
        [StrOptions({"gaussian", "masking", "salt_and_pepper"})],
        "The corruption: add normal noise; set values to 0; set values to the smallest or the "
        "largest value of their feature in the training rows, by a fair coin.",
    ),
    "noise_level": Parameter(
        "float",
        [NOT_NEGATIVE],
        'For "gaussian" the standard deviation, in units of X. Otherwise the share of the values '
        "that is replaced, in [0, 1].",
        {
            "adversarial": "Standard deviation of the normal noise that the encoder is given in "
            "training; its unit is the root mean variance of the features.",
        },
    ),
    "clip": Parameter(
        "bool or (float, float)",
        ["boolean", "array-like"],
        "Whether corrupted values are clipped, as a camera would: True to the range of each "
        "feature in the training rows, a pair to that range for all features. The pair is also "
        "what salt and pepper put.",
    ),
    "tied_weights": Parameter(
        'bool or "auto"',
        ["boolean", AUTO],
        "Whether the decoder's layers have the transposed weights of the encoder's. \"auto\" ties "
        "them where both are dense and mirror each other, as those of `MLP` do.",
    ),
    "prior": Parameter(
        f"{{{_names(PRIORS)}}}, callable or density",
        [StrOptions(set(PRIORS)), callable, HasMethods(["sample"])],
        "What codes are to follow: those of the style, where there is one for the class as well. "
        '"normal" has independent components; "mixture" is ten petals in the first two '
        'components, "swiss_roll" a spiral there, and both are normal in further ones. A callable '
        "is given ``(n_samples, random_state)`` and returns codes of shape (n_samples, "
        "n_components); a density is a fitted one with `sample`, such as scikit-learn has them, "
        "best in a `sklearn.frozen.FrozenEstimator`, which stays fitted in clones.",
    ),
    "prior_scale": Parameter(
        "float",
        [Interval(Real, 0, None, closed="neither")],
        "The factor by which a prior that is given by its name is enlarged.",
    ),
    "discriminator_layer_sizes": Parameter(
        "tuple of int",
        ["array-like", COUNT],
        "Widths of the hidden layers of the discriminator, or of both.",
    ),
    "loss": Parameter(
        f"{{{_names(LOSSES)}}}",
        [StrOptions(set(LOSSES))],
        'What a reconstruction costs. "log_loss", the binary cross-entropy, needs X in [0, 1].',
    ),
    "likelihood": Parameter(
        "str or list of (str, columns)",
        [StrOptions({*LIKELIHOODS, "mixed"}), list],
        "The distribution of a row given its code, and its class where the decoder is told that; "
        'independent for each feature. "gaussian" and "laplace" have one variance for all '
        'features, see `noise_variance`; "bernoulli" needs X in [0, 1]; "lognormal" X > 0, and '
        '"hurdle_lognormal", with a probability of its own for 0, X >= 0; "poisson" and '
        '"negative_binomial", which learns a dispersion for each feature, need counts, X >= 0; '
        '"categorical" is that of one one-hot block. Pairs give each column a likelihood, as in '
        '``[("gaussian", [0, 1]), ("categorical", [2, 3, 4]), ("poisson", ["visits"])]``, with a '
        'pair for each one-hot block; columns are numbers, names, a slice or a mask. "mixed" finds '
        "them in what encoders make of a table: neighbouring columns of zeros and ones, of which "
        'each row has exactly one 1, are "categorical", other columns of zeros and ones '
        '"bernoulli", columns without a negative value that are skewed or often 0 the lognormal '
        'ones, all else "gaussian" (`partial_fit` looks at the rows of its first call). With pairs '
        'or "mixed", each column is scaled on its own inside, and has a variance of its own.',
    ),
    "exposure": Parameter(
        '"auto", "sum", int, str or None',
        [str, NOT_NEGATIVE_COUNT, None],
        'How much was counted of each row: of columns that are "poisson" or "negative_binomial" '
        "the decoder gives means for the mean row, which are multiplied by it, and the encoder is "
        "given the counts divided by it. So codes tell what was counted, and not how much. "
        '"sum" is the sum of these columns; the number or the name of another column of X, which '
        "has no likelihood then and must be positive, such as hours or a size factor. None is the "
        'same for all rows, so that codes tell it too. "auto" is "sum" where all columns are '
        f"counts, {MIN_SUMMED} at least, and None elsewhere.",
    ),
    "allow_nan": Parameter(
        "bool",
        ["boolean"],
        'Whether NaN in X is taken for "not observed": the encoder is given what a linear model '
        "(of factors) expects there, and the loss or likelihood is that of the observed values. "
        "`impute` then fills in the others.",
    ),
    "noise_variance": Parameter(
        'float, "mean" or None',
        [Interval(Real, 0, None, closed="neither"), StrOptions({"mean"}), None],
        "The variance of the Gaussian and Laplace likelihoods in squared units of X. None learns "
        "it, so that the reconstruction and the divergence are in balance whatever the units of X. "
        '"mean" is the mean variance of the features (of mixed columns the variance of each): '
        "codes then tell only what varies more than an average feature does, and rows far from the "
        "others are unlikely however well they could be reproduced, which may serve an "
        "`AutoencoderOutlierDetector`.",
    ),
    "output_activation": Parameter(
        '{"auto", "identity", "logistic"}',
        [StrOptions({"auto", "identity", "logistic"})],
        'What ends the decoder. "auto" is logistic where the loss needs it; otherwise outputs are '
        "clipped at the bounds that the data show: where at least 5 % of the training rows share "
        "the smallest (or the largest) value of a feature, that value is taken for its bound, such "
        'as 0 for counts and 0 and 1 for pixels. "identity" clips nothing; "logistic" needs X in '
        "[0, 1].",
        {
            "likelihood": 'What ends the decoder. "auto" is what the likelihood needs; where all '
            'columns are "gaussian" or "laplace" the means are clipped at the bounds that the data '
            "show: where at least 5 % of the training rows share the smallest (or the largest) "
            'value of a feature, that value is taken for its bound. "identity" clips nothing, in '
            '`sample` neither; "logistic" needs X in [0, 1].',
        },
    ),
    "init": Parameter(
        '{"auto", "pca", "random"}',
        [StrOptions({"auto", "pca", "random"})],
        '"pca" starts at the principal components: encoder and decoder are a linear map plus a '
        "network that is zero at first; the encoder's linear map stays as it is. The components "
        "are those of a sample where there are more than 1000 rows and more than 2**23 values. "
        '"random" starts from random weights and has no linear maps. "auto" is "random" with an '
        '`architecture` and where outputs are logistic, "pca" otherwise; and where that is '
        "affordable and can be judged, with held-out rows, at most 10 000 rows and no `callbacks`, "
        "it trains from both and keeps what is better on the held-out rows.",
    ),
    "latent_density": Parameter(
        "estimator with `fit` and `sample`",
        [HasMethods(["fit", "sample"]), None],
        "What `sample` draws codes from, fitted to (at most 10 000) training codes when first "
        "needed. None is a Gaussian mixture.",
    ),
    "conditional": Parameter(
        'bool, "class" or "number"',
        ["boolean", StrOptions({"class", "number"})],
        "Whether y is told to the decoder, and to the discriminator if there is one. The code is "
        "then left with what y does not say, and `sample` draws from what is asked for. y are "
        "classes, -1 of rows without one; or, if they are floats not all whole, numbers. "
        '"number" says that of whole ones, such as ages; "class" that many whole ones are classes.',
    ),
    "n_score_samples": Parameter(
        "int", [COUNT], "How many draws `score_samples` uses; they are made in `fit`."
    ),
    "calibrated": Parameter(
        "bool",
        ["boolean"],
        "Whether `fit` calibrates `predict_proba` on labelled rows that the classifier has not "
        "learned from: those of early stopping, or those that a second training does without, a "
        "third. Few labels say little: of fewer than 10 such rows nothing is learned. What "
        "`partial_fit` and a warm start go on with keeps the calibration that it has.",
    ),
    "labelled_batch_size": Parameter(
        'int or "auto"',
        [AUTO, COUNT],
        'Labelled rows in each batch, beside `batch_size` others. "auto" takes 100, or all if '
        "there are fewer. Each batch has of each class what its share of the labelled rows is.",
    ),
}

# How it is trained.
TRAINING = {
    "learning_rate": Parameter(
        '{"annealed", "constant"}',
        [StrOptions({"annealed", "constant"})],
        '"annealed" rises to `learning_rate_init` in the first 5 % of the steps that `max_iter` '
        'allows and falls linearly to zero in the last 70 %. "constant" stays.',
    ),
    "learning_rate_init": Parameter(
        "float",
        [Interval(Real, 0, None, closed="neither")],
        "Peak learning rate of Adam.",
        {"adversarial": "Peak learning rate of Adam, in all steps of a batch."},
    ),
    "batch_size": Parameter(
        'int or "auto"',
        [AUTO, COUNT],
        'Rows in a batch. "auto" makes about 25 batches an epoch, of 16 to 128 rows.',
        {
            "labels": 'Rows in a batch, taken as unlabelled. "auto" makes about 25 batches an '
            "epoch, of 16 to 128 rows.",
        },
    ),
    "max_iter": Parameter(
        'int or "auto"',
        [AUTO, COUNT],
        f'Epochs, at most. "auto" is {EPOCHS}, and fewer where rows are many: as many as make '
        f"about {WORTH_STEPS} batches, but {MIN_EPOCHS} at least.",
    ),
    "early_stopping": Parameter(
        "bool",
        ["boolean"],
        EARLY_STOPPING,
        {
            "pca": f"{EARLY_STOPPING} Where a start at PCA was tried, the principal components of "
            "all rows, those held out included, are kept if no epoch is better by more than half "
            "the standard error of the difference, and more than that where few rows are held out. "
            "(They too are of a sample, beyond 2**26 values, or 2**23 in a file.) A held-out row "
            "of which a component is mostly made, such as the only one with a value in some "
            "column, does not judge then. The scale is that of all rows.",
            "adversarial": "Whether to hold out rows, keep the epoch that reconstructs them best "
            "and stop after `n_iter_no_change` epochs without progress. Otherwise the last epoch "
            "is kept. How well codes follow their prior does not count.",
            "labels": "Whether to hold out rows of each class and without, keep the epoch that "
            "classifies those with a label best, by cross-entropy, and stop after "
            "`n_iter_no_change` epochs without progress. Otherwise the last epoch is kept. With "
            "few labels it costs more than it gives.",
        },
    ),
    "validation_fraction": Parameter(
        "float",
        [Interval(Real, 0, 1, closed="neither")],
        "The share of the rows to hold out; at least two, if two are left to learn from.",
        {"labels": "The share of the rows to hold out, of each class that has two at least one."},
    ),
    "n_iter_no_change": Parameter(
        "int or inf",
        [COUNT, Options(Real, {np.inf})],
        "Epochs without progress after which training stops early.",
    ),
    "tol": Parameter(
        "float", [NOT_NEGATIVE], "What counts as progress, as a share of the best validation loss."
    ),
    "warm_start": Parameter(
        "bool",
        ["boolean"],
        "Whether `fit` goes on from the last solution.",
        {"labels": "Whether `fit` goes on from the last solution; y has no further classes then."},
    ),
    "n_rehearsed": Parameter(
        'int or "auto"',
        [AUTO, NOT_NEGATIVE_COUNT],
        "How many rows `partial_fit` keeps, at most, to rehearse some of them beside each further "
        "piece: a sample of all rows that it was given, each with the same chance. "
        f'"auto" is {MAX_ROWS}, or as many as fit into {MAX_BYTES // 2**20} MiB. Where the decoder '
        f"is told the class, up to {MANY} rows of one that becomes rarer among them are kept "
        "beside, to draw it by. All are part of pickles and files of the model: set it to 0 to "
        "leave them out.",
    ),
    "device": Parameter(
        "str or torch.device",
        [str, torch.device],
        '"cpu", "cuda", "cuda:1", "mps", ... "auto" takes a GPU if there is one.',
    ),
    "precision": Parameter(
        '{"float32", "bfloat16"}',
        [StrOptions({"float32", "bfloat16"})],
        'What dense and convolutional layers multiply in while they are trained. "bfloat16" is '
        "faster where networks are large and the processor or GPU has units for it, at three "
        "digits instead of seven; where there are none it is float32, with a warning. Weights, "
        "their updates, losses, statistics and all verbs are in float32.",
    ),
    "callbacks": Parameter(
        "list of skorch callbacks", [list, tuple, None], "Called during training."
    ),
    "checkpoint": Parameter(
        "str or path-like",
        [str, os.PathLike, None],
        "A folder in which `fit` keeps its state after each epoch, until it ends. If it is killed, "
        "the same `fit` goes on from there.",
    ),
    "net_params": Parameter(
        "dict",
        [dict, None],
        "Merged last into the settings of the skorch net, such as "
        '``{"optimizer__weight_decay": 1e-3, "compile": True}``.',
    ),
    "random_state": Parameter(
        "int, RandomState instance or None",
        ["random_state"],
        "Determines the start, the batches, the held-out rows, all noise and all draws; read when "
        "a model is started, so not on a warm start. The global random state of torch is never "
        "touched; that of numpy only by None, as everywhere in scikit-learn.",
    ),
    "verbose": Parameter(
        "int",
        ["verbose"],
        "Whether to show progress: a bar in a terminal or a notebook, else a line for each epoch.",
    ),
}
PARAMETERS = {**MODEL, **TRAINING}
