"""From a verified version to a folder for one place: an ONNX file, a page, a UDF, C.

Every folder appears whole or not at all, and holds ``export.json``: what it is, and the digest
of each of its files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from assay.deploy.readme import render_readme
from assay.deploy.shipment import Shipment
from assay.errors import InputError, UnknownName, VerificationFailed
from assay.records import Record, digest
from assay.registry.hallmark import FILE as HALLMARK
from assay.registry.hallmark import Statement, open_hallmark, read_hallmark
from assay.registry.verify import VerificationReport, verify_bundle
from assay.store.folder import whole_folder

if TYPE_CHECKING:
    import polars as pl

    from assay.model.parity import ParityReport
    from assay.model.plan import Array

FILE = "export.json"
TARGETS = ("onnx", "python", "browser", "c", "mlflow", "spark")
INT8_TARGETS = ("onnx", "python", "mlflow", "spark")
"""Targets that can ship another graph than the hallmarked one, and say so."""

_CARD = "model-card.md"
_INT8 = "int8.json"
_PARITY = "parity-wasm.json"


class Export(Record, frozen=True, kw_only=True):
    """What an exported folder is; the same version and target give the same bytes."""

    target: str
    version: str
    """``name@number``."""
    hallmarked: str
    """Digest of the graph that the hallmark vouches for."""
    graph: str
    """Digest of the graph that the folder was made from: the hallmarked one, or its int8 form."""
    int8: bool
    files: dict[str, str]
    """Digest of every other file, by its path within the folder."""
    format: int = 1


def check_target(target: str, *, int8: bool = False) -> None:
    """Refuse what cannot be exported, before any work is done.

    Raises
    ------
    UnknownName
        There is no such target.
    InputError
        The target takes only the hallmarked graph.
    """
    if target not in TARGETS:
        raise UnknownName("target", target, TARGETS)
    if int8 and target not in INT8_TARGETS:
        raise InputError(
            f"The target {target!r} takes only the hallmarked graph, not its int8 form.",
            hint=f"int8 is for {', '.join(INT8_TARGETS)}.",
        )


def quantise_shipment(shipment: Shipment, inputs: Mapping[str, Array]) -> Shipment:
    """The shipment with the int8 form of its graph; see `assay.model.quantise.quantise`."""
    from assay.model.quantise import quantise

    made = quantise(shipment.bundle.graph, inputs)
    return replace(shipment, graph=made.graph, int8=made.report)


def write_export(
    shipment: Shipment,
    folder: Path,
    *,
    target: str,
    home: Path,
    rows: pl.DataFrame | None = None,
) -> Export:
    """Write the folder for a target.

    Parameters
    ----------
    shipment : Shipment
        A verified version.
    folder : Path
        Absent, empty, or an older export, which is replaced.
    target : {"onnx", "python", "browser", "c", "mlflow", "spark"}
    home : Path
        The user's Assay home, where the browser's engine is kept.
    rows : polars.DataFrame, optional
        Rows on which the browser's engine must answer as the graph does, with awkward ones
        made from them; the report lies beside the page.

    Returns
    -------
    Export
        What was written.

    Raises
    ------
    UnknownName
        There is no such target.
    InputError
        The target cannot take this model.
    InvalidFile
        The folder holds something else, or cannot be written.
    ParityFailed
        The browser's engine answers otherwise.
    """
    check_target(target, int8=shipment.int8 is not None)
    with whole_folder(folder, mark=FILE, what="an export") as partial:
        _write(shipment, partial, target=target, home=home)
        if target == "browser" and rows is not None and shipment.bundle.plan:
            (partial / _PARITY).write_bytes(_prove_in_wasm(shipment, rows, home=home).to_json())
        (partial / _CARD).write_bytes(shipment.card)
        if target != "onnx":
            (partial / HALLMARK).write_bytes((shipment.folder / HALLMARK).read_bytes())
        if shipment.int8 is not None:
            (partial / _INT8).write_bytes(shipment.int8.to_json())
        export = Export(
            target=target,
            version=shipment.bundle.version,
            hallmarked=shipment.bundle.model_digest,
            graph=shipment.digest,
            int8=shipment.int8 is not None,
            files=dict(_digests(partial)),
        )
        (partial / FILE).write_bytes(export.to_json())
    return export


def verify_export(folder: Path, *, trusted_keys: Sequence[str]) -> VerificationReport:
    """Verify that an exported folder holds the hallmarked graph, against keys the user trusts.

    Parameters
    ----------
    folder : Path
        From `write_export`.
    trusted_keys : sequence of str
        Public keys, PEM.

    Returns
    -------
    VerificationReport
        Which files the hallmark vouches for. Code, prose and what is made from the graph are
        not signed, and the report says so.

    Raises
    ------
    VerificationFailed
        The hallmark is absent or not signed by a trusted key, or no file of the folder is the
        graph that it names.
    """
    from assay.deploy.targets.onnx_file import BUNDLE

    checked: list[tuple[str, str]] = []
    bundle = folder / BUNDLE
    if bundle.is_dir():
        checked = list(verify_bundle(bundle, trusted_keys=trusted_keys).checked)
    marked = bundle if bundle.is_dir() else folder
    statement, key = open_hallmark(read_hallmark(marked / HALLMARK), trusted_keys=trusted_keys)
    beside = {name: d for name, d in _digests(folder) if not name.startswith(f"{BUNDLE}/")}
    signed = _signed(beside, statement)
    model = statement.predicate.digests["model"]
    if model not in signed.values():
        raise VerificationFailed(
            "No file of this export is the graph that its hallmark vouches for.",
            hint="An int8 form, or C made from the graph, is not signed; else export it again.",
            where=str(folder),
        )
    checked = checked or [(HALLMARK, f"signed by the trusted key {key[:12]}")]
    checked += [(name, f"SHA-256 {d[7:19]}…, as hallmarked") for name, d in signed.items()]
    checked.append(("other files", f"{len(beside) - len(signed)}: code and prose, not signed"))
    return VerificationReport(
        version=statement.predicate.version,
        model=model,
        key=key,
        struck_at=statement.predicate.struck_at,
        checked=tuple(checked),
        files=signed,
    )


def _signed(files: Mapping[str, str], statement: Statement) -> dict[str, str]:
    """The files that the statement names, whatever they are called here."""
    vouched = {subject.sha256 for subject in statement.subject}
    return {name: found for name, found in files.items() if found in vouched}


def _digests(folder: Path) -> Iterator[tuple[str, str]]:
    """Path within the folder and digest of every file."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), digest(path.read_bytes())


