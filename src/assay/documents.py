"""Write the documents of a run beside its project, rendered from stored evidence."""

from __future__ import annotations

import os
import platform
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from assay.errors import StoreUnavailable
from assay.run import STEPS, Run

if TYPE_CHECKING:
    from assay.report.dossier import Dossier, RunFacts
    from assay.store.store import Store

_PACKAGES = (
    "assay",
    "numpy",
    "polars",
    "scikit-learn",
    "lightgbm",
    "xgboost-cpu",
    "interpret-core",
    "onnx",
    "onnxruntime",
)


def build_dossier(store: Store, run: Run) -> Dossier:
    """Everything that a document about a run is rendered from, read from the store.

    Raises
    ------
    UnknownName
        The run has not finished.
    """
    from assay.data.dataset import Dataset
    from assay.data.split import Split
    from assay.model.parity import ParityReport
    from assay.registry.registry import Registry
    from assay.report.dossier import Dossier, LedgerPosition, SplitSummary

    read = store.artifacts.read
    acquired, searched = run.acquired, run.searched
    registry = Registry(store, run.project, actor=run.actor)
    found = run.version
    struck = registry.hallmark(found) if found else None
    entries = store.ledger.entries(run.project)
    return Dossier(
        question=run.question,
        kind=acquired.kind,
        dataset=Dataset.from_json(read(acquired.dataset)),
        profile=run.profile,
        contract=run.contract,
        split=SplitSummary.of(Split.from_json(read(acquired.split))),
        policy=run.policy,
        leaderboard=run.leaderboard,
        parity=ParityReport.from_json(read(searched.parity)),
        assessment=run.assessment,
        decision=run.decision,
        run=_facts(run),
        version=found,
        approvals=tuple(registry.approvals(found)) if found else (),
        hallmark=struck,
        ledger=LedgerPosition(entry=entries[-1].seq, hash=entries[-1].hash) if entries else None,
    )


def _facts(run: Run) -> RunFacts:
    from assay.report.dossier import RunFacts, StepFacts

    titles = {name: title for name, title, *_ in STEPS}
    return RunFacts(
        id=run.id,
        started=run.started_at,
        by=run.actor,
        steps=tuple(
            StepFacts(name=step.name, title=titles[step.name], seconds=step.seconds)
            for step in run.steps.values()
        ),
        machine={
            "system": f"{platform.system()} {platform.machine()}",
            "cores": str(os.cpu_count()),
            "python": platform.python_version(),
        },
        packages={name: version(name) for name in _PACKAGES},
    )


def write_documents(store: Store, run: Run, folder: Path) -> dict[str, Path]:
    """Render every document of a finished run into a folder; each file appears whole.

    Returns
    -------
    dict of str to Path
        File name and path: the report, the scorecard, the model card, and the lifecycle's
        documents.
    """
    from assay.report import render_card, render_documents, render_html, render_pdf

    dossier = build_dossier(store, run)
    bodies: dict[str, bytes] = {
        "report.html": render_html(dossier).encode(),
        "scorecard.pdf": render_pdf(dossier),
        "model-card.md": render_card(dossier).encode(),
        **{name: text.encode() for name, text in render_documents(dossier).items()},
    }
    folder.mkdir(parents=True, exist_ok=True)
    return {name: _replace(folder / name, body) for name, body in bodies.items()}


def _replace(path: Path, body: bytes) -> Path:
    handle, partial = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(body)
        Path(partial).chmod(0o644)
        Path(partial).replace(path)
    except OSError as error:
        Path(partial).unlink(missing_ok=True)
        raise StoreUnavailable(
            f"The documents cannot be written: {error.strerror}.",
            hint="Check the free space of the folder, then run again.",
            where=path.parent.name,
        ) from None
    return path
