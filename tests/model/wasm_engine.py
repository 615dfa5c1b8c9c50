"""The browser's engine for tests: fetched once, kept in pytest's cache; absent, tests skip."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from assay.errors import InputError
from assay.model.wasm import browser_runtime


def engine_or_skip(config: pytest.Config) -> Path:
    """Folder of onnxruntime-web's two files; skips where node or npm is absent or npm fails."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    try:
        return browser_runtime(Path(config.cache.mkdir("assay-home")))  # type: ignore[union-attr]
    except InputError as error:
        pytest.skip(f"onnxruntime-web cannot be fetched: {error.message}")
