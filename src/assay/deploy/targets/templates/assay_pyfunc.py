"""Lets `mlflow.pyfunc.load_model` open this folder."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pandas as pd


class Scored:
    """What MLflow calls: a table in, a table of answers out."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def predict(self, table: pd.DataFrame, params: Any = None) -> pd.DataFrame:  # noqa: ARG002
        """One row of answers for each row; what is missing in the table is missing here."""
        cells = table.astype(object).where(table.notna(), None)
        return pd.DataFrame(self.model.score(cells.to_dict("records")), index=table.index)


def _load_pyfunc(path: str) -> Scored:
    """Open ``strict.py`` by its path, so that several models live side by side."""
    spec = importlib.util.spec_from_file_location("assay_strict", Path(path) / "strict.py")
    strict = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    spec.loader.exec_module(strict)  # type: ignore[union-attr]
    return Scored(strict.Model(Path(path)))
