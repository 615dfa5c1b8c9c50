from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn import linear_model as lm
from sklearn.svm import LinearSVR

from assay.errors import NotCompilable
from assay.model.readers import check_compilable, read_member

from .proof import COLUMNS, classes, same_answers, signal, table


def small(X: Any) -> Any:
    """The table with its large column brought to the size of the others."""
    X[:, 3] = X[:, 3] / np.float32(3e4)
    return X


@pytest.mark.parametrize(
    "model",
    [
        lm.LinearRegression(),
        lm.LinearRegression(fit_intercept=False),
        lm.Ridge(),
        lm.RidgeCV(),
        lm.Lasso(0.1),
        lm.LassoCV(cv=3),
        lm.ElasticNet(0.1),
        lm.ElasticNetCV(cv=3),
        lm.Lars(),
        lm.LassoLars(),
        lm.OrthogonalMatchingPursuit(),
        lm.BayesianRidge(),
        lm.ARDRegression(),
        lm.HuberRegressor(),
        lm.QuantileRegressor(quantile=0.3, alpha=0.01),
        lm.TheilSenRegressor(random_state=0),
        lm.SGDRegressor(random_state=0),
        LinearSVR(),
        lm.TweedieRegressor(),
    ],
    ids=lambda model: type(model).__name__,
)
def test_numbers(model: Any) -> None:
    X = small(table())
    assert same_answers(model.fit(X, signal(X)), "regression").link == "identity"


@pytest.mark.parametrize(
    "model",
    [
        lm.PoissonRegressor(),
        lm.GammaRegressor(),
        lm.TweedieRegressor(power=1.5),
        lm.TweedieRegressor(power=0, link="log"),
    ],
    ids=lambda model: type(model).__name__,
)
def test_amounts_and_counts_have_a_log_link(model: Any) -> None:
    X = small(table())
    fitted = model.fit(X, np.abs(signal(X)) + 0.1)
    assert same_answers(fitted, "regression", extremes=False).link == "exp"


@pytest.mark.parametrize(
    "model",
    [lm.LinearRegression(), lm.Ridge(), lm.MultiTaskElasticNet(0.1), lm.MultiTaskLasso(0.1)],
    ids=lambda model: type(model).__name__,
)
def test_several_targets(model: Any) -> None:
    X = small(table())
    both = np.stack([signal(X), X[:, 0].astype(float)], axis=1)
    same_answers(model.fit(X, both), "vector")


@pytest.mark.parametrize("many", [2, 3])
@pytest.mark.parametrize(
    "model", [lm.LogisticRegression(), lm.LogisticRegressionCV(Cs=2, cv=3)], ids=["fixed", "cv"]
)
def test_classes(model: Any, many: int) -> None:
    X = small(table())
    member = same_answers(model.fit(X, classes(X, many)), "binary" if many == 2 else "multiclass")
    assert member.link == ("sigmoid" if many == 2 else "softmax")


def test_stochastic_gradient_descent_of_two_classes() -> None:
    X = small(table())
    model = lm.SGDClassifier(loss="log_loss", random_state=0).fit(X, classes(X, 2))
    same_answers(model, "binary")


def test_stochastic_gradient_descent_of_three_classes_is_refused() -> None:
    X = small(table())
    model = lm.SGDClassifier(loss="log_loss")
    with pytest.raises(NotCompilable, match="each of several classes against the rest"):
        check_compilable(model, classes=3)
    check_compilable(model, classes=2)
    with pytest.raises(NotCompilable, match="against the rest"):
        read_member(model.fit(X, classes(X, 3)), columns=tuple(range(COLUMNS)))


@pytest.mark.parametrize("loss", ["hinge", "modified_huber"])
def test_losses_without_logits_are_refused(loss: str) -> None:
    with pytest.raises(NotCompilable, match=f"its loss '{loss}' gives no logits"):
        check_compilable(lm.SGDClassifier(loss=loss))


def test_single_precision_of_the_fit_does_not_matter() -> None:
    """Fitted on float32, scikit-learn keeps float32 weights; answers are computed in double."""
    X = small(table())
    model = lm.Ridge().fit(X, signal(X).astype(np.float32))
    assert model.coef_.dtype == np.float32
    same_answers(model, "regression")