def _prove_in_wasm(shipment: Shipment, rows: pl.DataFrame, *, home: Path) -> ParityReport:
    """That the browser's engine answers as the graph and the plan do."""
    from assay.model.engines import WASM, wasm_engine
    from assay.model.parity import prove_parity
    from assay.model.plan_file import plan_from_bytes
    from assay.model.reference import member_predictions
    from assay.model.wasm import browser_runtime

    plan, graph = plan_from_bytes(shipment.bundle.plan), shipment.bundle.graph
    with wasm_engine(graph, browser_runtime(home)) as engine:
        return prove_parity(
            plan,
            graph,
            rows,
            lambda features: member_predictions(plan, features),
            engines={WASM: engine},
            not_examined=("the fitted model: it was compared when the version was made",),
        )


def _write(shipment: Shipment, folder: Path, *, target: str, home: Path) -> None:
    """Call the target's writer; none of them is loaded before it is asked for."""
    if target == "browser":
        from assay.deploy.targets.browser import write_browser_page
        from assay.model.wasm import browser_runtime

        described = write_browser_page(shipment.bundle, folder, runtime=browser_runtime(home))
        readme = render_readme(shipment, "browser", described=described)
        (folder / "README.md").write_text(readme, encoding="utf-8")
    elif target == "c":
        from assay.deploy.targets.c_source import write_c_source

        write_c_source(shipment.bundle, folder)
    else:
        module, function = _WRITERS[target]
        getattr(import_module(f"assay.deploy.targets.{module}"), function)(shipment, folder)


_WRITERS = {
    "onnx": ("onnx_file", "write_onnx_file"),
    "python": ("python_folder", "write_python_folder"),
    "mlflow": ("mlflow_folder", "write_mlflow_folder"),
    "spark": ("spark_udf", "write_spark_folder"),
}
