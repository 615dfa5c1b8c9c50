"""The model card: Markdown with the front matter that model hubs read.

Sections follow Mitchell et al., "Model Cards for Model Reporting" (2019); the front matter is
Hugging Face's ``model-index``.
"""

from __future__ import annotations

from typing import Any

from assay.report.documents import contract_table, rules_table, trials_table
from assay.report.dossier import Dossier
from assay.report.evidence import principles
from assay.report.markdown import bullets, document, facts, slot, table, text
from assay.report.record import digests, parity_words, split_words
from assay.report.verdict import data_name, metric_name, success, verdict
from assay.report.wording import between, count, moment, quantity

TASKS = {
    "regression": ("tabular-regression", "Tabular regression"),
    "binary": ("tabular-classification", "Tabular classification"),
    "multiclass": ("tabular-classification", "Tabular classification"),
}


def render_card(dossier: Dossier) -> str:
    """Render a dossier as a model card.

    Parameters
    ----------
    dossier : Dossier
        The stored evidence of one run.

    Returns
    -------
    str
        Markdown with YAML front matter. Words from data or YAML are escaped.
    """
    return document(
        front_matter(dossier),
        f"# {text(dossier.title)}",
        _summary(dossier),
        "## Intended use",
        _use(dossier),
        "## Verdict",
        rules_table(dossier),
        "## Data",
        _data(dossier),
        "## Model",
        _model(dossier),
        "## Evaluation",
        _evaluation(dossier),
        "## Groups",
        _groups(dossier),
        "## What was not examined",
        bullets(dossier.assessment.not_examined) or slot("What was left out.", "the assessor"),
        "## Record",
        _record(dossier),
    )


def front_matter(dossier: Dossier) -> str:
    """The YAML block at the top, ``---`` lines included."""
    import yaml

    head = {
        "library_name": "onnx",
        "pipeline_tag": TASKS[dossier.kind][0],
        "tags": ["assay", "onnx", "tabular", dossier.kind],
        "model-index": [{"name": dossier.title, "results": [_result(dossier)]}],
    }
    body = yaml.safe_dump(head, sort_keys=False, allow_unicode=True)
    return f"---\n{body}---"


def _result(dossier: Dossier) -> dict[str, Any]:
    task, name = TASKS[dossier.kind]
    return {
        "task": {"type": task, "name": name},
        "dataset": {
            "name": data_name(dossier),
            "type": "tabular",
            "revision": dossier.dataset.digest,
            "split": "held out",
        },
        "metrics": _metrics(dossier),
    }


def _metrics(dossier: Dossier) -> list[dict[str, Any]]:
    """The search's own estimate, then every figure measured on held-out rows."""
    board = dossier.leaderboard
    measured = [
        {
            "type": board.metric,
            "name": f"{metric_name(board.metric)}, cross-validated",
            "value": board.ensemble_score,
        }
    ]
    measured += [
        {
            "type": found.check.lower(),
            "name": f"{found.title}{f': {found.column}' if found.column else ''}",
            "value": found.value,
        }
        for found in dossier.assessment.findings
        if found.applies and found.evidence == "held-out"
    ]
    return measured


def _summary(dossier: Dossier) -> str:
    told = verdict(dossier)
    return document(
        f"*{text(dossier.question.question)}*",
        f"**{text(told.headline)}.** {text(told.reason)} {text(told.next_step)}",
    ).rstrip()


def _use(dossier: Dossier) -> str:
    asked = dossier.question
    return facts(
        [
            ("Decision it supports", asked.decision),
            ("Made for", asked.intended_use),
            ("Not made for", asked.out_of_scope),
            ("Who answers for it", asked.owner),
        ]
    )


def _data(dossier: Dossier) -> str:
    return document(
        facts(
            [
                ("Source", data_name(dossier)),
                ("Licence", dossier.question.data_licence),
                (
                    "Rows",
                    split_words(dossier),
                ),
                ("Split", dossier.split.how),
            ]
        ),
        contract_table(dossier),
    ).rstrip()


def _model(dossier: Dossier) -> str:
    return document(
        text(dossier.leaderboard.why),
        trials_table(dossier, only_chosen=True),
        text(parity_words(dossier)),
    ).rstrip()


def _evaluation(dossier: Dossier) -> str:
    by_principle = principles(dossier)
    rows = [
        (view.title, view.measured, view.interval, view.source)
        for principle in by_principle
        for first in principle.findings
        for view in (first, *first.also)
    ]
    inapplicable = [
        f"{check}: {why}" for principle in by_principle for check, why in principle.inapplicable
    ]
    return document(
        text(success(dossier)),
        table(("Measure", "Value", "Bounds", "Evidence"), rows),
        "Checks that do not apply here:" if inapplicable else "",
        bullets(inapplicable),
    ).rstrip()


def _groups(dossier: Dossier) -> str:
    rows = [
        (
            f"{found.title}{f': {found.column}' if found.column else ''}",
            group.group,
            count(group.rows),
            quantity(group.value, found.unit),
            between(group.lower, group.upper, found.unit),
        )
        for found in dossier.assessment.findings
        for group in found.groups
    ]
    if not rows:
        return slot(
            "Which groups of people or things the answer may treat differently.", "the owner"
        )
    return table(("Measure", "Group", "Rows", "Value", "Bounds"), rows)


def _record(dossier: Dossier) -> str:
    approvals = [
        f"{a.by} approved on {moment(a.at)} ({a.how})." + (f" {a.note}" if a.note else "")
        for a in dossier.approvals
    ]
    hallmark = "struck" if dossier.struck else "not struck"
    return document(
        bullets(approvals) or "Nobody has approved this version.",
        f"Hallmark: {hallmark}. Check it without network: `assay verify {dossier.title}`",
        table(("What", "Digest"), digests(dossier)),
    ).rstrip()
