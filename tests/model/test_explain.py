from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from assay.errors import InvalidTable, NotApplicable, UnknownColumn
from assay.model import explain
from assay.model.answer import Answer, regression_answer
from assay.model.explain import (
    Explanation,
    contributions,
    explain_row,
    global_importance,
    reference_row,
)
from assay.model.inputs import graph_inputs
from assay.model.plan import Input, LinearMember, ModelPlan, NumberEncoder, Output
from assay.model.scorer import Scorer

from .fitted import INPUTS, Fitted


class Function:
    """A scorer of any function of numbers, (n, columns) to (n,)."""

    kind = "regression"
    classes: tuple[str, ...] = ()

    def __init__(self, columns: int, function: Callable[[Any], Any]) -> None:
        self.inputs = tuple(Input(name=f"c{i}", kind="number") for i in range(columns))
        self.function = function
        self.calls: list[int] = []

    def score(self, inputs: dict[str, Any]) -> Answer:
        table = np.concatenate([inputs[i.name] for i in self.inputs], axis=1)
        self.calls.append(len(table))
        return regression_answer(np.asarray(self.function(table), dtype=np.float64))

    def columns(self, rows: Any) -> dict[str, Any]:
        return {i.name: rows[:, k : k + 1] for k, i in enumerate(self.inputs)}

    def reference(self, row: Any) -> dict[str, float]:
        return {i.name: float(v) for i, v in zip(self.inputs, row, strict=True)}


def brute_force(function: Callable[[Any], Any], row: Any, reference: Any) -> Any:
    """Shapley values by their definition: the mean over all orders of columns."""
    n = len(row)
    total = np.zeros(n)
    for order in itertools.permutations(range(n)):
        now = reference.copy()
        before = function(now[None, :])[0]
        for column in order:
            now[column] = row[column]
            after = function(now[None, :])[0]
            total[column] += after - before
            before = after
    return total / math.factorial(n)


def tangle(x: Any) -> Any:
    return x[:, 0] * x[:, 1] * x[:, 2] + np.sin(x[:, 3]) * x[:, 4] + np.maximum(x[:, 5], x[:, 0])


def test_six_columns_are_exact_against_brute_force() -> None:
    rng = np.random.default_rng(0)
    rows, reference = rng.normal(size=(5, 6)), rng.normal(size=6)
    model: Any = Function(6, tangle)
    found = contributions(model, model.columns(rows), model.reference(reference))
    expected = [brute_force(tangle, row, reference) for row in rows]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert explain_row(model, model.columns(rows[:1]), model.reference(reference)).exact


def test_a_real_model_is_exact_against_brute_force(cars: Fitted) -> None:
    scorer = Scorer(cars.graph)
    reference = reference_row(INPUTS, cars.frame)
    inputs = graph_inputs(INPUTS, cars.frame.head(2))
    found = contributions(scorer, inputs, reference)
    labels = scorer.score(inputs).label
    for n in range(2):
        own = {name: array[n].item() for name, array in inputs.items()}

        def value(coalition: Any, own: Any = own, n: int = n) -> Any:
            cells = {
                i.name: np.array(
                    [[own[i.name] if c[k] else reference[i.name]] for c in coalition],
                    dtype=object if i.kind == "category" else np.float64,
                )
                for k, i in enumerate(INPUTS)
            }
            answer = scorer.score(cells)
            if answer.probabilities is None:
                return answer.prediction
            k = 1 if len(answer.classes) == 2 else labels[n]  # type: ignore[index]
            return answer.probabilities[:, k]

        expected = brute_force(value, np.ones(5), np.zeros(5))
        np.testing.assert_allclose(found[n], expected, atol=1e-7)


def test_linear_models_have_a_closed_form() -> None:
    """weight * (x - reference), by any number of columns and permutations."""
    rng = np.random.default_rng(1)
    n = 40
    weights, low = rng.normal(size=(n, 1)), -1e6
    plan = ModelPlan(
        inputs=tuple(Input(name=f"c{i}", kind="number") for i in range(n)),
        encoders=tuple(NumberEncoder(column=f"c{i}", fill=0, low=low, high=1e6) for i in range(n)),
        members=(
            LinearMember(
                family="linear", columns=tuple(range(n)), center=rng.normal(size=n),
                scale=np.full(n, 2.0), weights=weights, intercept=np.zeros(1),
            ),
        ),
        weights=(1.0,),
        output=Output(kind="regression"),
    )  # fmt: skip
    from assay.model.compile import compile_plan

    scorer = Scorer(compile_plan(plan))
    rows = rng.normal(size=(3, n)).astype(np.float32).astype(np.float64)
    reference = {f"c{i}": 0.5 for i in range(n)}
    inputs = {f"c{i}": rows[:, i : i + 1] for i in range(n)}
    for permutations in (2, 16):
        found = contributions(scorer, inputs, reference, permutations=permutations)
        np.testing.assert_allclose(found, weights[:, 0] * (rows - 0.5) / 2, atol=1e-12)


