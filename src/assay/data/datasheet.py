"""A datasheet of the table, in Markdown, rendered from the record.

The headings follow Gebru et al., *Datasheets for Datasets* (2021), as far as the record can
answer them; what only people can answer is listed as such.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from assay.data.contract import Column, Contract
from assay.data.dataset import Dataset
from assay.data.profile import ColumnProfile, Profile
from assay.data.split import Split
from assay.question import Question

_NOT_ON_RECORD = (
    "How and by whom the rows were collected, and whether the people in them know or agreed.",
    "Which rows or groups are absent from the table.",
    "How the target was measured, and how often it is wrong.",
)


def render_datasheet(
    dataset: Dataset,
    *,
    question: Question,
    profile: Profile,
    contract: Contract,
    split: Split,
) -> str:
    """Render the datasheet.

    Parameters
    ----------
    dataset, question, profile, contract, split
        The record of one run.

    Returns
    -------
    str
        Markdown. Holds no cell but the most frequent levels of categories, and none of columns
        that seem to hold personal data.
    """
    sections = [
        f"# Datasheet: {question.name}",
        _motivation(question),
        _composition(dataset, question, profile),
        _findings(profile),
        _columns(profile, contract),
        _uses(contract, split),
        "## Not on record\n\n" + _bullets(_NOT_ON_RECORD),
    ]
    return "\n\n".join(sections) + "\n"


def _motivation(question: Question) -> str:
    facts = [
        ("Question", question.question),
        ("Decision it supports", question.decision),
        ("Owner", question.owner),
        ("Intended use", question.intended_use),
        ("Out of scope", question.out_of_scope),
    ]
    return "## Why\n\n" + _facts(facts)


def _composition(dataset: Dataset, question: Question, profile: Profile) -> str:
    unused = dataset.rows - profile.rows
    facts = [
        ("Source", question.data_source or "not stated"),
        ("Licence", question.data_licence or "not stated"),
        ("Read from", f"`{dataset.source}` at {dataset.read_at}"),
        ("Version", f"`{dataset.digest}`"),
        (
            "Rows",
            f"{dataset.rows:,}" + (f", of which {unused:,} lack the target" if unused else ""),
        ),
        ("Columns", f"{dataset.columns:,}"),
        ("Missing cells", f"{profile.missing_cells:,}"),
        ("Rows that repeat another", f"{profile.duplicates:,}"),
    ]
    return "## What\n\n" + _facts(facts)


def _findings(profile: Profile) -> str:
    flagged = [
        f"**{_escaped(c.name)}**: {_escaped('; '.join([*c.flags, c.note] if c.note else c.flags))}"
        for c in profile.columns
        if c.flags
    ]
    if not flagged:
        return (
            "## What to look at\n\nNo column was flagged as constant, identifier, leakage suspect, "
            "mixed or personal. The search for personal data knows patterns and names of columns, "
            "not names of people in text."
        )
    return "## What to look at\n\n" + _bullets(flagged)


def _columns(profile: Profile, contract: Contract) -> str:
    rows = [
        _column(described, agreed)
        for described, agreed in zip(profile.columns, contract.columns, strict=True)
    ]
    head = ("Column", "Kind", "Role", "Missing", "Distinct", "Range or most frequent", "Outliers")
    return "## Columns\n\n" + _table(head, rows)


def _column(described: ColumnProfile, agreed: Column) -> tuple[str, ...]:
    return (
        described.name,
        agreed.kind,
        agreed.role,
        str(described.missing),
        str(described.distinct),
        _values(described),
        str(described.outliers) if described.kind in {"number", "integer"} else "",
    )


def _values(column: ColumnProfile) -> str:
    if column.top:
        return ", ".join(f"{level} ({rows})" for level, rows in column.top[:3])
    if column.kind == "date" and column.low is not None and column.high is not None:
        return f"{_day(column.low)} to {_day(column.high)}"
    if column.low is None or column.high is None:
        return ""
    median = f", median {column.quantiles[3]:g}" if column.quantiles else ""
    return f"{column.low:g} to {column.high:g}{median}"


def _day(days: float) -> str:
    return (date(1970, 1, 1) + timedelta(days=int(days // 1))).isoformat()


def _uses(contract: Contract, split: Split) -> str:
    facts = [
        ("Target", f"{_escaped(contract.target.name)} ({contract.target.kind})"),
        ("Features", f"{len(contract.features)}"),
        ("Rows to learn from", f"{len(split.train):,}"),
        ("Rows held out", f"{len(split.test):,}"),
        ("How they were split", f"{split.how} Seed {split.seed}."),
    ]
    return "## How it is used\n\n" + _facts(facts)


def _facts(facts: Iterable[tuple[str, str]]) -> str:
    return _bullets(f"**{name}**: {value}" for name, value in facts if value)


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([_escaped(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _escaped(text: str) -> str:
    """Text that Markdown shows as it is."""
    for mark in "\\`|<*_":
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.split())
