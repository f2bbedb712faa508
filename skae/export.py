"""Fitted estimators for use elsewhere: as torch modules, as ONNX graphs, in skl2onnx's pipelines.

What is exported works on float32 rows in the units of the training data, and does what the
estimator's verbs do; it needs neither scikit-learn nor skae.
"""

import contextlib
import copy
import importlib.util
import inspect
import logging
import warnings

import torch
from sklearn.base import is_clusterer
from sklearn.utils.validation import check_is_fitted
from torch import nn

from skae._base import BaseAutoencoder
from skae._device import plain_torch

__all__ = ["register_skl2onnx", "to_module", "to_onnx"]

# Rows of the example that a graph is traced with: one would be taken for a constant.
N_EXAMPLES = 3


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
    _check(estimator, part)
    model, scaling = (
        copy.deepcopy(module).cpu().eval() for module in (estimator.module_, estimator.scaling_)
    )
    # Whether the decoder is told the class.
    is_told = getattr(model, "n_classes", 0) > 0
    # Clusters are sorted by size, which the module does not know.
    order = torch.from_numpy(estimator._order) if is_clusterer(estimator) else None
    has_codes = hasattr(estimator, "transform")
    has_decoder = hasattr(estimator, "inverse_transform")
    if part != "all" and not (has_codes if part == "encoder" else has_decoder):
        raise ValueError(
            f"part={part!r}, but {type(estimator).__name__} has no "
            f"{'transform' if part == 'encoder' else 'inverse_transform'}. Choose 'all'."
        )
    if part == "encoder":
        return _FromRows(model, scaling, ["codes"]).eval()
    if part == "decoder":
        return _Decoder(model, scaling, estimator._n_features_out, is_told, order).eval()
    verbs = {
        "codes": has_codes,
        "X_original": has_codes and has_decoder and not is_told,
        "probabilities": hasattr(estimator, "predict_proba"),
        "labels": is_clusterer(estimator),
    }
    outputs = [name for name, has in verbs.items() if has]
    return _FromRows(model, scaling, outputs, order).eval()


def to_onnx(estimator, part="all", *, opset_version=None):
    """Make an ONNX model of a fitted estimator.

    Parameters
    ----------
    estimator : object
        A fitted autoencoder or classifier of skae, without `allow_nan`.
    part : {"encoder", "decoder", "all"}, default="all"
        As in `to_module`.
    opset_version : int, default=None
        Version of ONNX's operators. By default that which torch recommends.

    Returns
    -------
    model : onnx.ModelProto
        With any number of rows. Its input is "X", or "codes" (and "y") of a decoder; its outputs
        are those of `to_module`. Save it with ``onnx.save(model, path)`` or
        ``model.SerializeToString()``.

    Raises
    ------
    NotFittedError
        Before `fit`.
    ImportError
        If onnx or onnxscript is not installed: ``pip install 'skae[onnx]'``.
    TypeError
        If the estimator is none of skae's with a torch module of its own.
    ValueError
        If the estimator has no such part, or if what it does is no static graph.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import AutoencoderTransformer
    >>> from skae.export import to_onnx
    >>> X, _ = load_digits(return_X_y=True)
    >>> model = AutoencoderTransformer(2, max_iter=3, random_state=0).fit(X)
    >>> exported = to_onnx(model, "encoder")  # doctest: +SKIP
    >>> [output.name for output in exported.graph.output]  # doctest: +SKIP
    ['codes']
    """
    module = to_module(estimator, part)
    _require("onnx", "onnxscript")
    rows = torch.export.Dim("n_samples")
    examples = module.examples()
    with plain_torch(grad=True), _quiet_exporter():
        program = torch.onnx.export(
            module,
            tuple(examples.values()),
            dynamo=True,
            input_names=list(examples),
            output_names=module.outputs,
            dynamic_shapes=tuple({0: rows} for _ in examples),
            opset_version=opset_version,
            verbose=False,
        )
    return program.model_proto


def register_skl2onnx():
    """Teach skl2onnx the transformers of skae, so that it converts pipelines with them.

    Each is converted to what `transform` does. Calling it again changes nothing.

    Raises
    ------
    ImportError
        If skl2onnx, onnx or onnxscript is not installed: ``pip install 'skae[onnx]'``.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from skae import AutoencoderTransformer
    >>> from skae.export import register_skl2onnx
    >>> X, y = load_digits(return_X_y=True)
    >>> model = make_pipeline(AutoencoderTransformer(8, max_iter=3), LogisticRegression())
    >>> register_skl2onnx()  # doctest: +SKIP
    >>> import skl2onnx  # doctest: +SKIP
    >>> X = X.astype("float32")
    >>> onnx = skl2onnx.to_onnx(model.fit(X, y), X[:1])  # doctest: +SKIP
    """
    _require("onnx", "onnxscript", "skl2onnx")
    import skl2onnx

    classes = [BaseAutoencoder]
    while classes:
        cls = classes.pop()
        classes += cls.__subclasses__()
        if not inspect.isabstract(cls):
            skl2onnx.update_registered_converter(
                cls, f"Skae{cls.__name__}", _infer_shapes, _convert, overwrite=True
            )


