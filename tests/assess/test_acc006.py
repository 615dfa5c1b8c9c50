"""ACC006: it fires, it stays silent, it does not apply."""

from __future__ import annotations

import pytest

from assay.assess.accountability import Approvals
from assay.errors import NotApplicable
from assay.testing.check import example_subject


def approved(*by, maker="ana"):
    given = [{"by": name, "at": f"2026-01-0{i + 1}T00:00:00Z"} for i, name in enumerate(by)]
    record = {"trained_by": maker, "approvals": given}
    return Approvals().run(example_subject(record=record))


def test_nobody_elses_approval_is_found():
    finding = approved("ana")
    assert finding.value == 0
    assert finding.details["by_maker"] == 1
    assert approved().value == 0


def test_each_person_counts_once():
    finding = approved("ben", "cem", "ben")
    assert finding.value == finding.lower == finding.upper == 2
    assert finding.better == "higher"
    assert finding.details["approvals"] == 3
    assert finding.details["latest"] == "2026-01-03T00:00:00Z"


def test_an_unknown_maker_is_said():
    assert not approved("ben", maker="").details["maker_known"]


def test_it_does_not_apply_before_anybody_is_asked():
    with pytest.raises(NotApplicable, match="approvals yet"):
        Approvals().run(example_subject(record={}))
