"""The README of an exported folder: what it takes, gives and needs, read from the graph."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from assay.data.contract import Column
from assay.deploy.operators import Value
from assay.deploy.shipment import Shipment

TEMPLATES = Path(__file__).parent / "targets" / "templates"

_WRITTEN = {
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "category": "text",
    "text": "text",
    "date": "text, ISO 8601: 2024-02-03 or 2024-02-03T10:30:00Z",
}
_MEANING = {
    "prediction": "the value, in the target's unit",
    "lower": "lower end of the prediction interval",
    "upper": "upper end of the prediction interval",
    "probabilities": "calibrated probability of each class",
    "label": "position of the answer, from 0; anomaly: 1 for strange",
    "class": "the answer, as the user's own value",
    "values": "the numbers, in the order of their names",
    "scores": "a score for each cluster",
    "score": "larger is stranger",
}


def render_readme(shipment: Shipment, target: str, **facts: Any) -> str:
    """The README for one target.

    Parameters
    ----------
    shipment : Shipment
    target : str
        Name of a template, without its suffix.
    **facts
        What the target's own template says besides.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(  # noqa: S701 - Markdown; `cell` escapes what comes from data
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["cell"] = cell
    return environment.get_template(f"{target}.md").render(
        shipment=shipment,
        bundle=shipment.bundle,
        facts=shipment.facts,
        needs=shipment.needs,
        int8=shipment.int8,
        columns=_columns(shipment),
        outputs=[(v.name, element(v), _MEANING.get(v.name, "")) for v in shipment.needs.outputs],
        **facts,
    )


def cell(words: str) -> str:
    r"""Words as they are, in a cell of a Markdown table or between backticks.

    Examples
    --------
    >>> cell("a|b")
    'a\\|b'
    """
    return " ".join(words.split()).replace("|", "\\|").replace("`", "'").replace("<", "&lt;")


def element(value: Value) -> str:
    """Type and shape of an input or output.

    Examples
    --------
    >>> element(Value(name="lower", element="double", shape=("N",)))
    'double (N,)'
    """
    shape = ", ".join(value.shape) + ("," if len(value.shape) == 1 else "")
    return f"{value.element} ({shape})"


def _columns(shipment: Shipment) -> list[dict[str, str]]:
    """The columns that the graph takes, in its order."""
    known = {column.name: column for column in shipment.bundle.contract.columns}
    elements = {value.name: element(value) for value in shipment.needs.inputs}
    return [
        {
            "name": column.name,
            "input": column.input,
            "element": elements[column.input],
            "written": _WRITTEN[known[column.name].kind],
            "missing": "yes" if known[column.name].nullable else "no",
            "seen": _seen(known[column.name]),
        }
        for column in shipment.facts.inputs
    ]


def _seen(column: Column) -> str:
    if column.categories and column.kind in {"category", "text"}:
        return f"{len(column.categories)} levels"
    if column.kind in {"number", "integer"} and column.low is not None:
        return f"{column.low:g} to {column.high:g}"
    return ""
