"""What several public classes say of their fitted attributes: each thing once.

`skae._base.parameters` fills it in.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Attribute:
    """A fitted attribute, which a model has that has one of the parameters `of`."""

    type: str
    text: str
    words: dict = field(default_factory=dict)
    of: tuple = ("net_params",)


SUM_OF_TERMS = "The sum of all terms in each epoch; see ``net_.history`` for each."
BEST_LOSS = "The loss of the kept epoch, on held-out rows if there are any."
RECONSTRUCTION_ERR = (
    "The reconstruction loss of the kept epoch in units of X, on held-out rows if there are any."
)

# What training leaves.
ATTRIBUTES = {
    "net_": Attribute(
        "ObjectiveNet",
        "The skorch net; ``net_.history`` has every term of the objective in every epoch.",
    ),
    "module_": Attribute(
        "torch.nn.Module",
        "The torch module: ``decode(encode(scaling_(x)))`` is the standardized reconstruction.",
        {
            "adversarial": "The torch module; it works on standardized rows.",
            "labels": "The torch module; it works on standardized rows, of which its `classify` "
            "gives logits.",
        },
    ),
    "scaling_": Attribute("torch.nn.Module", "Standardizes rows, and back with its ``inverse``."),
    "classes_": Attribute(
        "ndarray of shape (n_classes,)",
        "The labels, without -1; only with `conditional`.",
        {"labels": "The labels, without -1."},
        of=("conditional", "labelled_batch_size"),
    ),
    "n_iter_": Attribute("int", "Number of epochs trained."),
    "loss_curve_": Attribute(
        "list of float",
        "Training loss of each epoch, penalties and noise included, of rows as the module sees "
        "them.",
        {
            "pca": "Training loss of each epoch, of rows as the module sees them: for a squared "
            "error of centred and scaled rows the share of the variance that is not explained.",
            "likelihood": "Training loss of each epoch, of standardized rows: nats.",
            "adversarial": SUM_OF_TERMS,
            "labels": SUM_OF_TERMS,
        },
    ),
    "validation_scores_": Attribute(
        "list of float or None",
        "Minus the loss on held-out rows after each epoch.",
        {
            "adversarial": "Minus the reconstruction loss on held-out rows after each epoch.",
            "labels": "Minus the cross-entropy of the held-out labelled rows after each epoch, in "
            "nats.",
        },
    ),
    "best_loss_": Attribute(
        "float",
        BEST_LOSS,
        {
            "pca": f"{BEST_LOSS[:-1]}; of the principal components of all rows where those were "
            "kept.",
            "adversarial": "The reconstruction loss of the kept epoch on held-out rows, or the sum "
            "of all terms of the last one.",
            "labels": "That cross-entropy in the kept epoch, or the sum of all terms of the last "
            "one.",
        },
    ),
    "reconstruction_err_": Attribute(
        "float",
        RECONSTRUCTION_ERR,
        {
            "pca": f"{RECONSTRUCTION_ERR} Too small where the principal components of all rows "
            "were kept and there are more features than rows.",
            "likelihood": "The expected negative log-likelihood of the kept epoch in nats per row, "
            "on held-out rows if there are any.",
        },
        of=("output_activation",),
    ),
    "explained_variance_ratio_": Attribute(
        "ndarray of shape (n_components,)",
        "The share of the variance of the training rows (filled ones, if values are missing) that "
        "a regression on each code explains, largest first: where all is linear that of `PCA`. "
        "Codes of the training rows are uncorrelated. There is no such attribute where the encoder "
        "of an `architecture` ends in something else than a linear layer, and after fine-tuning: "
        "codes are then as the encoder gives them.",
        of=(),
    ),
    "n_features_in_": Attribute("int", "Number of features."),
    "feature_names_in_": Attribute(
        "ndarray of shape (`n_features_in_`,)",
        "Names of the features, if X has names that are all strings.",
    ),
    "latent_density_": Attribute(
        "estimator", "The density that `sample` draws codes from.", of=("latent_density",)
    ),
}
