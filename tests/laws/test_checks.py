"""Laws that every check obeys, built in or installed; a new one is covered the day it appears."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from assay.assess.check import Check, all_checks
from assay.assess.finding import Principle
from assay.testing.check import CheckExam

ROOT = Path(__file__).parents[2]
OWN = [check for check in all_checks() if check.__module__.startswith("assay.")]

for _check in all_checks():
    globals()[f"Test{_check.code}"] = type(f"Test{_check.code}", (CheckExam,), {"check": _check})


@pytest.mark.parametrize("check", OWN, ids=lambda c: c.code)
def test_a_page_explains_it(check: type[Check]) -> None:
    page = (ROOT / "docs" / "checks" / f"{check.code.lower()}.md").read_text()
    assert page.startswith(f"# {check.code} {check.title}\n")
    assert (check.__doc__ or "").partition("\n")[0] in page
    for heading in ("## How it is measured", "## Why it matters", "## What to do", "## Source"):
        assert heading in page


@pytest.mark.parametrize("check", OWN, ids=lambda c: c.code)
def test_it_has_its_own_tests(check: type[Check]) -> None:
    assert (ROOT / "tests" / "assess" / f"test_{check.code.lower()}.py").exists()


def test_codes_and_titles_are_unique() -> None:
    assert len({c.code for c in all_checks()}) == len(all_checks())
    assert len({c.title for c in all_checks()}) == len(all_checks())


@pytest.mark.parametrize("principle", get_args(Principle))
def test_each_principle_has_two_checks(principle: str) -> None:
    assert sum(c.principle == principle for c in OWN) >= 2
