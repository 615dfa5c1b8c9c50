"""`assay causal`: what a treatment does to an outcome, from a table alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from assay.cli.terminal import Json, emit_json, emit_table, errors, say, shown

if TYPE_CHECKING:
    from assay.assess.causal.record import CausalReport, Contrast, Effect, Policy


def register(parent: typer.Typer) -> None:
    """Add this module's commands."""
    parent.command()(causal)


def causal(
    table: Annotated[Path, typer.Argument(help="Table: CSV, Parquet, Arrow, …")],
    treatment: Annotated[str, typer.Option(help="Column of what was done.")],
    outcome: Annotated[str, typer.Option(help="Column of what came of it.")],
    groups: Annotated[str, typer.Option(help="Columns to compare groups of: sex,age.")] = "",
    control: Annotated[str, typer.Option(help="Level to compare with; default: no.")] = "",
    positive: Annotated[str, typer.Option(help="Class of the outcome that is counted.")] = "",
    ignore: Annotated[
        str, typer.Option(help="Columns not to hold equal: what the treatment may have changed.")
    ] = "",
    cost: Annotated[float, typer.Option(help="Of treating one, in the outcome's unit.")] = 0.0,
    better: Annotated[Literal["higher", "lower"], typer.Option(help="Wanted outcome.")] = "higher",
    confidence: Annotated[float, typer.Option(help="Of each bound.")] = 0.95,
    refute: Annotated[bool, typer.Option(help="Whether to run the refutation tests.")] = True,
    econml: Annotated[bool, typer.Option(help="Ask EconML too (extra: causal).")] = False,
    seed: Annotated[int, typer.Option(help="Of folds and tests.")] = 0,
    as_json: Json = False,
) -> None:
    """Estimate what a treatment does to an outcome, for whom, and whom to treat.

    Example: assay causal surgery.csv --treatment chemotherapy --outcome died --better lower
    """
    from assay.assess.causal.analysis import effect

    with errors(as_json):
        report = effect(
            table,
            treatment=treatment,
            outcome=outcome,
            groups=_names(groups),
            control=control,
            positive=positive,
            ignore=_names(ignore),
            cost=cost,
            better=better,
            confidence=confidence,
            refutations=refute,
            second_opinion=econml,
            seed=seed,
        )
        if as_json:
            emit_json(report)
        else:
            show_report(report)


def _names(listed: str) -> list[str]:
    """Names parted by commas."""
    return [name.strip() for name in listed.split(",") if name.strip()]


def show_report(report: CausalReport) -> None:
    """Everything that was found, for a person."""
    emit_table(
        (report.treatment, "against", "effect", "bounds", "unadjusted", "rows"),
        [
            (c.level, c.control, c.effect.value, _bounds(c.effect), c.raw, c.effect.rows)
            for c in report.contrasts
        ],
        title=f"Effect of {report.treatment} on the {report.outcome_is}",
        right=("effect", "unadjusted", "rows"),
    )
    say(report.overlap.words)
    for contrast in report.contrasts:
        _show_groups(contrast)
    _show_refutations(report)
    if report.policy is not None:
        _show_policy(report.policy)
    _show_second_opinion(report)
    if report.left_out:
        say(f"Not held equal: {', '.join(report.left_out)}.")
    for note in (*report.notes, report.method):
        say(f"Note: {note}")


def _bounds(effect: Effect) -> str:
    if effect.lower is None or effect.upper is None:
        return ""
    return f"{shown(effect.lower)} to {shown(effect.upper)}"


def _show_groups(contrast: Contrast) -> None:
    if not contrast.groups:
        return
    emit_table(
        ("column", "group", "effect", "bounds", "shown", "rows"),
        [
            (g.column, g.group, g.effect.value, _bounds(g.effect), g.shown, g.effect.rows)
            for g in contrast.groups
        ],
        title=f"Who benefits: {contrast.level} against {contrast.control}",
        right=("effect", "rows"),
    )


def _show_refutations(report: CausalReport) -> None:
    if not report.refutations:
        return
    emit_table(
        ("test", "estimate", "standard errors", "limit", "", "what it does"),
        [
            (r.name, r.value, r.statistic, r.limit, "passed" if r.passed else "failed", r.words)
            for r in report.refutations
        ],
        title="Tests that a sound estimate passes",
        right=("estimate", "standard errors", "limit"),
    )


def _show_policy(policy: Policy) -> None:
    emit_table(
        ("rows that", "treat", "gain", "bounds", "rows"),
        [
            (leaf.condition, leaf.treat, leaf.gain.value, _bounds(leaf.gain), leaf.rows)
            for leaf in policy.leaves
        ],
        title=f"Whom to treat, at a cost of {policy.cost:g}",
        right=("gain", "rows"),
    )
    emit_table(
        ("treating", "brings a row", "bounds"),
        [(value.name, value.value.value, _bounds(value.value)) for value in policy.values],
        title="On rows that the tree was not chosen on",
        right=("brings a row",),
    )


def _show_second_opinion(report: CausalReport) -> None:
    second = report.second_opinion
    if second is None:
        return
    say(
        f"EconML ({second.estimator}): {shown(second.effect.value)} ({_bounds(second.effect)}) on "
        f"{second.effect.rows:,} rows."
    )
    if second.spread:
        low, _, middle, _, high = second.spread
        named = ", ".join(f"{name} {share:.0%}" for name, share in second.depends_on.items())
        say(
            f"Causal forest: effects of single rows run from {shown(low)} to {shown(high)} (middle "
            f"{shown(middle)}), and depend on {named}."
        )
