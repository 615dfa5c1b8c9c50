"""AutoGluon's `TabularPredictor` with one of its presets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from autogluon.tabular import TabularPredictor  # type: ignore[import-not-found]
from benchmarks.automl.runners.job import ONE_ROW_CALLS, Task, run, timed

METRICS = {"roc_auc": "roc_auc", "log_loss": "log_loss", "rmse": "root_mean_squared_error"}


@dataclass(frozen=True)
class Model:
    predictor: Any
    is_regression: bool

    @property
    def classes(self) -> list[Any]:
        return [] if self.is_regression else list(self.predictor.class_labels)

    def predict(self, rows: pd.DataFrame) -> Any:
        if self.is_regression:
            return self.predictor.predict(rows).to_numpy()
        return self.predictor.predict_proba(rows).to_numpy()

    def save(self, folder: Path) -> None:
        self.predictor.clone_for_deployment(str(folder / "predictor"))

    def facts(self, rows: pd.DataFrame, /) -> dict[str, Any]:
        """``fastest_row_ms``: with all models kept in memory, which is not the default."""
        self.predictor.persist()
        kept = timed(lambda: self.predict(rows[:1]), calls=ONE_ROW_CALLS)
        return {
            "members": self.predictor.model_names(),
            "winner": self.predictor.model_best,
            "fastest_row_ms": kept["median"],
        }


def fit(train: pd.DataFrame, task: Task) -> Model:
    predictor = TabularPredictor(
        label=task.target,
        problem_type=task.kind,
        eval_metric=METRICS[task.metric],
        path=task.work,
        verbosity=0,
    )
    predictor.fit(
        train, time_limit=task.budget_s, num_cpus=task.threads, num_gpus=0, **task.options
    )
    return Model(predictor, task.is_regression)


if __name__ == "__main__":
    run(
        fit,
        *("autogluon.tabular", "lightgbm", "catboost", "xgboost-cpu", "torch", "fastai", "ray"),
        *("scikit-learn", "pandas"),
    )
