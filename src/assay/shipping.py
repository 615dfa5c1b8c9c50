"""A hallmarked version on its way out of the store: opened, exported, or used on a table."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from assay.bench import Bench, usable_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

    from assay.deploy.export import Export
    from assay.deploy.shipment import Shipment
    from assay.registry.registry import Registry
    from assay.registry.version import ModelVersion
    from assay.run import Run

MEASURED_ROWS = 10_000
"""Training rows on which an export is measured: its int8 form, the browser's engine."""
_ABOUT_S = {"browser": 20.0}
"""Seconds that an export takes, where that is more than a moment."""


def export_version(
    bench: Bench,
    registry: Registry,
    run: Run,
    version: ModelVersion,
    folder: Path,
    *,
    target: str,
    int8: bool,
) -> Export:
    """Write a version for one place, and enter that in the ledger; see `Project.export`.

    Parameters
    ----------
    run : Run
        That made the version: the model card is rendered from it.
    """
    from assay.deploy.export import quantise_shipment, write_export
    from assay.model.inputs import graph_inputs, plan_inputs

    bench.progress.start("export", about_s=_ABOUT_S.get(target))
    measured = training_rows(bench, run, version) if int8 or target == "browser" else None
    with _shipment(bench, registry, run, version) as hallmarked:
        shipped = hallmarked
        if int8 and measured is not None:
            columns = plan_inputs(hallmarked.bundle.contract)
            shipped = quantise_shipment(hallmarked, graph_inputs(columns, measured))
        made = write_export(
            shipped, folder.absolute(), target=target, home=bench.home, rows=measured
        )
    bench.store.ledger.append(
        bench.project,
        "version exported",
        actor=bench.actor,
        subject=version.label,
        body={"target": target, "model": version.model, "graph": made.graph},
    )
    bench.progress.finish("export", f"{version.label} for {target}: {len(made.files) + 1} files")
    return made


def score_source(
    bench: Bench,
    registry: Registry,
    version: ModelVersion,
    source: str | Path | object,
    *,
    native: bool,
) -> pl.DataFrame:
    """Answer every row of a table by a version that was verified; see `Project.score`."""
    from assay.data.source import read_table
    from assay.deploy.batch import score_table
    from assay.deploy.bundle import load_bundle

    bench.progress.start("score")
    with TemporaryDirectory() as place:
        folder = registry.export(version, Path(place) / "bundle")
        bundle = load_bundle(folder, [bench.store.keys.public_pem()])
    table = read_table(source)
    answers = score_table(
        bundle, table, native=native, threads=bench.threads, progress=bench.progress
    )
    bench.progress.finish("score", f"{answers.height:,} rows answered by {version.label}")
    return answers


def training_rows(bench: Bench, run: Run, version: ModelVersion) -> pl.DataFrame:
    """Up to `MEASURED_ROWS` of the rows that a version was trained on."""
    import numpy as np

    from assay.data.split import Split

    rows = np.asarray(bench.load(Split, version.split).train)
    if len(rows) > MEASURED_ROWS:
        draw = np.random.default_rng(run.question.budget.seed)
        rows = draw.choice(rows, MEASURED_ROWS, replace=False)
    return usable_rows(bench, run.acquired, run.question, np.sort(rows))


@contextmanager
def _shipment(
    bench: Bench, registry: Registry, run: Run, version: ModelVersion
) -> Iterator[Shipment]:
    """A version verified, with its model card."""
    from assay.deploy.shipment import load_shipment
    from assay.documents import build_dossier
    from assay.report import render_card

    card = render_card(build_dossier(bench.store, run)).encode()
    with TemporaryDirectory() as place:
        folder = registry.export(version, Path(place) / "bundle")
        yield load_shipment(folder, trusted_keys=[bench.store.keys.public_pem()], card=card)
