"""Assess a model that was not made here: from a table of its predictions, or by its address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import structs

from assay.assess.finding import Assessment
from assay.errors import InputError
from assay.policy.gate import Decision
from assay.policy.policy import Policy
from assay.progress import Progress, Silent
from assay.question import Groups, Kind

if TYPE_CHECKING:
    import polars as pl

    from assay.assess.predictions import PredictionColumns, Reading
    from assay.assess.request import Request
    from assay.assess.subject import Subject
    from assay.evidence.remote import RemoteModel


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What was found about a model, and what a policy says of it."""

    assessment: Assessment
    decision: Decision | None = None
    """None where no policy was given."""
    name: str = "predictions"
    """What was assessed, for the title of the report."""

    @property
    def allowed(self) -> bool | None:
        """Whether the policy allows it; None without one."""
        return None if self.decision is None else self.decision.allowed

    def write_report(self, path: str | Path) -> Path:
        """Write every rule and finding as one HTML page that needs no network.

        Raises
        ------
        InputError
            Nothing can be written there.
        """
        from assay.report.findings import render_findings

        page = render_findings(self.assessment, self.decision, title=self.name)
        try:
            Path(path).write_text(page, encoding="utf-8")
        except OSError as error:
            raise InputError(
                f"The report cannot be written: {error.strerror}.",
                hint="Name a file in a folder that exists.",
                where=str(path),
            ) from None
        return Path(path)


def assess_predictions(
    table: str | Path | object,
    *,
    truth: str,
    prediction: str = "",
    scores: Sequence[str] | Mapping[str, str] | str = (),
    groups: Sequence[str | Groups] = (),
    weight: str = "",
    lower: str = "",
    upper: str = "",
    coverage: float = 0.9,
    kind: Kind | None = None,
    positive: str | None = None,
    threshold: float = 0.5,
    model: RemoteModel | None = None,
    send: Sequence[str] = (),
    policy: Policy | str | Path | None = None,
    look: int = 0,
    progress: Progress | None = None,
    today: str = "",
) -> Judged:
    """Assess a model by its predictions, or by asking it; no project is needed.

    Nothing is recorded. Rows without a truth are set aside and counted; where some row has no
    prediction, nothing is measured and every rule misses its evidence.

    Parameters
    ----------
    table : path or table
        CSV, TSV, Parquet, Arrow IPC or NDJSON, or anything with the Arrow capsule interface
        (pandas, Polars, DuckDB, …).
    truth : str
        Column of what turned out.
    prediction : str
        Column of labels, of values, or of probabilities of the positive class: told apart by
        what it holds.
    scores : str, sequence of str, or mapping of str to str
        Columns of probabilities: one, of the positive class; or one a class, by class, or with
        names that end with the class.
    groups : sequence of str or Groups
        Columns whose groups are compared; ``"sex & race"`` crosses two.
    weight : str
        Column of what each row counts.
    lower, upper : str
        Columns of an interval around a predicted value, which promises ``coverage``.
    kind, positive, threshold
        What is inferred otherwise: ``regression``, ``binary`` or ``multiclass``; the class that
        is asked for; the probability from which it is answered.
    model : RemoteModel
        Asked instead of reading answers from columns.
    send : sequence of str
        Columns that ``model`` is sent; by default all but truth and weight.
    policy : Policy or path
        Held against the findings.
    look : int
        How many models, this one included, were judged on these rows: a later look must be
        surer (`assay.policy.looks`). Nothing is recorded here, so only the caller knows. 0:
        not counted.
    progress : Progress
        Told after each check.
    today : str
        Day to judge waivers by, YYYY-MM-DD; by default today (UTC).

    Returns
    -------
    Judged

    Raises
    ------
    InvalidFile, InvalidTable, UnknownColumn, InputError, InvalidConfig
        The table, the columns or the policy cannot be used; says what would work.
    EndpointDown
        The model does not answer.

    Examples
    --------
    >>> judged = assess_predictions(
    ...     {"y": ["no", "yes"] * 40, "p": [0.2, 0.9] * 40, "sex": ["f", "f", "m", "m"] * 20},
    ...     truth="y", prediction="p", groups=["sex"])
    >>> [f.value for f in judged.assessment.findings if f.key == "FAI003/sex/held-out"]
    [0.0]
    """
    from assay.assess.assess import assess, assess_nothing
    from assay.assess.predictions import PredictionColumns, Reading
    from assay.assess.told import Unanswered
    from assay.data.source import describe, read_table

    rules, news = _policy(policy), progress or Silent()
    columns = PredictionColumns(
        truth=truth,
        prediction=prediction,
        scores=(scores,) if isinstance(scores, str) and scores else scores or (),
        groups=tuple(groups),
        weight=weight,
        lower=lower,
        upper=upper,
    )
    reading = Reading(kind=kind, positive=positive, threshold=threshold, coverage=coverage)
    news.start("assess")
    try:
        subject = _subject(read_table(table), columns, reading, model, send)
        found = assess(subject, _requests(rules, look), progress=news)
    except Unanswered as error:
        found = assess_nothing(error.message, [g.key for g in columns.affected])
    found = structs.replace(found, look=look)
    news.finish("assess", f"{sum(f.applies for f in found.findings)} findings")
    return Judged(
        assessment=found,
        decision=_decision(rules, found, today),
        name=Path(describe(table)).name if model is None else model.name,
    )


def _subject(
    frame: pl.DataFrame,
    columns: PredictionColumns,
    reading: Reading,
    model: RemoteModel | None,
    send: Sequence[str],
) -> Subject:
    from assay.assess.predictions import subject_of_model, subject_of_predictions

    if model is None:
        if send:
            raise InputError("There is no model to send columns to.", hint="Give its address.")
        return subject_of_predictions(frame, columns, reading)
    if columns.answers:
        raise InputError(
            "The model is asked, so the table's own predictions are not read.",
            hint="Leave out prediction and scores, or the address.",
        )
    return subject_of_model(frame, columns, model.ask, reading, send=send, probe=model.probe)


def _policy(policy: Policy | str | Path | None) -> Policy | None:
    """The rules, sound."""
    if policy is None:
        return None
    from assay.assess.check import all_checks
    from assay.configuration import read_yaml
    from assay.policy.validation import validate_policy

    path = None if isinstance(policy, Policy) else Path(policy)
    rules = policy if isinstance(policy, Policy) else read_yaml(Path(policy), Policy)
    validate_policy(rules, codes=[check.code for check in all_checks()], path=path)
    return rules


def _requests(policy: Policy | None, look: int) -> list[Request]:
    """What the rules ask for, as sure as this look must be."""
    if policy is None:
        return []
    from assay.assess.request import requests_of
    from assay.policy.looks import confidence_at

    return [
        replace(asked, confidence=confidence_at(asked.confidence, look, policy.looks))
        for asked in requests_of(policy.rules)
    ]


def _decision(policy: Policy | None, found: Assessment, today: str) -> Decision | None:
    if policy is None:
        return None
    from assay.policy.gate import decide
    from assay.records import now

    return decide(policy, found, today=today or now()[:10])
