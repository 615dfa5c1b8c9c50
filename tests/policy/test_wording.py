from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.assess.finding import Finding
from assay.policy.policy import Rule
from assay.policy.wording import measured, percent, shown


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (1.0, "1"),
        (0.1 + 0.2, "0.3"),
        (-0.2134, "-0.213"),
        (99.96, "100"),
        (1234.5, "1,234"),
        (0.000123456, "0.000123"),
        (1.5e-9, "1.5e-09"),
        (3e20, "3e+20"),
        (math.inf, "inf"),
    ],
)
def test_numbers_read_as_people_write_them(number: float, text: str) -> None:
    assert shown(number) == text


@given(st.floats(-1e300, 1e300))
def test_what_is_shown_is_near_what_it_is(number: float) -> None:
    assert math.isclose(float(shown(number).replace(",", "")), number, rel_tol=0.0051)


def test_what_the_record_lacks_is_named() -> None:
    finding = Finding(
        check="ACC001",
        title="Completeness of the record",
        principle="accountability",
        measure="share of the items that are filled in",
        value=0.5,
        lower=0.5,
        upper=0.5,
        unit="share",
        evidence="record",
        details={"missing": ["owner", "data licence"]},
    )
    sentence = measured(Rule(check="ACC001", at_least=1), finding, "not met")
    assert sentence.endswith("at least 100 % is asked. Missing: owner, data licence.")


@pytest.mark.parametrize(
    ("confidence", "text"),
    [(0.95, "95"), (0.96, "96"), (0.995, "99.5"), (0.99983, "99.983"), (0.9, "90"), (1.0, "100")],
)
def test_a_confidence_never_reads_as_certainty(confidence: float, text: str) -> None:
    assert percent(confidence) == text
