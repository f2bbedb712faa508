#!/usr/bin/env bash
# skorch 1.4.0, torch 2.13.0: `python -OO`, which leaves docstrings out, can import torch and
# scikit-learn but not skorch: it builds docstrings out of others when it is imported, and there are
# none. So a program that is shipped without docstrings can not have skorch in it.
# Seen: with -O skorch 1.4.0; with -OO AttributeError, 'NoneType' object has no attribute 'split'
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q torch==2.13.0 scikit-learn==1.9.1 skorch==1.4.0
"$work/venv/bin/python" -OO -W ignore -c "import torch, sklearn"
"$work/venv/bin/python" -O -W ignore -c "import skorch; print('-O: skorch', skorch.__version__)"
found=$("$work/venv/bin/python" -OO -W ignore -c "import skorch" 2>&1 | tail -1 || true)
echo "-OO: $found"
test "$found" = "AttributeError: 'NoneType' object has no attribute 'split'"
