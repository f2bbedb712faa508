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
from sklearn.base import ClassifierMixin, ClusterMixin, is_classifier, is_clusterer
from sklearn.utils.validation import check_is_fitted

from skae._base.estimator import NeuralEstimator
from skae._training.device import plain_torch
from skae.modules._export import FromCodes, FromRows

__all__ = ["register_skl2onnx", "to_module", "to_onnx"]

# Those that skl2onnx knows of scikit-learn's classifiers and does itself.
CLASSIFIER_OPTIONS = {
    "zipmap": [True, False, "columns"],
    "nocl": [True, False],
    "output_class_labels": [False, True],
}


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
    model, scaling = _parts(estimator)
    # Whether the decoder is told the class.
    is_told = getattr(model, "n_classes", 0) > 0
    order = _order(estimator)
    has_codes = hasattr(estimator, "transform")
    has_decoder = hasattr(estimator, "inverse_transform")
    if part != "all" and not (has_codes if part == "encoder" else has_decoder):
        raise ValueError(
            f"part={part!r}, but {type(estimator).__name__} has no "
            f"{'transform' if part == 'encoder' else 'inverse_transform'}. Choose 'all'."
        )
    if part == "encoder":
        return FromRows(model, scaling, ["codes"]).eval()
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
        If the estimator has no such part, if what it does is no static graph, or if torch can not
        write that version of the operators.

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
    return _trace(module, opset_version)


def _trace(module, opset_version):
    """The ONNX model of one of the modules below."""
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
    model = program.model_proto
    written = {entry.domain: entry.version for entry in model.opset_import}[""]
    if opset_version not in (None, written):
        raise ValueError(
            f"opset_version={opset_version}, but torch wrote {written} instead. Take {written}; "
            "skl2onnx calls it target_opset."
        )
    return model


def register_skl2onnx():
    """Teach skl2onnx the estimators of skae, so that it converts pipelines with them.

    Transformers become what `transform` does, classifiers what `predict` and `predict_proba` do,
    and clusterers what `predict` does; these two can only be the last step. Those that hold others,
    `AutoencoderClassifier` and `AutoencoderOutlierDetector`, are not converted: make a pipeline of
    what is inside. Calling it again changes nothing.

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

    classes = [NeuralEstimator]
    while classes:
        cls = classes.pop()
        classes += cls.__subclasses__()
        if not inspect.isabstract(cls):
            skl2onnx.update_registered_converter(
                cls,
                f"Skae{cls.__name__}",
                _infer_shapes,
                _convert,
                overwrite=True,
                parser=_parse_clusterer if issubclass(cls, ClusterMixin) else None,
                options=CLASSIFIER_OPTIONS if issubclass(cls, ClassifierMixin) else None,
            )


def _parse_clusterer(scope, model, inputs, custom_parsers=None):
    """It has one output; skl2onnx would expect distances as well."""
    from skl2onnx.common.data_types import Int64TensorType

    operator = scope.declare_local_operator(f"Skae{type(model).__name__}", model)
    operator.inputs = inputs
    operator.outputs.append(scope.declare_local_variable("label", Int64TensorType()))
    return operator.outputs


def _infer_shapes(operator):
    from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType

    model, n_rows = operator.raw_operator, operator.inputs[0].get_first_dimension()
    if is_classifier(model):
        kind = Int64TensorType if model.classes_.dtype.kind in "bifu" else StringTensorType
        types = [kind([n_rows]), FloatTensorType([n_rows, len(model.classes_)])]
    elif is_clusterer(model):
        types = [Int64TensorType([n_rows])]
    else:
        types = [FloatTensorType([n_rows, model._n_features_out])]
    for output, type_ in zip(operator.outputs, types, strict=True):
        output.type = type_


def _convert(scope, operator, container):
    """Add the graph of what the estimator does to the graph of the pipeline."""
    model, outputs = operator.raw_operator, [output.full_name for output in operator.outputs]
    _check(model, "all")
    if is_classifier(model):
        _paste(scope, operator, container, "probabilities", outputs[1])
        _name_the_largest(scope, container, model.classes_, outputs[1], outputs[0])
    else:
        _paste(scope, operator, container, "labels" if is_clusterer(model) else "codes", outputs[0])


def _name_the_largest(scope, container, classes, probabilities, label):
    """Nodes from probabilities to the most probable class."""
    from onnx import TensorProto

    names = [scope.get_unique_variable_name(f"skae_{name}") for name in ("classes", "largest")]
    if classes.dtype.kind in "bifu":
        kind, values = TensorProto.INT64, classes.astype(int).tolist()
    else:
        kind, values = TensorProto.STRING, [str(name).encode() for name in classes]
    container.add_initializer(names[0], kind, [len(values)], values)
    for op, inputs, output, settings in (
        ("ArgMax", [probabilities], names[1], {"axis": 1, "keepdims": 0}),
        ("Gather", names, label, {"axis": 0}),
    ):
        name = scope.get_unique_operator_name(f"skae_{op}")
        container.add_node(op, inputs, [output], name=name, **settings)


def _paste(scope, operator, container, what, output):
    """Copy the graph of one output of the estimator, under names of its own."""
    from onnx import helper

    estimator = operator.raw_operator
    module = FromRows(*_parts(estimator), [what], _order(estimator))
    graph = _trace(module.eval(), container.target_opset).graph
    names = {"": "", graph.output[0].name: output}

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


def _parts(estimator):
    """Copies of the network and of what standardizes its rows, on the CPU."""
    return (
        copy.deepcopy(module).cpu().eval() for module in (estimator.module_, estimator.scaling_)
    )


def _order(estimator):
    """Of clusters, which are sorted by size; the network does not know it."""
    return torch.from_numpy(estimator._clusters.order) if is_clusterer(estimator) else None


@contextlib.contextmanager
def _quiet_exporter():
    """Notes of the exporter on packages that it could use are no news to who exports."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
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
    if estimator._as_fitted("allow_nan", False):
        raise ValueError(
            f"This {name} was fitted with allow_nan=True: how it fills a row depends on which "
            "values are missing, which is no static graph. Fit it with allow_nan=False on rows "
            "that are filled before."
        )
