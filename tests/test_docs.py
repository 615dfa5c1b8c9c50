"""The docs cannot drift: pages exist, links lead somewhere, the README's commands are real."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command

from assay.cli import app

ROOT = Path(__file__).parents[1]
WORDS = [
    "question", "dataset", "contract", "split", "trial", "leaderboard", "model-version", "check",
    "finding", "assessment", "policy", "rule", "gate", "decision", "waiver", "approval", "hallmark",
    "endpoint", "deployment", "traffic", "window", "alert", "challenger", "champion", "ledger",
]  # fmt: skip
PAGES = [*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md"), *(ROOT / "examples").rglob("*.md")]


@pytest.mark.parametrize("word", WORDS)
def test_every_word_has_a_page_that_the_index_names(word: str) -> None:
    assert (ROOT / "docs" / f"{word}.md").is_file()
    assert f"({word}.md)" in (ROOT / "docs" / "README.md").read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
    broken = [x for x in links if "://" not in x and not (page.parent / x).exists()]
    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_commands_in_the_docs_exist(page: Path) -> None:
    known = set(get_command(app).commands)
    named = set(re.findall(r"^\s*assay ([a-z]+)", page.read_text(), flags=re.MULTILINE))
    assert named <= known


def test_no_page_over_promises() -> None:
    """Reports say evidence present or missing; they never call a model fair, safe, compliant."""
    claim = re.compile(r"\b(?:is|are) (?:fair|safe|compliant)\b", re.IGNORECASE)
    assert not [p.name for p in PAGES if claim.search(p.read_text())]
