"""ACC001: it fires, it stays silent, it does not apply."""

from __future__ import annotations

from assay.assess.accountability import RecordComplete
from assay.question import SuccessMeasure
from assay.testing.check import asking, example_subject


def test_missing_items_are_named():
    bare = asking(example_subject(), out_of_scope="", data_licence="", success=SuccessMeasure())
    finding = RecordComplete().run(bare)
    assert finding.value == 5 / 8
    assert finding.details["missing"] == ["uses out of scope", "success measure", "data licence"]


def test_a_complete_record_is_complete():
    finding = RecordComplete().run(example_subject())
    assert finding.value == finding.lower == finding.upper == 1.0
    assert finding.details["missing"] == []


def test_it_always_applies_and_is_a_fact_of_the_record():
    finding = RecordComplete().run(example_subject("binary", record={}))
    assert finding.applies
    assert (finding.evidence, finding.rows) == ("record", 0)
