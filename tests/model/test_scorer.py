from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import onnx
import polars as pl
import pytest

from assay.errors import InputError, InvalidFile, UnknownColumn
from assay.model import scorer as scoring
from assay.model.compile import compile_plan
from assay.model.inputs import graph_inputs
from assay.model.scorer import Scorer

from .fitted import INPUTS, Fitted, car_table
from .made_plans import random_inputs, random_plan


def test_the_scorer_knows_the_model_from_the_graph_alone(cars: Fitted) -> None:
    scorer, output = Scorer(cars.graph), cars.plan.output
    assert scorer.kind == output.kind
    assert scorer.classes == output.classes
    assert scorer.coverage == output.coverage
    assert scorer.interval == output.interval
    assert scorer.threshold == output.threshold
    assert scorer.inputs == cars.plan.inputs
    assert scorer.families == ("boosting", "forest", "linear")


def test_an_answer_is_whole(cars: Fitted) -> None:
    answer = Scorer(cars.graph).score_frame(cars.frame)
    n = cars.frame.height
    assert answer.prediction.shape == (n,)
    assert answer.prediction.dtype == np.float64
    if cars.plan.output.kind == "regression":
        assert answer.lower is not None
        assert answer.upper is not None
        assert (answer.lower < answer.prediction).all()
        assert (answer.prediction < answer.upper).all()
        assert answer.label is None
        return
    assert answer.probabilities is not None
    assert answer.label is not None
    assert answer.sets is not None
    assert answer.label.dtype == np.int64
    np.testing.assert_allclose(answer.probabilities.sum(axis=1), 1.0)
    assert np.array_equal(answer.sets, answer.probabilities >= 1 - 0.7)
    if len(answer.classes) == 2:
        assert np.array_equal(answer.prediction, answer.probabilities[:, 1])
        assert np.array_equal(answer.label, answer.prediction >= 0.5)
    else:
        assert np.array_equal(answer.prediction, answer.label)
        assert np.array_equal(answer.label, answer.probabilities.argmax(axis=1))


def test_without_an_interval_there_is_none(priced_cars: Fitted, leaving_cars: Fitted) -> None:
    for cars in (priced_cars, leaving_cars):
        output = dataclasses.replace(cars.plan.output, interval=None)
        scorer = Scorer(compile_plan(dataclasses.replace(cars.plan, output=output)))
        answer = scorer.score_frame(cars.frame.head(3))
        assert scorer.interval is answer.lower is answer.upper is answer.sets is None


def test_large_tables_go_in_batches(cars: Fitted, monkeypatch: pytest.MonkeyPatch) -> None:
    scorer = Scorer(cars.graph)
    whole = scorer.score_frame(cars.frame)
    monkeypatch.setattr(scoring, "BATCH_ROWS", 7)
    parts = scorer.score_frame(cars.frame)
    for name in ("prediction", "probabilities", "lower", "upper", "label", "sets"):
        one, other = getattr(whole, name), getattr(parts, name)
        assert (one is None) == (other is None)
        if one is not None:
            np.testing.assert_allclose(other, one, rtol=1e-12)


def test_more_rows_than_a_batch(priced_cars: Fitted) -> None:
    frame = pl.concat([priced_cars.frame] * (scoring.BATCH_ROWS // 300 + 2))
    answer = Scorer(priced_cars.graph).score_frame(frame)
    assert len(answer.prediction) == frame.height > scoring.BATCH_ROWS
    np.testing.assert_allclose(answer.prediction[:300], answer.prediction[-300:], rtol=1e-12)


def test_no_rows_give_no_answers(cars: Fitted) -> None:
    answer = Scorer(cars.graph).score_frame(cars.frame.head(0))
    assert answer.prediction.shape == (0,)
    if answer.probabilities is not None:
        assert answer.probabilities.shape == (0, len(cars.plan.output.classes))


def test_one_row_is_the_row_of_the_table(cars: Fitted) -> None:
    scorer = Scorer(cars.graph)
    whole = scorer.score_frame(cars.frame)
    for row in range(5):
        one = scorer.score_frame(cars.frame[row])
        np.testing.assert_allclose(one.prediction[0], whole.prediction[row], rtol=1e-12)


def test_threads_share_a_scorer(cars: Fitted) -> None:
    scorer = Scorer(cars.graph)
    tables = [car_table(50, seed=seed) for seed in range(16)]
    alone = [scorer.score_frame(t).prediction for t in tables]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda t: scorer.score_frame(t).prediction, tables))
    for one, other in zip(alone, together, strict=True):
        assert np.array_equal(one, other)


