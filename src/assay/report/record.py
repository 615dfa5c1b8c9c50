"""The record of a run in words: digests, lineage, machine, parity, and how to verify it."""

from __future__ import annotations

from dataclasses import dataclass

from assay.report.dossier import Dossier
from assay.report.wording import count, counted, moment, number


@dataclass(frozen=True, kw_only=True)
class Facts:
    """A titled list of facts."""

    title: str
    rows: tuple[tuple[str, str], ...]


def record_facts(dossier: Dossier) -> tuple[Facts, ...]:
    """Lists of facts that let another person find and check everything."""
    return tuple(
        facts for facts in (_run(dossier), _digests(dossier), _machine(dossier)) if facts.rows
    )


def digests(dossier: Dossier) -> tuple[tuple[str, str], ...]:
    """Name and full digest of everything the verdict rests on."""
    named = [
        ("Model graph", dossier.assessment.subject),
        ("Dataset", dossier.dataset.digest),
        ("Contract", dossier.contract.digest),
        ("Policy", dossier.decision.policy),
        ("Assessment", dossier.decision.assessment),
        ("Decision", dossier.decision.digest),
        ("Leaderboard", dossier.leaderboard.digest),
        ("Parity report", dossier.parity.digest),
        ("Question", dossier.question.digest),
    ]
    if dossier.version is not None:
        named += [
            ("Model plan", dossier.version.plan),
            ("Model graph, coded", dossier.version.coded),
            ("Split", dossier.version.split),
            ("Code", dossier.version.code),
            ("Environment", dossier.version.environment),
        ]
    return tuple((name, text) for name, text in named if text)


def parity_words(dossier: Dossier) -> str:
    """What the parity proof showed, and what it did not look at, in a few sentences."""
    parity = dossier.parity
    worst = max((case.worst for case in parity.cases), default=0.0)
    changed = sum(case.label_changes for case in parity.cases)
    proved = "agree" if parity.ok else "do not agree"
    agreement = (
        f"The graph and the fitted model {proved} on {counted(parity.rows, 'row')} in "
        f"{counted(len(parity.cases), 'case')}: largest difference {number(worst)}, "
        f"{counted(changed, 'changed label')}."
    )
    splits = (
        f"Of {counted(parity.splits, 'split')} in its trees, "
        f"{count(parity.splits_tried)} were tried on both sides."
    )
    said = [agreement, splits]
    if parity.engines:
        said.append(f"Compared as well: {', '.join(parity.engines)}.")
    skipped = {
        "at equal distances of neighbours": sum(case.ties for case in parity.cases),
        "that an engine cannot be given": sum(case.unread for case in parity.cases),
    }
    said += [f"Not compared: {counted(n, 'row')} {why}." for why, n in skipped.items() if n]
    said += [f"Not examined: {what}." for what in parity.not_examined]
    return " ".join(said)


def split_words(dossier: Dossier) -> str:
    """How many rows the search saw and how many were held out."""
    return f"{count(dossier.split.train)} for the search, {count(dossier.split.test)} held out"


def _run(dossier: Dossier) -> Facts:
    rows = [
        ("Run", dossier.run.id),
        ("Started", moment(dossier.run.started)),
        ("By", dossier.run.by),
        (
            "Rows",
            split_words(dossier),
        ),
        ("Split", dossier.split.how),
        ("Seed", str(dossier.split.seed)),
    ]
    if dossier.ledger is not None:
        rows.append(("Ledger", f"entry {count(dossier.ledger.entry)}, hash {dossier.ledger.hash}"))
    return Facts(title="The run", rows=tuple(row for row in rows if row[1]))


def _digests(dossier: Dossier) -> Facts:
    return Facts(title="Digests", rows=digests(dossier))


def _machine(dossier: Dossier) -> Facts:
    machine = [(key.capitalize(), text) for key, text in dossier.run.machine.items()]
    return Facts(title="Machine and packages", rows=(*machine, *dossier.run.packages.items()))
