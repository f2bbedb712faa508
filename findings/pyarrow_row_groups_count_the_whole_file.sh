#!/usr/bin/env bash
# pyarrow 25.0.1: `split_by_row_group` of a fragment of a Parquet dataset gives fragments of a row
# group each, which read their own rows, but whose `count_rows` is that of the whole file.
# Seen: read [4, 4, 2], counted [10, 10, 10]
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q pyarrow==25.0.1
"$work/venv/bin/python" - "$work" <<'PYTHON'
import sys

import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet

path = f"{sys.argv[1]}/ten.parquet"
pa.parquet.write_table(pa.table({"x": range(10)}), path, row_group_size=4)
(fragment,) = pa.dataset.dataset(path).get_fragments()
parts = fragment.split_by_row_group()
read = [part.to_table().num_rows for part in parts]
counted = [part.count_rows() for part in parts]
print("read", read, "counted", counted)
if (read, counted) != ([4, 4, 2], [10, 10, 10]):
    raise SystemExit("they agree now")
PYTHON
