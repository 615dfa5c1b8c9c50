"""A model's answer as JSON values, and as entries of the prediction record."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isfinite
from typing import Any

import numpy as np

from assay.deploy.refusals import NotFinite
from assay.model.answer import Answer
from assay.model.plan import Float64

Json = dict[str, Any]


def check_finite(answer: Answer) -> None:
    """Refuse to give an answer that is not a number.

    Raises
    ------
    NotFinite
        Some value, bound or probability is infinite or not a number.
    """
    parts = (answer.prediction, answer.probabilities, answer.lower, answer.upper)
    if not all(_is_finite(part) for part in parts if part is not None):
        raise NotFinite(
            "The model's answer is not a finite number, so it is not given.",
            hint="Check the row for extreme values; tell the owner of the model.",
        )


def _is_finite(part: Float64) -> bool:
    if part.size <= 16:  # plain floats are several times quicker for one row
        return all(map(isfinite, part.ravel().tolist()))
    return bool(np.isfinite(part).all())


def regression_predictions(
    answer: Answer, *, index: Iterable[int | str], unit: str, coverage: float
) -> list[Json]:
    """Value, interval and unit of each row."""
    values = answer.prediction.tolist()
    if answer.lower is None or answer.upper is None:
        return [
            {"index": i, "value": v, "unit": unit, "novelties": []}
            for i, v in zip(index, values, strict=True)
        ]
    rows = zip(index, values, answer.lower.tolist(), answer.upper.tolist(), strict=True)
    return [
        {
            "index": i,
            "value": v,
            "lower": low,
            "upper": high,
            "coverage": coverage,
            "unit": unit,
            "novelties": [],
        }
        for i, v, low, high in rows
    ]


def class_predictions(answer: Answer, *, index: Iterable[int | str], coverage: float) -> list[Json]:
    """Label, probabilities and prediction set of each row."""
    classes = answer.classes
    predictions = []
    for i, label, probabilities, members in zip(
        index, labels(answer), probability_rows(answer), set_rows(answer), strict=True
    ):
        one: Json = {"index": i, "label": label}
        if len(classes) == 2:
            one["probability"] = probabilities[1]
        one["probabilities"] = dict(zip(classes, probabilities, strict=True))
        if members is not None:
            one["set"] = [name for name, member in zip(classes, members, strict=True) if member]
            one["coverage"] = coverage
        one["novelties"] = []
        predictions.append(one)
    return predictions


def labels(answer: Answer) -> list[str]:
    """Name of the class decided on, row by row; empty for regression."""
    if answer.label is None:
        return []
    return [answer.classes[position] for position in answer.label.tolist()]


def probability_rows(answer: Answer) -> list[list[float]]:
    """Probabilities row by row; empty for regression."""
    rows: list[list[float]] = [] if answer.probabilities is None else answer.probabilities.tolist()
    return rows


def set_rows(answer: Answer) -> Sequence[list[bool] | None]:
    """Membership of each class in the prediction set, row by row."""
    if answer.sets is None:
        return [None] * len(answer.prediction)
    rows: list[list[bool] | None] = answer.sets.tolist()
    return rows


def bare_values(answer: Answer) -> list[Any]:
    """Azure's no-code answer: the value or the label of each row, and nothing else."""
    values: list[Any] = labels(answer) or answer.prediction.tolist()
    return values
