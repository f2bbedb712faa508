"""Spectra drawn for a temperature, judged by a regression on simulated ones.

Bands of two species in thermal balance: their shares follow Boltzmann's law, bands shift and
widen with the temperature, and amounts, the baseline and noise vary. Then the progress of
diabetes, which is told as well: of ten columns that say half of it, what the judge makes of drawn
rows is held against what it makes of real rows within a tenth of the range.
"""

import warnings

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes
from sklearn.linear_model import RidgeCV
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from skae import AdversarialAutoencoder, VAETransformer

ASKED = 20.0, 50.0, 80.0
MODELS = {
    "VAETransformer": lambda seed: VAETransformer(5, conditional="number", random_state=seed),
    "AdversarialAutoencoder": lambda seed: AdversarialAutoencoder(
        5, conditional="number", random_state=seed
    ),
}


def spectra(n_rows=600, n_wavelengths=60, seed=0):
    """``(X, temperatures)``, in degrees Celsius from 10 to 90."""
    rng = np.random.default_rng(seed)
    celsius = rng.uniform(10, 90, n_rows)
    at, inverse = np.linspace(0, 1, n_wavelengths), 1000 / (celsius + 273.15)
    share = 1 / (1 + np.exp(4 * (inverse - 1000 / 323.15) * 2.5))  # of the excited species
    amount = np.exp(0.2 * rng.normal(size=n_rows))
    width = 0.06 * np.sqrt((celsius + 273.15) / 323.15)
    shift = 0.0006 * (celsius - 50)
    heights = np.c_[1 - share, share, 0.4 * np.ones(n_rows)] * amount[:, None]
    X = 0.05 * rng.normal(size=(n_rows, 1)) + 0.1 * rng.normal(size=(n_rows, 1)) * at
    for place, moves, height in zip((0.3, 0.55, 0.8), (-1, 1, 0), heights.T, strict=True):
        centre = place + moves * shift
        X += height[:, None] * np.exp(-0.5 * ((at - centre[:, None]) / width[:, None]) ** 2)
    return X + 0.01 * rng.normal(size=X.shape), celsius


def report(seeds):
    """Print a row for each table, model and number that was asked for."""
    X, celsius = spectra()
    judge = TransformedTargetRegressor(
        make_pipeline(StandardScaler(), SVR(C=100)), transformer=StandardScaler()
    )
    wrong = mean_absolute_error(celsius, cross_val_predict(judge, X, celsius))
    print(f"spectra: of real rows the judge is wrong by {wrong:.2f} degrees")
    judge.fit(X, celsius)
    print("| table | model | asked | expected | drawn | as often as in training |")
    print("|---|---|---|---|---|---|")
    _report_table("spectra", X, celsius, judge, ASKED, dict(zip(ASKED, ASKED, strict=True)), seeds)
    X, y = load_diabetes(return_X_y=True)
    X, judge = StandardScaler().fit_transform(X), RidgeCV()
    judge.fit(X, y)
    asked = 60.0, 150.0, 280.0
    near = {a: judge.predict(X[np.abs(y - a) < 0.1 * np.ptp(y)]).mean() for a in asked}
    _report_table("diabetes", X, y, judge, asked, near, seeds)


def _report_table(name, X, y, judge, asked, expected, seeds):
    for title, make in MODELS.items():
        models = [make(seed).fit(X, y) for seed in seeds]
        usual = [judge.predict(model.sample(500, random_state=0)) for model in models]
        usual = f"{np.mean(usual):.1f} +- {np.std(usual):.1f}"
        for number in asked:
            drawn = [judge.predict(m.sample(500, random_state=0, y=number)).mean() for m in models]
            found = ", ".join(f"{mean:.1f}" for mean in drawn)
            print(f"| {name} | {title} | {number:g} | {expected[number]:.1f} | {found} | {usual} |")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    report([0, 1, 2])
