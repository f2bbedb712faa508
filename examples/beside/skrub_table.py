"""skrub: a table as it comes, of numbers, categories and missing ones."""

import numpy as np
import pandas as pd
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skrub import TableVectorizer

from skae import VAETransformer

table = load_diabetes(as_frame=True, scaled=False).frame
fast = table.pop("target") > 150
table["sex"] = table["sex"].map({1: "first", 2: "second"})
table["bmi"] = pd.cut(table["bmi"], [0, 25, 30, 60], labels=["low", "middle", "high"])
table.loc[::50, "bmi"] = np.nan

codes = make_pipeline(
    TableVectorizer(numeric=StandardScaler()),
    VAETransformer(4, likelihood="mixed", random_state=0),
)
model = make_pipeline(codes, StandardScaler(), LogisticRegression())
area = cross_val_score(model, table, fast, cv=3, scoring="roc_auc").mean()
print(f"area under the ROC curve of four codes: {area:.2f}")

codes.set_output(transform="pandas").fit(table)
vae = codes[-1]
drawn = pd.DataFrame(vae.sample(1000, random_state=0, noise=True), columns=vae.feature_names_in_)
print(drawn.filter(regex="sex|bmi").mean().round(2).to_dict())

# What the page says.
assert area > 0.75
assert list(codes.transform(table).index) == list(table.index)
one_of_each = drawn.filter(like="bmi")
assert (one_of_each.sum(axis=1) == 1).all()
assert one_of_each.isin([0, 1]).all(axis=None)
assert drawn.filter(like="sex").isin([0, 1]).all(axis=None)
