"""MAPIE: sets of labels that hold the true one as often as you ask for."""

from mapie.classification import SplitConformalClassifier
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skae import AutoencoderClassifier

X, y = load_digits(return_X_y=True)
X_train, X_rest, y_train, y_rest = train_test_split(X, y, train_size=600, random_state=0)
X_new, X_test, y_new, y_test = train_test_split(X_rest, y_rest, train_size=500, random_state=0)

model = AutoencoderClassifier(random_state=0).fit(X_train, y_train)
conformal = SplitConformalClassifier(model, confidence_level=0.95, prefit=True)
conformal.conformalize(X_new, y_new)  # rows that the model has not seen
labels, sets = conformal.predict_set(X_test)
sets = sets[:, :, 0]  # (n_rows, n_classes)
covered = sets[range(len(y_test)), y_test].mean()
print(f"true label in the set: {covered:.3f}; labels in a set: {sets.sum(axis=1).mean():.2f}")

# What the page says.
assert abs(covered - 0.95) < 0.04  # three deviations of 500 rows to calibrate and 697 to test
assert (labels == model.predict(X_test)).all()
assert sets.sum(axis=1).mean() < 2
