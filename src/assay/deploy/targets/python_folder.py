"""A folder that scores with numpy and ONNX Runtime alone; MLflow's and Spark's build on it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

from assay.data.contract import Column
from assay.deploy.bundle import Bundle
from assay.deploy.readme import TEMPLATES, render_readme
from assay.deploy.shipment import Shipment

CODE = ("score.py", "strict.py")
_PACKAGES = ("numpy", "onnxruntime")


def write_python_folder(
    shipment: Shipment,
    folder: Path,
    *,
    target: str = "python",
    code: tuple[str, ...] = (),
    packages: tuple[str, ...] = (),
) -> None:
    """Write graph, contract, code, requirements and README into an empty folder.

    Parameters
    ----------
    shipment : Shipment
    folder : Path
        Exists and is empty.
    target : str
        Whose README to write.
    code : tuple of str
        Further code that the target needs.
    packages : tuple of str
        What that code needs beside numpy and ONNX Runtime, as requirements.
    """
    (folder / "model.onnx").write_bytes(shipment.graph)
    shutil.copyfile(shipment.folder / "contract.json", folder / "contract.json")
    for name in (*CODE, *code):
        shutil.copyfile(TEMPLATES / name, folder / name)
    pinned = [f"{name}=={version(name)}" for name in _PACKAGES]
    (folder / "requirements.txt").write_text("\n".join([*pinned, *packages, ""]))
    readme = render_readme(shipment, target, example=example_row(shipment.bundle))
    (folder / "README.md").write_text(readme, encoding="utf-8")


def example_row(bundle: Bundle) -> dict[str, Any]:
    """A typical row as JSON would hold it; it is no row of the table."""
    return {column.name: _written(column, bundle.reference) for column in bundle.contract.features}


def _written(column: Column, reference: Mapping[str, Any]) -> Any:
    value = reference.get(column.name)
    if value is None:
        return None
    if column.kind == "boolean":
        return value >= 0.5
    if column.kind == "date":
        moment = datetime(1970, 1, 1) + timedelta(days=value)
        return moment.isoformat() if value % 1 else moment.date().isoformat()
    return round(value) if column.kind == "integer" else value
