"""REL004: it fires, it stays silent, it does not apply."""

from __future__ import annotations

import numpy as np
import pytest

from assay.assess.slices import WorstSlice, find_slices, levels_of
from assay.errors import NotApplicable
from assay.testing.check import example_subject


def trouble(table):
    """Noise that is six times as large for rear-driven corvos."""
    rng = np.random.default_rng(5)
    bad = (table["make"].to_numpy() == "corvo") & (table["drive"].to_numpy() == "rear")
    return rng.normal(size=table.height) * np.where(bad, 9.0, 1.5)


def test_a_planted_slice_is_found_and_confirmed_on_other_rows():
    finding = WorstSlice().run(example_subject(rows=1000, noise=trouble))
    assert finding.groups[0].group == "make: corvo, drive: rear"
    assert finding.details["confirmed"][0] == "make: corvo, drive: rear"
    assert finding.lower > 1.8
    assert finding.rows == 500


def test_without_a_bad_slice_it_rarely_claims_one():
    alarms = [
        WorstSlice().run(example_subject(rows=240, seed=seed)).lower > 1 for seed in range(40)
    ]
    assert sum(alarms) <= 5  # 2 expected at 95 %


def test_classes_are_judged_by_their_error_rate():
    finding = WorstSlice().run(example_subject("binary", rows=1000))
    assert finding.value is not None
    assert all(group.rows >= 30 for group in finding.groups)


def test_slices_never_name_personal_columns():
    subject = example_subject()
    assert "mail" not in {level.column for level in levels_of(subject, subject.held_out.frame)}


def test_near_duplicates_are_handed_over_once():
    subject = example_subject(rows=400, noise=trouble)
    rows = subject.held_out
    loss = np.abs(rows.prediction - rows.truth)
    half = np.arange(400) < 200
    found = find_slices(list(levels_of(subject, rows.frame)), loss, half, floor=10, keep=5)
    for i, a in enumerate(found):
        for b in found[:i]:
            assert np.sum(a.member & b.member) / np.sum(a.member | b.member) <= 0.7


def test_it_does_not_apply_to_a_small_table():
    with pytest.raises(NotApplicable, match="There are 50 rows; 60 are needed"):
        WorstSlice().run(example_subject(rows=50))
