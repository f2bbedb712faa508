#!/usr/bin/env bash
# torch 2.13.0, CPU: each Python thread has a number of torch threads of its own, but a thread that
# has not computed yet takes the number that any other thread has set last. So a library that sets
# the number in one thread and gives it back later changes what threads that come to life in between
# compute with for ever; and a thread that was there before keeps its own.
# Seen: main thread 2; another sets 3; main still 2, a new thread 3, one that was there before 2.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q torch==2.13.0 numpy
"$work/venv/bin/python" - <<'PYTHON'
import threading

import torch

torch.set_num_threads(2)
seen, has_begun, go_on = {"main at first": torch.get_num_threads()}, *(threading.Event() for _ in "12")


def there_before():
    torch.get_num_threads()
    has_begun.set()
    go_on.wait()
    seen["there before"] = torch.get_num_threads()


def run(function):
    thread = threading.Thread(target=function)
    thread.start()
    return thread


old = run(there_before)
has_begun.wait()
run(lambda: torch.set_num_threads(3)).join()
go_on.set()
old.join()
run(lambda: seen.update(new=torch.get_num_threads())).join()
seen["main"] = torch.get_num_threads()
print(seen)
assert seen["main"] == seen["there before"] == 2
if seen["new"] == 2:
    raise SystemExit("a new thread takes the number of the thread that made it now")
PYTHON
