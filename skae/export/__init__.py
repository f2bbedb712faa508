"""Fitted estimators for use elsewhere: as torch modules, as ONNX graphs, in skl2onnx's pipelines.

What is exported works on float32 rows, or on columns of a table, in the units of the training
data, and does what the estimator's verbs do; it needs neither scikit-learn nor skae.
"""

from skae.export._modules import to_module
from skae.export._onnx import to_onnx
from skae.export._pipelines import register_skl2onnx

__all__ = ["register_skl2onnx", "to_module", "to_onnx"]
