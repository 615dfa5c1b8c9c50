"""A hallmarked version as a page: one folder that any static web server gives, without network.

The page computes in the visitor's browser, with the graph itself in onnxruntime-web. It holds
every file to the digests it was made with before it runs any.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from assay.data.contract import Column, Contract
from assay.data.words import TRUE_WORDS
from assay.deploy.bundle import MODEL, Bundle
from assay.errors import InputError, InvalidFile, UnknownColumn
from assay.model.explain import (
    MOST_COLUMNS,
    PERMUTATIONS,
    every_coalition_is_asked,
    half_of_orders,
)
from assay.model.facts import GraphColumn, GraphFacts, graph_facts
from assay.model.wasm import check_runtime, engine
from assay.records import canonical, digest

PAGE = Path(__file__).parent / "browser_page"
"""The page's own sources."""
FORMAT = 1
"""Of ``page.json``."""
REASONS = 5
"""Reasons that an answer shows, as the scoring server's default."""

_DESCRIPTION = "page.json"
_INDEX = "index.html"
_ORDERS = "orders.bin"
_KINDS = ("regression", "binary", "multiclass")


def write_browser_page(bundle: Bundle, folder: Path, *, runtime: Path) -> str:
    """Write the page of a verified version into an empty folder.

    Parameters
    ----------
    bundle : Bundle
        From `load_bundle`, which verified it.
    folder : Path
        Exists and is empty.
    runtime : Path
        The engine's two files, from `browser_runtime`.

    Returns
    -------
    str
        ``sha256:<hex>`` of the page's description, which the page shows for comparison.

    Raises
    ------
    InvalidFile
        The folder is absent or not empty, an engine's file is not the pinned one, or graph,
        contract and reference row do not belong together.
    InputError
        The model answers something else than a value or a class.
    """
    folder = Path(folder)
    if not folder.is_dir() or any(folder.iterdir()):
        raise InvalidFile(
            "The page needs an empty folder.", hint="Make one, or empty it.", where=str(folder)
        )
    check_runtime(runtime)
    facts = _facts(bundle.graph)
    orders = _orders(len(facts.inputs))
    description = canonical(_description(bundle, facts, runtime=runtime, orders=orders))
    for name in engine().files:
        shutil.copyfile(Path(runtime) / name, folder / _served_name(name))
    (folder / MODEL).write_bytes(bundle.graph)
    (folder / _DESCRIPTION).write_bytes(description)
    if orders:
        (folder / _ORDERS).write_bytes(orders)
    _write_sources(bundle, folder, digest(description))
    return digest(description)


def _write_sources(bundle: Bundle, folder: Path, described: str) -> None:
    for source in sorted(PAGE.iterdir()):
        if source.name != _INDEX:
            shutil.copyfile(source, folder / source.name)
    question = bundle.question
    filled = {
        "title": f"{question.question or bundle.name} ({bundle.version})",
        "version": f"{bundle.version}, a model that runs in this browser",
        "question": question.question or bundle.name,
        "decision": question.decision,
        "digest": described,
    }
    template = Template((PAGE / _INDEX).read_text(encoding="utf-8"))
    page = template.substitute({name: escape(text) for name, text in filled.items()})
    (folder / _INDEX).write_text(page, encoding="utf-8")


def _facts(graph: bytes) -> GraphFacts:
    facts = graph_facts(graph)
    if facts.kind not in _KINDS:
        raise InputError(
            f"There is no page for a model of the kind {facts.kind!r}.",
            hint=f"Pages are made for: {', '.join(_KINDS)}.",
        )
    return facts


def _description(
    bundle: Bundle, facts: GraphFacts, *, runtime: Path, orders: bytes
) -> dict[str, Any]:
    """All that the page knows besides the graph."""
    question = bundle.question
    return {
        "format": FORMAT,
        "version": bundle.version,
        "created_at": bundle.created_at,
        "struck_at": bundle.struck_at,
        "signed_by": bundle.signed_by,
        "model_digest": bundle.model_digest,
        "digests": dict(bundle.digests),
        "question": {
            "question": question.question,
            "decision": question.decision,
            "owner": question.owner,
            "unit": question.unit,
            "intended_use": question.intended_use,
            "out_of_scope": question.out_of_scope,
        },
        "kind": facts.kind,
        "classes": facts.classes,
        "coverage": facts.coverage,
        "interval": facts.interval,
        "threshold": facts.threshold,
        "cut_by": facts.cut_by,
        "columns": _columns(bundle.contract, facts.inputs, bundle.reference),
        "reasons": _reasons(len(facts.inputs), orders),
        "runtime": _runtime(runtime),
    }


def _columns(
    contract: Contract, inputs: Sequence[GraphColumn], reference: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The graph's inputs in its order, as the contract knows them."""
    known = {column.name: column for column in contract.features}
    for item in inputs:
        if item.name not in known or item.name not in reference:
            raise UnknownColumn(item.name, known, where="contract.json")
    return [_column(known[i.name], i.input, reference[i.name]) for i in inputs]


def _column(column: Column, name_in_graph: str, typical: Any) -> dict[str, Any]:
    return {
        "name": column.name,
        "input": name_in_graph,
        "kind": column.kind,
        "nullable": column.nullable,
        "low": column.low,
        "high": column.high,
        "categories": column.categories,
        "words": _truth_words(column) if column.kind == "boolean" else None,
        "typical": typical,
    }


def _truth_words(column: Column) -> dict[str, str]:
    """The words that the table had for true and false."""
    words = {"true": "true", "false": "false"}
    for word in column.categories:
        if not word.isdigit():
            words["true" if word.strip().lower() in TRUE_WORDS else "false"] = word
    return words


def _reasons(columns: int, orders: bytes) -> dict[str, Any]:
    file = {"file": _ORDERS, "digest": digest(orders), "least": _least(), "pairs": _PAIRS}
    return {
        "available": columns <= MOST_COLUMNS,
        "most": MOST_COLUMNS,
        "count": REASONS,
        "permutations": PERMUTATIONS,
        "orders": file if orders else None,
    }


_PAIRS = PERMUTATIONS // 2


def _least() -> int:
    """The fewest changed columns whose orders `assay.model.explain` samples."""
    return next(n for n in range(1, MOST_COLUMNS) if not every_coalition_is_asked(n))


def _orders(columns: int) -> bytes:
    """The orders that `assay.model.explain` samples, for every number of changed columns.

    Two bytes a player, little-endian; for each number of players in turn, half of the orders,
    of which the others are the reverses. 400 columns make 1.3 MB.
    """
    if not _least() <= columns <= MOST_COLUMNS:
        return b""
    sampled = range(_least(), columns + 1)
    return b"".join(half_of_orders(players).astype("<u2").tobytes() for players in sampled)


def _runtime(folder: Path) -> dict[str, Any]:
    pinned = engine()
    files = {
        _served_name(name): {
            "digest": expected,
            "bytes": (Path(folder) / name).stat().st_size,
        }
        for name, expected in pinned.files.items()
    }
    return {"package": pinned.package, "version": pinned.version, "files": files}


def _served_name(name: str) -> str:
    """Some web servers do not know ``.mjs`` as a script, and browsers then refuse it."""
    return name.removesuffix(".mjs") + ".js" if name.endswith(".mjs") else name
