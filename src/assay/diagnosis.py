"""What `assay doctor` looks at."""

from __future__ import annotations

import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from assay.errors import AssayError
from assay.settings import Settings

_PARTS = (
    "polars",
    "scikit-learn",
    "lightgbm",
    "xgboost-cpu",
    "interpret-core",
    "onnx",
    "onnxruntime",
    "optuna",
    "sqlalchemy",
    "dbos",
    "cryptography",
    "granian",
    "altair",
    "vl-convert-python",
    "typst",
)
_ENOUGH_GIB = 1.0


def examine(settings: Settings) -> list[dict[str, Any]]:
    """One point each: Python, packages, disk, store, ledger, signing key."""
    return [_python(), _packages(), _disk(settings), *_store(settings)]


def _point(what: str, ok: bool, detail: str) -> dict[str, Any]:
    return {"what": what, "ok": ok, "detail": detail}


def _python() -> dict[str, Any]:
    found = ".".join(map(str, sys.version_info[:3]))
    return _point("Python", sys.version_info >= (3, 11), f"{found}; 3.11 or newer is needed")


def _packages() -> dict[str, Any]:
    missing = [name for name in _PARTS if not _installed(name)]
    detail = f"missing: {', '.join(missing)}; pip install assay" if missing else "all installed"
    return _point("packages", not missing, detail)


def _installed(name: str) -> bool:
    try:
        return bool(version(name))
    except PackageNotFoundError:
        return False


def _disk(settings: Settings) -> dict[str, Any]:
    place = next(p for p in (settings.home, *settings.home.parents) if p.exists())
    free = shutil.disk_usage(place).free / 2**30
    return _point("disk", free >= _ENOUGH_GIB, f"{free:,.1f} GiB free for {settings.home}")


def _store(settings: Settings) -> list[dict[str, Any]]:
    from assay.store.store import Store

    try:
        with Store.of(settings) as store:
            report = store.ledger.verify()
            ledger = f"{report.entries:,} entries, {report.checkpoints:,} signed checkpoints"
            return [
                _point("store", True, f"{len(store.records.projects())} projects"),
                _point("ledger", report.ok, ledger if report.ok else report.problems[0]),
                _point("signing key", True, f"key {store.keys.key_id[:16]}"),
            ]
    except AssayError as error:
        return [_point("store", False, f"{error.message} {error.hint}".strip())]
