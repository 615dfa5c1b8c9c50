"""Score rows with numpy and onnxruntime alone: python strict.py rows.csv (or .json, or stdin)."""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import math
import sys
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

TEXT = {"category", "text"}
WORDS = dict.fromkeys(["yes", "y", "true", "t", "on", "1", "1.0"], 1.0)
WORDS |= dict.fromkeys(["no", "n", "false", "f", "off", "0", "0.0"], 0.0)


def read(cell: Any, kind: str) -> str | float:
    """One cell as the graph takes it: text, or a double."""
    if kind in TEXT:
        return str.strip(cell)
    if kind == "boolean":
        return WORDS[str(cell).strip().lower()]
    if kind == "date":  # days since 1970-01-01 UTC, with the time of day
        moment = datetime.fromisoformat(cell if isinstance(cell, str) else cell.isoformat())
        moment = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
        since = moment - datetime(1970, 1, 1)
        return ((since.days * 86_400 + since.seconds) * 10**6 + since.microseconds) / 86_400e6
    if isinstance(cell, bool) or math.isinf(cell) or (kind == "integer" and cell % 1 > 0):
        raise ValueError
    return float(cell)


def read_column(rows: list[dict[str, Any]], name: str, kind: str, nullable: bool) -> Any:
    """One column of all rows, shape (n, 1); what is missing is NaN, or the empty text."""
    nothing, values = "" if kind in TEXT else math.nan, []
    for number, row in enumerate(rows):
        try:
            missing = row[name] is None or row[name] != row[name]
            values.append(nothing if missing else read(row[name], kind))
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            raise ValueError(f"row {number}: no {kind} in {name!r}") from None
        if not nullable and (values[-1] == "" or values[-1] != values[-1]):
            raise ValueError(f"row {number}: {name!r} is missing")
    return np.array(values, dtype=object if kind in TEXT else float).reshape(-1, 1)


class Model:
    """The graph in ``folder``, opened once: one thread, no spinning, no memory arena."""

    def __init__(self, folder: Path = Path(__file__).parent, provider: str = "cpu") -> None:
        graph = (folder / "model.onnx").read_bytes()
        export = json.loads((folder / "export.json").read_text("utf-8"))
        if f"sha256:{hashlib.sha256(graph).hexdigest()}" != export["graph"]:
            raise ValueError("model.onnx is not the file that was exported")
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.enable_cpu_mem_arena = False
        options.log_severity_level = 3
        wanted = [f"{provider.upper()}ExecutionProvider", "CPUExecutionProvider"]
        there = [p for p in dict.fromkeys(wanted) if p in ort.get_available_providers()]
        self.session = ort.InferenceSession(graph, options, providers=there)
        if wanted[0] not in self.session.get_providers():
            print(f"No {provider} here: computing on the CPU.", file=sys.stderr)
        self.outputs = [output.name for output in self.session.get_outputs()]
        facts = self.session.get_modelmeta().custom_metadata_map
        self.facts = {name.removeprefix("assay."): json.loads(facts[name]) for name in facts}
        contract = json.loads((folder / "contract.json").read_text("utf-8"))
        self.columns = {column["name"]: column for column in contract["columns"]}

    def score(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Rows as JSON holds them (None: missing) -> a dict of answers for each."""
        columns = [(c["input"], self.columns[c["name"]]) for c in self.facts["inputs"]]
        feeds = {i: read_column(rows, c["name"], c["kind"], c["nullable"]) for i, c in columns}
        answers = []
        for start in range(0, len(rows), 4096):  # bounds memory
            batch = {name: values[start : start + 4096] for name, values in feeds.items()}
            results = (result.tolist() for result in self.session.run(self.outputs, batch))
            answers += [self.answer(row) for row in zip(*results, strict=True)]
        return answers

    def answer(self, results: tuple[Any, ...]) -> dict[str, Any]:
        """The answers for one row by name; several numbers by the name of each."""
        names = self.facts["classes"] or self.facts.get("names", ())
        answer = {
            output: dict(zip(names, result, strict=True)) if isinstance(result, list) else result
            for output, result in zip(self.outputs, results, strict=True)
        }
        if "probabilities" in answer and self.facts["interval"] is not None:
            least = 1.0 - self.facts["interval"]
            answer["set"] = [name for name, p in answer["probabilities"].items() if p >= least]
        return answer


@cache
def open_model(provider: str = "cpu") -> Model:
    """The model beside this file."""
    return Model(provider=provider)


def score(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Answers for rows, each a dict with a value for every column."""
    return open_model().score(rows)


MISSING = {"", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NULL", "null", "?"}


def cell_of(text: str, kind: str) -> Any:
    """A cell of a CSV file as JSON would hold it."""
    if text.strip() in MISSING:
        return None
    try:
        return float(text) if kind in {"number", "integer"} else text
    except ValueError:
        return text


def rows_of(text: str, columns: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows from JSON (one record, or a list of them) or CSV (dates in ISO form)."""
    if text.lstrip()[:1] in {"[", "{"}:
        found = json.loads(text)
        return found if isinstance(found, list) else [found]
    rows = csv.DictReader(io.StringIO(text, newline=""))
    return [
        {name: cell_of(row[name] or "", columns[name]["kind"]) for name in row if name in columns}
        for row in rows
    ]


def main() -> None:
    """Read rows, print answers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", default="-", help="JSON or CSV; default: stdin")
    parser.add_argument("--provider", default="cpu", help="cpu or cuda")
    asked = parser.parse_args()
    text = sys.stdin.read() if asked.file == "-" else Path(asked.file).read_text("utf-8-sig")
    try:
        model = open_model(asked.provider)
        print(json.dumps(model.score(rows_of(text, model.columns)), indent=1))
    except ValueError as error:
        sys.exit(f"strict.py: {error}")


if __name__ == "__main__":
    main()
