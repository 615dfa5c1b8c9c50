"""ACC003: it fires, it stays silent, it does not apply."""

from __future__ import annotations

from assay.assess.accountability import LINEAGE, LineageComplete
from assay.testing.check import example_record, example_subject


def test_a_gap_in_the_lineage_is_found():
    lineage = {**example_record()["lineage"], "code": ""}
    del lineage["split"]
    finding = LineageComplete().run(example_subject(record={"lineage": lineage}))
    assert finding.value == (len(LINEAGE) - 2) / len(LINEAGE)
    assert finding.details["missing"] == ["split", "code"]


def test_words_are_no_digest():
    lineage = dict.fromkeys(LINEAGE, "somewhere")
    assert LineageComplete().run(example_subject(record={"lineage": lineage})).value == 0.0


def test_a_complete_lineage_is_complete():
    assert LineageComplete().run(example_subject()).value == 1.0


def test_it_always_applies():
    assert LineageComplete().run(example_subject(record={})).applies
