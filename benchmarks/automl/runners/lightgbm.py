"""LightGBM with its defaults, on all training rows; text becomes categories."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib  # type: ignore[import-untyped]
import lightgbm as lgb
import pandas as pd
from benchmarks.automl.runners.job import Task, run


@dataclass(frozen=True)
class Model:
    estimator: Any
    levels: dict[str, Any]

    @property
    def classes(self) -> list[Any]:
        return list(getattr(self.estimator, "classes_", []))

    def predict(self, rows: pd.DataFrame) -> Any:
        prepared = rows.astype(self.levels)
        if self.classes:
            return self.estimator.predict_proba(prepared)
        return self.estimator.predict(prepared)

    def save(self, folder: Path) -> None:
        joblib.dump((self.estimator, self.levels), folder / "model.joblib")

    def facts(self, _: pd.DataFrame, /) -> dict[str, Any]:
        return {"trees": self.estimator.booster_.num_trees()}


def fit(train: pd.DataFrame, task: Task) -> Model:
    inputs = train.drop(columns=task.target)
    text = inputs.select_dtypes("object").columns
    levels: dict[str, Any] = {name: inputs[name].astype("category").dtype for name in text}
    make = lgb.LGBMRegressor if task.is_regression else lgb.LGBMClassifier
    estimator = make(n_jobs=task.threads, random_state=task.seed, verbose=-1)
    return Model(estimator.fit(inputs.astype(levels), train[task.target]), levels)


if __name__ == "__main__":
    run(fit, "lightgbm", "pandas")
