"""Groups made more alike: by weights, by thresholds, by constraints; before and after."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.automl.parity import gains_of, gap_in, group_cuts, rates_of
from assay.automl.search import SearchResult, search
from assay.automl.slant import Slant, cell_sums, cost_sensitive, reweighing
from assay.automl.spec import SearchSpec
from assay.data.contract import Column, Contract
from assay.errors import InputError
from assay.model.compile import compile_plan
from assay.model.parity import prove_parity
from assay.model.scorer import Scorer

CONTRACT = Contract(
    columns=(
        Column(name="skill", kind="number"),
        Column(name="luck", kind="number"),
        Column(name="sex", kind="category", nullable=True),
        Column(name="woman", kind="boolean"),
        Column(name="age", kind="integer"),
        Column(name="hired", kind="category", role="target", categories=("no", "yes")),
    )
)
PARITIES = ("demographic_parity", "equal_opportunity", "equalised_odds")


def people(rows: int = 900, *, seed: int = 0) -> pl.DataFrame:
    """Women have the same skill as men, are measured lower, and are hired less often."""
    rng = np.random.default_rng(seed)
    woman = rng.random(rows) < 0.45
    skill = rng.normal(size=rows)
    chance = 1 / (1 + np.exp(-(2 * skill + 0.6 - 1.6 * woman)))
    return pl.DataFrame(
        {
            "skill": skill - 0.7 * woman,
            "luck": rng.normal(size=rows),
            "sex": np.where(woman, "f", "m"),
            "woman": woman,
            "age": rng.integers(20, 60, rows),
            "hired": np.where(rng.random(rows) < chance, "yes", "no"),
        }
    )


def run(frame: pl.DataFrame | None = None, **spec: Any) -> SearchResult:
    frame = people() if frame is None else frame
    contract = spec.pop("contract", CONTRACT)
    kind = spec.pop("kind", "binary")
    target = spec.pop("target", "hired")
    weights = spec.pop("weights", None)
    given = {"families": ("linear", "lightgbm"), "max_trials": 3, "threads": 1, "fairness": "sex"}
    return search(
        frame,
        contract=contract,
        kind=kind,
        target=target,
        folds=np.random.default_rng(7).permutation(len(frame)) % 3,
        weights=weights,
        spec=SearchSpec(metric="accuracy", **{**given, **spec})
        if kind != "regression"
        else SearchSpec(**{**given, **spec}),
    )


# Weights and labels.


@given(st.lists(st.tuples(st.integers(-1, 2), st.integers(0, 2)), min_size=1, max_size=60))
def test_reweighing_makes_group_and_class_independent(rows: list[tuple[int, int]]) -> None:
    groups, y = np.array(rows, dtype=np.int64).T
    slant = reweighing(y, groups, count=3, classes=3)
    labels, weights = slant.apply(y, groups, None)
    assert (labels == y).all()
    table = cell_sums(y, groups, count=3, classes=3, weights=weights)
    plain = cell_sums(y, groups, count=3, classes=3)
    expected = plain.sum(axis=1, keepdims=True) * plain.sum(axis=0) / len(y)
    np.testing.assert_allclose(table, np.where(plain > 0, expected, 0.0))


def test_weights_that_rows_have_are_kept() -> None:
    slant = Slant(weights=((2.0, 0.5), (1.0, 1.0)), labels=((0, 1), (1, 0)))
    y, weights = slant.apply(np.array([0, 1, 0]), np.array([0, 0, -1]), np.array([3.0, 4.0, 5.0]))
    assert y.tolist() == [0, 1, 1]
    assert weights.tolist() == [6.0, 2.0, 5.0]


def test_prices_turn_labels_where_they_outweigh_what_is_gained() -> None:
    slant = cost_sensitive(np.array([-1.0, 1.0]), np.array([[0.4, 0.4], [1.2, 1.2], [0.0, 0.0]]))
    assert slant.labels == ((0, 1), (0, 0), (0, 1))
    np.testing.assert_allclose(slant.weights, [[1.4, 0.6], [2.2, 0.2], [1.0, 1.0]])


# Thresholds.


def chances_and_truth(seed: int = 0, rows: int = 4000) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, 2, rows)
    level = rng.normal(size=rows) + 0.8 * groups
    chances = 1 / (1 + np.exp(-1.5 * level))
    return chances, (rng.random(rows) < chances).astype(np.int64), groups


@pytest.mark.parametrize("parity", PARITIES)
def test_thresholds_bring_rates_together(parity: Any) -> None:
    chances, truth, groups = chances_and_truth()
    how = {"count": 2, "parity": parity}
    gains = gains_of(truth, costs=None, balanced=False)
    cuts = group_cuts(chances, truth, groups, gains=gains, usual=0.5, **how)
    before = gap_in(rates_of((chances >= 0.5).astype(int), truth, groups, **how))
    after = gap_in(rates_of((chances >= cuts[groups]).astype(int), truth, groups, **how))
    assert before > 0.1
    assert after <= 0.02
    assert cuts[-1] == 0.5
    right = np.mean((chances >= cuts[groups]) == truth)
    assert right > max(truth.mean(), 1 - truth.mean())


def test_the_best_common_rate_is_taken() -> None:
    """By hand: with two groups of the same rates, thresholds are those of the best accuracy."""
    chances = np.tile(np.linspace(0.005, 0.995, 100), 2)
    groups, truth = np.repeat([0, 1], 100), (chances >= 0.3).astype(np.int64)
    cuts = group_cuts(
        chances, truth, groups, count=2, parity="demographic_parity",
        gains=np.array([-1.0, 1.0]), usual=0.5,
    )  # fmt: skip
    assert ((chances >= cuts[groups]) == truth).mean() >= 0.99


def test_small_groups_keep_the_usual_threshold() -> None:
    chances, truth, groups = chances_and_truth(rows=400)
    groups[:20] = 2
    gains = np.array([-1.0, 1.0])
    cuts = group_cuts(
        chances, truth, groups, count=3, parity="equal_opportunity", gains=gains, usual=0.37
    )
    assert cuts[2] == cuts[3] == 0.37
    alone = group_cuts(
        chances, truth, np.zeros(400, int), count=1, parity="equal_opportunity", gains=gains,
        usual=0.37,
    )  # fmt: skip
    assert alone.tolist() == [0.37, 0.37]


def test_weights_count_in_rates() -> None:
    labels, truth, groups = np.array([1, 0] * 40), np.ones(80, int), np.repeat([0, 1], 40)
    weights = np.where((groups == 0) & (labels == 1), 3.0, 1.0)
    rates = rates_of(labels, truth, groups, count=2, parity="equal_opportunity", weights=weights)
    np.testing.assert_allclose(rates, [[0.75, 0.5]])


@pytest.mark.parametrize(
    ("parity", "constraint"),
    [
        ("demographic_parity", "demographic_parity"),
        ("equal_opportunity", "true_positive_rate_parity"),
        ("equalised_odds", "equalized_odds"),
    ],
)
def test_thresholds_do_as_well_as_those_of_fairlearn(parity: Any, constraint: str) -> None:
    """Fairlearn may toss a coin, so its accuracy is a little higher at most."""
    postprocessing = pytest.importorskip("fairlearn.postprocessing")
    from sklearn.base import BaseEstimator, ClassifierMixin

    class Told(ClassifierMixin, BaseEstimator):
        def fit(self, X: Any, y: Any) -> Any:
            self.classes_ = np.array([0, 1])
            return self

        def predict_proba(self, X: Any) -> Any:
            return np.hstack([1 - X, X])

        def __sklearn_is_fitted__(self) -> bool:
            return True

    chances, truth, groups = chances_and_truth(rows=3000)
    other = postprocessing.ThresholdOptimizer(
        estimator=Told().fit(None, None), constraints=constraint, prefit=True,
        predict_method="predict_proba",
    )  # fmt: skip
    other.fit(chances[:, None], truth, sensitive_features=groups)
    labels = np.mean(
        [other.predict(chances[:, None], sensitive_features=groups, random_state=s)
         for s in range(20)], axis=0,
    )  # fmt: skip
    how = {"count": 2, "parity": parity}
    cuts = group_cuts(
        chances, truth, groups, gains=gains_of(truth, costs=None, balanced=False), usual=0.5, **how
    )
    own = (chances >= cuts[groups]).astype(float)
    rights = [np.mean(np.where(truth == 1, label, 1 - label)) for label in (own, labels)]
    assert rights[0] == pytest.approx(rights[1], abs=0.015)
    assert gap_in(rates_of(own, truth, groups, **how)) <= 0.02


# In a search.


@pytest.mark.parametrize("parity", PARITIES)
def test_thresholds_lie_inside_the_one_graph(parity: Any) -> None:
    frame = people()
    found = run(frame, mitigate="thresholds", parity=parity)
    told = found.leaderboard.mitigation
    assert told is not None
    assert told.gap_after.value < 0.5 * told.gap_before.value
    assert told.gap_after.low <= told.gap_after.value <= told.gap_after.high
    assert set(told.thresholds) == {"f", "m", ""}
    assert told.thresholds["f"] < told.thresholds["m"]
    assert told.words in found.leaderboard.notes
    graph, coded = compile_plan(found.plan), compile_plan(found.plan, "codes")
    fresh = people(400, seed=1)
    one, other = Scorer(graph).score_frame(fresh), Scorer(coded).score_frame(fresh)
    cut = fresh["sex"].replace_strict(told.thresholds, return_dtype=pl.Float64).to_numpy()
    assert (one.label == (one.prediction >= cut)).all()
    assert (one.label == other.label).all()
    assert Scorer(graph).cut_by == ("sex",)
    strangers = fresh.with_columns(sex=pl.lit(None, pl.String))
    unknown = Scorer(graph).score_frame(strangers)
    assert (unknown.label == (unknown.prediction >= told.thresholds[""])).all()
    report = prove_parity(found.plan, graph, frame, found.native, coded=coded)
    assert report.ok


def test_only_the_label_changes() -> None:
    plain, cut = run(), run(mitigate="thresholds")
    fresh = people(200, seed=2)
    answers = [Scorer(compile_plan(f.plan)).score_frame(fresh) for f in (plain, cut)]
    np.testing.assert_allclose(answers[0].probabilities, answers[1].probabilities)
    assert (answers[0].label != answers[1].label).any()
    assert cut.leaderboard.mitigation.score_before == cut.leaderboard.mitigation.score_before


def test_out_of_fold_labels_are_those_that_were_measured() -> None:
    frame = people()
    found = run(frame, mitigate="thresholds")
    told, answers = found.leaderboard.mitigation, found.out_of_fold
    sex = frame["sex"].to_numpy()[answers["row"].to_numpy()]
    label, truth = answers["label"].to_numpy(), answers["truth"].to_numpy()
    rates = [label[sex == name].mean() for name in ("f", "m")]
    assert told.gap_after.value == pytest.approx(abs(rates[0] - rates[1]))
    assert told.right_after.value == pytest.approx((label == truth).mean())
    change = told.right_after.value - told.right_before.value
    assert told.right_change.value == pytest.approx(change)


def test_thresholds_by_a_boolean() -> None:
    found = run(fairness="woman", mitigate="thresholds")
    told = found.leaderboard.mitigation
    fresh = people(300, seed=3)
    answer = Scorer(compile_plan(found.plan)).score_frame(fresh)
    cut = np.where(fresh["woman"], told.thresholds["true"], told.thresholds["false"])
    assert (answer.label == (answer.prediction >= cut)).all()
    assert prove_parity(found.plan, compile_plan(found.plan), people(), found.native).ok


def test_reweighing_narrows_the_gap_without_the_column() -> None:
    """The model does not read the groups; the rows are weighed by them all the same."""
    features = tuple(
        Column(name=c.name, kind=c.kind, role="ignored" if c.name in {"sex", "woman"} else c.role,
               nullable=c.nullable, categories=c.categories)
        for c in CONTRACT.columns
    )  # fmt: skip
    found = run(mitigate="reweighing", contract=Contract(columns=features))
    told = found.leaderboard.mitigation
    assert told.method == "reweighing"
    assert told.parity == "demographic_parity"
    assert told.gap_after.value <= told.gap_before.value + 0.01
    assert "sex" not in {item.name for item in found.plan.inputs}
    chosen = found.leaderboard.chosen
    assert all("rows weighed by sex and class" in t.note for t in chosen)


def test_reweighing_narrows_the_gap() -> None:
    told = run(people(2000), mitigate="reweighing").leaderboard.mitigation
    assert told.gap_change.high < 0
    assert told.gap_after.value < 0.7 * told.gap_before.value
    assert told.right_after.value > 0.6


def test_reweighing_several_classes() -> None:
    frame = people(1200)
    band = np.where(frame["skill"] > 0.7, "high", np.where(frame["skill"] > -0.7, "middle", "low"))
    found = run(
        frame.drop("hired")
        .with_columns(hired=pl.Series(band))
        .with_columns(skill=pl.col("skill") + np.random.default_rng(0).normal(size=1200)),
        kind="multiclass",
        mitigate="reweighing",
    )
    told = found.leaderboard.mitigation
    assert "any one class" in told.gap_of
    assert told.gap_after.value < told.gap_before.value


@pytest.mark.parametrize("parity", PARITIES[:2])
def test_constraints_bring_rates_together(parity: Any) -> None:
    frame = people(1500)
    found = run(frame, mitigate="constrained", parity=parity, families=("linear",))
    told = found.leaderboard.mitigation
    assert told.gap_after.value < 0.5 * told.gap_before.value
    assert told.right_after.value > 0.6
    assert all("under prices for sex" in t.note for t in found.leaderboard.chosen)
    graph = compile_plan(found.plan)
    fresh = people(1500, seed=5)
    answer = Scorer(graph).score_frame(fresh)
    women = (fresh["sex"] == "f").to_numpy()
    if parity == "demographic_parity":
        gap = abs(answer.label[women].mean() - answer.label[~women].mean())
        assert gap < 0.6 * told.gap_before.value
    assert prove_parity(found.plan, graph, frame, found.native).ok


def test_constraints_do_about_as_well_as_those_of_fairlearn() -> None:
    reductions = pytest.importorskip("fairlearn.reductions")
    from sklearn.linear_model import LogisticRegression

    frame = people(2500)
    told = run(frame, mitigate="constrained", families=("linear",)).leaderboard.mitigation
    X = frame.select("skill", "luck", "age", pl.col("woman").cast(pl.Float64)).to_numpy()
    y, sex = (frame["hired"] == "yes").to_numpy().astype(int), frame["sex"].to_numpy()
    fold = np.random.default_rng(7).permutation(len(frame)) % 3
    label = np.zeros(len(frame))
    for k in range(3):
        other = reductions.ExponentiatedGradient(
            LogisticRegression(), reductions.DemographicParity(), eps=0.01
        )
        other.fit(X[fold != k], y[fold != k], sensitive_features=sex[fold != k])
        label[fold == k] = other._pmf_predict(X[fold == k])[:, 1]
    right = np.mean(np.where(y == 1, label, 1 - label))
    assert told.right_after.value == pytest.approx(right, abs=0.03)


def test_a_classifier_takes_the_option_too() -> None:
    from assay import AssayClassifier

    frame = people(600)
    model = AssayClassifier(
        families=("linear",), max_trials=1, n_jobs=1, fairness="sex", mitigate="thresholds"
    ).fit(frame.drop("hired"), frame["hired"])
    told = model.leaderboard_.mitigation
    assert told.gap_after.value < told.gap_before.value
    chance = model.predict_proba(frame.drop("hired"))[:, 1]
    cut = frame["sex"].replace_strict(told.thresholds, return_dtype=pl.Float64).to_numpy()
    named = np.where(chance >= cut, "yes", "no")
    assert (model.predict(frame.drop("hired")) == named).all()


def test_the_same_seed_gives_the_same_model() -> None:
    for method in ("reweighing", "constrained"):
        one, other = (run(people(500), mitigate=method, families=("linear",)) for _ in range(2))
        assert compile_plan(one.plan) == compile_plan(other.plan)
        assert one.leaderboard.mitigation == other.leaderboard.mitigation


@pytest.mark.parametrize("method", ["reweighing", "thresholds", "constrained"])
def test_weights_of_rows_count(method: str) -> None:
    """Rows of weight 0 may hold nonsense, in fits, thresholds and the comparison."""
    frame = people(900)
    nonsense = np.arange(900) % 3 == 0
    turned = pl.when(pl.Series(nonsense)).then(pl.lit("yes")).otherwise(pl.col("hired"))
    weights = np.where(nonsense, 0.0, 1.0)
    found = run(
        frame.with_columns(hired=turned), mitigate=method, families=("linear",), weights=weights
    )
    told, answers = found.leaderboard.mitigation, found.out_of_fold
    known = weights[answers["row"].to_numpy()]
    right = answers["label"].to_numpy() == answers["truth"].to_numpy()
    assert told.right_after.value == pytest.approx(np.average(right, weights=known))
    assert told.gap_after.value < told.gap_before.value


def test_an_older_leaderboard_opens() -> None:
    board = run(max_trials=2).leaderboard
    assert board.mitigation is None
    assert type(board).from_json(board.to_json()) == board
    mitigated = run(max_trials=2, mitigate="thresholds").leaderboard
    assert type(board).from_json(mitigated.to_json()) == mitigated


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"fairness": "", "mitigate": "reweighing"}, "needs a column of groups"),
        ({"fairness": "age", "mitigate": "thresholds"}, "two numbers"),
        ({"mitigate": "thresholds", "contract": "ignored"}, "does not read it"),
        (
            {"mitigate": "reweighing", "kind": "regression", "target": "luck"},
            "these are regression",
        ),
    ],
    ids=["no groups", "a number", "not read", "regression"],
)
def test_what_cannot_be_done_is_refused_before_any_fit(spec: dict[str, Any], words: str) -> None:
    if spec.get("contract"):
        kept = (
            Column(name=c.name, kind=c.kind, role="ignored" if c.name == "sex" else c.role)
            for c in CONTRACT.columns
        )
        spec["contract"] = Contract(columns=tuple(kept))
    if spec.get("kind"):
        kept = (
            Column(name=c.name, kind=c.kind, role="target" if c.name == "luck" else "feature")
            for c in CONTRACT.columns
        )
        spec["contract"] = Contract(columns=tuple(kept))
    with pytest.raises(InputError, match=words) as error:
        run(**spec)
    assert error.value.hint
    assert error.value.where == "mitigate"
