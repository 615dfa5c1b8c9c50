import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.report import wording

figures = st.floats(-1e300, 1e300)
_LOWERED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻−", "0123456789--")


def read_back(text: str) -> float:
    plain = text.replace(",", "").translate(_LOWERED)
    return float(re.sub(r" × 10", "e", plain))


@given(figures)
def test_a_number_reads_back_within_half_a_unit_of_its_third_digit(value: float) -> None:
    assert read_back(wording.number(value)) == pytest.approx(value, rel=0.00501, abs=1e-300)


@given(figures)
def test_a_number_shows_at_most_three_significant_digits(value: float) -> None:
    mantissa = wording.number(value).split(" ×")[0]
    digits = re.sub(r"\D", "", mantissa).strip("0") if "." not in mantissa else mantissa
    assert len(re.sub(r"\D", "", digits).lstrip("0")) <= 3


@given(st.floats(0, 1))
def test_a_share_is_a_percentage_between_0_and_100(value: float) -> None:
    text = wording.share(value)
    assert text.endswith("%")
    assert 0 <= float(text[:-1]) <= 100


@pytest.mark.parametrize(
    ("value", "text"),
    [(999.6, "1,000"), (0.09996, "0.1"), (float("inf"), "∞"), (float("nan"), "–"), (None, "–")],
)
def test_numbers_at_the_edges(value: float | None, text: str) -> None:
    assert wording.number(value) == text


def test_an_unknown_time_stays_as_it_was_written() -> None:
    assert wording.moment("yesterday") == "yesterday"


def test_another_zone_is_named() -> None:
    assert wording.moment("2026-03-14T09:30:00+02:00").endswith("09:30 +0200")


def test_every_status_has_its_own_shape() -> None:
    assert len(set(wording.STATUS_SHAPES.values())) == len(wording.STATUS_SHAPES)
