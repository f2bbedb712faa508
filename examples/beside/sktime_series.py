"""sktime: codes of whole series, for a classifier; codes of windows, for a forecast."""

import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sktime.datasets import load_airline, load_italy_power_demand
from sktime.forecasting.compose import make_reduction
from sktime.transformations.panel.reduce import Tabularizer

from skae import AutoencoderTransformer

X, y = load_italy_power_demand("train", return_X_y=True)  # 67 days of 24 hours
X_test, y_test = load_italy_power_demand("test", return_X_y=True)
classifier = make_pipeline(AutoencoderTransformer(4, random_state=0), LogisticRegression())
model = (Tabularizer() * classifier).fit(X, y)  # a pipeline of sktime, of hours as columns
print(f"winter or summer: accuracy {model.score(X_test, y_test):.3f}")

passengers = np.log(load_airline())  # 144 months
windows = make_pipeline(AutoencoderTransformer(8, random_state=0), Ridge(0.1))
forecaster = make_reduction(windows, window_length=24, strategy="recursive")
forecast = forecaster.fit(passengers[:-12]).predict(fh=np.arange(1, 13))
error = np.abs(np.exp(forecast - passengers[-12:]) - 1).mean()
print(f"the last year: {error:.1%} off")

# What the page says.
assert model.score(X_test, y_test) > 0.9
assert forecast.index.equals(passengers.index[-12:])
assert error < 0.15
