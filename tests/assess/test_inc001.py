"""INC001: it fires, it stays silent, it does not apply."""

from __future__ import annotations

import pytest

from assay.assess.inclusiveness import Representation
from assay.errors import NotApplicable
from assay.testing.check import asking, example_subject


def test_a_rare_group_is_found():
    subject = example_subject()
    finding = Representation(column="make").run(subject)
    elks = (subject.table["make"] == "elk").sum()
    assert finding.value == finding.lower == finding.upper == elks / 1200
    assert finding.groups[-1].group == "elk"
    assert finding.details["below_floor"] == 1
    assert finding.evidence == "table"


def test_even_groups_have_even_shares():
    finding = Representation(column="drive").run(example_subject())
    assert finding.value > 0.45
    assert finding.details["below_floor"] == 0


def test_the_floor_can_be_set():
    finding = Representation(column="drive", min_rows=5000).run(example_subject())
    assert finding.details["below_floor"] == 2


def test_it_does_not_apply_without_a_column():
    with pytest.raises(NotApplicable, match="names no affected groups"):
        Representation().run(asking(example_subject(), affected_groups=()))
