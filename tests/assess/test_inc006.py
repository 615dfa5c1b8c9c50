"""INC006: it fires, it stays silent, it does not apply."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assay.assess.inclusiveness import CoverageParity
from assay.errors import NotApplicable
from assay.testing.check import example_subject


def rear(subject):
    return (subject.held_out.frame["drive"] == "rear").to_numpy()


def test_ranges_that_fail_a_group_are_found():
    subject = example_subject()
    held_out, tight = subject.held_out, 2.5 * rear(subject)
    held_out = replace(held_out, lower=held_out.lower + tight, upper=held_out.upper - tight)
    finding = CoverageParity(column="drive").run(replace(subject, held_out=held_out))
    assert finding.lower > 0.4
    stated = {g["group"]: g for g in finding.details["by_group"]}
    assert stated["front"]["mean_width"] == pytest.approx(6.6)
    assert stated["rear"]["mean_width"] == pytest.approx(1.6)


def test_a_group_without_clear_answers_is_found():
    subject = example_subject("binary")
    sets = subject.held_out.sets | rear(subject)[:, None]
    finding = CoverageParity(column="drive").run(
        replace(subject, held_out=replace(subject.held_out, sets=sets))
    )
    assert finding.details["event"] == "clear answers"
    assert finding.lower > 0.2
    stated = {g["group"]: g for g in finding.details["by_group"]}
    assert stated["rear"]["mean_set_size"] == 2
    assert stated["rear"]["several_classes"] == 1
    assert stated["front"]["coverage"] == pytest.approx(
        np.take_along_axis(sets, subject.held_out.truth[:, None], 1)[~rear(subject)].mean()
    )


@pytest.mark.parametrize("kind", ["regression", "binary", "multiclass"])
def test_even_groups_are_not_accused(kind):
    assert CoverageParity(column="drive", confidence=0.99).run(example_subject(kind)).lower == 0.0


def test_rows_that_count_nothing_are_not_looked_at():
    subject = example_subject()
    held_out, broken = subject.held_out, rear(subject) & (np.arange(600) % 2 == 0)
    held_out = replace(
        held_out,
        lower=np.where(broken, held_out.upper, held_out.lower),
        weight=1.0 - broken,
    )
    finding = CoverageParity(column="drive", confidence=0.99).run(
        replace(subject, held_out=held_out)
    )
    assert finding.lower == 0.0
    stated = {g["group"]: g for g in finding.details["by_group"]}
    assert stated["rear"]["coverage"] > 0.8


def test_it_does_not_apply_without_ranges():
    subject = example_subject()
    held_out = replace(subject.held_out, lower=None, upper=None)
    with pytest.raises(NotApplicable, match="no intervals or sets"):
        CoverageParity(column="drive").run(replace(subject, held_out=held_out))


def test_it_does_not_apply_to_small_groups():
    with pytest.raises(NotApplicable, match="have 30 rows or more"):
        CoverageParity(column="drive").run(example_subject(rows=20))
