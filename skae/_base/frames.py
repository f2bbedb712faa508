"""Rows as the frames that `set_output` asks for."""

import functools

import numpy as np
from sklearn.base import TransformerMixin

VERBS = "sample", "impute", "denoise", "inverse_transform"


class FramesMixin:
    """Lets the verbs that give rows give frames where `set_output`, or the configuration, asks.

    scikit-learn does so for `transform` alone. Columns are named as those of `fit`, or x0, x1, ...
    The index is that of a frame of pandas that was given; rows that are drawn have none.
    """

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        # Also those of traits, which know no frames.
        for name in VERBS:
            verb = getattr(cls, name, None)
            if verb is not None and not hasattr(verb, "gives_frames"):
                setattr(cls, name, _framing(verb))


def _framing(verb):
    @functools.wraps(verb)
    def framing(self, *args, **kwargs):
        result = verb(self, *args, **kwargs)
        if kwargs.get("out") is not None:  # the caller's own
            return result
        return framed(self, result, args[0] if args else kwargs.get("X"))

    framing.gives_frames = True
    return framing


def framed(estimator, result, given):
    """Rows of an estimator as `set_output` has it; not tensors, nor what is a frame already.

    Of several tables in one array there is a list, if they are frames.
    """
    if type(result) is np.ndarray and result.ndim > 2:
        tables = [framed(estimator, table, given) for table in result]
        return result if type(tables[0]) is np.ndarray else tables
    return _Rows(estimator, result).transform(given) if type(result) is np.ndarray else result


class _Rows(TransformerMixin):
    """Rows of an estimator, as scikit-learn gives codes of it."""

    def __init__(self, estimator, rows):
        self.estimator, self.rows = estimator, rows
        # Where `set_output` keeps what it was told, and `clone` looks for it.
        name = "_sklearn_output_config"
        vars(self).update({k: v for k, v in vars(estimator).items() if k == name})

    def transform(self, X):
        return self.rows

    def get_feature_names_out(self):
        """Of the columns of X in `fit`."""
        names = getattr(self.estimator, "feature_names_in_", None)
        if names is None:
            names = [f"x{number}" for number in range(self.rows.shape[1])]
        return np.asarray(names, dtype=object)
