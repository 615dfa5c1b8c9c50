"""The documents of the lifecycle, written from the record.

They follow the deliverables of the Team Data Science Process: charter, data dictionary, data
quality report, model report, exit report. What only a person can know, and nobody has written,
is an empty slot (☐) that says what belongs there and who can write it.
"""

from __future__ import annotations

from assay.automl.leaderboard import Leaderboard
from assay.report.dossier import Dossier
from assay.report.leaderboard_words import more_data
from assay.report.markdown import bullets, document, facts, slot, table, text
from assay.report.record import digests, parity_words, split_words
from assay.report.rules import rules
from assay.report.verdict import data_name, metric_name, metric_unit, success, verdict
from assay.report.wording import (
    NONE,
    between,
    count,
    counted,
    duration,
    moment,
    quantity,
    share,
    span,
)


def render_documents(dossier: Dossier) -> dict[str, str]:
    """Render all lifecycle documents.

    Parameters
    ----------
    dossier : Dossier
        The stored evidence of one run.

    Returns
    -------
    dict of str to str
        File name -> Markdown.
    """
    return {
        "charter.md": _charter(dossier),
        "data-dictionary.md": _dictionary(dossier),
        "data-quality-report.md": _quality(dossier),
        "model-report.md": _model(dossier),
        "exit-report.md": _exit(dossier),
    }


def rules_table(dossier: Dossier) -> str:
    """Every rule, how it ended, and against what."""
    rows = [
        (f"{rule.shape} {rule.status}", rule.title, rule.measured, rule.bounds, rule.limit or NONE)
        for rule in rules(dossier)
    ]
    if not rows:
        return "The policy holds no rule."
    return table(("Status", "Rule", "Measured", "Bounds", "Limit"), rows)


def contract_table(dossier: Dossier) -> str:
    """Every column that later tables and requests are held to."""
    return table(
        ("Column", "Kind", "Role", "May be missing", "Range or categories"),
        [
            (
                c.name,
                c.kind,
                c.role,
                "yes" if c.nullable else "no",
                _values(c.categories) or span(c.kind, c.low, c.high),
            )
            for c in dossier.contract.columns
        ],
    )


def trials_table(dossier: Dossier, *, only_chosen: bool = False) -> str:
    """What the search tried, best first."""
    board = dossier.leaderboard
    unit = metric_unit(board.metric, dossier.question.unit)
    rows = [
        (
            f"#{trial.number} {trial.family}",
            quantity(trial.score, unit) if trial.score is not None else trial.status,
            between(trial.low, trial.high, unit),
            share(trial.weight) if trial.weight else NONE,
            "yes" if trial.transparent else "no",
            duration(trial.fit_s),
            trial.note,
        )
        for trial in board.trials
        if trial.weight or not only_chosen
    ]
    name = metric_name(board.metric)
    return table(("Trial", name, "Interval", "Weight", "Readable", "Fit", "Note"), rows)


def _charter(dossier: Dossier) -> str:
    asked = dossier.question
    groups = [f"{g.key}{f': {g.why}' if g.why else ''}" for g in asked.affected_groups]
    return document(
        _head("Charter", dossier),
        "## Business background",
        facts([("Question", asked.question), ("Decision it supports", asked.decision)]),
        slot("Why the business asks now, and what it does today.", "the owner"),
        "## Scope",
        facts([("Made for", asked.intended_use), ("Not made for", asked.out_of_scope)]),
        "## People",
        facts([("Who answers for the model", asked.owner), ("Who ran it", dossier.run.by)]),
        slot("Who receives the answers, and who maintains the endpoint.", "the owner"),
        "## Metrics",
        facts(
            [
                ("Success", success(dossier)),
                ("Baseline", asked.success.baseline),
                ("Qualitative aim", ""),
            ]
        ),
        "## Affected groups",
        bullets(groups) or slot("Whom the answer may treat differently.", "the owner"),
        "## Plan",
        slot("Milestones and dates.", "the project lead"),
        "## Architecture",
        "One ONNX graph, preparation of columns included, behind an HTTP endpoint that checks "
        "the hallmark.",
        slot(
            "Where the data comes from each day, and which program reads the answers.",
            "the architect",
        ),
        "## Communication",
        slot("Who tells whom what, and how often.", "the project lead"),
    )


def _dictionary(dossier: Dossier) -> str:
    return document(
        _head("Data dictionary", dossier),
        facts(
            [
                ("Table", dossier.dataset.source),
                ("Comes from", dossier.question.data_source),
                ("Licence", dossier.question.data_licence),
                ("Version", dossier.dataset.digest),
            ]
        ),
        "## Columns",
        contract_table(dossier),
        "## Meaning of each column",
        slot(
            "What each column means and in which unit, where its name does not say.",
            "the data owner",
        ),
    )


