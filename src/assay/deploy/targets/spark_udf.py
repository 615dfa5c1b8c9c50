"""A folder with a pandas UDF for Spark and Databricks, beside the Python folder's files."""

from __future__ import annotations

from pathlib import Path

from assay.deploy.operators import Value
from assay.deploy.shipment import Shipment
from assay.deploy.targets.python_folder import write_python_folder

_TYPES = {"double": "double", "int64": "bigint", "string": "string", "bool": "boolean"}


def write_spark_folder(shipment: Shipment, folder: Path) -> None:
    """Write the Python folder, ``spark_udf.py`` and the type of its answers.

    Parameters
    ----------
    shipment : Shipment
    folder : Path
        Exists and is empty.
    """
    write_python_folder(shipment, folder, target="spark", code=("spark_udf.py",))
    (folder / "answer.ddl").write_text(answer_type(shipment) + "\n", encoding="utf-8")


def answer_type(shipment: Shipment) -> str:
    """Spark's type of an answer: a field an output, a map where a row has several numbers."""
    fields = [f"`{value.name}` {_type(value)}" for value in shipment.needs.outputs]
    if shipment.facts.classes and shipment.facts.interval is not None:
        fields.append("`set` array<string>")
    return ", ".join(fields)


def _type(value: Value) -> str:
    of = _TYPES[value.element]
    return of if len(value.shape) == 1 else f"map<string,{of}>"