def test_pairs_of_columns_are_exact_with_a_single_pair_of_orders() -> None:
    """An order and its reverse give each half of an interaction of two columns to either."""
    rng = np.random.default_rng(2)
    n = 20
    pairs = np.triu(rng.normal(size=(n, n)), 1)
    model: Any = Function(n, lambda x: np.einsum("ni,ij,nj->n", x, pairs, x) + x.sum(axis=1))
    row = rng.normal(size=(1, n))
    found = contributions(model, model.columns(row), model.reference(np.zeros(n)), permutations=2)
    both = pairs + pairs.T
    expected = row[0] + 0.5 * row[0] * (both @ row[0])
    np.testing.assert_allclose(found[0], expected, atol=1e-12)


@pytest.mark.parametrize("columns", [1, 5, 12, 30])
def test_contributions_sum_to_the_difference(columns: int) -> None:
    rng = np.random.default_rng(3)
    weights = rng.normal(size=columns)

    def bumpy(x: Any) -> Any:
        return np.exp(np.tanh(x @ weights)) * (x[:, 0] > 0) + np.prod(x[:, :3], axis=1)

    model: Any = Function(columns, bumpy)
    rows, reference = rng.normal(size=(7, columns)), rng.normal(size=columns)
    found = contributions(model, model.columns(rows), model.reference(reference))
    expected = bumpy(rows) - bumpy(reference[None, :])
    np.testing.assert_allclose(found.sum(axis=1), expected, atol=1e-12)


def test_sampling_comes_near_the_truth_with_more_orders() -> None:
    """Eleven columns of a product: the error falls as one over the root of the orders."""
    rng = np.random.default_rng(4)
    row, reference = rng.normal(size=(1, 11)) + 1, np.zeros(11)
    model: Any = Function(11, lambda x: np.prod(x[:, :4] + 0.5, axis=1) + np.exp(x[:, 4:8].mean(1)))
    args = (model, model.columns(row), model.reference(reference))
    exact = contributions(*args, permutations=2**11)
    few, many = (
        np.mean([
            np.abs(contributions(*args, permutations=k, seed=s) - exact).max() for s in range(20)
        ])
        for k in (4, 64)
    )  # fmt: skip
    assert many < few / 2.5


def test_columns_equal_to_the_reference_get_exactly_nothing() -> None:
    model: Any = Function(4, lambda x: np.nan_to_num(x, nan=7.0).prod(axis=1))
    row = np.array([[2.0, 3.0, np.nan, 5.0]])
    reference = {"c0": 1.0, "c1": 3.0, "c2": None, "c3": 1.0}
    found = contributions(model, model.columns(row), reference)
    assert found[0, 1] == found[0, 2] == 0.0
    assert found[0, 0] != 0.0
    same = {"c0": 2.0, "c1": 3.0, "c2": None, "c3": 5.0}
    assert contributions(model, model.columns(row), same).tolist() == [[0.0] * 4]


def test_the_seed_decides() -> None:
    model: Any = Function(20, lambda x: np.sin(x).prod(axis=1) * 1e6)
    args = (model, model.columns(np.full((1, 20), 1.3)), model.reference(np.full(20, 0.9)))
    one, again, other = (contributions(*args, seed=s) for s in (0, 0, 1))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_one_row_is_one_call_of_the_graph() -> None:
    model: Any = Function(25, lambda x: x.sum(axis=1))
    contributions(model, model.columns(np.ones((1, 25))), model.reference(np.zeros(25)))
    assert model.calls[-1] <= 16 * 26
    assert len(model.calls) == 2  # once for the row itself, once for all coalitions


def test_many_rows_share_calls_and_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explain, "BATCH_ROWS", 500)
    model: Any = Function(6, tangle)
    rows = np.random.default_rng(5).normal(size=(60, 6))
    found = contributions(model, model.columns(rows), model.reference(np.zeros(6)))
    assert max(model.calls) <= 500
    alone = [
        contributions(model, model.columns(rows[n : n + 1]), model.reference(np.zeros(6)))[0]
        for n in range(60)
    ]
    np.testing.assert_allclose(found, alone, atol=1e-12)


