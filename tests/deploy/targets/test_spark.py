"""Spark itself runs the UDF, in an environment that has no Assay."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from assay.deploy.export import write_export
from assay.deploy.shipment import Shipment
from assay.deploy.targets.spark_udf import answer_type

from .outside import ask, expected, python_of

ROWS: list[dict[str, Any]] = [
    {"make": "audi", "curb weight": 2548.0, "horsepower": 111.0, "turbo": False,
     "sold": "2023-05-17"},
    {"make": "  bmw\t", "curb weight": 3000.0, "horsepower": None, "turbo": True,
     "sold": "2020-02-29"},
    {"make": "never seen", "curb weight": -1e300, "horsepower": float("nan"), "turbo": True,
     "sold": "1969-12-31"},
    {"make": "\u00fcn\u00efcode \U0001f697", "curb weight": 0.1, "horsepower": 95.5,
     "turbo": False, "sold": "2024-02-29"},
]  # fmt: skip
SCORE = """
import datetime, importlib.util, json, sys
rows = json.loads(sys.argv[1])
assert importlib.util.find_spec("assay") is None
from pyspark.sql import SparkSession
from pyspark.sql.functions import struct
spark = (SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
         .config("spark.driver.host", "localhost").config("spark.driver.memory", "512m")
         .getOrCreate())

def told(folder, shipped):
    spec = importlib.util.spec_from_file_location("the_udf_of_" + folder, folder + "/spark_udf.py")
    udf = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(udf)
    predict, kinds = udf.predict_udf(spark if shipped else None), {"make": "string",
        "turbo": "boolean", "sold": "date"}
    names = ", ".join(f"`{c}` {kinds.get(c, 'double')}" for c in udf.COLUMNS)
    cells = [tuple(datetime.date.fromisoformat(row[c]) if c == "sold" else row[c]
                   for c in udf.COLUMNS) for row in rows]
    table = spark.createDataFrame(cells, names)
    scored = table.withColumn("answer", predict(struct(*udf.COLUMNS)))
    timed = table.limit(1).withColumn("sold", timed_at).withColumn(
        "answer", predict(struct(*udf.COLUMNS)))
    nobody = table.where("make = 'nobody'").withColumn("answer", predict(struct(*udf.COLUMNS)))
    return {"answers": [row.answer.asDict(recursive=True) for row in scored.collect()],
            "timed": timed.first().answer.asDict(recursive=True),
            "nobody": len(nobody.collect())}

from pyspark.sql.functions import expr
timed_at = expr("timestamp_ntz'2023-05-17 10:30:00'")
found = [told("regression", True), told("binary", False)]
print()
print(json.dumps(found))
spark.stop()
"""


@pytest.mark.slow
def test_the_udf_answers_as_assay_does(
    shipment: Shipment, binary_shipment: Shipment, tmp_path: Path
) -> None:
    """Strings, missing cells and times of day included; shipped to executors and by path.

    The workers cannot import the UDF's own module: what they run was sent to them.
    """
    if shutil.which("java") is None:
        pytest.skip("no Java on this machine (java not found), which Spark runs on")
    python = python_of("spark")
    both = {"regression": shipment, "binary": binary_shipment}
    for name, shipped in both.items():
        write_export(shipped, tmp_path / name, target="spark", home=tmp_path)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PYSPARK_PYTHON": str(python),
        "SPARK_LOCAL_DIRS": str(tmp_path / "spark"),
        "TZ": "UTC",
    }
    found = ask(python, SCORE, json.dumps(ROWS), folder=tmp_path, env=environment)
    for shipped, told in zip(both.values(), found, strict=True):
        assert told["answers"] == expected(shipped.bundle, ROWS)
        timed = {**ROWS[0], "sold": "2023-05-17T10:30:00"}
        assert told["timed"] == expected(shipped.bundle, [timed])[0]
        assert told["nobody"] == 0


def test_the_type_of_an_answer_follows_the_graph(
    shipment: Shipment, binary_shipment: Shipment
) -> None:
    assert answer_type(shipment) == "`prediction` double, `lower` double, `upper` double"
    assert answer_type(binary_shipment) == (
        "`probabilities` map<string,double>, `label` bigint, `class` string, `set` array<string>"
    )
