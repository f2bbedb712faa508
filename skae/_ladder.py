"""The ladder network."""

from numbers import Real

from sklearn.utils._param_validation import Interval, StrOptions

from skae._semi_supervised import SemiSupervisedClassifier
from skae.architectures._mlp import layer_sizes
from skae.modules import Ladder
from skae.objectives import DenoisingLadder


class LadderClassifier(SemiSupervisedClassifier):
    r"""Ladder network: a classifier that learns from unlabelled rows by denoising all its layers."""

    _parameter_constraints: dict = {
        **SemiSupervisedClassifier._parameter_constraints,
        "noise_level": ["array-like", Interval(Real, 0, None, closed="left")],
        "denoising_cost": ["array-like", StrOptions({"auto"})],
    }

    def __init__(
        self,
        *,
        hidden_layer_sizes=(500, 250, 250),
        activation="relu",
        noise_level=0.3,
        denoising_cost="auto",
        labelled_batch_size="auto",
        learning_rate="annealed",
        learning_rate_init=0.002,
        batch_size="auto",
        max_iter=50,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-4,
        warm_start=False,
        device="auto",
        callbacks=None,
        net_params=None,
        random_state=None,
        verbose=0,
    ):
        super().__init__(
            labelled_batch_size=labelled_batch_size,
            hidden_layer_sizes=hidden_layer_sizes,
            activation=activation,
            learning_rate=learning_rate,
            learning_rate_init=learning_rate_init,
            batch_size=batch_size,
            max_iter=max_iter,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            tol=tol,
            warm_start=warm_start,
            device=device,
            callbacks=callbacks,
            net_params=net_params,
            random_state=random_state,
            verbose=verbose,
        )
        self.noise_level = noise_level
        self.denoising_cost = denoising_cost

    def _make_module(self, rows, statistics, start):
        sizes = (self.n_features_in_, *layer_sizes(self.hidden_layer_sizes), len(self.classes_))
        noise = self._per_layer(self.noise_level, len(sizes))
        return Ladder(sizes, self.activation, noise)

    def _per_layer(self, values, n_layers):
        if isinstance(values, Real):
            return (float(values),) * n_layers
        return tuple(map(float, values))

    def _make_objective(self):
        n_layers = len(layer_sizes(self.hidden_layer_sizes)) + 2
        if isinstance(self.denoising_cost, str):
            costs = (67.0, 10.0) + (0.1,) * (n_layers - 2)
        else:
            costs = tuple(map(float, self.denoising_cost))
        return DenoisingLadder(costs)

    def _describe_training(self, rows, terms):
        pass
