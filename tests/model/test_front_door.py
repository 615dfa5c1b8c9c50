from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import assay.model


@pytest.mark.parametrize("name", assay.model.__all__)
def test_every_public_name_is_there_and_is_no_module(name: str) -> None:
    """A module of the same name would hide it once that module was loaded."""
    home = importlib.import_module(assay.model._HOME[name])
    assert getattr(assay.model, name) is getattr(home, name)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Scorrer"):
        assay.model.Scorrer  # noqa: B018


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("assay.model", {"onnx", "onnxruntime", "polars", "sklearn"}),
        ("assay.model.plan", {"onnx", "onnxruntime", "polars", "sklearn"}),
        ("assay.model.scorer", {"onnx", "polars", "sklearn"}),
        ("assay.model.explain", {"onnx", "polars", "sklearn"}),
        ("assay.model.compile", {"onnxruntime", "polars", "sklearn"}),
    ],
)
def test_modules_load_only_what_they_need(module: str, absent: set[str]) -> None:
    probe = f"import sys, {module}; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert absent.isdisjoint(run.stdout.split())
