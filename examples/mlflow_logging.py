"""A run of MLflow with the curves of training, the settings, the scores and the fitted pipeline.

skorch's `MlflowLogger` logs every epoch, MLflow's scikit-learn flavour the model, which loads as
any other: `mlflow.sklearn.load_model`, or `mlflow.pyfunc.load_model` to predict.

pip install '.[mlflow]'
python examples/mlflow_logging.py                              # into mlflow.db, mlruns
python examples/mlflow_logging.py --to http://localhost:5000   # where `mlflow server` runs
"""

import argparse

import mlflow
import numpy as np
from mlflow.models import infer_signature
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from skorch.callbacks import MlflowLogger

import skae
from skae import AutoencoderTransformer
from skae.metrics import explained_variance


def main(arguments=None):
    """Fit and log, then load what was logged."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--to", default="sqlite:///mlflow.db", help="the tracking server or file")
    parser.add_argument("--epochs", type=int, default=30)
    options = parser.parse_args(arguments)
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    reducer = AutoencoderTransformer(16, max_iter=options.epochs, random_state=0)

    mlflow.set_tracking_uri(options.to)
    with mlflow.start_run() as run:
        mlflow.log_params(reducer.get_params())
        reducer.set_params(callbacks=[MlflowLogger(create_artifact=False)])
        reducer.fit(X_train)
        # Logged without the callback, which knows the server.
        reducer.set_params(callbacks=None)
        mlflow.log_metric("explained_variance", explained_variance(reducer, X_test))
        codes = reducer.transform(X_train)
        classifier = LogisticRegression(max_iter=1000).fit(codes, y_train)
        model = make_pipeline(reducer, classifier)
        mlflow.log_metric("accuracy", model.score(X_test, y_test))
        logged = mlflow.sklearn.log_model(
            model,
            name="digits",
            signature=infer_signature(X_test, model.predict(X_test)),
            serialization_format="skops",  # of plain arrays: loading it runs nothing
            skops_trusted_types=[f"{AutoencoderTransformer.__module__}.AutoencoderTransformer"],
            pip_requirements=[f"skae=={skae.__version__}"],
        )

    loaded = mlflow.sklearn.load_model(logged.model_uri)
    np.testing.assert_array_equal(loaded.predict(X_test), model.predict(X_test))
    metrics = mlflow.get_run(run.info.run_id).data.metrics
    print(f"run {run.info.run_id}")
    for name in ("train_loss", "valid_loss", "explained_variance", "accuracy"):
        print(f"{name}: {metrics[name]:.4f}")


if __name__ == "__main__":
    main()
