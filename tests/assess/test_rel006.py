"""REL006: it fires, it stays silent, it does not apply."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import polars as pl
import pytest

from assay.assess.robustness import ExtremeInput, probes
from assay.errors import ContractViolation, NotApplicable
from assay.testing.check import KINDS, ExampleAnswer, ExampleModel, example_subject


@pytest.mark.parametrize("kind", KINDS)
def test_a_sound_model_is_sound(kind):
    finding = ExtremeInput().run(example_subject(kind))
    assert finding.value == finding.upper == 0.0
    assert finding.details["answers"] > 1000


def test_extrapolation_is_found():
    def straight(frame: pl.DataFrame) -> ExampleAnswer:
        return ExampleAnswer(prediction=2.0 * frame["size"].fill_null(5.0).to_numpy() + 10)

    finding = ExtremeInput().run(replace(example_subject(), score=straight))
    assert finding.lower > 0
    assert set(finding.details["unsound"]) == {
        "size: far above",
        "size: far below",
        "size: infinite",
        "size: minus infinite",
    }


def test_answers_that_are_no_numbers_are_found():
    model = ExampleModel(kind="binary")

    def fragile(frame: pl.DataFrame) -> ExampleAnswer:
        answer = model(frame)
        bad = ~frame["make"].is_in(["avis", "bonte", "corvo", "dromo", "elk"]).fill_null(True)
        p = np.where(bad.to_numpy()[:, None], np.nan, answer.probabilities)
        return replace(answer, probabilities=p, prediction=p[:, 1])

    finding = ExtremeInput().run(replace(example_subject("binary"), score=fragile))
    assert list(finding.details["unsound"]) == ["make: unseen"]


def test_a_clear_refusal_is_sound():
    model = ExampleModel(kind="regression")

    def strict(frame: pl.DataFrame) -> ExampleAnswer:
        if frame["weight"].is_infinite().any():
            problem = {"column": "weight", "row": 0, "expected": "a number", "got": "an infinity"}
            raise ContractViolation([problem])
        return model(frame)

    finding = ExtremeInput().run(replace(example_subject(), score=strict))
    assert finding.value == 0.0
    assert finding.details["refused"] == 200


def test_a_crash_is_not_a_refusal():
    def crash(frame: pl.DataFrame) -> ExampleAnswer:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ExtremeInput().run(replace(example_subject(), score=crash))


def test_every_kind_of_column_is_probed():
    subject = example_subject()
    names = {(column, probe) for column, probe, _ in probes(subject, subject.held_out.frame)}
    assert ("sold", "far future") in names
    assert ("make", "unseen") in names
    assert ("turbo", "missing") in names
    assert ("size", "minus infinite") in names


def test_it_does_not_apply_to_a_model_that_reads_nothing():
    subject = example_subject()
    target = tuple(c for c in subject.contract.columns if c.role == "target")
    contract = msgspec.structs.replace(subject.contract, columns=target)
    with pytest.raises(NotApplicable, match="reads no column"):
        ExtremeInput().run(replace(subject, contract=contract))
