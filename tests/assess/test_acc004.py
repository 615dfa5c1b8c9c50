"""ACC004: it fires, it stays silent, it does not apply."""

from __future__ import annotations

import pytest

from assay.assess.accountability import GraphProved
from assay.assess.finding import Finding
from assay.testing.check import example_subject


def proof(**changes):
    case = {"name": "real rows", "rows": 9, "worst": 5e-6, "limit": 1e-5, "label_changes": 0}
    other = {**case, "name": "missing", "worst": 0.0}
    return {"parity": {"rows": 18, "cases": [{**case, **changes}, other]}}


def test_a_difference_beyond_its_limit_is_found():
    assert GraphProved().run(example_subject(record=proof(worst=3e-5))).value == pytest.approx(3)


def test_a_changed_label_is_beyond_the_limit():
    finding = GraphProved().run(example_subject(record=proof(label_changes=1)))
    assert finding.value > 1
    assert finding.details["label_changes"] == 1


def test_a_difference_where_none_is_allowed_is_found():
    finding = GraphProved().run(example_subject(record=proof(limit=0.0)))
    assert finding.value > 1e300
    assert Finding.from_json(finding.to_json()) == finding


def test_an_equal_graph_is_within_the_limit():
    finding = GraphProved().run(example_subject(record=proof()))
    assert finding.value == finding.lower == finding.upper == pytest.approx(0.5)
    assert finding.rows == 18


def test_without_a_proof_the_evidence_is_missing_not_excused():
    finding = GraphProved().run(example_subject(record={}))
    assert not finding.applies
    assert finding.reason == ""
