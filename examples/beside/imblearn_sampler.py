"""imbalanced-learn: a rare class, made up for between the codes and the classifier."""

from imblearn.datasets import make_imbalance
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import train_test_split

from skae import AutoencoderTransformer

X, y = load_digits(return_X_y=True)
X, X_test, y, y_test = train_test_split(X, y, stratify=y, random_state=0)
X, y = make_imbalance(X, y, sampling_strategy={8: 10, 3: 10}, random_state=0)

scores = {}
for name, sampler in {"as it is": "passthrough", "SMOTE": SMOTE(random_state=0)}.items():
    codes = AutoencoderTransformer(16, random_state=0)
    model = make_pipeline(codes, sampler, LogisticRegression(max_iter=2000)).fit(X, y)
    scores[name] = balanced_accuracy_score(y_test, model.predict(X_test))
    print(f"{name}: balanced accuracy {scores[name]:.3f}")

# What the page says.
assert len(model.predict(X_test)) == len(X_test)
assert model[0].n_features_in_ == 64
assert scores["SMOTE"] > scores["as it is"]
