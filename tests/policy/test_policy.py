from __future__ import annotations

from pathlib import Path

import pytest

from assay.errors import InvalidConfig
from assay.policy.policy import Policy, Rule, read_policy

EXAMPLES = Path(__file__).parents[2] / "examples"


def write(folder: Path, text: str) -> Path:
    (folder / "policy.yaml").write_text(text)
    return folder


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({}, "none"),
        ({"at_most": 0.35}, "at most 0.35"),
        ({"at_least": 1}, "at least 1"),
        ({"at_least": 0.8, "at_most": 1234567.5}, "between 0.8 and 1234567.5"),
    ],
)
def test_the_limit_in_words(limits: dict[str, float], words: str) -> None:
    assert Rule(check="REL001", **limits).limit == words


def test_a_policy_is_read_with_its_defaults(tmp_path: Path) -> None:
    policy = read_policy(write(tmp_path, "name: p\nrules:\n  - check: REL001\n    at_most: 1e-1\n"))
    assert policy == Policy(name="p", rules=(Rule(check="REL001", at_most=0.1),))
    assert policy.approvals.required == 1
    assert policy.rules[0].undecided == "block"


def test_a_day_needs_no_quotes(tmp_path: Path) -> None:
    text = "name: p\nwaivers:\n  - {check: REL001, by: ana, reason: pilot, until: 2026-12-31}\n"
    assert read_policy(write(tmp_path, text)).waivers[0].until == "2026-12-31"


@pytest.mark.parametrize(
    ("text", "line", "message", "hint"),
    [
        ("name: p\nruels: []\n", 2, "Unknown key 'ruels'", "Closest match: 'rules'"),
        ("name: p\nrules:\n  - check: REL001\n    atmost: 1\n", 4, "Unknown key 'atmost'",
         "Closest match: 'at_most'"),
        ("name: p\nrules:\n  - check: rel1\n", 3, "rules.0.check", "assay schema"),
        ("name: p\nrules:\n  - check: REL001\n    undecided: maybe\n", 4, "rules.0.undecided", ""),
        ("name: p\nrules:\n  - check: REL001\n    confidence: 1.5\n", 4, "rules.0.confidence", ""),
        ("name: p\nrules: []\nrules:\n  - check: REL001\n", 3, "given twice", "Keep one"),
        ("name: p\napprovals:\n  required: -1\n", 3, "approvals.required", ""),
    ],
)  # fmt: skip
def test_a_wrong_policy_says_line_and_remedy(
    tmp_path: Path, text: str, line: int, message: str, hint: str
) -> None:
    with pytest.raises(InvalidConfig) as caught:
        read_policy(write(tmp_path, text))
    assert message in str(caught.value)
    assert caught.value.where.endswith(f"policy.yaml:{line}")
    assert hint in caught.value.hint
    assert caught.value.hint


@pytest.mark.parametrize("name", ["car-price", "churn"])
def test_the_examples_policies_read(name: str) -> None:
    assert read_policy(EXAMPLES / name).rules
