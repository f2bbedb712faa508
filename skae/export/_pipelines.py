"""What skl2onnx needs to know of the estimators."""

import copy
import inspect

from sklearn.base import ClassifierMixin, ClusterMixin, is_classifier, is_clusterer

from skae._base.estimator import NeuralEstimator
from skae.export._modules import check, order_of, parts
from skae.export._onnx import require, trace
from skae.modules._export import FromRows

# Those that skl2onnx knows of scikit-learn's classifiers and does itself.
CLASSIFIER_OPTIONS = {
    "zipmap": [True, False, "columns"],
    "nocl": [True, False],
    "output_class_labels": [False, True],
}


def register_skl2onnx():
    """Teach skl2onnx the estimators of skae, so that it converts pipelines with them.

    Transformers become what `transform` does, classifiers what `predict` and `predict_proba` do,
    and clusterers what `predict` does; these two can only be the last step. Those that hold others,
    `AutoencoderClassifier` and `AutoencoderOutlierDetector`, are not converted: make a pipeline of
    what is inside. Nor are those of tables, for which see `to_onnx`. Calling it again changes
    nothing.

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
    require("onnx", "onnxscript", "skl2onnx")
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
    check(model, "all")
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
    module = FromRows(*parts(estimator), [what], order_of(estimator))
    graph = trace(module.eval(), container.target_opset).graph
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
