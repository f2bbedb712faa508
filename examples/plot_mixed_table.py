"""
A table with numbers and categories
===================================

Numbers and categories in one model, each with a likelihood of its own: codes for a classifier, and
new rows that are rows of such a table again.
"""

# %%
# Codes for a classifier
# ----------------------
# The table is scikit-learn's diabetes data, of which three columns are cut into categories here, as
# such tables often have them; to tell is whether the illness progresses fast. `likelihood="mixed"`
# finds in the encoded columns which of them are numbers and which are one category. The rivals are
# PCA of the same columns, and the columns themselves.
import numpy as np
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import load_diabetes
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skae import VAETransformer
from skae.plotting import ReconstructionDisplay

table = load_diabetes(as_frame=True, scaled=False).frame.rename(columns={"s5": "ltg", "s6": "glu"})
table["sex"] = table["sex"].map({1: "first", 2: "second"})
for name, edges in {"bmi": [25, 30], "s4": [3.5, 5], "glu": [85, 100]}.items():
    table[name] = np.array(["low", "middle", "high"], dtype=object)[np.digitize(table[name], edges)]
fast = table.pop("target") > 150


def make_encoder():
    """Numbers are standardized, categories become one-hot columns."""
    return make_column_transformer(
        (StandardScaler(), make_column_selector(dtype_include="number")),
        (OneHotEncoder(sparse_output=False), make_column_selector(dtype_exclude="number")),
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")


for name, codes in {
    "all columns": "passthrough",
    "PCA": PCA(4),
    "VAE": VAETransformer(4, likelihood="mixed", random_state=0),
}.items():
    model = make_pipeline(make_encoder(), codes, StandardScaler(), LogisticRegression())
    areas = cross_val_score(model, table, fast, cv=3, scoring="roc_auc")
    print(f"area under the ROC curve, {name:12} {areas.mean():.3f} +- {areas.std() / 2**0.5:.3f}")

# %%
# Four numbers lose little of what all columns say. PCA's are as good here, at once: the classifier
# alone is no reason for a VAE. Its reason is that it is a model of the table.
#
# New rows
# --------
# Now the outcome is one more column. `sample` with `noise=True` draws each value, so that each row
# has one category of each kind; the encoders lead back to a table.
table["progress"] = np.where(fast, "fast", "slow")
train, test = train_test_split(table, test_size=0.4, random_state=0)
encoder = make_encoder()
encoded = encoder.fit_transform(train)
vae = VAETransformer(4, likelihood="mixed", random_state=0).fit(encoded)


def decode(rows):
    """Encoded rows as a table with the columns of the first; of each category the largest."""
    parts = []
    for name, columns in encoder.output_indices_.items():
        if name != "remainder":
            step = encoder.named_transformers_[name]
            values = step.inverse_transform(rows[:, columns])
            parts.append(pd.DataFrame(values, columns=step.feature_names_in_))
    return pd.concat(parts, axis=1)[list(train.columns)]


N_NEW = 2000
mixture = GaussianMixture(4, reg_covar=1e-3, random_state=0).fit(encoded)
alone = {
    name: train[name].sample(N_NEW, replace=True, random_state=i).to_numpy()
    for i, name in enumerate(train)
}
drawn = {
    "each column alone": pd.DataFrame(alone),
    "Gaussian mixture": decode(mixture.sample(N_NEW)[0]),
    "VAE": decode(vae.sample(N_NEW, random_state=0, noise=True)),
}
print(drawn["VAE"].head(3).round(1).to_string(index=False))

# %%
# Two judges: a forest that is to tell drawn rows from real ones (area under the ROC curve; 0.5 is
# chance), and a classifier of the outcome that learns from drawn rows (log-loss on real ones).
forest = RandomForestClassifier(random_state=0)
outcome = make_pipeline(make_encoder(), LogisticRegression(max_iter=1000))
print(f"{'learned from':20} {'told from real':>15} {'log-loss of the outcome':>25}")
for name, rows in {"real rows": train, **drawn}.items():
    X = encoder.transform(pd.concat([test, rows.sample(len(test), random_state=0)]))
    is_real = np.arange(len(X)) < len(test)
    told = cross_val_score(forest, X, is_real, cv=5, scoring="roc_auc").mean()
    outcome.fit(rows.drop(columns="progress"), rows["progress"])
    chances = outcome.predict_proba(test.drop(columns="progress"))
    print(f"{name:20} {told:15.2f} {log_loss(test['progress'], chances):25.3f}")

# %%
# What the VAE draws teaches about as much as real rows do, and is told from them less easily than
# columns drawn alone. So does a Gaussian mixture of the encoded columns, here with the largest of
# each category taken; on a table so small and so nearly linear its rows are even harder to tell
# from real ones, and it is fitted at once. Try it first.
#
# Below, what is kept of each column: most of the blood values, little of age and sex. Of a category
# the most probable is shown, with its probability.
model = make_pipeline(encoder, vae)  # both are fitted
ReconstructionDisplay.from_estimator(model, test, n_shown=6)
