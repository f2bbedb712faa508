#!/usr/bin/env bash
# joblib 1.6.0: two values that are equal have different hashes where one of them holds the same
# list, tuple or dictionary twice and the other holds two that are equal. The parameters of a
# clone, which shares tuples with the original, are such a case: joblib.Memory computes again.
# Seen: list False, tuple False, text True
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q joblib==1.6.0
"$work/venv/bin/python" - <<'PYTHON'
import joblib

seen = {}
for name, make in {
    "list": lambda: list(range(3)),
    "tuple": lambda: tuple(range(3)),
    "text": lambda: "".join(["a", "b"]),
}.items():
    one = make()
    shared, apart = {"a": one, "b": one}, {"a": make(), "b": make()}
    assert shared == apart
    seen[name] = joblib.hash(shared) == joblib.hash(apart)
    print(name, seen[name])
assert seen == {"list": False, "tuple": False, "text": True}
PYTHON
