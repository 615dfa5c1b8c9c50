from __future__ import annotations

from pathlib import Path

import pytest

from assay.errors import InvalidConfig
from assay.policy.policy import read_policy
from assay.policy.validation import validate_policy

CODES = ["REL001", "REL002", "FAI001"]

HEAD = "name: p\nrules:\n  - check: REL001\n    at_most: 1\n"
WAIVED = HEAD + "waivers:\n  - {by: ana, reason: pilot, until: 2026-12-31, "


def check(folder: Path, text: str) -> None:
    path = folder / "policy.yaml"
    path.write_text(text)
    validate_policy(read_policy(folder), codes=CODES, columns=["make", "wheels"], path=path)


@pytest.mark.parametrize(
    ("text", "line", "message", "hint"),
    [
        (HEAD + "  - check: REL020\n    at_most: 1\n", 5, "No check is called 'REL020'.",
         "Closest match: 'REL00"),
        (HEAD + "  - check: FAI001\n    at_most: 1\n    column: maek\n", 7,
         "The table has no column 'maek'.", "Closest match: 'make'."),
        (HEAD + "  - check: REL002\n", 5, "sets no limit", "Give at_most"),
        (HEAD + "  - check: REL002\n    at_most: .nan\n", 6, "No value can be within", "finite"),
        (HEAD + "  - check: REL002\n    at_least: .inf\n", 6, "No value can be within", "finite"),
        (HEAD + "  - check: REL002\n    at_most: 1\n    at_least: 2\n", 6, "No value can be within",
         "no higher than"),
        (HEAD + "  - check: REL001\n    at_most: 2\n", 5, "has two rules", "Keep one"),
        (WAIVED + "check: REL003}\n", 6, "No check is called 'REL003'.", "Closest match"),
        (WAIVED + "check: REL002}\n", 6, "sets no rule of this policy aside", "Rules: REL001."),
        (WAIVED.replace("12-31", "02-31") + "check: REL001}\n", 6,
         "The calendar has no day 2026-02-31.", "YYYY-MM-DD"),
    ],
)  # fmt: skip
def test_a_fault_says_line_and_remedy(
    tmp_path: Path, text: str, line: int, message: str, hint: str
) -> None:
    with pytest.raises(InvalidConfig) as caught:
        check(tmp_path, text)
    assert message in str(caught.value)
    assert hint in caught.value.hint
    assert caught.value.where == f"{tmp_path / 'policy.yaml'}:{line}"


def test_without_a_file_the_place_is_the_path_of_keys(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(HEAD)
    with pytest.raises(InvalidConfig) as caught:
        validate_policy(read_policy(tmp_path), codes=["FAI001"])
    assert caught.value.where == "rules.0.check"


def test_a_waiver_may_name_a_column_of_a_rule_for_all_columns(tmp_path: Path) -> None:
    check(tmp_path, WAIVED + "check: REL001, column: make}\n")


def test_a_waiver_for_another_column_than_the_rules_is_refused(tmp_path: Path) -> None:
    text = WAIVED.replace("at_most: 1\n", "at_most: 1\n    column: wheels\n")
    with pytest.raises(InvalidConfig, match="sets no rule"):
        check(tmp_path, text + "check: REL001, column: make}\n")


def test_columns_are_not_judged_before_the_table_is_read(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(HEAD + "    column: anything\n")
    validate_policy(read_policy(tmp_path), codes=CODES)


def test_a_policy_without_rules_is_valid_and_permits_nothing(tmp_path: Path) -> None:
    check(tmp_path, "name: p\n")
