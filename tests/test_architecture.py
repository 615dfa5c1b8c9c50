"""The house stands: layers import downwards only, and the front door is light."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "assay"

LAYERS = [
    "errors",
    "records",
    "plugins",
    "configuration",
    "progress",
    "settings",
    "store",
    "compute",
    "question",
    "data",
    "model",
    "automl",
    "assess",
    "policy",
    "registry",
    "deploy",
    "report",
    "notebook",
    "schema",
    "bench",
    "evidence",
    "stages",
    "reproduce",
    "bill",
    "run",
    "documents",
    "shipping",
    "lifecycle",
    "start",
    "diagnosis",
    "project",
    "cli",
]
HEAVY = [
    "alembic",
    "altair",
    "catboost",
    "cloudpickle",
    "cryptography",
    "dbos",
    "econml",
    "fairlearn",
    "fastapi",
    "granian",
    "interpret",
    "lightgbm",
    "numpy",
    "onnx",
    "onnxruntime",
    "optuna",
    "pandas",
    "polars",
    "ray",
    "scipy",
    "shap",
    "sklearn",
    "sqlalchemy",
    "torch",
    "typst",
    "vl_convert",
    "xgboost",
]


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def modules() -> list[Path]:
    return sorted(p for p in SOURCE.rglob("*.py") if "migrations" not in p.parts)


def imported_rooms(path: Path) -> set[str]:
    """Rooms of the package that the file names in any import, at the top or within."""
    rooms: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            rooms |= {room_of(a.name) for a in node.names if a.name.startswith("assay.")}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("assay"):
            if node.module == "assay":
                rooms |= {a.name for a in node.names}
            else:
                rooms.add(room_of(node.module or ""))
    return rooms - {""}


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(SOURCE)))
def test_a_room_imports_only_earlier_rooms(path: Path) -> None:
    own = path.relative_to(SOURCE).parts[0].removesuffix(".py")
    if own in {"__init__", "__main__", "testing"}:
        return
    assert own in LAYERS, f"{own} has no place in the order of rooms"
    later = {r for r in imported_rooms(path) if r in LAYERS and LAYERS.index(r) > LAYERS.index(own)}
    assert not later, f"{own} imports from later rooms: {sorted(later)}"
    assert "testing" not in imported_rooms(path)


def loaded_after(statement: str) -> set[str]:
    probe = f"{statement}\nimport sys, json; print(json.dumps(sorted(sys.modules)))"
    out = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True
    ).stdout
    return set(json.loads(out.strip().splitlines()[-1]))


@pytest.mark.parametrize(
    "statement",
    ["import assay", "from assay.cli import app", "import assay.project"],
)
def test_the_front_door_is_light(statement: str) -> None:
    assert loaded_after(statement).isdisjoint(HEAVY)


def test_every_public_name_can_be_had() -> None:
    import assay

    for name in assay.__all__:
        assert getattr(assay, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = assay.Nothing


def test_no_file_is_called_utils() -> None:
    assert not [p for p in modules() if p.stem in {"utils", "helpers", "misc", "common"}]
