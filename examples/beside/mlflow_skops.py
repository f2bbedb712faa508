"""MLflow: a fitted pipeline in the format of skops, which runs nothing when it is loaded."""

import tempfile
from pathlib import Path

import mlflow
import numpy as np
from mlflow.models import infer_signature
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import skae
from skae import AutoencoderTransformer

X, y = load_digits(return_X_y=True)
reducer = AutoencoderTransformer(16, random_state=0)
model = make_pipeline(reducer, LogisticRegression(max_iter=1000)).fit(X, y)

mlflow.set_tracking_uri(f"sqlite:///{Path(tempfile.mkdtemp(), 'mlflow.db')}")
with mlflow.start_run() as run:
    mlflow.log_params(reducer.get_params())
    mlflow.log_metric("accuracy", model.score(X, y))
    logged = mlflow.sklearn.log_model(
        model,
        name="digits",
        signature=infer_signature(X, model.predict(X)),
        serialization_format="skops",
        skops_trusted_types=["skae._autoencoder.AutoencoderTransformer"],
        pip_requirements=[f"skae=={skae.__version__}"],
    )

loaded = mlflow.sklearn.load_model(logged.model_uri)

# What the page says.
np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
anywhere = mlflow.pyfunc.load_model(logged.model_uri)
np.testing.assert_array_equal(anywhere.predict(X), model.predict(X))
assert mlflow.get_run(run.info.run_id).data.params["n_components"] == "16"
assert not list(Path(mlflow.artifacts.download_artifacts(logged.model_uri)).rglob("*.pkl"))
