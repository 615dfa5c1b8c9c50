"""TRA002: it fires, it stays silent, it does not apply."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assay.assess.subject import Contributions
from assay.assess.transparency import Faithfulness
from assay.errors import NotApplicable
from assay.testing.check import KINDS, example_subject


@pytest.mark.parametrize("kind", KINDS)
def test_true_reasons_move_the_answer(kind):
    finding = Faithfulness().run(example_subject(kind))
    assert finding.lower > 0.8
    assert finding.details["mean_change_named"] > finding.details["mean_change_others"]


def test_invented_reasons_do_not():
    subject = example_subject()

    def invented(frame):
        parts = subject.explain(frame)
        useless = np.isin(parts.columns, ["doors", "drive", "sold"])
        return replace(parts, values=np.where(useless, 1.0, 0.0) * np.ones_like(parts.values))

    finding = Faithfulness().run(replace(subject, explain=invented))
    assert finding.upper < 0.1


def test_it_does_not_apply_to_a_single_column():
    subject = example_subject()

    def single(frame):
        parts = subject.explain(frame)
        return Contributions(
            columns=("size",), values=parts.values[:, :1], answer=parts.answer, base=parts.base
        )

    with pytest.raises(NotApplicable, match="single column"):
        Faithfulness().run(replace(subject, explain=single))


def test_it_does_not_apply_without_explanations():
    with pytest.raises(NotApplicable, match="gives no explanations"):
        Faithfulness().run(example_subject(explain=None))
