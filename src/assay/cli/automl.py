"""`assay automl`: the search alone, on any table, without a project."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli.terminal import Json, answer, errors, progress, say

if TYPE_CHECKING:
    from assay.automl.estimators import AssayClassifier, AssayRegressor


def register(parent: typer.Typer) -> None:
    """Add this module's command."""
    parent.command()(automl)


def automl(
    table: Annotated[Path, typer.Argument(help="Table: CSV, Parquet, Arrow or NDJSON.")],
    target: Annotated[str, typer.Option(help="Column that holds the answers.")],
    budget: Annotated[str, typer.Option(help="Wall-clock time: 60s, 5min, 2h.")] = "60s",
    metric: Annotated[str, typer.Option(help="Score to improve; default: by kind.")] = "",
    families: Annotated[str, typer.Option(help="Only these, with commas between.")] = "",
    transparent: Annotated[
        bool, typer.Option("--transparent", help="Only families that a person can read.")
    ] = False,
    quantiles: Annotated[str, typer.Option(help="Answer these, for example 0.1,0.5,0.9.")] = "",
    ignore: Annotated[str, typer.Option(help="Columns to leave out, with commas between.")] = "",
    time: Annotated[
        str | None, typer.Option(help="Column by which folds follow each other in time.")
    ] = None,
    groups: Annotated[
        str | None, typer.Option(help="Column whose groups stay whole in every fold.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the folds and the search.")] = 0,
    trials: Annotated[
        int | None, typer.Option(min=1, help="Exactly this many, whatever the clock says.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write: model.onnx, contract, leaderboard.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Search for the best model of a table, and write it as one ONNX graph.

    Example: assay automl examples/churn/telco_churn.csv --target churn --out churn-model
    """
    from assay.automl.whole_table import fit_table

    with errors(as_json):
        fitted = fit_table(
            table,
            target,
            groups=groups,
            budget=budget,
            metric=metric,
            families=_listed(families),
            transparent="glassbox" if transparent else "any",
            ignore=_listed(ignore),
            time=time,
            random_state=seed,
            max_trials=trials,
            verbose=progress(as_json=as_json),
            **_quantiles(quantiles),
        )
        if out is not None:
            fitted.save(out)
        answer(_told(fitted, out), as_json=as_json, show=lambda: _show(fitted, out))


def _listed(words: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in words.split(",") if word.strip())


def _quantiles(words: str) -> dict[str, tuple[float, ...]]:
    """The setting, where it was given: only regression has it."""
    from assay.errors import InputError

    try:
        found = tuple(float(word) for word in _listed(words))
    except ValueError:
        found = (0.0,)
    if not all(0 < quantile < 1 for quantile in found):
        raise InputError(
            "The quantiles are not all numbers between 0 and 1.",
            hint="Write them with commas between, for example --quantiles 0.1,0.5,0.9.",
        )
    return {"quantiles": found} if found else {}


def _told(fitted: AssayClassifier | AssayRegressor, out: Path | None) -> dict[str, Any]:
    return {
        "estimator": type(fitted).__name__,
        "leaderboard": fitted.leaderboard_,
        "graph_bytes": len(fitted.graph_),
        "notes": fitted.notes_,
        "folder": None if out is None else str(out),
    }


def _show(fitted: AssayClassifier | AssayRegressor, out: Path | None) -> None:
    from assay.cli.board import show_leaderboard

    show_leaderboard(fitted.leaderboard_)
    for note in fitted.notes_:
        if note not in fitted.leaderboard_.notes:
            say(f"Note: {note}")
    say(f"One graph of {len(fitted.graph_) / 1e6:.1f} MB.")
    if out is None:
        say("Nothing was written. To keep the model: --out FOLDER")
    else:
        say(f"Wrote {out}: {type(fitted).__name__}.load reads it, any ONNX runtime model.onnx.")
