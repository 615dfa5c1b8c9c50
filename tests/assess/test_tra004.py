"""TRA004: it fires, it stays silent, it does not apply."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assay.assess.transparency import Stability
from assay.errors import NotApplicable
from assay.testing.check import KINDS, example_subject


@pytest.mark.parametrize("kind", KINDS)
def test_the_reasons_of_a_smooth_model_stay(kind):
    assert Stability().run(example_subject(kind)).lower > 0.9


def test_reasons_that_jump_are_found():
    subject = example_subject()

    def jumpy(frame):
        parts = subject.explain(frame)
        seed = np.abs(np.sum(frame["weight"].to_numpy() * 1e4)).astype(int)
        return replace(parts, values=np.random.default_rng(seed).normal(size=parts.values.shape))

    assert Stability().run(replace(subject, explain=jumpy)).upper < 0.7


def test_it_does_not_apply_where_nothing_is_a_number():
    subject = example_subject()

    def categories(frame):
        parts = subject.explain(frame)
        kept = [i for i, n in enumerate(parts.columns) if not frame.schema[n].is_numeric()]
        return replace(
            parts,
            columns=tuple(parts.columns[i] for i in kept),
            values=parts.values[:, kept],
        )

    with pytest.raises(NotApplicable, match="none is a number"):
        Stability().run(replace(subject, explain=categories))


def test_it_does_not_apply_without_explanations():
    with pytest.raises(NotApplicable, match="gives no explanations"):
        Stability().run(example_subject(explain=None))
