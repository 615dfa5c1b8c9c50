from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from assay.errors import NotCompilable
from assay.model.readers import read_member

from .proof import COLUMNS, classes, same_answers, signal, table

FEW: dict[str, Any] = {"n_estimators": 20, "max_depth": 6, "random_state": 0}
CLASSIFIERS = [
    DecisionTreeClassifier(max_depth=6),
    RandomForestClassifier(**FEW),
    ExtraTreesClassifier(**FEW),
]
REGRESSORS = [
    DecisionTreeRegressor(max_depth=6),
    RandomForestRegressor(**FEW),
    ExtraTreesRegressor(**FEW),
]


def named(model: Any) -> str:
    return type(model).__name__


@pytest.mark.parametrize("missing", [False, True], ids=["whole", "missing"])
@pytest.mark.parametrize("many", [2, 3])
@pytest.mark.parametrize("model", CLASSIFIERS, ids=named)
def test_classes(model: Any, many: int, missing: bool) -> None:
    X = table(missing=missing)
    kind = "binary" if many == 2 else "multiclass"
    same_answers(model.fit(X, classes(X, many)), kind, missing=missing)  # type: ignore[arg-type]


@pytest.mark.parametrize("missing", [False, True], ids=["whole", "missing"])
@pytest.mark.parametrize("targets", [1, 2])
@pytest.mark.parametrize("model", REGRESSORS, ids=named)
def test_numbers(model: Any, targets: int, missing: bool) -> None:
    X = table(missing=missing)
    y = signal(X)
    if targets == 1:
        same_answers(model.fit(X, y), "regression", missing=missing)
    else:
        both = np.stack([y, -(y**2)], axis=1)
        same_answers(model.fit(X, both), "vector", missing=missing)


def test_a_midway_threshold_that_no_float32_is() -> None:
    """The middle of two neighbouring float32 numbers is rounded down, not to the nearest."""
    low = np.float32(1000.0)
    high = np.nextafter(low, np.float32(2000.0))
    X = np.array([[low], [high]], dtype=np.float32)
    tree = DecisionTreeRegressor().fit(X, [0.0, 1.0])
    member = same_answers(tree, "regression", columns=1)
    assert member.threshold[0] == low  # type: ignore[union-attr]
    assert tree.tree_.threshold[0] > low


def test_labels_of_any_type() -> None:
    X = table()
    words = np.array(["no", "yes"])[classes(X, 2)]
    same_answers(RandomForestClassifier(**FEW).fit(X, words), "binary")


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.zeros((300, 2)), "several questions at once"),
        (np.zeros(300), "a single class"),
    ],
)
def test_refused(y: Any, message: str) -> None:
    model = RandomForestClassifier(**FEW).fit(table(), y)
    with pytest.raises(NotCompilable, match=f"cannot take RandomForestClassifier: .*{message}"):
        read_member(model, columns=tuple(range(COLUMNS)))
