"""PRI011: it fires, it stays silent, it does not apply."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import polars as pl
import pytest

from assay.assess.evasion import Evasion, _counts, _move
from assay.errors import NotApplicable
from assay.testing.check import KINDS, ExampleAnswer, example_subject


def near_a_cliff(share):
    """A model whose class hangs on a weight just above the middle, for a share of the rows."""

    def score(frame: pl.DataFrame) -> ExampleAnswer:
        weight = frame["weight"].to_numpy()
        p = np.where(weight > 50.0, 0.9, 0.1)
        return ExampleAnswer(
            prediction=p,
            probabilities=np.column_stack([1 - p, p]),
            label=(p > 0.5).astype(np.int64),
        )

    rng = np.random.default_rng(0)
    weight = np.where(rng.random(600) < share, rng.uniform(50.0, 50.1, 600), 60.0)
    subject = example_subject("binary")
    frame = subject.held_out.frame.with_columns(weight=pl.Series(weight))
    return replace(subject, score=score, held_out=replace(subject.held_out, frame=frame))


def test_answers_on_a_cliff_are_found():
    finding = Evasion().run(near_a_cliff(0.4))
    assert finding.lower < 0.4 < finding.upper
    assert finding.lower > 0.3
    shares = [entry["value"] for entry in finding.details["by_size"]]
    assert shares == sorted(shares)
    assert shares[0] > 0.3  # a tenth is less than 1 % of the range


def test_answers_far_from_the_cliff_stay():
    finding = Evasion().run(near_a_cliff(0.0))
    assert finding.value == 0.0
    assert finding.upper < 0.01


@pytest.mark.parametrize("kind", KINDS)
def test_a_smooth_model_turns_for_few(kind):
    finding = Evasion().run(example_subject(kind))
    assert finding.value < 0.2
    assert finding.rows == 400


def test_moves_together_turn_what_none_turns_alone():
    def score(frame: pl.DataFrame) -> ExampleAnswer:
        size = frame["size"].fill_null(5.0).to_numpy()
        p = 1 / (1 + np.exp(-(frame["weight"].to_numpy() - 50.0 + 3 * (size - 5.0))))
        return ExampleAnswer(
            prediction=p,
            probabilities=np.column_stack([1 - p, p]),
            label=(p > 0.5).astype(np.int64),
        )

    subject = example_subject("binary")
    edge = subject.held_out.frame.with_columns(size=pl.lit(5.0), weight=pl.lit(51.0))
    subject = replace(subject, score=score, held_out=replace(subject.held_out, frame=edge))
    # 5 % of the ranges: about 0.67 of weight, 0.25 of size; alone they move the sum by 0.75.
    assert [b["value"] for b in Evasion().run(subject).details["by_size"]] == [0.0, 0.0, 1.0]


def test_whole_numbers_move_by_whole_steps():
    assert _move(10.0, 0.05, whole=True) == 0.0
    assert _move(50.0, 0.05, whole=True) == 2.0
    assert _move(10.0, 0.05, whole=False) == 0.5
    assert list(_counts(["a"] * 9)) == [2, 4, 8, 9]


def test_it_does_not_apply_without_numbers():
    subject = example_subject()
    kept = tuple(c for c in subject.contract.columns if c.kind not in ("number", "integer"))
    kept += (subject.contract.target,)
    contract = msgspec.structs.replace(subject.contract, columns=kept)
    with pytest.raises(NotApplicable, match="no number that varies"):
        Evasion().run(replace(subject, contract=contract))


def test_it_does_not_apply_to_predictions_alone():
    from assay.assess.subject import no_model

    with pytest.raises(NotApplicable, match="no model to ask"):
        Evasion().run(example_subject("binary", score=no_model))
