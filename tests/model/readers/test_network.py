from __future__ import annotations

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from assay.errors import NotCompilable
from assay.model.readers import read_member

from .proof import COLUMNS, classes, same_answers, signal, table

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
@pytest.mark.parametrize("many", [2, 3])
def test_classes(many: int, activation: str) -> None:
    X = table()
    net = MLPClassifier(hidden_layer_sizes=(8, 5), activation=activation, max_iter=30)
    model = make_pipeline(StandardScaler(), net).fit(X, classes(X, many))
    same_answers(model, "binary" if many == 2 else "multiclass")


@pytest.mark.parametrize("layers", [(), (8,), (6, 4, 3)])
def test_numbers(layers: tuple[int, ...]) -> None:
    X = table()
    net = MLPRegressor(hidden_layer_sizes=layers, max_iter=30, random_state=0)
    same_answers(make_pipeline(StandardScaler(), net).fit(X, signal(X)), "regression")


def test_several_targets_and_counts() -> None:
    X = table()
    both = np.stack([signal(X), X[:, 0].astype(float)], axis=1)
    net = MLPRegressor(hidden_layer_sizes=(8,), max_iter=30)
    same_answers(make_pipeline(StandardScaler(), net).fit(X, both), "vector")
    counts = MLPRegressor(hidden_layer_sizes=(8,), loss="poisson", max_iter=30)
    model = make_pipeline(StandardScaler(), counts).fit(X, np.abs(signal(X)))
    assert same_answers(model, "regression", extremes=False).link == "exp"


def test_several_questions_at_once_are_refused() -> None:
    X = table()
    y = np.stack([classes(X, 2), 1 - classes(X, 2)], axis=1)
    model = MLPClassifier(hidden_layer_sizes=(3,), max_iter=5).fit(X, y)
    with pytest.raises(NotCompilable, match="several questions at once"):
        read_member(model, columns=tuple(range(COLUMNS)))
