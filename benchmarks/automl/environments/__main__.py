"""Build environments: `python -m benchmarks.automl.environments [NAME ...]`, or all of them."""

from __future__ import annotations

import sys

from benchmarks.automl.environments import NAMES, build, is_built

for name in sys.argv[1:] or NAMES:
    if name not in NAMES:
        raise SystemExit(f"No environment {name!r}; there are {', '.join(NAMES)}.")
    print(f"{name}: " + ("is there" if is_built(name) else "building"), flush=True)
    if not is_built(name):
        build(name)
