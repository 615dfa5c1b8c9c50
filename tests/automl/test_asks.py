"""What a user may ask of a search, beside a good score."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from assay.automl.search import SearchResult, search
from assay.automl.spec import SearchSpec
from assay.data.contract import Column, Contract
from assay.errors import InputError, InvalidTable, UnknownColumn
from assay.model.compile import compile_plan
from assay.model.inputs import graph_inputs
from assay.model.reference import predict_plan
from assay.model.scorer import Scorer

KINDS = {"price": "regression", "dear": "binary", "band": "multiclass"}


def run(houses: Callable[..., Any], target: str = "price", **changes: Any) -> SearchResult:
    frame, contract = houses(target, rows=changes.pop("rows", 240))
    options = {
        "families": ("linear", "lightgbm"),
        "max_trials": 6,
        "threads": 2,
        **changes.pop("spec", {}),
    }
    folds = np.random.default_rng(7).permutation(len(frame)) % 3
    return search(
        frame,
        contract=contract,
        kind=KINDS[target],
        target=target,
        folds=folds,
        spec=SearchSpec(**options),
        **changes,
    )


def test_a_glass_box_only(houses: Callable[..., Any]) -> None:
    board = run(houses, spec={"transparent": "glassbox", "max_trials": 3}).leaderboard
    assert all(t.transparent for t in board.chosen)
    refused = next(t for t in board.trials if t.family == "lightgbm")
    assert refused.status == "skipped"
    assert "glass box" in refused.note


def test_a_size_limit_is_kept(houses: Callable[..., Any]) -> None:
    families = {"families": ("forest", "linear"), "max_trials": 4}
    sizes = [
        len(compile_plan(run(houses, "dear", rows=400, spec={**families, **limit}).plan, "codes"))
        for limit in ({}, {"max_megabytes": 0.05})
    ]
    assert sizes[0] > 100_000
    assert sizes[1] <= 50_000
    with pytest.raises(InputError, match="keeps the limit"):
        run(houses, spec={"max_megabytes": 1e-5, "families": ("linear",), "max_trials": 2})


def test_a_latency_limit_is_kept_or_refused(houses: Callable[..., Any]) -> None:
    assert run(houses, spec={"max_row_ms": 50.0, "max_trials": 3}).leaderboard.chosen
    with pytest.raises(InputError, match="ms a row"):
        run(houses, spec={"max_row_ms": 1e-6, "families": ("linear",), "max_trials": 2})


def test_monotone_constraints_hold_in_the_plan(houses: Callable[..., Any]) -> None:
    """The price rises with size in truth; asked to fall, it must fall all the same."""
    frame, _ = houses(rows=1)
    for way, sign in (("increasing", 1), ("decreasing", -1)):
        result = run(
            houses,
            spec={"monotone": {"size": way}, "families": ("lightgbm", "xgboost"), "max_trials": 4},
        )
        sweep = pl.concat([frame] * 60).with_columns(size=pl.Series(np.linspace(-50, 600, 60)))
        told = predict_plan(result.plan, graph_inputs(result.plan.inputs, sweep)).prediction
        assert (sign * np.diff(told) >= -1e-9 * np.abs(told).max()).all()
        assert np.ptp(told) > 0 or sign < 0


def test_families_that_cannot_keep_constraints_are_left_out(houses: Callable[..., Any]) -> None:
    spec = {"monotone": {"size": "increasing"}, "max_trials": 3}
    board = run(houses, spec=spec).leaderboard
    linear = next(t for t in board.trials if t.family == "linear")
    assert linear.status == "skipped"
    assert "monotone" in linear.note


def test_ordered_categories_are_read_in_their_order(houses: Callable[..., Any]) -> None:
    result = run(houses, spec={"ordered": {"town": ("Dun", "Cul", "Ado", "Bex")}})
    names = result.plan.feature_names
    assert not any(name.startswith("town = ") for name in names)
    assert "town: mean answer" not in names


def test_weights_count_in_fit_and_score(houses: Callable[..., Any]) -> None:
    """Rows of weight 0 may hold nonsense."""
    frame, contract = houses(rows=240)
    nonsense = np.arange(240) % 2 == 0
    price = np.where(nonsense, 1e6 - frame["price"].to_numpy(), frame["price"].to_numpy())
    spoiled = frame.with_columns(price=pl.Series(price))
    folds = np.random.default_rng(7).permutation(240) % 3
    options = {"families": ("linear", "lightgbm"), "max_trials": 4, "threads": 2}
    weighed = search(
        spoiled,
        contract=contract,
        kind="regression",
        target="price",
        folds=folds,
        spec=SearchSpec(**options),
        weights=np.where(nonsense, 0.0, 1.0),
    )
    assert weighed.leaderboard.ensemble_score < 0.6 * weighed.leaderboard.baseline
    with pytest.raises(InvalidTable, match="weight each"):
        run(houses, weights=np.full(240, -1.0))


def test_costs_choose_the_decision(houses: Callable[..., Any]) -> None:
    """Missing a dear house costs ten times as much as naming one wrongly: more are named."""
    costs = {"yes": {"no": 10.0}, "no": {"yes": 1.0}}
    plain, dear = (run(houses, "dear", spec={"costs": c}) for c in ({}, costs))
    assert dear.leaderboard.metric == "cost"
    assert dear.plan.output.threshold < plain.plan.output.threshold
    assert (dear.out_of_fold["label"].mean()) > plain.out_of_fold["label"].mean()


def test_quantiles_are_answered_in_order_and_cover(houses: Callable[..., Any]) -> None:
    result = run(
        houses,
        rows=600,
        spec={"quantiles": (0.1, 0.5, 0.9), "families": ("lightgbm",), "max_trials": 2},
    )
    fresh, _ = houses(rows=500, seed=1)
    answer = Scorer(compile_plan(result.plan, "codes")).score_frame(fresh)
    low, middle, high = answer.values.T
    assert (low <= middle).all()
    assert (middle <= high).all()
    inside = (fresh["price"].to_numpy() >= low) & (fresh["price"].to_numpy() <= high)
    assert 0.6 < inside.mean() < 0.95
    assert "q0.5" in result.out_of_fold.columns
    with pytest.raises(InputError, match="of numbers"):
        run(houses, "dear", spec={"quantiles": (0.5,)})


def test_fairness_is_a_second_objective(houses: Callable[..., Any]) -> None:
    board = run(houses, "dear", spec={"fairness": "heated", "max_trials": 8}).leaderboard
    finished = [t for t in board.trials if t.status == "finished"]
    assert all(t.gap is not None and 0 <= t.gap <= 1 for t in finished)
    front = [t for t in finished if t.front]
    assert front
    for trial in finished:
        beaten = any(
            (t.score >= trial.score and t.gap < trial.gap)
            or (t.score > trial.score and t.gap <= trial.gap)
            for t in finished
        )
        assert trial.front or beaten
    assert "selected" in board.gap_of
    with pytest.raises(UnknownColumn):
        run(houses, "dear", spec={"fairness": "heatd"})


def test_a_warm_start_tries_the_former_winner_first(houses: Callable[..., Any]) -> None:
    former = run(houses, "dear", spec={"max_trials": 12}).leaderboard
    again = run(houses, "dear", spec={"max_trials": 6}, warm_start=former).leaderboard
    known = {(t.family, tuple(sorted(t.params.items()))) for t in former.chosen}
    taken = [t for t in again.trials if "earlier run" in t.note]
    assert taken
    assert all((t.family, tuple(sorted(t.params.items()))) in known for t in taken)


def test_a_learning_curve_says_whether_more_rows_would_help(houses: Callable[..., Any]) -> None:
    board = run(houses, rows=400, spec={"learning_curve": True}).leaderboard
    rows = [point.rows for point in board.curve]
    assert rows == sorted(rows)
    assert len(rows) >= 4
    assert board.curve[0].score > board.curve[-1].score
    assert all(p.low <= p.score <= p.high for p in board.curve)


def test_what_columns_brought_is_measured(houses: Callable[..., Any]) -> None:
    brought = {c.feature: c.share for c in run(houses, rows=400).leaderboard.contributions}
    assert set(brought) >= {"size", "age", "heated", "town", "sold"}
    assert brought["size"] > 0.3
    assert brought["heated"] < 0.1
    assert sum(share for name, share in brought.items() if "×" not in name) <= 1 + 1e-9


def two_moons(rows: int, seed: int) -> pl.DataFrame:
    """Two classes on two arcs: few labels do not show the arcs, many points do."""
    from sklearn.datasets import make_moons

    X, y = make_moons(rows, noise=0.08, random_state=seed)
    return pl.DataFrame({"a": X[:, 0], "b": X[:, 1], "side": np.where(y == 1, "in", "out")})


def test_rows_without_an_answer_are_used_only_where_they_help() -> None:
    labelled, unlabelled = two_moons(60, 0), two_moons(600, 1).drop("side")
    columns = (Column(name="a", kind="number"), Column(name="b", kind="number"))
    contract = Contract(columns=(*columns, Column(name="side", kind="category", role="target")))
    result = search(
        labelled,
        contract=contract,
        kind="binary",
        target="side",
        folds=np.arange(60) % 3,
        spec=SearchSpec(families=("linear", "forest"), max_trials=6, threads=2, metric="log_loss"),
        unlabelled=unlabelled,
    )
    taught = [t for t in result.leaderboard.trials if "without an answer" in t.note]
    assert taught
    for trial in taught:
        assert "without: " in trial.note
        alone = float(trial.note.split("without: ")[1].split(";")[0])
        if trial.weight > 0 and len(result.leaderboard.chosen) == 1:
            assert trial.score < alone


def test_what_was_sampled_is_said(houses: Callable[..., Any]) -> None:
    result = run(houses, rows=3000, spec={"max_trials": None, "budget_s": 0.002})
    assert any("drawn at random" in note for note in result.leaderboard.notes)
    assert result.leaderboard.rows < 3000
    assert result.out_of_fold["row"].max() < 3000
    assert result.out_of_fold["row"].is_sorted()


def test_dear_tables_are_judged_in_fewer_folds(houses: Callable[..., Any]) -> None:
    result = run(houses, rows=900, spec={"max_trials": None, "budget_s": 0.02})
    assert result.leaderboard.folds == 1
    assert any("1 of 3 folds" in note for note in result.notes)
    assert len(result.out_of_fold) == 300
    assert result.plan.output.interval is not None


def test_trial_answers_are_kept(houses: Callable[..., Any]) -> None:
    result = run(houses)
    finished = {t.number for t in result.leaderboard.trials if t.status == "finished"}
    assert set(result.trial_answers) == finished
    truth = result.out_of_fold["truth"].to_numpy()
    for trial in result.leaderboard.trials:
        if trial.status == "finished":
            told = result.trial_answers[trial.number]
            assert np.mean(np.abs(told - truth)) == pytest.approx(trial.score)


def test_two_rows_of_a_class_are_enough_for_a_model(houses: Callable[..., Any]) -> None:
    """The first fold holds one class only, so what columns brought cannot be measured on it."""
    frame, contract = houses("dear", rows=120)
    rare = ["yes"] * 2 + ["no"] * 118
    result = search(
        frame.with_columns(dear=pl.Series(rare)),
        contract=contract,
        kind="binary",
        target="dear",
        folds=(np.arange(120) + 1) % 3,
        spec=SearchSpec(families=("linear",), max_trials=2, threads=2),
    )
    assert result.leaderboard.chosen
    assert all(np.isfinite(c.share) for c in result.leaderboard.contributions)
    result.leaderboard.from_json(result.leaderboard.to_json())
