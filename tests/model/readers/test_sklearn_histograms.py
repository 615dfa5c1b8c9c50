from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn._loss.loss import HalfSquaredError
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from assay.errors import NotCompilable
from assay.model.plan import TreesMember
from assay.model.readers import check_compilable, predict_native, read_member

from .proof import CODES, COLUMNS, classes, same_answers, signal, table

FEW: dict[str, Any] = {"max_iter": 10, "min_samples_leaf": 5}


@pytest.mark.parametrize("categories", [None, [CODES]], ids=["numbers", "categories"])
@pytest.mark.parametrize("missing", [False, True], ids=["whole", "missing"])
@pytest.mark.parametrize("many", [2, 3])
def test_classes(many: int, missing: bool, categories: Any) -> None:
    X = table(missing=missing)
    model = HistGradientBoostingClassifier(categorical_features=categories, **FEW)
    kind = "binary" if many == 2 else "multiclass"
    member = same_answers(
        model.fit(X, classes(X, many)),
        kind,  # type: ignore[arg-type]
        missing=True,
        unseen=True,
    )
    assert isinstance(member, TreesMember)
    assert bool(member.sets) == (categories is not None)


@pytest.mark.parametrize("categories", [None, [CODES]], ids=["numbers", "categories"])
@pytest.mark.parametrize(
    ("loss", "link"),
    [
        ("squared_error", "identity"),
        ("absolute_error", "identity"),
        ("quantile", "identity"),
        ("gamma", "exp"),
        ("poisson", "exp"),
    ],
)
def test_numbers(loss: str, link: str, categories: Any) -> None:
    X = table(missing=True)
    model = HistGradientBoostingRegressor(
        loss=loss, quantile=0.3, categorical_features=categories, **FEW
    ).fit(X, np.abs(signal(X)) + 0.1)
    assert same_answers(model, "regression", missing=True, unseen=True).link == link


@pytest.mark.parametrize("shift", [0, -3, 400], ids=["from 0", "below 0", "from 400"])
def test_categories_are_numbered_anew_and_their_columns_put_first(shift: int) -> None:
    """Codes beyond 255 or below 0 are categories like others; unknown ones count as missing."""
    X = table(missing=True)
    y = signal(X)
    X[:, CODES] += shift
    X[:, 1] = np.random.default_rng(3).integers(0, 4, len(X))
    model = HistGradientBoostingRegressor(categorical_features=[CODES, 1], **FEW)
    member = same_answers(
        model.fit(X, y + 2 * (X[:, 1] == 2)), "regression", missing=True, unseen=True
    )
    assert isinstance(member, TreesMember)
    asked = set(member.feature[(member.left >= 0) & (member.set_of >= 0)].tolist())  # type: ignore[operator]
    assert asked == {1, CODES}


def test_an_infinite_category_is_an_unknown_one() -> None:
    X = table(missing=True)
    model = HistGradientBoostingRegressor(categorical_features=[CODES], **FEW).fit(X, signal(X))
    rows = np.repeat(X[:1], 2, axis=0)
    rows[:, CODES] = [np.inf, 77]
    answers = predict_native(model, rows)
    assert answers[0] == answers[1]


def test_words_and_fractions_as_categories_are_refused() -> None:
    X = table()
    X[:, CODES] += 0.5
    model = HistGradientBoostingRegressor(categorical_features=[CODES], **FEW).fit(X, signal(X))
    with pytest.raises(NotCompilable, match="no whole numbers") as caught:
        read_member(model, columns=tuple(range(COLUMNS)))
    assert caught.value.hint == "Encode them as 0, 1, 2, … first."


def test_a_loss_of_ones_own_is_refused() -> None:
    with pytest.raises(NotCompilable, match="the link of its loss"):
        check_compilable(HistGradientBoostingRegressor(loss=HalfSquaredError()))