def test_several_threads_give_the_same_answer(cars: Fitted) -> None:
    one = Scorer(cars.graph).score_frame(cars.frame)
    two = Scorer(cars.graph, threads=2).score_frame(cars.frame)
    np.testing.assert_allclose(two.prediction, one.prediction, rtol=1e-7)


def test_columns_may_come_in_any_order_and_more_of_them(priced_cars: Fitted) -> None:
    scorer = Scorer(priced_cars.graph)
    expected = scorer.score_frame(priced_cars.frame).prediction
    shuffled = priced_cars.frame.select(reversed(priced_cars.frame.columns))
    shuffled = shuffled.with_columns(price=pl.lit(1.0))
    assert np.array_equal(scorer.score_frame(shuffled).prediction, expected)


def test_an_input_that_no_encoder_reads_is_taken_all_the_same() -> None:
    plan = random_plan(3, "regression")
    inputs = random_inputs(0, rows=4)
    answer = Scorer(compile_plan(plan)).score(inputs)
    inputs["not used"] = inputs["not used"] + 1.0
    again = Scorer(compile_plan(plan)).score(inputs)
    np.testing.assert_array_equal(answer.prediction, again.prediction)
    del inputs["not used"]
    with pytest.raises(UnknownColumn, match="not used"):
        Scorer(compile_plan(plan)).score(inputs)


def test_columns_of_different_length_are_refused(priced_cars: Fitted) -> None:
    inputs = graph_inputs(INPUTS, priced_cars.frame)
    inputs["make"] = inputs["make"][:3]
    with pytest.raises(InputError, match="common number of rows"):
        Scorer(priced_cars.graph).score(inputs)


@pytest.mark.parametrize("body", [b"", b"not a graph", b"\x08\x0a"])
def test_bytes_that_are_no_graph_are_refused(body: bytes) -> None:
    with pytest.raises(InvalidFile):
        Scorer(body)


def test_a_graph_of_others_is_refused(priced_cars: Fitted) -> None:
    model = onnx.load_model_from_string(priced_cars.graph)
    del model.metadata_props[:]
    with pytest.raises(InvalidFile, match="not compiled by assay"):
        Scorer(model.SerializeToString())


def test_a_graph_of_a_later_format_is_refused(priced_cars: Fitted) -> None:
    model = onnx.load_model_from_string(priced_cars.graph)
    for entry in model.metadata_props:
        if entry.key == "assay.format":
            entry.value = "99"
    with pytest.raises(InvalidFile, match="format 99"):
        Scorer(model.SerializeToString())


def test_a_provider_that_is_not_there_is_refused(priced_cars: Fitted) -> None:
    with pytest.raises(InputError, match="cannot run on 'abacus'") as caught:
        Scorer(priced_cars.graph, provider="abacus")
    assert "onnxruntime-gpu" in caught.value.hint


def test_a_gpu_answers_as_the_cpu_does(cars: Fitted) -> None:
    import onnxruntime as ort

    if "CUDAExecutionProvider" not in ort.get_available_providers():
        pytest.skip("this ONNX Runtime has no CUDA provider")
    inputs = graph_inputs(INPUTS, cars.frame)
    found = Scorer(cars.graph, provider="cuda").score(inputs).prediction
    np.testing.assert_allclose(found, Scorer(cars.graph).score(inputs).prediction, rtol=1e-9)


def test_wide_steps_make_batches_small() -> None:
    """Neighbours hold a number for every stored row: a batch must not need all memory."""
    from .test_parity import near_plan

    plan, frame = near_plan(k=3)
    scorer = Scorer(compile_plan(plan))
    assert scorer.batch_rows == scoring.BATCH_ROWS
    member: Any = plan.members[0]
    many = dataclasses.replace(
        member, rows=np.tile(member.rows, (100, 1)), values=np.tile(member.values, (100, 1))
    )
    wide = Scorer(compile_plan(dataclasses.replace(plan, members=(many,))))
    assert wide.batch_rows == scoring.BATCH_CELLS // 6_000
    assert len(wide.score_frame(frame).prediction) == frame.height
