"""TRA010: it fires, it stays silent, it does not apply."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assay.assess.recourse import CounterfactualsFound
from assay.errors import NotApplicable
from assay.question import Actions
from assay.testing.check import KINDS, example_subject


@pytest.mark.parametrize("kind", KINDS)
def test_where_much_can_change_nearly_all_rows_have_a_way(kind):
    finding = CounterfactualsFound().run(example_subject(kind))
    assert finding.lower > 0.9
    assert finding.rows == 100
    assert finding.details["validity"] == 1.0
    assert finding.details["found_per_row"] > 5
    assert 1 <= finding.details["sparsity"] < 4


def test_where_nothing_that_matters_can_change_there_is_none():
    fixed = Actions(immutable=("size", "weight", "turbo"))
    finding = CounterfactualsFound(actions=fixed).run(example_subject("binary"))
    assert finding.value == 0.0
    assert finding.upper < 0.05
    assert finding.details["importance"] == []


def test_groups_never_change():
    finding = CounterfactualsFound().run(example_subject("binary"))
    assert finding.details["immutable"] == ["drive", "make"]
    changed = {i["column"]: i["value"] for i in finding.details["importance"]}
    assert changed["make"] == changed["drive"] == 0.0
    assert changed["size"] > 0.3


def test_no_row_is_shown():
    """Numbers by column, none by row."""
    details = CounterfactualsFound().run(example_subject("binary")).details
    assert {
        len(np.shape(v)) for k, v in details.items() if k not in ("importance", "immutable")
    } == {0}


def test_it_does_not_apply_where_all_are_accepted():
    subject = example_subject("binary")
    accepted = replace(subject.held_out, label=np.ones(subject.held_out.rows, np.int64))
    with pytest.raises(NotApplicable, match="another answer"):
        CounterfactualsFound().run(replace(subject, held_out=accepted))


def test_it_does_not_apply_without_training_rows():
    subject = example_subject("binary")
    with pytest.raises(NotApplicable, match="lend"):
        CounterfactualsFound().run(replace(subject, train=subject.train[:0]))


def test_it_does_not_apply_to_very_many_columns(monkeypatch):
    monkeypatch.setattr("assay.assess.recourse.MOST_COLUMNS", 3)
    with pytest.raises(NotApplicable, match="up to 3"):
        CounterfactualsFound().run(example_subject("binary"))
