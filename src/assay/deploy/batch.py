"""A whole table through a verified version: by its graph, or by machine code for large ones."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from assay.deploy.predictions import check_finite, labels
from assay.errors import InputError
from assay.model.answer import Answer
from assay.model.plan_file import plan_from_bytes
from assay.model.scorer import Scorer
from assay.progress import Progress, Silent

if TYPE_CHECKING:
    from assay.deploy.bundle import Bundle
    from assay.model.native import NativeScorer

ROWS_AT_ONCE = 65_536
"""Rows that are answered before the next progress is told."""
SUFFIXES = (".csv", ".parquet", ".ndjson")
"""Files that answers are written to."""


def score_table(
    bundle: Bundle,
    table: pl.DataFrame,
    *,
    native: bool = False,
    threads: int = 0,
    progress: Progress | None = None,
) -> pl.DataFrame:
    """Answer every row of a table.

    Parameters
    ----------
    bundle : Bundle
        From `load_bundle`, which verified it.
    table : polars.DataFrame
        The contract's columns, in any order; identifiers and the target may be among them.
    native : bool
        Compile the plan on this machine and use that: for very many rows, several times
        faster (`assay.model.native`).
    threads : int
        0 means all cores.
    progress : Progress, optional
        Told the share of the rows that is done.

    Returns
    -------
    polars.DataFrame
        One row a row, in order. Regression: ``prediction`` and, with an interval, ``lower`` and
        ``upper``. Classes: ``label``, ``p_<class>`` and, with prediction sets, ``set``.

    Raises
    ------
    ContractViolation
        The table breaks the contract.
    NotFinite
        Some answer is no finite number.
    InputError, NotCompilable
        ``native``, and there is no C compiler, no plan, or a part that there is no C for.
    """
    rows = bundle.contract.conform(table)
    scorer = _scorer(bundle, native=native, threads=threads)
    news, parts = progress or Silent(), []
    for start in range(0, rows.height, ROWS_AT_ONCE):
        answer = scorer.score_frame(rows[start : start + ROWS_AT_ONCE])
        check_finite(answer)
        parts.append(_columns(answer))
        done = min(start + ROWS_AT_ONCE, rows.height)
        news.update(done / rows.height, f"{done:,} of {rows.height:,} rows")
    return pl.concat(parts)


def write_answers(answers: pl.DataFrame, path: Path) -> Path:
    """Write answers as CSV, Parquet or NDJSON, by the file's suffix; it appears whole.

    In CSV a prediction set is its classes with `` | `` between.

    Raises
    ------
    InputError
        The suffix is none of `SUFFIXES`.
    """
    write = check_suffix(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, partial = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    try:
        write(answers, Path(partial))
        Path(partial).chmod(0o644)
        return Path(partial).replace(path)
    finally:
        Path(partial).unlink(missing_ok=True)


def check_suffix(path: Path) -> Callable[[pl.DataFrame, Path], None]:
    """What writes files of this suffix; `InputError` where nothing does."""
    writers: dict[str, Callable[[pl.DataFrame, Path], None]] = {
        ".csv": _write_csv,
        ".parquet": pl.DataFrame.write_parquet,
        ".ndjson": pl.DataFrame.write_ndjson,
    }
    if path.suffix not in writers:
        raise InputError(
            f"Answers cannot be written to a file ending with {path.suffix!r}.",
            hint=f"Name it with one of {', '.join(SUFFIXES)}.",
            where=str(path),
        )
    return writers[path.suffix]


def _scorer(bundle: Bundle, *, native: bool, threads: int) -> Scorer | NativeScorer:
    if not native:
        return Scorer(bundle.coded or bundle.graph, threads)
    from assay.model.native import NativeScorer

    if not bundle.plan:
        raise InputError(
            f"{bundle.version} was registered before plans were kept, so it cannot be compiled.",
            hint="Score it with the graph, or run it again.",
        )
    return NativeScorer(plan_from_bytes(bundle.plan), threads)


def _columns(answer: Answer) -> pl.DataFrame:
    if answer.probabilities is None:
        parts = {"prediction": answer.prediction, "lower": answer.lower, "upper": answer.upper}
        return pl.DataFrame({name: part for name, part in parts.items() if part is not None})
    columns = {"label": pl.Series(labels(answer), dtype=pl.String)} | {
        f"p_{name}": pl.Series(answer.probabilities[:, place])
        for place, name in enumerate(answer.classes)
    }
    if answer.sets is not None:
        sets = [
            [name for name, within in zip(answer.classes, row, strict=True) if within]
            for row in answer.sets.tolist()
        ]
        columns["set"] = pl.Series(sets, dtype=pl.List(pl.String))
    return pl.DataFrame(columns)


def _write_csv(answers: pl.DataFrame, path: Path) -> None:
    flat = answers
    if "set" in answers.columns:
        flat = answers.with_columns(pl.col("set").list.join(" | "))
    flat.write_csv(path)
