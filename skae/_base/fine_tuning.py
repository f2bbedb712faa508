"""Moving a fitted encoder so that its codes tell the classes apart."""

from dataclasses import replace

from sklearn.utils._param_validation import validate_parameter_constraints

from skae._base.classifier import SemiSupervisedClassifier
from skae._base.parameters import constraints_of
from skae._base.principal import forget
from skae._base.shared import TRAINING
from skae.modules import EncoderClassifier
from skae.objectives import Classification

# What differs from the training before: the rows are few, and the start is near to the end.
DEFAULTS = {"learning_rate_init": 0.001, "max_iter": 50, "early_stopping": False}
SETTINGS = set(TRAINING) - {"checkpoint", "warm_start"}


def check_settings(params):
    """Refuse what is no setting of the training."""
    unknown = sorted(set(params) - SETTINGS)
    if unknown:
        raise ValueError(
            f"fine_tune_params has {unknown}, but takes {sorted(SETTINGS)} only. For what they "
            "mean see the transformer."
        )


class FineTuner(SemiSupervisedClassifier):
    """Trains the encoder of a fitted autoencoder, in place, through a linear layer on its codes.

    Parameters
    ----------
    transformer : BaseAutoencoder
        A fitted one; what `params` leave out is as there, or as in `DEFAULTS`.
    params : dict
        Some of `SETTINGS`.
    """

    _parameter_constraints: dict = constraints_of(SETTINGS)

    def __init__(self, transformer, params):
        shared = {name: getattr(transformer, name) for name in SETTINGS}
        settings = {**shared, **DEFAULTS, **params}
        validate_parameter_constraints(
            self._parameter_constraints, settings, caller_name="fine_tune_params"
        )
        self.transformer = transformer
        self.params = params
        vars(self).update(settings, warm_start=False, checkpoint=None)
        self.hidden_layer_sizes, self.activation = (), transformer.activation
        self.labelled_batch_size = "auto"
        self.allow_nan = transformer._as_fitted("allow_nan", False)

    def _make_target(self, columns):
        return self.transformer._start.target

    def _begin(self, table, stream=False):
        # The codes that it moves are no principal ones any more.
        forget(self.transformer.module_)
        vars(self.transformer).pop("explained_variance_ratio_", None)
        # The encoder knows no other rows than those.
        self.scaling_, self._start = self.transformer.scaling_, self.transformer._start
        return replace(table, limits=self._start.limits)

    def _n_labelled(self, rows):
        return None  # all rows have labels

    def _make_module(self, start):
        n_codes = self.transformer._n_features_out
        return EncoderClassifier(self.transformer.module_, n_codes, len(self.classes_))

    def _make_objective(self):
        return Classification()
