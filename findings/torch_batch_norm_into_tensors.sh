#!/usr/bin/env bash
# torch 2.13.0, CPU: the form of native_batch_norm that writes into given tensors does not compute the
# means of the batch when its input is no contiguous one, such as some columns of a wider tensor: it
# takes what lies in the tensor for them, whatever that is, and normalizes by it. With a contiguous
# input, and in the form that makes its own tensors, the result is right.
# Seen: columns 4 to 8 of 30 normal rows, means given back: those that were there, zeros or ones
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q torch==2.13.0 numpy
"$work/venv/bin/python" - <<'PYTHON'
import torch

wide = torch.randn(30, 8, generator=torch.Generator().manual_seed(0))
settings = None, None, None, None, True, 0.1, 1e-5


def means_over(x, before):
    """The means that are written over `before`."""
    given = {"out": torch.empty(x.shape), "save_mean": torch.full((4,), before)}
    given["save_invstd"] = torch.zeros(4)
    torch.ops.aten.native_batch_norm.out(x, *settings, **given)
    return given["save_mean"]


columns = wide[:, 4:]
print("zeros before", means_over(columns, 0.0), "ones before", means_over(columns, 1.0))
right = columns.mean(dim=0)
assert torch.allclose(means_over(columns.contiguous(), 1.0), right)
assert torch.allclose(torch.native_batch_norm(columns, *settings)[1], right)
if not (means_over(columns, 1.0) == 1).all():
    raise SystemExit("the means are computed now")
PYTHON
