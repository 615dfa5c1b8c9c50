"""The graph as a file for anybody's ONNX runtime, with the bundle that vouches for it."""

from __future__ import annotations

import shutil
from pathlib import Path

from assay.deploy.readme import render_readme
from assay.deploy.shipment import Shipment

BUNDLE = "bundle"
"""Folder within the export that verifies by itself, whatever else is added beside it."""


def write_onnx_file(shipment: Shipment, folder: Path) -> None:
    """Write ``<name>.onnx``, the contract, the bundle and a README into an empty folder.

    Parameters
    ----------
    shipment : Shipment
    folder : Path
        Exists and is empty.
    """
    shutil.copytree(shipment.folder, folder / BUNDLE)
    shutil.copyfile(shipment.folder / "contract.json", folder / "contract.json")
    (folder / f"{shipment.name}.onnx").write_bytes(shipment.graph)
    (folder / "README.md").write_text(render_readme(shipment, "onnx"), encoding="utf-8")
