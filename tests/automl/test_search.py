from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from assay.automl.bench import Bench
from assay.automl.families.estimator import EstimatorFamily
from assay.automl.families.linear import Linear
from assay.automl.family import Params, Task
from assay.automl.metrics import METRICS
from assay.automl.search import SearchResult, search
from assay.automl.spec import SearchSpec
from assay.errors import InputError, InvalidTable, NotCompilable, UnknownName
from assay.model.encode import encode
from assay.model.inputs import graph_inputs
from assay.model.plan_file import plan_to_bytes
from assay.model.reference import member_predictions, predict_plan

QUICK = ("linear", "lightgbm")


def folds_of(rows: int, folds: int = 3) -> np.ndarray:
    return np.random.default_rng(7).permutation(rows) % folds


def run(houses: Callable[..., Any], target: str = "price", **changes: Any) -> SearchResult:
    frame, contract = houses(target, rows=changes.pop("rows", 160))
    kind = {"price": "regression", "dear": "binary", "band": "multiclass"}[target]
    options = {"families": QUICK, "max_trials": 4, "threads": 2, **changes.pop("spec", {})}
    given = {"folds": folds_of(len(frame)), **changes}
    return search(
        frame, contract=contract, kind=kind, target=target, spec=SearchSpec(**options), **given
    )


@pytest.mark.parametrize("target", ["price", "dear", "band"])
def test_the_plan_is_the_libraries_model(houses: Callable[..., Any], target: str) -> None:
    result = run(houses, target)
    fresh, _ = houses(target, rows=300)
    plan = result.plan
    features = encode(plan, graph_inputs(plan.inputs, fresh))
    described = member_predictions(plan, features)
    for ours, theirs in zip(described, result.native(features), strict=True):
        assert np.allclose(ours, theirs, rtol=1e-6, atol=1e-6)
    assert sum(plan.weights) == pytest.approx(1)
    assert len(plan.feature_names) == features.shape[1]
    assert len(set(plan.feature_names)) == len(plan.feature_names)


def test_a_good_price(houses: Callable[..., Any]) -> None:
    """A skewed target: the search sees that its logarithm is better, and says so."""
    result = run(houses)
    board = result.leaderboard
    assert board.metric == "mae"
    assert board.transform == "log"
    assert "log(price)" in board.why
    assert board.ensemble_score < 0.45 * board.baseline
    assert board.ensemble_low <= board.ensemble_score <= board.ensemble_high
    fresh, _ = houses(rows=400, seed=1)
    answer = predict_plan(result.plan, graph_inputs(result.plan.inputs, fresh))
    truth = fresh["price"].to_numpy()
    assert METRICS["mae"].score(truth, answer.prediction) < 0.5 * board.baseline
    covered = np.mean((answer.lower <= truth) & (truth <= answer.upper))
    assert covered > 0.8


def test_out_of_fold_answers_regression(houses: Callable[..., Any]) -> None:
    result = run(houses)
    table, board = result.out_of_fold, result.leaderboard
    assert table.columns == [
        "row",
        "fold",
        "truth",
        "prediction",
        "lower",
        "upper",
        "baseline",
    ]
    truth, prediction = table["truth"].to_numpy(), table["prediction"].to_numpy()
    assert METRICS["mae"].score(truth, prediction) == pytest.approx(board.ensemble_score)
    for fold in range(3):
        held = table["fold"].to_numpy() == fold
        known = np.median(truth[~held])
        assert np.allclose(table["baseline"].to_numpy()[held], known)
        widths = np.log(table["upper"].to_numpy() / prediction)[held]
        assert len(np.unique(widths.round(9))) == 1
    inside = (table["lower"] <= table["truth"]) & (table["truth"] <= table["upper"])
    assert 0.8 <= inside.mean() <= 0.98


def test_out_of_fold_answers_classes(houses: Callable[..., Any]) -> None:
    result = run(houses, "dear", rows=300)
    table = result.out_of_fold
    assert result.plan.output.classes == ("no", "yes")
    assert np.allclose(table["p_no"] + table["p_yes"], 1)
    assert np.array_equal(table["prediction"], table["p_yes"])
    assert set(table["label"]) == {0, 1}
    assert table["lower"].null_count() == len(table)
    assert result.plan.output.threshold != 0.5
    assert "threshold" in result.leaderboard.why
    assert METRICS["roc_auc"].score(
        table["truth"].to_numpy(), table["prediction"].to_numpy()
    ) == pytest.approx(result.leaderboard.ensemble_score, abs=0.02)


def test_multiclass_columns(houses: Callable[..., Any]) -> None:
    result = run(houses, "band")
    table = result.out_of_fold
    chances = table.select(f"p_{c}" for c in result.plan.output.classes).to_numpy()
    assert np.allclose(chances.sum(axis=1), 1)
    assert np.array_equal(table["label"], chances.argmax(axis=1))
    assert "baseline_a-low" in table.columns
    assert result.leaderboard.ensemble_score < result.leaderboard.baseline


