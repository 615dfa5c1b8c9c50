from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from assay.errors import InputError
from assay.model.compile import compile_plan
from assay.model.plan import Float64, Output
from assay.model.readers import predict_native, read_member
from assay.model.readers.outputs import beside, rescale, spread_classes
from assay.model.reference import member_predictions
from assay.model.scorer import Scorer

from .proof import COLUMNS, classes, plan_of, signal, table

ALL = tuple(range(COLUMNS))
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("present", [[0, 3], [1, 2, 4], [0, 1, 2, 3, 4]], ids=str)
@pytest.mark.parametrize(
    "model",
    [
        RandomForestClassifier(10, max_depth=5),
        GradientBoostingClassifier(n_estimators=5),
        make_pipeline(StandardScaler(), LogisticRegression()),
        make_pipeline(StandardScaler(), MLPClassifier(hidden_layer_sizes=(4,), max_iter=20)),
        KNeighborsClassifier(3),
    ],
    ids=lambda model: type(model).__name__,
)
def test_absent_classes_get_a_chance_near_0(model: Any, present: list[int]) -> None:
    X = table()
    model.fit(X, np.array(present)[classes(X, len(present))])
    member = spread_classes(read_member(model, columns=ALL), present, 5)
    chances = member_predictions(plan_of(member, "multiclass"), X)[0]
    assert chances.shape == (len(X), 5)
    np.testing.assert_allclose(chances[:, present], model.predict_proba(X), atol=1e-6)
    gone = [k for k in range(5) if k not in present]
    assert chances[:, gone].max(initial=0) < 1e-10
    np.testing.assert_allclose(chances.sum(axis=1), 1.0)


def test_a_single_class_has_no_chances_to_give() -> None:
    X = table()
    model = LogisticRegression().fit(X[:, :1], classes(X, 2))
    with pytest.raises(InputError, match="a single class"):
        spread_classes(read_member(model, columns=(0,)), [1], 3)


def test_raw_scores_in_another_unit() -> None:
    X = table()
    for model in (Ridge().fit(X, signal(X)), DecisionTreeRegressor(max_depth=4).fit(X, signal(X))):
        member = rescale(read_member(model, columns=ALL), 10.0, -3.0)
        described = member_predictions(plan_of(member, "regression"), X)[0]
        np.testing.assert_allclose(described, predict_native(model, X) * 10.0 - 3.0, rtol=1e-6)


def test_sums_of_squares_keep_their_scale() -> None:
    member = read_member(GaussianMixture(2).fit(table()), columns=ALL)
    with pytest.raises(InputError, match="cannot be rescaled"):
        rescale(member, 2.0, 0.0)
    with pytest.raises(InputError, match="cannot be laid side by side: sums of squares"):
        beside([member, member])


@pytest.mark.parametrize(
    "kinds",
    [
        [DecisionTreeRegressor(max_depth=d, random_state=0) for d in (2, 5, 3)],
        [make_pipeline(StandardScaler(), Ridge(alpha)) for alpha in (0.1, 10.0, 1000.0)],
        [
            make_pipeline(
                StandardScaler(),
                MLPRegressor(hidden_layer_sizes=(4, 3), max_iter=20, random_state=seed),
            )
            for seed in (0, 1, 2)
        ],
    ],
    ids=["trees", "linear", "networks"],
)
def test_side_by_side_is_every_model_alone(kinds: list[Any]) -> None:
    """Three quantiles, say: the reference and the graph give what each model gives, sorted."""
    X = table()
    models = [model.fit(X, signal(X)) for model in kinds]
    member = beside([read_member(m, columns=ALL) for m in models])
    apart: Float64 = np.hstack([predict_native(m, X) for m in models])
    plan = plan_of(member, "vector", fill=0.0)
    np.testing.assert_allclose(member_predictions(plan, X)[0], apart, rtol=1e-6, atol=1e-6)
    names = ("q0.1", "q0.5", "q0.9")
    plan = replace(plan, output=Output(kind="vector", names=names, sorted_names=True))
    answer = Scorer(compile_plan(plan)).score({f"c{i}": X[:, [i]].astype(float) for i in ALL})
    np.testing.assert_allclose(
        answer.values, np.sort(apart, axis=1), rtol=1e-5, atol=1e-5 * np.abs(apart).max()
    )


@pytest.mark.parametrize(
    ("one", "other", "why"),
    [
        (Ridge(), DecisionTreeRegressor(), "they differ in kind"),
        (
            make_pipeline(StandardScaler(), Ridge()),
            make_pipeline(StandardScaler(with_mean=False), Ridge()),
            "they differ in center or scale",
        ),
        (
            MLPClassifier(hidden_layer_sizes=(2,), max_iter=5),
            MLPClassifier(hidden_layer_sizes=(2, 2), max_iter=5),
            "they differ in layers",
        ),
        (KNeighborsClassifier(2), KNeighborsClassifier(3), "number of neighbours"),
    ],
)
def test_what_cannot_be_laid_side_by_side(one: Any, other: Any, why: str) -> None:
    X = table()
    members = [read_member(m.fit(X, classes(X, 2)), columns=ALL) for m in (one, other)]
    with pytest.raises(InputError, match=why):
        beside(members)
