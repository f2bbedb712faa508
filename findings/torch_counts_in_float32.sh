#!/usr/bin/env bash
# torch 2.13.0: in float32, torch's default, the log_prob of NegativeBinomial and Poisson is a
# difference of logarithms of the gamma function. Of a large total_count, which says that counts
# are nearly Poisson, or of a large rate those are so large that little is left of the difference:
# the probabilities of all counts sum to another number than 1. A model of counts that learns its
# dispersion by this loss is drawn to values at which the sum is large. In float64 they sum to 1.
# Seen: negative binomial, mean 2.7, total_count 3.3e6: 1.68 (float64 1.00); Poisson, rate 1e6: 1.32
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q torch==2.13.0 numpy
"$work/venv/bin/python" - <<'PYTHON'
import torch
from torch.distributions import NegativeBinomial, Poisson


def total(make, first, last, dtype):
    """The sum of the probabilities of the counts that are likely at all."""
    counts = torch.arange(first, last, dtype=dtype)
    return make(dtype).log_prob(counts).double().exp().sum().item()


def nearly_poisson(dtype):
    size, mean = torch.tensor(3269017.0, dtype=dtype), 2.718
    return NegativeBinomial(size, probs=mean / (mean + size))


def many(dtype):
    return Poisson(torch.tensor(1e6, dtype=dtype))


for name, make, first, last in (
    ("negative binomial", nearly_poisson, 0, 40),
    ("Poisson", many, 990_000, 1_010_000),
):
    single, double = (total(make, first, last, dtype) for dtype in (torch.float32, torch.float64))
    print(name, "float32", round(single, 2), "float64", round(double, 2))
    assert abs(double - 1) < 1e-3
    if abs(single - 1) < 0.1:
        raise SystemExit(f"{name} sums to 1 in float32 now")
PYTHON
