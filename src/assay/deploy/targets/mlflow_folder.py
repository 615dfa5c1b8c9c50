"""A folder that `mlflow.pyfunc.load_model` opens, written by hand: MLflow is not needed here."""

from __future__ import annotations

import json
import platform
from datetime import datetime
from pathlib import Path
from typing import Any

from assay.data.contract import Column
from assay.data.words import TRUE_WORDS
from assay.deploy.shipment import Shipment
from assay.deploy.targets.python_folder import example_row, write_python_folder

LOADER = "assay_pyfunc"
_PACKAGES = ("mlflow-skinny>=3.1", "pandas>=2.2")
_TYPES = {"number": "double", "integer": "long", "category": "string", "text": "string"}
_OUTPUT_TYPES = {"double": "double", "int64": "long", "string": "string", "bool": "boolean"}


def write_mlflow_folder(shipment: Shipment, folder: Path) -> None:
    """Write the Python folder, and what makes it a model in MLflow's format.

    Parameters
    ----------
    shipment : Shipment
    folder : Path
        Exists and is empty.
    """
    import yaml

    write_python_folder(
        shipment, folder, target="mlflow", code=(f"{LOADER}.py",), packages=_PACKAGES
    )
    files = {
        "MLmodel": yaml.safe_dump(_description(shipment), sort_keys=False),
        "python_env.yaml": yaml.safe_dump(_environment(), sort_keys=False),
        "input_example.json": json.dumps(_example(shipment), indent=1),
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def _description(shipment: Shipment) -> dict[str, Any]:
    """What ``MLmodel`` says; the folder itself is the code path."""
    made = datetime.fromisoformat(shipment.bundle.struck_at).replace(tzinfo=None)
    return {
        "flavors": {
            "python_function": {
                "loader_module": LOADER,
                "code": ".",
                "env": {"virtualenv": "python_env.yaml"},
                "python_version": platform.python_version(),
            }
        },
        "signature": {
            "inputs": json.dumps(_inputs(shipment)),
            "outputs": json.dumps(_outputs(shipment)),
        },
        "saved_input_example_info": {
            "artifact_path": "input_example.json",
            "pandas_orient": "split",
            "type": "dataframe",
        },
        "metadata": {"assay.version": shipment.bundle.version, "assay.graph": shipment.digest},
        "utc_time_created": made.isoformat(sep=" "),
    }


def _environment() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "build_dependencies": ["pip"],
        "dependencies": ["-r requirements.txt"],
    }


def _example(shipment: Shipment) -> dict[str, Any]:
    row = example_row(shipment.bundle)
    return {"columns": list(row), "data": [list(row.values())]}


def _inputs(shipment: Shipment) -> list[dict[str, Any]]:
    return [
        {"type": _type(column), "name": column.name, "required": True}
        for column in shipment.bundle.contract.features
    ]


def _type(column: Column) -> str:
    """MLflow's type: ``any`` where a table may hold several, for MLflow converts none of them.

    A whole number that may be missing is a double, as pandas has it.
    """
    if column.kind == "boolean":
        words = {word.strip().lower() for word in column.categories}
        return "any" if words & TRUE_WORDS - {"true", "1"} else "boolean"
    if column.kind == "integer" and column.nullable:
        return "double"
    return _TYPES.get(column.kind, "any")


def _outputs(shipment: Shipment) -> list[dict[str, Any]]:
    """One column an output; several numbers a row are a map from name to number."""
    found: list[dict[str, Any]] = []
    for value in shipment.needs.outputs:
        of = _OUTPUT_TYPES[value.element]
        mapped = {"type": "map", "values": {"type": of}} if len(value.shape) > 1 else {"type": of}
        found.append({**mapped, "name": value.name, "required": True})
    if shipment.facts.classes and shipment.facts.interval is not None:
        found.append({"type": "array", "items": {"type": "string"}, "name": "set"})
    return found
