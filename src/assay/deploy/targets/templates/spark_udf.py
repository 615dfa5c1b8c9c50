"""Score Spark tables: table.withColumn("answer", predict_udf(spark)(struct(*COLUMNS)))."""

import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from pyspark import SparkFiles
from pyspark.sql.functions import pandas_udf

HERE = Path(__file__).resolve().parent
CONTRACT = json.loads((HERE / "contract.json").read_text("utf-8"))
COLUMNS = [column["name"] for column in CONTRACT["columns"] if column["role"] == "feature"]


def predict_udf(spark: Any = None) -> Any:
    """A pandas UDF from a struct of `COLUMNS` to a struct of answers.

    With ``spark``, this folder is shipped to the executors; without, they open it by its path.
    Each Python worker opens the model once.
    """
    answer = (HERE / "answer.ddl").read_text("utf-8").strip()
    key = "assay_" + json.loads((HERE / "export.json").read_text("utf-8"))["graph"][-16:]
    path, shipped = str(HERE), spark is not None
    if shipped:
        spark.sparkContext.addFile(path, recursive=True)

    def open_model() -> Any:
        if key not in sys.modules:
            place = SparkFiles.get(Path(path).name) if shipped else path
            spec = importlib.util.spec_from_file_location(key, Path(place) / "strict.py")
            sys.modules[key] = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
            spec.loader.exec_module(sys.modules[key])  # type: ignore[union-attr]
        return sys.modules[key].open_model()

    def predict(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        names = [field.split()[0].strip("`") for field in answer.split(", ")]
        for batch in batches:
            cells = batch.astype(object).where(batch.notna(), None)
            yield pd.DataFrame(open_model().score(cells.to_dict("records")), columns=names)

    return pandas_udf(predict, answer)
