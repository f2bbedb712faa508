"""Columns of a table round the ONNX model of an autoencoder: each a named input and output."""

import numpy as np
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from skae._rows.frames.columns import EXACT, NUMBERS
from skae._rows.frames.plain import objects

# Before the names of what is inside, so that a column may have any.
INSIDE = "autoencoder/"


def check_table(estimator):
    """Refuse a fitted estimator of tables that is no static graph, or not of known operators."""
    check_is_fitted(estimator)
    name, table = type(estimator).__name__, estimator._table
    if estimator.allow_nan:
        raise ValueError(
            f"This {name} has allow_nan=True: what it makes of a row depends on which values are "
            "missing, which is no static graph. Fit a TabularAutoencoder with allow_nan=False on "
            "rows that are filled before."
        )
    if table.scaler is not None and type(table.scaler) is not StandardScaler:
        raise ValueError(
            f"This {name} has a {type(table.scaler).__name__} as its scaler, but only a "
            "StandardScaler is exported. Fit it with scaler=None."
        )
    for column in table.learned():
        if column.kind == "integer" and max(-column.low, column.high) >= EXACT:
            raise ValueError(
                f"Column {column.name!r} has whole numbers beyond 2**53, which the graph would "
                "round. Leave it out with 'drop' in column_kinds, or divide it before."
            )
        if column.kind == "categorical":
            _categories(column)


def with_columns(table, model):
    """The model inside, with columns in place of its rows "X" and "X_original"."""
    from onnx import compose, helper

    inside = compose.add_prefix(model, INSIDE)
    before, after = _Nodes("before"), _Nodes("after")
    inputs, outputs = [], []
    doubt = None
    for value in inside.graph.input:
        name = value.name.removeprefix(INSIDE)
        if name == "X":
            learned = [column for column in table.columns if column in table.learned()]
            inputs += [_described(column, str(column.name)) for column in learned]
            doubt = _encode(table, before, value.name)
        else:
            inputs.append(_renamed(value, name))
            before("Identity", name, output=value.name)
    # The names of columns are taken where they go in.
    ending = "_original" if doubt else ""
    for value in inside.graph.output:
        name = value.name.removeprefix(INSIDE)
        if name == "X_original":
            outputs += _decode(table, after, value.name, ending)
            continue
        outputs.append(_renamed(value, name))
        if doubt and name != "labels":
            after("Add", value.name, doubt, output=name)
        else:
            after("Identity", value.name, output=name)
    _check_names([value.name for value in (*inputs, *outputs)])
    graph = helper.make_graph(
        [*before.nodes, *inside.graph.node, *after.nodes],
        "table",
        inputs,
        outputs,
        [*before.constants, *inside.graph.initializer, *after.constants],
    )
    of_texts = helper.make_opsetid("ai.onnx.ml", 3)
    return helper.make_model(
        graph,
        opset_imports=[*inside.opset_import, of_texts],
        ir_version=inside.ir_version,
        producer_name="skae",
    )


class _Nodes:
    """Nodes of a graph, each with one output, and the constants that they need."""

    def __init__(self, prefix):
        self.prefix, self.nodes, self.constants = prefix, [], []

    def __call__(self, op, *inputs, output=None, **settings):
        """Add a node; arrays among its inputs become constants."""
        from onnx import helper

        inputs = [name if isinstance(name, str) else self._constant(name) for name in inputs]
        name = f"{INSIDE}{self.prefix}/{len(self.nodes)}"
        output = output or name
        self.nodes.append(helper.make_node(op, inputs, [output], name=name, **settings))
        return output

    def _constant(self, value):
        from onnx import numpy_helper

        name = f"{INSIDE}{self.prefix}/constant/{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name


def _categories(column):
    """The categories as an array of one of the types that a graph can have."""
    found = objects(np.array(column.categories, dtype=object), column.element)
    kinds = {type(value) for value in found}
    array = np.array(found) if len(kinds) == 1 and kinds <= {str, int, bool, float} else None
    if array is None or array.dtype.kind not in "Uibf":
        raise ValueError(
            f"Column {column.name!r} has categories such as {found[0]!r}, but exported are only "
            "those that are all texts, whole numbers of 64 bits, numbers or booleans. Fit it with "
            "texts in their place."
        )
    return array.astype(object) if array.dtype.kind == "U" else array


def _dtype(column):
    """That of the input and the output of a column."""
    if column.kind == "categorical":
        return _categories(column).dtype
    if column.kind == "boolean":
        return np.dtype(bool)
    is_whole = column.kind == "integer" and column.decimals is not None and column.decimals <= 0
    return np.dtype(np.int64 if is_whole or column.unit else np.float64)


