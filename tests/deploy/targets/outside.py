"""Rows that are awkward to read, what they answer, and Pythons that know nothing of Assay."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from assay.deploy.bundle import Bundle
from assay.model.scorer import Scorer

ROOT = Path(__file__).parents[3]

ROWS: list[dict[str, Any]] = [
    {"make": "audi", "curb weight": 2548.0, "horsepower": 111, "turbo": False,
     "sold": "2023-05-17"},
    {"make": "  bmw\t", "curb weight": 3000, "horsepower": None, "turbo": True,
     "sold": "2023-05-17T10:30:00"},
    {"make": "never seen", "curb weight": -1e300, "horsepower": float("nan"), "turbo": 1,
     "sold": "1969-12-31T23:59:59.123456Z"},
    {"make": "\u00fcn\u00efcode \U0001f697", "curb weight": 0.1, "horsepower": 95.5, "turbo": 0,
     "sold": "2024-02-29T23:30:00+05:30"},
    {"make": "NaN", "curb weight": 5e-324, "horsepower": 2**53, "turbo": "TRUE",
     "sold": "0001-01-01"},
]  # fmt: skip
"""For `tests.deploy.samples.CONTRACT`: blanks, missing cells, times of day, far-off numbers."""


def expected(bundle: Bundle, rows: Sequence[dict[str, Any]] = ROWS) -> list[dict[str, Any]]:
    """What the contract and the scorer of Assay answer, in the shape of the folder's answers."""
    answer = Scorer(bundle.graph).score(bundle.contract.decode_record_inputs(list(rows)))
    if answer.probabilities is None:
        named = {"prediction": answer.prediction, "lower": answer.lower, "upper": answer.upper}
        columns = {name: values.tolist() for name, values in named.items() if values is not None}
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    assert answer.label is not None
    assert answer.sets is not None
    return [
        {
            "probabilities": dict(zip(answer.classes, shares.tolist(), strict=True)),
            "label": int(label),
            "class": answer.classes[label],
            "set": [c for c, inside in zip(answer.classes, chosen, strict=True) if inside],
        }
        for shares, label, chosen in zip(
            answer.probabilities, answer.label, answer.sets, strict=True
        )
    ]


def python_of(environment: str) -> Path:
    """The Python of an environment of its own; skips where it was not made."""
    python = ROOT / ".environments" / environment / "bin" / "python"
    if not python.exists():
        pytest.skip(f"no .environments/{environment}: `make environments` sets it up")
    return python


def ask(python: Path, program: str, *words: str, folder: Path, env: dict[str, str]) -> Any:
    """Run a program that prints one line of JSON last."""
    done = subprocess.run(
        [python, "-c", program, *words], cwd=folder, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


BARE = """
import os, runpy, sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top in %r:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Refuse())
sys.argv = sys.argv[1:]
sys.path.insert(0, os.path.dirname(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name="__main__")
"""
FORBIDDEN = {"assay", "msgspec", "onnx", "pandas", "polars", "pyarrow", "sklearn", "scipy", "yaml"}


def run_bare(script: Path, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run a script in a Python that cannot import Assay, nor what Assay is made of."""
    return subprocess.run(
        [sys.executable, "-I", "-c", BARE % FORBIDDEN, script, *words],
        input=given,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
