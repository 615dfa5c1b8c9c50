"""INC005: it fires, it stays silent, it does not apply."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from assay.assess.patterns import UncoveredPatterns, count_patterns, maximal_uncovered
from assay.errors import NotApplicable
from assay.question import Groups
from assay.testing.check import asking, example_subject


def by_definition(codes, shape, min_rows):
    """Maximal uncovered patterns, counted one by one."""

    def rows(pattern):
        match = np.ones(codes[0].size, bool)
        for column, value in zip(codes, pattern, strict=True):
            match &= True if value is None else column == value
        return match.sum()

    def parents(pattern):
        for i, value in enumerate(pattern):
            if value is not None:
                yield (*pattern[:i], None, *pattern[i + 1 :])

    every = product(*[[*range(size), None] for size in shape])
    return {p for p in every if rows(p) < min_rows and all(rows(q) >= min_rows for q in parents(p))}


@pytest.mark.parametrize("seed", range(5))
def test_all_at_once_equals_one_by_one(seed):
    rng = np.random.default_rng(seed)
    shape = (2, 3, 4)
    codes = [rng.choice(size, 200, p=rng.dirichlet(np.ones(size))) for size in shape]
    cube = count_patterns(codes, shape)
    found = {
        tuple(None if v == size else int(v) for v, size in zip(place, shape, strict=True))
        for place in np.argwhere(maximal_uncovered(cube, 15))
    }
    assert found == by_definition(codes, shape, 15)
    assert cube[-1, -1, -1] == 200


def test_a_combination_without_rows_is_found():
    finding = UncoveredPatterns().run(example_subject())  # 12 elks in 1,200 rows
    assert finding.value >= 1
    widest = finding.details["patterns"][0]
    assert widest["pattern"] == {"make": "elk"}
    assert widest["rows"] < 30
    assert finding.details["affected"] == ["make", "drive"]
    assert "turbo" in finding.details["columns"]
    assert all(set(p["pattern"]) <= {"make", "drive"} for p in finding.details["patterns"])


def test_categories_are_told_but_not_counted():
    finding = UncoveredPatterns(min_rows=60).run(example_subject())
    mixed = finding.details["patterns_with_categories"]
    assert finding.details["with_categories"] >= len(mixed) > 0
    assert all(set(p["pattern"]) & {"make", "drive"} for p in mixed)
    assert all("turbo" in p["pattern"] for p in mixed)
    assert finding.value == len(finding.details["patterns"])


def test_a_table_with_rows_for_all_stays_silent():
    subject = asking(example_subject(rows=2000), affected_groups=(Groups(column="drive"),))
    finding = UncoveredPatterns(min_rows=3).run(subject)
    assert finding.value == finding.lower == finding.upper == 0
    assert finding.details["patterns"] == []


def test_gaps_that_name_no_affected_group_are_not_counted():
    subject = asking(example_subject(), affected_groups=(Groups(column="drive"),))
    finding = UncoveredPatterns(min_rows=30).run(subject)
    assert {"make": "elk"} not in [p["pattern"] for p in finding.details["patterns"]]


def test_it_does_not_apply_without_groups():
    with pytest.raises(NotApplicable, match="no affected groups"):
        UncoveredPatterns().run(asking(example_subject(), affected_groups=()))


def test_it_does_not_apply_to_too_many_combinations(monkeypatch):
    monkeypatch.setattr("assay.assess.patterns.MOST_CELLS", 10)
    with pytest.raises(NotApplicable, match="too many combinations"):
        UncoveredPatterns().run(example_subject())