def _described(column, name):
    from onnx import helper

    kind = helper.np_dtype_to_tensor_dtype(_dtype(column))
    told = f"{column.kind}, as {np.dtype(column.unit).name}" if column.unit else column.kind
    return helper.make_tensor_value_info(name, kind, ["n_samples", 1], doc_string=told)


def _renamed(value, name):
    from onnx import ValueInfoProto

    renamed = ValueInfoProto()
    renamed.CopyFrom(value)
    renamed.name = name
    return renamed


def _check_names(names):
    lost = sorted({name for name in names if names.count(name) > 1 or not name})
    if lost:
        raise ValueError(
            f"Inputs and outputs need names of their own, and would have {lost}. Rename these "
            "columns before fit."
        )


def _encode(table, nodes, rows):
    """Nodes from columns to rows; gives what is NaN of each row that has no sense, and else 0."""
    from onnx import TensorProto

    numbers, others = [], []
    for column in table.learned():
        value = str(column.name)
        if column.kind == "categorical":
            others.append(_one_hot(nodes, _categories(column), value))
        elif column.kind == "boolean":
            others.append(nodes("Cast", value, to=TensorProto.FLOAT))
        else:
            if column.unit:  # before digits are lost
                value = nodes("Sub", value, np.int64(column.origin))
            numbers.append(nodes("Cast", value, to=TensorProto.DOUBLE))
    if numbers:
        mean, scale = _scaling(table)
        standard = nodes("Div", nodes("Sub", nodes("Concat", *numbers, axis=1), mean), scale)
        others.insert(0, nodes("Cast", standard, to=TensorProto.FLOAT))
    nodes("Concat", *others, axis=1, output=rows)
    total = nodes("ReduceSum", rows, np.array([1]), keepdims=1)
    return nodes("Mul", total, np.float32(0))


def _one_hot(nodes, categories, value):
    from onnx import TensorProto

    if categories.dtype.kind == "O":
        places = np.arange(len(categories))
        value = nodes(
            "LabelEncoder",
            value,
            domain="ai.onnx.ml",
            keys_strings=categories.tolist(),
            values_int64s=places.tolist(),
            default_int64=-1,
        )
        categories = places
    block = nodes("Cast", nodes("Equal", value, categories), to=TensorProto.FLOAT)
    # A graph can not refuse a category that is unknown: its block is 0 / 0, which is NaN.
    return nodes("Div", block, nodes("ReduceSum", block, np.array([1]), keepdims=1))


def _scaling(table):
    """Mean and scale of each number; amounts are as they are."""
    scaler, nothing = table.scaler, np.zeros(table.scaler.n_features_in_)
    mean = scaler.mean_ if scaler.with_mean else nothing
    scale = scaler.scale_ if scaler.with_std else nothing + 1
    return np.where(table.is_amount, 0, mean), np.where(table.is_amount, 1, scale)


def _decode(table, nodes, rows, ending):
    """Nodes from rows to columns, which are given as outputs."""
    from onnx import TensorProto

    rows = nodes("Cast", rows, to=TensorProto.DOUBLE)
    if table.scaler is not None:
        means, scales = _scaling(table)
    found = {}
    for column, block in table.blocks:
        output = _described(column, f"{column.name}{ending}")
        value = nodes("Gather", rows, np.arange(block.start, block.stop), axis=1)
        if column.kind in NUMBERS:
            place = block.start
            value = nodes("Add", nodes("Mul", value, scales[place]), means[place])
            _round(nodes, column, value, output)
        elif column.kind == "boolean":
            nodes("GreaterOrEqual", value, np.float64(0.5), output=output.name)
        else:
            place = nodes("ArgMax", value, axis=1, keepdims=1)
            nodes("Gather", _categories(column), place, axis=0, output=output.name)
        found[column.name] = output
    return [found[column.name] for column in table.columns if column.name in found]


def _round(nodes, column, value, output):
    """Nodes to a number within the range of a column, and rounded as that is."""
    limits = np.float64(column.low), np.float64(column.high)
    value = nodes("Clip", value, *limits)
    if column.unit or column.decimals is not None:
        there, back, factor = "Div", "Mul", column.step
        if column.decimals is not None:
            # As numpy does it, whose digits are the same.
            there, back = ("Mul", "Div") if column.decimals > 0 else ("Div", "Mul")
            factor = 10 ** abs(column.decimals)
        whole = nodes("Round", nodes(there, value, np.float64(factor)))
        value = nodes("Clip", nodes(back, whole, np.float64(factor)), *limits)
    value = nodes("Cast", value, to=output.type.tensor_type.elem_type)
    origin = np.int64(column.origin) if column.unit else np.zeros((), dtype=_dtype(column))
    nodes("Add", value, origin, output=output.name)
