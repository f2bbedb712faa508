"""Fitted estimators as torch modules."""

import copy

import torch
from sklearn.base import is_clusterer
from sklearn.utils.validation import check_is_fitted

from skae.modules._export import FromCodes, FromRows


def to_module(estimator, part="all"):
    """Make a torch module of a fitted estimator.

    Parameters
    ----------
    estimator : object
        A fitted autoencoder or classifier of skae, without `allow_nan`.
    part : {"encoder", "decoder", "all"}, default="all"
        "encoder" turns rows into codes, as `transform` does, and "decoder" codes into rows, as
        `inverse_transform` does; where that is told the class, its second argument are the numbers
        of the classes in `classes_`. "all" turns rows into all that the estimator makes of them:
        see below.

    Returns
    -------
    module : torch.nn.Module
        On the CPU, in evaluation mode, with weights of its own. Its `outputs` names what it
        returns: of "codes", "X_original" (``inverse_transform(transform(X))``, unless that is told
        the class), "probabilities" (those of `predict_proba`) and "labels" (of clusters). One is
        returned as a tensor, several as a tuple.

    Raises
    ------
    NotFittedError
        Before `fit`.
    TypeError
        If the estimator is none of skae's with a torch module of its own.
    ValueError
        If the estimator has no such part, or if what it does is no static graph.

    Examples
    --------
    >>> import torch
    >>> from sklearn.datasets import load_digits
    >>> from skae import AutoencoderTransformer
    >>> from skae.export import to_module
    >>> X, _ = load_digits(return_X_y=True)
    >>> model = AutoencoderTransformer(2, max_iter=3, random_state=0).fit(X)
    >>> encoder = to_module(model, "encoder")
    >>> encoder(torch.zeros(5, 64)).shape
    torch.Size([5, 2])
    >>> rows = torch.export.Dim("rows")
    >>> exported = torch.export.export(encoder, (torch.zeros(5, 64),), dynamic_shapes=({0: rows},))
    """
    check(estimator, part)
    model, scaling = parts(estimator)
    # Whether the decoder is told the class.
    is_told = getattr(model, "n_classes", 0) > 0
    order = order_of(estimator)
    has_codes = hasattr(estimator, "transform")
    has_decoder = hasattr(estimator, "inverse_transform")
    if part != "all" and not (has_codes if part == "encoder" else has_decoder):
        raise ValueError(
            f"part={part!r}, but {type(estimator).__name__} has no "
            f"{'transform' if part == 'encoder' else 'inverse_transform'}. Choose 'all'."
        )
    if part == "encoder":
        return FromRows(model, scaling, ["codes"], order).eval()
    if part == "decoder":
        return FromCodes(model, scaling, estimator._n_features_out, is_told, order).eval()
    verbs = {
        "codes": has_codes,
        "X_original": has_codes and has_decoder and not is_told,
        "probabilities": hasattr(estimator, "predict_proba"),
        "labels": is_clusterer(estimator),
    }
    outputs = [name for name, has in verbs.items() if has]
    return FromRows(model, scaling, outputs, order).eval()


def parts(estimator):
    """Copies of the network and of what standardizes its rows, on the CPU."""
    return (
        copy.deepcopy(module).cpu().eval() for module in (estimator.module_, estimator.scaling_)
    )


def order_of(estimator):
    """Of clusters, which are sorted by size; the network does not know it."""
    return torch.from_numpy(estimator._clusters.order) if is_clusterer(estimator) else None


def check(estimator, part):
    """Refuse what is not fitted, has no module of its own or no static graph, and unknown parts."""
    if part not in ("encoder", "decoder", "all"):
        raise ValueError(f"part={part!r} must be 'encoder', 'decoder' or 'all'.")
    check_is_fitted(estimator)
    name = type(estimator).__name__
    if not hasattr(estimator, "module_") or not hasattr(estimator, "scaling_"):
        raise TypeError(
            f"{name} has no torch module of its own. Export the fitted estimator of skae inside, "
            "such as transformer_, autoencoder_ or a step of a pipeline; to_onnx takes a "
            "TabularAutoencoder as it is, and for whole pipelines see register_skl2onnx."
        )
    if part != "encoder" and getattr(estimator.module_, "numbers", None) is not None:
        raise ValueError(
            f"The decoder of this {name} is told a number, for which there is no input. Export "
            "part='encoder'."
        )
    if estimator._as_fitted("allow_nan", False):
        raise ValueError(
            f"This {name} was fitted with allow_nan=True: how it fills a row depends on which "
            "values are missing, which is no static graph. Fit it with allow_nan=False on rows "
            "that are filled before."
        )
