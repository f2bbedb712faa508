"""Optuna: a search that gives up on settings while they are being fitted."""

import optuna
from optuna.trial import TrialState
from optuna_integration import SkorchPruningCallback
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skae import AutoencoderTransformer

X_train, X_valid = train_test_split(load_digits().data, random_state=0)


def objective(trial):
    model = AutoencoderTransformer(
        8,
        learning_rate_init=trial.suggest_float("learning_rate_init", 1e-6, 1e-1, log=True),
        activation=trial.suggest_categorical("activation", ["silu", "tanh"]),
        init="random",
        max_iter=10,
        callbacks=[SkorchPruningCallback(trial, monitor="valid_loss")],
        random_state=0,
    )
    return -model.fit(X_train, X_val=X_valid).score(X_valid)


study = optuna.create_study(
    direction="minimize",  # as what is monitored: a loss
    sampler=optuna.samplers.TPESampler(seed=0),
    pruner=optuna.pruners.MedianPruner(n_startup_trials=2, n_warmup_steps=2),
)
study.optimize(objective, n_trials=8)
states = [trial.state for trial in study.trials]
print(f"best: {study.best_value:.3f} with {study.best_params}; {states.count(TrialState.PRUNED)}")

# What the page says.
assert set(states) == {TrialState.COMPLETE, TrialState.PRUNED}
assert all(
    len(trial.intermediate_values) == 10
    for trial in study.trials
    if trial.state == TrialState.COMPLETE
)