def _infer_shapes(operator):
    from skl2onnx.common.data_types import FloatTensorType

    n_rows = operator.inputs[0].get_first_dimension()
    operator.outputs[0].type = FloatTensorType([n_rows, operator.raw_operator._n_features_out])


def _convert(scope, operator, container):
    """Copy the graph of the encoder into the graph of the pipeline, under names of its own."""
    from onnx import helper

    graph = to_onnx(operator.raw_operator, "encoder", opset_version=container.target_opset).graph
    names = {"": ""}
    names[graph.output[0].name] = operator.outputs[0].full_name

    def own(name):
        if name not in names:
            names[name] = scope.get_unique_variable_name(f"skae_{name}")
        return names[name]

    # Graphs of skl2onnx may have numbers of other types before.
    cast = own(graph.input[0].name)
    container.add_node("Cast", operator.inputs[0].full_name, cast, to=1, name=own("cast_input"))
    for tensor in graph.initializer:
        renamed = copy.deepcopy(tensor)
        renamed.name = own(tensor.name)
        container.initializers.append(renamed)
    for node in graph.node:
        container.nodes.append(
            helper.make_node(
                node.op_type,
                [own(name) for name in node.input],
                [own(name) for name in node.output],
                name=scope.get_unique_operator_name(f"skae_{node.op_type}"),
                domain=node.domain,
            )
        )
        container.nodes[-1].attribute.extend(node.attribute)
        container.node_domain_version_pair_sets.add((node.domain, container.target_opset))


class _FromRows(nn.Module):
    """Rows to codes, reconstructions, probabilities: those that are asked for."""

    def __init__(self, model, scaling, outputs, order=None):
        super().__init__()
        self.model, self.scaling, self.outputs = model, scaling, outputs
        self.register_buffer("ranks", None if order is None else order.argsort())

    def examples(self):
        return {"X": torch.zeros(N_EXAMPLES, len(self.scaling.mean))}

    def forward(self, X):
        x, found = self.scaling(X), {}
        if "codes" in self.outputs:
            found["codes"] = self.model.encode(x)
        if "X_original" in self.outputs:
            found["X_original"] = self.scaling.inverse(self.model.decode(found["codes"]))
        if "probabilities" in self.outputs:
            found["probabilities"] = self.model.classify(x).softmax(dim=1)
        if "labels" in self.outputs:
            found["labels"] = self.ranks[self.model.classify(x).argmax(dim=1)]
        values = tuple(found[name] for name in self.outputs)
        return values if len(values) > 1 else values[0]


class _Decoder(nn.Module):
    """Codes, and class numbers where the decoder is told those, to rows."""

    def __init__(self, model, scaling, n_components, is_told, order):
        super().__init__()
        self.model, self.scaling, self.outputs = model, scaling, ["X_original"]
        self.n_components, self.is_told = n_components, is_told
        self.register_buffer("order", order)

    def examples(self):
        codes = {"codes": torch.zeros(N_EXAMPLES, self.n_components)}
        return codes | ({"y": torch.zeros(N_EXAMPLES, dtype=torch.int64)} if self.is_told else {})

    def forward(self, codes, y=None):
        if self.order is not None:
            y = self.order[y]
        told = (y,) if self.is_told else ()
        return self.scaling.inverse(self.model.decode(codes, *told))


@contextlib.contextmanager
def _quiet_exporter():
    """Notes of the exporter on packages that it could use are no news to who exports."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logger.setLevel(level)


def _require(*packages):
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise ImportError(
                f"This needs {package}, which is not installed. Install what exporting needs with "
                "`pip install 'skae[onnx]'`."
            )


def _check(estimator, part):
    if part not in ("encoder", "decoder", "all"):
        raise ValueError(f"part={part!r} must be 'encoder', 'decoder' or 'all'.")
    check_is_fitted(estimator)
    name = type(estimator).__name__
    if not hasattr(estimator, "module_") or not hasattr(estimator, "scaling_"):
        raise TypeError(
            f"{name} has no torch module of its own. Export the fitted estimator of skae inside, "
            "such as transformer_, autoencoder_ or a step of a pipeline; for whole pipelines see "
            "register_skl2onnx."
        )
    if estimator.allow_nan:
        raise ValueError(
            f"This {name} was fitted with allow_nan=True: how it fills a row depends on which "
            "values are missing, which is no static graph. Fit it with allow_nan=False on rows "
            "that are filled before."
        )
