"""MLflow itself opens the folder, in an environment that has no Assay."""

from __future__ import annotations

import json
import math
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from assay.deploy.export import write_export
from assay.deploy.shipment import Shipment

from .outside import ROWS, ask, expected, python_of

FRAME_ROWS = [
    {**row, "turbo": row["turbo"] in {True, "TRUE"}, "curb weight": float(row["curb weight"])}
    for row in ROWS
]
"""Rows that a pandas table of plain types can hold."""
PREDICT = """
import importlib.util, json, sys
import mlflow, pandas as pd
assert importlib.util.find_spec("assay") is None
rows = json.loads(sys.argv[2])
model = mlflow.pyfunc.load_model(sys.argv[1])
table = pd.DataFrame(rows, index=[f"row {n}" for n in range(len(rows))])
table["horsepower"] = table["horsepower"].astype(float)
answers = model.predict(table)
assert list(answers.index) == list(table.index)
example = model.predict(model.input_example)
signature = model.metadata.signature.to_dict()
print(json.dumps({"answers": answers.to_dict("records"), "example": len(example),
                  "inputs": json.loads(signature["inputs"]), "version": mlflow.__version__}))
"""
TWO_MODELS = """
import json, sys
import mlflow, pandas as pd
models = [mlflow.pyfunc.load_model(folder) for folder in sys.argv[1:3]]
print(json.dumps([list(m.predict(m.input_example).columns) for m in models]))
"""
BREAK = """
import json, sys
import mlflow, pandas as pd
model = mlflow.pyfunc.load_model(sys.argv[1])
example, refused = model.input_example, []
for table in (example.drop(columns="make"), example.assign(make=[None]),
              example.assign(**{"curb weight": ["secret"]})):
    try:
        model.predict(table)
    except Exception as error:
        refused.append(type(error).__name__)
print(json.dumps(refused))
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    place = tmp_path / "mlflow-home"
    place.mkdir()
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(place),
        "MLFLOW_TRACKING_URI": f"sqlite:///{place / 'mlflow.db'}",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }


@pytest.fixture
def folder(any_shipment: Shipment, tmp_path: Path) -> Path:
    write_export(any_shipment, tmp_path / "out", target="mlflow", home=tmp_path)
    return tmp_path / "out"


def test_load_model_answers_as_assay_does(
    any_shipment: Shipment, folder: Path, environment: dict[str, str]
) -> None:
    told = ask(
        python_of("mlflow"),
        PREDICT,
        str(folder),
        json.dumps(FRAME_ROWS),
        folder=folder.parent,
        env=environment,
    )
    assert told["answers"] == expected(any_shipment.bundle, FRAME_ROWS)
    assert told["example"] == 1
    assert {i["name"]: i["type"] for i in told["inputs"]} == {
        "make": "string",
        "curb weight": "double",
        "horsepower": "double",
        "turbo": "boolean",
        "sold": "any",
    }


def test_the_command_line_of_mlflow_answers_json(
    any_shipment: Shipment, folder: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    python = python_of("mlflow")
    rows = [{**r, "horsepower": _plain(r["horsepower"])} for r in FRAME_ROWS]
    (tmp_path / "rows.json").write_text(json.dumps({"dataframe_records": rows}))
    done = subprocess.run(
        [python, "-m", "mlflow", "models", "predict", "-m", folder, "--env-manager", "local",
         "-i", tmp_path / "rows.json", "-t", "json"],
        cwd=tmp_path, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    answers = json.loads(done.stdout.strip().splitlines()[-1])["predictions"]
    assert answers == expected(any_shipment.bundle, FRAME_ROWS)


def _plain(value: Any) -> Any:
    return None if value is None or math.isnan(value) else value


def test_two_models_live_side_by_side(
    shipment: Shipment, binary_shipment: Shipment, environment: dict[str, str], tmp_path: Path
) -> None:
    for name, shipped in (("one", shipment), ("two", binary_shipment)):
        write_export(shipped, tmp_path / name, target="mlflow", home=tmp_path)
    told = ask(python_of("mlflow"), TWO_MODELS, "one", "two", folder=tmp_path, env=environment)
    assert told == [
        ["prediction", "lower", "upper"],
        ["probabilities", "label", "class", "set"],
    ]


def test_a_table_that_breaks_the_contract_is_refused(
    shipment: Shipment, environment: dict[str, str], tmp_path: Path
) -> None:
    write_export(shipment, tmp_path / "out", target="mlflow", home=tmp_path)
    told = ask(python_of("mlflow"), BREAK, "out", folder=tmp_path, env=environment)
    assert told == ["MlflowException", "ValueError", "MlflowException"]


def test_the_description_is_plain_yaml(any_shipment: Shipment, folder: Path) -> None:
    """Whoever has no MLflow here still sees to it that the folder says what it should."""
    said = yaml.safe_load((folder / "MLmodel").read_text())
    flavor = said["flavors"]["python_function"]
    assert (folder / f"{flavor['loader_module']}.py").is_file()
    assert (folder / flavor["env"]["virtualenv"]).is_file()
    outputs = [output["name"] for output in json.loads(said["signature"]["outputs"])]
    assert outputs == list(expected(any_shipment.bundle)[0])
    example = json.loads((folder / "input_example.json").read_text())
    rows = [dict(zip(example["columns"], row, strict=True)) for row in example["data"]]
    assert any_shipment.bundle.contract.decode_record_inputs(rows)
