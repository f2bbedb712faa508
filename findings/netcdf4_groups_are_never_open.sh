#!/usr/bin/env bash
# netCDF4 1.7.5.1.post1: isopen() of a group is False while its file is open, and its variables are
# read. A Group is a Dataset, and variable.group() gives one for a variable that lies in a group, so
# whether the file of a variable is open must be asked of the group at the root.
# Seen: file True, group False, the variable of the group reads [1. 2.]
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q netCDF4==1.7.5.1.post1
"$work/venv/bin/python" - "$work" <<'PYTHON'
import sys

import netCDF4

with netCDF4.Dataset(f"{sys.argv[1]}/a.nc", "w") as file:
    group = file.createGroup("group")
    group.createDimension("row", 2)
    variable = group.createVariable("X", "f4", ("row",))
    variable[:] = [1, 2]
    print("file", file.isopen(), "group", variable.group().isopen(), variable[:])
    assert file.isopen()
    assert not variable.group().isopen()
    assert variable[:].tolist() == [1, 2]
PYTHON
