"""All that it takes to score rows: numpy, onnxruntime, and these lines."""

import json
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

HERE = Path(__file__).parent
SESSION = ort.InferenceSession(str(HERE / "model.onnx"))
INPUTS = json.loads(SESSION.get_modelmeta().custom_metadata_map["assay.inputs"])
CONTRACT = json.loads((HERE / "contract.json").read_text("utf-8"))
KINDS = {column["name"]: column["kind"] for column in CONTRACT["columns"]}


def cell(value: Any, kind: str) -> str | float:
    """As the graph takes it: text ("" missing) or a number (NaN missing; dates are days)."""
    if kind in ("category", "text"):
        return "" if value is None else str(value).strip()
    if kind == "date" and value is not None:
        return (datetime.fromisoformat(value) - datetime(1970, 1, 1)) / timedelta(days=1)
    return np.nan if value is None else float(value)


def score(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Answers by name, an array each, for rows as JSON holds them."""
    feeds = {}
    for column in INPUTS:
        name, dtype = column["name"], object if column["kind"] == "category" else float
        cells = [[cell(row[name], KINDS[name])] for row in rows]
        feeds[column["input"]] = np.array(cells, dtype=dtype)
    names = [output.name for output in SESSION.get_outputs()]
    return dict(zip(names, SESSION.run(names, feeds), strict=True))


if __name__ == "__main__":
    print(json.dumps({n: a.tolist() for n, a in score(json.load(sys.stdin)).items()}))
