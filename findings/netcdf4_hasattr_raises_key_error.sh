#!/usr/bin/env bash
# netCDF4 1.7.5.1.post1: hasattr of a variable, and getattr with a default, raise KeyError for names
# that Dataset has and Variable has not: variables, groups, parent, keepweakref and others. For any
# other name that is not there they give False and the default. So what asks an object whether it
# has .variables, to tell a file from a variable, fails on the variable.
# Seen: nothing False / variables KeyError / groups KeyError / parent KeyError
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q netCDF4==1.7.5.1.post1
"$work/venv/bin/python" - "$work" <<'PYTHON'
import sys

import netCDF4

seen = {}
with netCDF4.Dataset(f"{sys.argv[1]}/a.nc", "w") as file:
    file.createDimension("row", 2)
    variable = file.createVariable("X", "f4", ("row",))
    for name in ("nothing", "variables", "groups", "parent"):
        try:
            seen[name] = hasattr(variable, name)
        except KeyError:
            seen[name] = "KeyError"
        print(name, seen[name])
assert seen == {
    "nothing": False,
    "variables": "KeyError",
    "groups": "KeyError",
    "parent": "KeyError",
}
PYTHON