def _quality(dossier: Dossier) -> str:
    profile = dossier.profile
    rows = [
        (
            c.name,
            c.kind,
            c.role,
            f"{count(c.missing)} ({share(c.missing / max(profile.rows, 1))})",
            count(c.distinct),
            span(c.kind, c.low, c.high),
            count(c.outliers),
            ", ".join(c.flags),
        )
        for c in profile.columns
    ]
    notes = [f"{c.name}: {c.note}" for c in profile.columns if c.note]
    return document(
        _head("Data quality report", dossier),
        "## Summary",
        f"{counted(profile.rows, 'row')}, {counted(len(profile.columns), 'column')}, "
        f"{counted(profile.missing_cells, 'missing cell')}, "
        f"{counted(profile.duplicates, 'duplicate row')}. {text(dossier.split.how)}",
        "## Each variable",
        table(
            ("Column", "Kind", "Role", "Missing", "Distinct", "Range", "Outliers", "Flags"), rows
        ),
        "## Noted",
        bullets(notes) or "Nothing was noted.",
        "## Target",
        _target(dossier),
        "## Checkpoint: go on, gather more data, or stop",
        slot("The decision, by whom, and why.", "the owner"),
    )


def _target(dossier: Dossier) -> str:
    target = next(c for c in dossier.profile.columns if c.name == dossier.profile.target)
    unit = dossier.question.unit
    spread = list(
        zip(
            ("least", "5 %", "25 %", "median", "75 %", "95 %", "most"),
            target.quantiles,
            strict=False,
        )
    )
    if spread:
        return table([name for name, _ in spread], [[quantity(value, unit) for _, value in spread]])
    return table(("Level", "Rows"), [(level, count(rows)) for level, rows in target.top])


def _model(dossier: Dossier) -> str:
    board = dossier.leaderboard
    return document(
        _head("Model report", dossier),
        "## Approach",
        facts(
            [
                ("Kind", dossier.kind),
                ("Scale of the target", board.transform),
                ("Metric", f"{metric_name(board.metric)}, {board.better} is better"),
                (
                    "Search",
                    f"{duration(board.spent_s)} of {duration(board.budget_s)}, seed {board.seed}",
                ),
                ("Features", counted(len(board.features), "feature")),
            ]
        ),
        "## What was tried",
        trials_table(dossier),
        "## What was chosen, and why",
        text(board.why),
        bullets(board.notes),
        "## What each feature brought",
        _features(board) or "The search did not measure it.",
        "## Would more data help",
        text(more_data(board)) or "No learning curve was asked for.",
        "## Results",
        text(success(dossier)),
        rules_table(dossier),
        "## The graph",
        text(parity_words(dossier)),
        "## Insights and next features",
        slot(
            "What was learned about the domain; which data would help next.", "the data scientist"
        ),
    )


def _features(board: Leaderboard) -> str:
    """Share of each feature in what all of them brought, largest first."""
    rows = [
        (c.feature, share(c.share), ", ".join(c.columns), "yes" if c.engineered else "no")
        for c in board.contributions
    ]
    return table(("Feature", "Share", "Made of", "Engineered"), rows) if rows else ""


def _exit(dossier: Dossier) -> str:
    asked = dossier.question
    told = verdict(dossier)
    approvals = [f"{a.by}, {moment(a.at)}: {a.note or 'no note'}" for a in dossier.approvals]
    return document(
        _head("Exit report", dossier),
        "## Overview",
        facts([("Question", asked.question), ("Verdict", f"{told.headline}. {told.reason}")]),
        "## Business problem",
        facts([("Decision it supports", asked.decision), ("Baseline", asked.success.baseline)]),
        "## Data",
        facts([("From", data_name(dossier)), ("Rows", split_words(dossier))]),
        "## Modelling and validation",
        text(success(dossier)),
        rules_table(dossier),
        "## Benefit",
        slot("What it changed for the business, measured how.", "the owner"),
        "## Learnings",
        slot("What the team would do again, and what not.", "the team"),
        "## What was not examined",
        bullets(dossier.assessment.not_examined) or "The assessment does not say.",
        "## Acceptance",
        bullets(approvals)
        or slot("Who accepted the model, when, after reading what.", "the approver"),
        "## Next steps",
        slot("What happens next, and who does it until when.", "the owner"),
        "## Record",
        table(("What", "Digest"), digests(dossier)),
    )


def _head(title: str, dossier: Dossier) -> str:
    return (
        f"# {title}: {text(dossier.title)}\n\nWritten from the record of run "
        f"{text(dossier.run.id)}, {moment(dossier.run.started)}. "
        "☐ marks what nobody has written yet."
    )


def _values(categories: tuple[str, ...]) -> str:
    shown = ", ".join(categories[:8])
    left = len(categories) - 8
    return f"{shown}, … ({count(left)} more)" if left > 0 else shown
