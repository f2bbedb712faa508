"""sktime: codes of whole series, in its classifiers and transformers."""

from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sktime.datasets import load_italy_power_demand
from sktime.transformations.panel.reduce import Tabularizer

from skae import AutoencoderTransformer

X, y = load_italy_power_demand("train", return_X_y=True)
X_test, y_test = load_italy_power_demand("test", return_X_y=True)
codes = Tabularizer() * AutoencoderTransformer(4, random_state=0)
