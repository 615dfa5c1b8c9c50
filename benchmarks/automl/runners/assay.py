"""Assay's scikit-learn estimators with their defaults."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from benchmarks.automl.runners.job import ONE_ROW_CALLS, Task, run, timed

from assay.automl.estimators import AssayClassifier, AssayRegressor
from assay.model.compile import compile_plan
from assay.model.scorer import Scorer


@dataclass(frozen=True)
class Model:
    estimator: AssayClassifier | AssayRegressor

    @property
    def classes(self) -> list[Any]:
        return list(getattr(self.estimator, "classes_", []))

    def predict(self, rows: pd.DataFrame) -> Any:
        if isinstance(self.estimator, AssayClassifier):
            return self.estimator.predict_proba(rows)
        return self.estimator.predict(rows)

    def save(self, folder: Path) -> None:
        self.estimator.save(folder / "estimator")

    def facts(self, rows: pd.DataFrame, /) -> dict[str, Any]:
        """The graph's size, and its time for one row in process, columns laid out as codes.

        ``fastest_row_ms`` is the scorer, answer included; ``graph_row_ms`` ONNX Runtime's call.
        """
        board = self.estimator.leaderboard_
        scorer = Scorer(compile_plan(self.estimator.plan_, "codes"))
        inputs = self.estimator._inputs(rows[:1])
        feed, session, asked = scorer._feed(inputs), scorer._session, scorer._asked
        calls = 10 * ONE_ROW_CALLS
        return {
            "graph_mb": len(self.estimator.graph_) / 1e6,
            "fastest_row_ms": timed(lambda: scorer.score(inputs), calls=calls)["median"],
            "graph_row_ms": timed(lambda: session.run(asked, feed), calls=calls)["median"],
            "trials": sum(trial.status == "finished" for trial in board.trials),
            "members": [f"{trial.family} {trial.weight:.2f}" for trial in board.chosen],
            "search_s": board.spent_s,
            "whole_proof": self.estimator.parity_ is not None,
            "why": board.why,
            "notes": list(self.estimator.notes_),
        }


def fit(train: pd.DataFrame, task: Task) -> Model:
    make = AssayRegressor if task.is_regression else AssayClassifier
    estimator = make(
        budget=task.budget_s,
        metric=task.metric,
        random_state=task.seed,
        n_jobs=task.threads,
        **task.options,
    )
    return Model(estimator.fit(train.drop(columns=task.target), train[task.target]))


if __name__ == "__main__":
    run(fit, "assay", "lightgbm", "xgboost-cpu", "onnxruntime", "scikit-learn", "polars")
