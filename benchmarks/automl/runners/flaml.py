"""FLAML with its defaults: time budget, metric, threads, seed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib  # type: ignore[import-untyped]
import pandas as pd
from benchmarks.automl.runners.job import Task, run
from flaml import AutoML  # type: ignore[import-not-found]

METRICS = {"roc_auc": "roc_auc", "log_loss": "log_loss", "rmse": "rmse"}


@dataclass(frozen=True)
class Model:
    automl: Any
    is_regression: bool

    @property
    def classes(self) -> list[Any]:
        return [] if self.is_regression else list(self.automl.classes_)

    def predict(self, rows: pd.DataFrame) -> Any:
        return self.automl.predict(rows) if self.is_regression else self.automl.predict_proba(rows)

    def save(self, folder: Path) -> None:
        joblib.dump(self.automl, folder / "model.joblib")

    def facts(self, _: pd.DataFrame, /) -> dict[str, Any]:
        return {"winner": self.automl.best_estimator}


def fit(train: pd.DataFrame, task: Task) -> Model:
    automl = AutoML()
    automl.fit(
        X_train=train.drop(columns=task.target),
        y_train=train[task.target],
        task="regression" if task.is_regression else "classification",
        metric=METRICS[task.metric],
        time_budget=task.budget_s,
        n_jobs=task.threads,
        seed=task.seed,
        verbose=0,
        log_file_name="",
    )
    return Model(automl, task.is_regression)


if __name__ == "__main__":
    run(fit, "FLAML", "lightgbm", "xgboost", "catboost", "scikit-learn", "pandas")
