"""Linear models: ridge and elastic net for numbers, logistic regression for classes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.linear_model import ElasticNet, LogisticRegression, Ridge

from assay.automl.families.fitted import FittedModel, unit_of
from assay.automl.family import Answers, Params, Task, Validation
from assay.model.plan import Float32, Float64, LinearMember, Member
from assay.model.readers import predict_native, read_member
from assay.question import Kind

if TYPE_CHECKING:
    import optuna


class Linear:
    """Weights on standardised features.

    Regression: ridge (Hoerl and Kennard 1970) or elastic net (Zou and Hastie 2005).
    Classification: logistic regression with a squared penalty, multinomial when there are more
    than two classes.
    """

    name = "linear"
    transparent = True
    tasks: frozenset[Kind] = frozenset({"regression", "binary", "multiclass"})
    needs = "linear"
    place = 10
    stops_early = False

    def candidates(self, task: Task, *, rows: int, columns: int) -> tuple[Params, ...]:
        """Moderate shrinkage first; it grows with columns a row."""
        crowded = columns > rows / 5
        if task.kind == "regression":
            return (
                {"mix": 0.0, "alpha": 0.05 if crowded else 0.002},
                {"mix": 0.5, "alpha": 0.01},
                {"mix": 0.0, "alpha": 0.2},
            )
        return ({"C": 0.1 if crowded else 1.0}, {"C": 0.02})

    def suggest(self, trial: optuna.trial.BaseTrial, task: Task) -> Params:
        """Penalty, and for numbers its mix of absolute and squared."""
        if task.kind == "regression":
            return {
                "mix": trial.suggest_categorical("mix", [0.0, 0.1, 0.5, 0.9]),
                "alpha": trial.suggest_float("alpha", 1e-5, 10.0, log=True),
            }
        return {"C": trial.suggest_float("C", 1e-4, 1e2, log=True)}

    def fit(
        self,
        X: Float32,
        y: Answers,
        *,
        task: Task,
        params: Params,
        seed: int,
        weights: Float64 | None = None,
        validation: Validation | None = None,  # noqa: ARG002 - no rounds to choose
        threads: int = 1,  # noqa: ARG002 - the caller bounds the linear algebra
    ) -> FittedLinear:
        """Standardise in double, fit, keep what a `LinearMember` holds."""
        center, scale = _standard(X, weights)
        unit = unit_of(y, task)
        total = float(len(y) if weights is None else np.sum(weights))
        model = _model(params, task, seed=seed, total=total)
        answers = (y - unit[0]) / unit[1] if task.kind == "regression" else y
        model.fit((X.astype(np.float64) - center) / scale, answers, sample_weight=weights)
        return FittedLinear(
            family=self.name,
            params=dict(params),
            task=task,
            model=model,
            present=() if task.kind == "regression" else tuple(int(k) for k in model.classes_),
            unit=unit,
            center=center,
            scale=scale,
        )


@dataclass(frozen=True, kw_only=True)
class FittedLinear(FittedModel):
    """A linear model on features standardised in double."""

    center: Float64
    scale: Float64

    def predict(self, X: Float32) -> Float64:
        """Answer rows by scikit-learn."""
        Z = (X.astype(np.float64) - self.center) / self.scale
        return self.on_task(predict_native(self.model, Z))

    def describe(self, columns: tuple[int, ...]) -> Member:
        """Centers, scales, weights and intercepts."""
        member = read_member(self.model, columns=columns, family=self.family)
        assert isinstance(member, LinearMember)
        return self.member_on_task(replace(member, center=self.center, scale=self.scale))


def _standard(X: Float32, weights: Float64 | None) -> tuple[Float64, Float64]:
    """Weighted mean and standard deviation a column; 1 where a column is constant."""
    table = X.astype(np.float64)
    center = np.average(table, axis=0, weights=weights)
    scale = np.sqrt(np.average((table - center) ** 2, axis=0, weights=weights))
    flat = scale <= 1e-9 * np.maximum(np.abs(center), 1e-30)
    return center, np.where(flat, 1.0, scale)


def _model(params: Params, task: Task, *, seed: int, total: float) -> Any:
    """The estimator; ridge's penalty counts per row (``total`` of them), as elastic net's does."""
    if task.kind != "regression":
        return LogisticRegression(C=params["C"], max_iter=500, random_state=seed)
    if params["mix"] == 0.0:
        return Ridge(alpha=params["alpha"] * total)
    return ElasticNet(
        alpha=params["alpha"], l1_ratio=params["mix"], max_iter=3000, random_state=seed
    )
