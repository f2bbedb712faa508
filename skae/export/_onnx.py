"""Fitted estimators as ONNX models."""

import contextlib
import importlib.util
import logging
import warnings

import torch

from skae._base.tabular import TableEstimator
from skae._training.device import plain_torch
from skae.export._modules import to_module
from skae.export._tables import check_table, with_columns


def to_onnx(estimator, part="all", *, opset_version=None):
    """Make an ONNX model of a fitted estimator.

    Parameters
    ----------
    estimator : object
        A fitted autoencoder or classifier of skae, or a `TabularAutoencoder`, without `allow_nan`.
    part : {"encoder", "decoder", "all"}, default="all"
        As in `to_module`.
    opset_version : int, default=None
        Version of ONNX's operators. By default that which torch recommends.

    Returns
    -------
    model : onnx.ModelProto
        With any number of rows. Its input is "X", or "codes" (and "y") of a decoder; its outputs
        are those of `to_module`. Of a table, each column that was learned is an input and an output
        of its own in place of "X" and "X_original": see below. Save it with
        ``onnx.save(model, path)`` or ``model.SerializeToString()``.

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
        write that version of the operators. Of a table also if its scaler is no `StandardScaler`,
        if categories of one column are neither all texts, all whole numbers, all numbers nor all
        booleans, if whole numbers lie beyond 2**53, or if names are not unique.

    Notes
    -----
    Columns of a `TabularAutoencoder` have the shape (n_samples, 1) and the names of the table;
    outputs next to inputs end in "_original". Numbers are double, whole numbers int64, booleans
    bool, and categories what they are: strings, int64, double or bool. Dates and durations are
    int64 counts in the unit of the column in `fit`, dates from 1970 on in UTC, periods ordinals;
    `doc_string` of the input names the unit. Outputs lie within the range in `fit` and are rounded
    as by `inverse_transform`. What `fit` left out is neither an input nor an output.

    A graph can not refuse a row, whatever `handle_unknown` is: with a value that is NaN or
    infinite, or a category that was not there in `fit`, its codes and probabilities are NaN, and
    other outputs of that row mean nothing.

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
    is_table = isinstance(estimator, TableEstimator)
    if is_table:
        check_table(estimator)
    module = to_module(estimator.autoencoder_ if is_table else estimator, part)
    require("onnx", "onnxscript")
    model = trace(module, opset_version)
    return with_columns(estimator._table, model) if is_table else model


def trace(module, opset_version):
    """The ONNX model of one of the modules of `to_module`."""
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


def require(*packages):
    """Make sure that packages are installed."""
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise ImportError(
                f"This needs {package}, which is not installed. Install what exporting needs with "
                "`pip install 'skae[onnx]'`."
            )
