from __future__ import annotations

from typing import Any

import pytest
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
from sklearn.linear_model import LinearRegression

from assay.errors import NotCompilable
from assay.model.readers import check_compilable

from .proof import classes, same_answers, signal, table


@pytest.mark.parametrize("init", [None, "zero"])
@pytest.mark.parametrize("many", [2, 3])
def test_classes(many: int, init: Any) -> None:
    X = table()
    model = GradientBoostingClassifier(init=init, n_estimators=10).fit(X, classes(X, many))
    same_answers(model, "binary" if many == 2 else "multiclass")


def test_an_exponential_loss_boosts_half_the_logit() -> None:
    X = table()
    model = GradientBoostingClassifier(loss="exponential", n_estimators=10)
    same_answers(model.fit(X, classes(X, 2)), "binary")


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber", "quantile"])
@pytest.mark.parametrize("init", [None, "zero", DummyRegressor(strategy="median")])
def test_numbers(loss: str, init: Any) -> None:
    X = table()
    model = GradientBoostingRegressor(loss=loss, init=init, n_estimators=10)
    same_answers(model.fit(X, signal(X)), "regression")


def test_boosting_that_starts_from_another_model_is_refused() -> None:
    with pytest.raises(NotCompilable, match="starts from another model") as caught:
        check_compilable(GradientBoostingRegressor(init=LinearRegression()))
    assert caught.value.hint == "Use init=None or init='zero'."
