"""How well an estimator with `transform` and `inverse_transform` keeps the data, and how it draws.

These take any such estimator, `PCA` and pipelines included, so that models can be compared; all but
`log_likelihood`, which is for the models that have one, and `sample_report`, which takes rows.
"""

from skae.metrics._reconstruction import (
    explained_variance,
    log_likelihood,
    reconstruction_error,
)
from skae.metrics._samples import sample_report

__all__ = ["explained_variance", "log_likelihood", "reconstruction_error", "sample_report"]
