"""TRA007: it fires, it stays silent, it does not apply."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assay.assess.explanations import Agreement
from assay.errors import NotApplicable
from assay.testing.check import KINDS, example_subject


@pytest.mark.parametrize("kind", KINDS)
def test_true_reasons_are_what_moves_the_answer(kind):
    finding = Agreement().run(example_subject(kind))
    assert finding.lower > 0.8
    assert finding.details["mean_rank_correlation"] > 0.5
    assert finding.details["mean_common_of_foremost"] > 0.6


def test_invented_reasons_are_not():
    subject = example_subject()

    def invented(frame):
        parts = subject.explain(frame)
        return replace(parts, values=np.where(np.array(parts.columns) == "doors", 1.0, 0.0)
                       * np.ones_like(parts.values))  # fmt: skip

    finding = Agreement().run(replace(subject, explain=invented))
    assert finding.upper < 0.1


def test_it_does_not_apply_to_three_columns():
    subject = example_subject()

    def few(frame):
        parts = subject.explain(frame)
        return replace(parts, columns=parts.columns[:3], values=parts.values[:, :3])

    with pytest.raises(NotApplicable, match="no more than 3"):
        Agreement().run(replace(subject, explain=few))


def test_it_does_not_apply_without_explanations():
    with pytest.raises(NotApplicable, match="gives no explanations"):
        Agreement().run(example_subject(explain=None))
