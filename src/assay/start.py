"""Start a project: a folder laid out by the lifecycle, with its question and a first policy."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import yaml
from msgspec import structs

from assay.errors import InputError
from assay.question import Groups, Kind, Question

_IGNORED = "reports/\n"
_TO_ANSWER = {"intended_use", "out_of_scope", "data_source", "data_licence", "budget"}
"""Keys written even where they are empty, so that their owner sees what is still open."""


def lay_out(
    folder: Path,
    *,
    question: str = "",
    data: str = "",
    target: str = "",
    decision: str = "",
    owner: str = "",
    affected_groups: Sequence[str] = (),
    intended_use: str = "",
    out_of_scope: str = "",
    data_source: str = "",
    data_licence: str = "",
) -> Path:
    """Write ``assay.yaml``, ``policy.yaml`` and ``data/`` into a new folder.

    Parameters
    ----------
    folder : Path
        Absent or without ``assay.yaml``; its name becomes the project's.
    data : str
        Path of a table; copied to ``data/``. When given, the target and groups are checked
        against its columns and the kind of question is inferred.
    question, target, decision, owner, intended_use, out_of_scope, data_source, data_licence : str
        See `assay.question.Question`.
    affected_groups : sequence of str
        Columns whose values are groups of affected people or things.

    Raises
    ------
    InputError
        The folder holds a project already, or a needed answer is missing.
    InvalidFile, UnknownColumn, InvalidTable
        The table cannot carry the question.
    """
    if (folder / "assay.yaml").exists():
        raise InputError(
            "This folder holds a project already.",
            hint="Edit its assay.yaml, or choose another folder.",
            where=str(folder),
        )
    _require(data=data, target=target, owner=owner)
    source = Path(data)
    asked = Question(
        name=_name(folder),
        question=question or f"What is the {target}?",
        data=f"data/{source.name}",
        target=target,
        decision=decision or "Not said yet.",
        owner=owner,
        affected_groups=tuple(Groups(column=c) for c in affected_groups),
        intended_use=intended_use,
        out_of_scope=out_of_scope,
        data_source=data_source,
        data_licence=data_licence,
    )
    asked = msgspec.convert(msgspec.to_builtins(asked), Question)
    from assay.automl.metrics import default_metric

    kind = _check_against_table(source, asked)
    measure = structs.replace(asked.success, metric=default_metric(kind))
    asked = structs.replace(asked, success=measure)
    (folder / "data").mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, folder / "data" / source.name)
    (folder / ".gitignore").write_text(_IGNORED, encoding="utf-8")
    (folder / "policy.yaml").write_text(_policy(asked, kind), encoding="utf-8")
    (folder / "assay.yaml").write_text(_question(asked), encoding="utf-8")
    return folder


def _require(**answers: str) -> None:
    missing = [name for name, answer in answers.items() if not answer]
    if missing:
        raise InputError(
            f"Still needed: {', '.join(missing)}.",
            hint=f"Give {' '.join(f'--{name} …' for name in missing)}, or answer at the prompt.",
        )


def _name(folder: Path) -> str:
    name = re.sub(r"[^a-z0-9]+", "-", folder.resolve().name.lower()).strip("-")[:63]
    if not name:
        raise InputError("The folder's name holds no letter or digit.", where=str(folder))
    return name


def _check_against_table(source: Path, question: Question) -> Kind:
    """Read the table once, so that a misspelt column is found now; the kind of question."""
    from assay.data.kinds import infer_kind
    from assay.data.source import read_table
    from assay.data.suitability import check_table

    frame = check_table(read_table(source), question).frame
    kind, _ = infer_kind(frame, question)
    return kind


def _question(question: Question) -> str:
    facts: dict[str, Any] = msgspec.to_builtins(question)
    empty = Question(name="x", question="x", data="x", target="x", decision="x", owner="x")
    defaults = msgspec.to_builtins(empty)
    wanted = {
        key: value
        for key, value in facts.items()
        if value != defaults.get(key) or key in _TO_ANSWER
    }
    head = (
        "# The question, written down before anything is computed.\n"
        "# `assay schema question` describes each key; empty ones below are still to be answered.\n"
    )
    return head + yaml.safe_dump(wanted, sort_keys=False, allow_unicode=True, width=100)


_RULES: tuple[tuple[str, str, str, str], ...] = (
    ("REL001", "at_most: 0.9", "block", "It must beat the same answer for everyone."),
    ("REL003", "at_least: 0.85", "approve", "The range shown at 90 % should hold nearly so often."),
    ("REL005", "at_most: 2.0", "approve", "One missing cell must not double the error."),
    ("REL006", "at_most: 0.0", "block", "A typing mistake must not give an absurd answer."),
    ("PRI001", "at_most: 0", "block", "No personal data in what the model reads."),
    ("PRI002", "at_most: 0.7", "approve", "It should learn, not memorise."),
    ("TRA001", "at_most: 0.001", "block", "The reasons shown add up to the answer shown."),
    ("ACC001", "at_least: 1", "block", "Owner, use, misuse, source and licence are on record."),
    ("ACC002", "at_least: 1", "block", "Limits chosen after the results are no limits."),
    ("ACC003", "at_least: 1", "block", "Whoever asks later finds the very data and code."),
    ("ACC004", "at_most: 1", "block", "What was assessed is what is served."),
)
_GROUP_RULES: dict[str, tuple[tuple[str, str, str, str], ...]] = {
    "regression": (("FAI001", "at_most: 2.0", "approve", "No group carries twice the error."),),
    "binary": (("FAI004", "at_most: 0.2", "approve", "Each group is recognised about as well."),),
    "multiclass": (("FAI001", "at_most: 2.0", "approve", "No group carries twice the error."),),
}
_EVERY_GROUP = ("INC002", "at_least: 0.75", "approve", "The range shown holds for every group.")


def _policy(question: Question, kind: str) -> str:
    """A first policy: one or two rules a principle, to be read and changed by its owner."""
    lines = [
        "# What must be shown before a model of this project may be used. These limits are a",
        "# starting point, not advice: read each, change it, and say why.",
        "# `assay schema policy` describes each key; `assay checks` lists the checks.",
        f"name: {question.name}",
        "approvals:",
        "  required: 1",
        "rules:",
        *(_rule(*rule) for rule in _RULES),
    ]
    for group in question.affected_groups:
        lines += [_rule(*rule, column=group.key) for rule in (*_GROUP_RULES[kind], _EVERY_GROUP)]
    return "\n".join(lines) + "\n"


def _rule(check: str, limit: str, undecided: str, because: str, *, column: str = "") -> str:
    where = (
        f"\n    column: {yaml.safe_dump(column, allow_unicode=True).splitlines()[0]}"
        if column
        else ""
    )
    lines = (f"- check: {check}{where}", f"  {limit}", f"  undecided: {undecided}")
    return "\n".join(f"  {line}" for line in (*lines, f"  because: {because}"))
