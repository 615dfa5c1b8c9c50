"""Small servers of models that were not made here, each speaking a protocol of its own."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = tuple[int, Any]
Answer = Callable[[str, dict[str, str], Any], Reply]
"""From path, headers and decoded body to a status and what is encoded as JSON."""


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    """A server of one function, at the address that is given."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {k.lower(): v for k, v in self.headers.items()}
            status, told = answer(self.path, headers, json.loads(body))
            sent = told if isinstance(told, bytes) else json.dumps(told).encode()
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("location", "http://127.0.0.1:9/elsewhere")
            self.send_header("content-length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def chance(hours: float | None) -> float:
    """What all the strangers' models think of a row."""
    return 0.5 if hours is None else min(max(hours / 60, 0.0), 1.0)


def hours_of(columns: list[str], data: list[list[Any]]) -> list[float | None]:
    place = columns.index("hours")
    return [row[place] for row in data]


def mlflow(path: str, headers: dict[str, str], body: Any) -> Reply:
    """MLflow's ``/invocations`` with the probabilities of a scikit-learn classifier."""
    if path != "/invocations":
        return 404, {"error": "no such path"}
    hours = hours_of(**body["dataframe_split"])
    return 200, {"predictions": [[1 - chance(h), chance(h)] for h in hours]}


def mlflow_labels(path: str, headers: dict[str, str], body: Any) -> Reply:
    """The same model, deployed with ``predict``."""
    hours = hours_of(**body["dataframe_split"])
    return 200, {"predictions": ["yes" if chance(h) >= 0.5 else "no" for h in hours]}


def azure(path: str, headers: dict[str, str], body: Any) -> Reply:
    """Azure's scoring JSON, behind a key."""
    if headers.get("authorization") != "Bearer open sesame":
        return 401, "denied"
    table = body["input_data"]
    hours = hours_of(table["columns"], table["data"])
    return 200, {"Results": [{"label": "yes", "probability": chance(h)} for h in hours]}


def v2(path: str, headers: dict[str, str], body: Any) -> Reply:
    """The Open Inference Protocol: a label and a matrix of probabilities, both flat."""
    if path != "/v2/models/income/infer":
        return 404, {"error": "no such model"}
    tensors = {t["name"]: t for t in body["inputs"]}
    hours = tensors["hours"]["data"]
    assert tensors["hours"]["datatype"] == "FP64"
    assert tensors["sex"]["shape"] == [len(hours), 1]
    shares = [p for h in hours for p in (1 - chance(h), chance(h))]
    return 200, {
        "model_name": "income",
        "outputs": [
            {"name": "label", "datatype": "BYTES", "shape": [len(hours)],
             "data": ["yes" if chance(h) >= 0.5 else "no" for h in hours]},
            {"name": "probabilities", "datatype": "FP64", "shape": [len(hours), 2], "data": shares},
        ],
    }  # fmt: skip


def regression(path: str, headers: dict[str, str], body: Any) -> Reply:
    """A bare list of numbers."""
    table = body["input_data"]
    return 200, [60 * chance(h) for h in hours_of(table["columns"], table["data"])]
