"""TRA001: it fires, it stays silent, it does not apply."""

from __future__ import annotations

from dataclasses import replace

import pytest

from assay.assess.transparency import Completeness
from assay.errors import NotApplicable
from assay.testing.check import KINDS, example_subject


@pytest.mark.parametrize("kind", KINDS)
def test_reasons_that_add_up_leave_no_gap(kind):
    finding = Completeness().run(example_subject(kind))
    assert finding.value < 1e-9
    assert finding.rows == 100


def test_reasons_that_miss_a_part_are_found():
    subject = example_subject()

    def lossy(frame):
        parts = subject.explain(frame)
        return replace(parts, values=parts.values * 0.9)

    finding = Completeness().run(replace(subject, explain=lossy))
    assert finding.value > 0.05


def test_reasons_for_another_answer_are_found():
    subject = example_subject()

    def other(frame):
        parts = subject.explain(frame)
        return replace(parts, values=parts.values + 1.0)

    assert Completeness().run(replace(subject, explain=other)).value > 1


def test_no_single_answer_is_shown_where_rows_are_people():
    assert "contributions" not in Completeness().run(example_subject()).details


def test_it_does_not_apply_without_explanations():
    with pytest.raises(NotApplicable, match="gives no explanations"):
        Completeness().run(example_subject(explain=None))