def test_an_explanation_is_whole(cars: Fitted) -> None:
    scorer = Scorer(cars.graph)
    reference = reference_row(INPUTS, cars.frame)
    found = explain_row(scorer, graph_inputs(INPUTS, cars.frame[0]), reference)
    answer = scorer.score_frame(cars.frame[0])
    assert found.columns == tuple(i.name for i in INPUTS)
    assert abs(sum(found.contributions) - (found.value - found.reference_value)) < 1e-9
    if answer.probabilities is None:
        assert found.value == pytest.approx(answer.prediction[0], rel=1e-12)
        assert found.label == ""
    elif len(answer.classes) == 2:
        assert found.label == "yes"
        assert found.value == pytest.approx(answer.prediction[0], rel=1e-12)
    else:
        assert answer.label is not None
        assert found.label == answer.classes[answer.label[0]]
        assert found.value == pytest.approx(answer.probabilities.max(), rel=1e-6)
    assert Explanation.from_json(found.to_json()) == found


def test_no_rows_have_no_contributions(priced_cars: Fitted) -> None:
    reference = reference_row(INPUTS, priced_cars.frame)
    none = graph_inputs(INPUTS, priced_cars.frame.head(0))
    assert contributions(Scorer(priced_cars.graph), none, reference).shape == (0, 5)


def test_a_reference_without_a_column_is_refused(priced_cars: Fitted) -> None:
    inputs = graph_inputs(INPUTS, priced_cars.frame.head(1))
    with pytest.raises(UnknownColumn, match="power"):
        contributions(Scorer(priced_cars.graph), inputs, {"weight": 1.0})


def test_the_reference_row_is_the_median_and_the_most_frequent_level() -> None:
    frame = pl.DataFrame(
        {
            "n": [5.0, 1.0, None, 9.0, float("inf")],
            "b": [True, True, False, True, None],
            "c": ["x", None, None, "y", "x"],
            "e": [None, None, None, None, None],
            "f": pl.Series([None] * 5, dtype=pl.String),
        }
    )
    kinds = ("number", "number", "category", "number", "category")
    inputs = [Input(name=n, kind=k) for n, k in zip("nbcef", kinds, strict=True)]  # type: ignore[arg-type]
    expected = {"n": 5.0, "b": 1.0, "c": "x", "e": None, "f": None}
    assert reference_row(inputs, frame) == expected


def test_an_empty_table_has_no_reference() -> None:
    with pytest.raises(InvalidTable):
        reference_row([Input(name="n", kind="number")], pl.DataFrame({"n": []}))


def test_importance_of_a_linear_model_is_known() -> None:
    """Squared loss, independent columns: shuffling costs twice the variance of weight * x.

    Fisher, Rudin and Dominici (2019), section 7.
    """
    rng = np.random.default_rng(6)
    x = rng.normal(size=(4000, 3))
    weights = np.array([2.0, 0.0, -1.0])
    model: Any = Function(3, lambda table: table @ weights)
    model.score_frame = None
    frame = pl.DataFrame(x, schema=["c0", "c1", "c2"])
    truth = x @ weights + rng.normal(size=4000)
    found = global_importance(model, frame, lambda a: (a.prediction - truth) ** 2, repeats=8)
    assert [i.column for i in found] == ["c0", "c2", "c1"]
    assert found[0].value == pytest.approx(2 * 4.0, rel=0.1)
    assert found[1].value == pytest.approx(2 * 1.0, rel=0.1)
    assert found[2].value == 0.0
    assert found[0].baseline == pytest.approx(1.0, rel=0.1)
    assert 0 < found[0].spread < 0.5


def test_importance_is_repeatable_and_leaves_the_table_alone(priced_cars: Fitted) -> None:
    scorer = Scorer(priced_cars.graph)
    before = priced_cars.frame.clone()
    truth = scorer.score_frame(priced_cars.frame).prediction
    one, other = (
        global_importance(scorer, priced_cars.frame, lambda a: np.abs(a.prediction - truth))
        for _ in range(2)
    )
    assert one == other
    assert priced_cars.frame.equals(before)
    assert {i.column for i in one} == {i.name for i in INPUTS}
    assert one[0].value > 0 == one[0].baseline


def test_twenty_five_columns_are_explained_quickly() -> None:
    """The promise is 30 ms on a quiet machine; ten times that here, where others work."""
    model: Any = Function(25, lambda x: np.tanh(x).sum(axis=1))
    args = (model, model.columns(np.ones((1, 25))), model.reference(np.zeros(25)))
    contributions(*args)
    took = []
    for _ in range(5):
        began = time.perf_counter()
        contributions(*args)
        took.append(time.perf_counter() - began)
    assert min(took) < 0.3


def test_a_model_of_very_many_columns_is_not_explained() -> None:
    scorer: Any = Function(explain.MOST_COLUMNS + 1, lambda x: x.sum(axis=1))
    inputs = {item.name: np.ones((1, 1)) for item in scorer.inputs}
    reference = dict.fromkeys(inputs, 0.0)
    with pytest.raises(NotApplicable, match="401 columns"):
        contributions(scorer, inputs, reference)
    assert not explain.explainable(scorer)
