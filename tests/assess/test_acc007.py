"""ACC007: it fires, it stays silent, it does not apply."""

from __future__ import annotations

import pytest

from assay.assess.accountability import OpenIncidents
from assay.errors import NotApplicable
from assay.testing.check import example_subject

SETTLED = {"opened": "2026-01-01T00:00:00Z", "closed": "2026-01-03T12:00:00Z", "severity": "low"}
OPEN = {"opened": "2026-02-01T00:00:00Z", "closed": "", "severity": "high"}


def with_incidents(*incidents):
    return OpenIncidents().run(example_subject(record={"incidents": list(incidents)}))


def test_an_open_incident_is_found():
    finding = with_incidents(SETTLED, OPEN, {"opened": "2026-03-01"})
    assert finding.value == finding.lower == finding.upper == 2
    assert finding.details["open_by_severity"] == {"high": 1, "not stated": 1}


def test_settled_incidents_stay_silent():
    finding = with_incidents(SETTLED)
    assert finding.value == 0
    assert finding.details["on_record"] == 1
    assert finding.details["median_days_to_close"] == 2.5


def test_none_reported_is_a_value():
    finding = with_incidents()
    assert finding.value == 0
    assert finding.details["median_days_to_close"] is None


def test_it_does_not_apply_where_nobody_counts():
    with pytest.raises(NotApplicable, match="keeps a record"):
        OpenIncidents().run(example_subject(record={}))
