"""REL021: it fires, it stays silent, it does not apply."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assay.assess.comparison import StableUnderRetraining
from assay.errors import NotApplicable
from assay.testing.check import KINDS, example_subject


def again(subject, noise):
    """The subject with a retraining that moves the answers by noise."""

    def retrain(seed):
        rows = subject.held_out
        moved = noise * np.random.default_rng(seed).normal(size=rows.rows)
        if subject.kind == "regression":
            return replace(rows, prediction=rows.prediction + moved)
        rolled = np.where(np.abs(moved) > 1, (rows.label + 1) % len(subject.classes), rows.label)
        return replace(rows, label=rolled)

    return replace(subject, retrain=retrain)


@pytest.mark.parametrize("kind", KINDS)
def test_answers_that_jump_are_found(kind):
    finding = StableUnderRetraining().run(again(example_subject(kind), 5.0))
    assert finding.lower > 0.5


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_answers_are_not(kind):
    finding = StableUnderRetraining().run(again(example_subject(kind), 0.0))
    assert (finding.value, finding.lower) == (0, 0)
    assert finding.upper < 0.01


def test_the_value_is_the_share_of_changed_classes():
    subject = example_subject("binary", rows=100)

    def retrain(seed):
        label = subject.held_out.label.copy()
        label[:7] = 1 - label[:7]
        return replace(subject.held_out, label=label)

    assert StableUnderRetraining().run(replace(subject, retrain=retrain)).value == 0.07


def test_it_does_not_apply_without_retraining():
    with pytest.raises(NotApplicable, match="cannot be trained again"):
        StableUnderRetraining().run(example_subject())


def test_it_does_not_apply_to_other_rows():
    other = example_subject(rows=50)
    with pytest.raises(NotApplicable, match="answered other rows"):
        StableUnderRetraining().run(example_subject(rows=60, retrain=lambda seed: other.held_out))