def test_same_seed_same_model(houses: Callable[..., Any]) -> None:
    """Whatever the clock and the number of threads say."""
    first = run(houses, spec={"threads": 1, "budget_s": 0.01})
    second = run(houses, spec={"threads": 2, "budget_s": 60})
    assert plan_to_bytes(first.plan) == plan_to_bytes(second.plan)
    assert first.out_of_fold.equals(second.out_of_fold)
    tried = [
        [(t.number, t.score, t.params, t.weight) for t in r.leaderboard.trials]
        for r in (first, second)
    ]
    assert tried[0] == tried[1]
    assert len(tried[0]) == 4


def test_the_positive_class_comes_last(houses: Callable[..., Any]) -> None:
    result = run(houses, "dear", positive="no", spec={"max_trials": 1})
    assert result.plan.output.classes == ("yes", "no")
    assert result.out_of_fold["truth"].mean() > 0.5


def test_folds_in_time_learn_from_the_past_only(
    houses: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    folds = np.arange(160) // 40 - 1
    seen: dict[str, np.ndarray] = {}
    encode_part = Bench._encode_part

    def spy(self: Bench, part: str, rows: np.ndarray, arrays: Any) -> None:
        seen[part] = rows
        encode_part(self, part, rows, arrays)

    monkeypatch.setattr(Bench, "_encode_part", spy)
    result = run(houses, folds=folds, spec={"max_trials": 2})
    assert {part: rows.max() for part, rows in seen.items()} == {
        "0": 39,
        "1": 79,
        "2": 119,
        "all": 159,
    }
    assert result.out_of_fold["row"].to_list() == list(range(40, 160))
    assert len(result.out_of_fold) == 120


class Interrupted(Linear):
    """A person presses Ctrl-C."""

    name = "interrupted"

    def candidates(self, task: Task, *, rows: int, columns: int) -> tuple[Params, ...]:
        raise KeyboardInterrupt


def test_refinement_ends_when_nothing_helps(houses: Callable[..., Any]) -> None:
    frame, contract = houses()
    start = time.monotonic()
    spec = SearchSpec(budget_s=300, families=("linear",), threads=2)
    board = search(
        frame, contract=contract, kind="regression", target="price", folds=folds_of(160), spec=spec
    ).leaderboard
    assert len(board.trials) > 40
    assert time.monotonic() - start < 60


def test_ctrl_c_ends_the_search(houses: Callable[..., Any]) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(houses, families={"interrupted": Interrupted()})


def test_progress_is_told(houses: Callable[..., Any]) -> None:
    class Notes:
        said: list[tuple[float, str]] = []

        def start(self, step: str, *, about_s: float | None = None) -> None: ...
        def finish(self, step: str, summary: str) -> None: ...
        def update(self, fraction: float, note: str = "") -> None:
            self.said.append((fraction, note))

    run(houses, progress=Notes())
    assert "trial 1, linear; best mae" in Notes.said[0][1]
    assert Notes.said[-1][0] == 1.0
    assert all(0 <= f <= 1 for f, _ in Notes.said)


def test_bad_requests(houses: Callable[..., Any]) -> None:
    with pytest.raises(UnknownName, match="'lihtgbm'"):
        run(houses, spec={"families": ("lihtgbm",)})
    with pytest.raises(InputError, match="does not score regression"):
        run(houses, spec={"metric": "roc_auc"})
    with pytest.raises(InvalidTable, match="need a fold number each"):
        run(houses, folds=np.zeros(160))
    with pytest.raises(InputError, match="positive class does not occur"):
        run(houses, "dear", positive="perhaps")


def test_bad_targets(houses: Callable[..., Any]) -> None:
    frame, contract = houses()
    common = {"contract": contract, "folds": folds_of(160), "spec": SearchSpec(max_trials=1)}
    hole = frame.with_columns(price=pl.Series([None, *frame["price"][1:]]))
    with pytest.raises(InvalidTable, match="1 training rows have no value"):
        search(hole, kind="regression", target="price", **common)
    with pytest.raises(InvalidTable, match="the same in every row"):
        search(frame.with_columns(price=1.0), kind="regression", target="price", **common)
    with pytest.raises(InvalidTable, match="not a number"):
        search(frame, kind="regression", target="town", **common)
    with pytest.raises(InvalidTable, match="4 classes"):
        search(frame.fill_null("Ado"), kind="binary", target="town", **common)


def test_a_family_with_nothing_left_to_try_leaves_the_turns_to_others(
    houses: Callable[..., Any],
) -> None:
    """A user's own estimator without choices is tried once; the rest of the trials go on."""
    from sklearn.linear_model import LinearRegression

    families = {"own": EstimatorFamily(LinearRegression(), name="own"), "linear": Linear()}
    board = run(houses, families=families, spec={"max_trials": 8}).leaderboard
    names = [trial.family for trial in board.trials if trial.status in ("finished", "stopped")]
    assert len(names) == 8
    assert names.count("own") <= 2  # once on each scale


def test_what_the_compiler_cannot_take_is_refused_before_any_training(
    houses: Callable[..., Any],
) -> None:
    from sklearn.svm import SVR

    with pytest.raises(NotCompilable, match="SVR"):
        EstimatorFamily(SVR())
