"""A bundle is verified as it is loaded, and there is no other way in."""

from __future__ import annotations

import inspect
import shutil
from pathlib import Path

import pytest

from assay.deploy import bundle as module
from assay.deploy.bundle import load_bundle
from assay.errors import VerificationFailed
from assay.records import digest

from .samples import CONTRACT, REFERENCE, Sample, make_bundle, regression_plan


@pytest.fixture
def copy(sample: Sample, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sample.folder, tmp_path / "copy"))


def test_a_whole_bundle_loads(sample):
    bundle = load_bundle(sample.folder, [sample.key])
    assert bundle.version == "car-price@1"
    assert bundle.contract == CONTRACT
    assert bundle.reference == REFERENCE
    assert bundle.question.unit == "USD"
    assert bundle.model_digest == digest(bundle.graph) == bundle.digests["model.onnx"]


@pytest.mark.parametrize(
    "name", ["model.onnx", "contract.json", "question.json", "reference.json", "version.json"]
)
def test_one_changed_byte_is_refused(copy, sample, name):
    body = bytearray((copy / name).read_bytes())
    body[len(body) // 2] ^= 1
    (copy / name).write_bytes(body)
    with pytest.raises(VerificationFailed):
        load_bundle(copy, [sample.key])


@pytest.mark.parametrize("name", ["model.onnx", "hallmark.json", "contract.json"])
def test_a_missing_file_is_refused(copy, sample, name):
    (copy / name).unlink()
    with pytest.raises(VerificationFailed):
        load_bundle(copy, [sample.key])


def test_a_stranger_s_hallmark_is_refused(sample, tmp_path):
    other = make_bundle(tmp_path, regression_plan())
    with pytest.raises(VerificationFailed):
        load_bundle(other.folder, [sample.key])
    with pytest.raises(VerificationFailed):
        load_bundle(sample.folder, [])


def test_a_file_swapped_after_verification_is_refused(copy, sample, monkeypatch):
    """What is loaded is what was verified, whatever happens in between."""
    verify = module.verify_bundle

    def verify_then_swap(folder, **options):
        report = verify(folder, **options)
        (folder / "model.onnx").write_bytes(b"another model")
        return report

    monkeypatch.setattr(module, "verify_bundle", verify_then_swap)
    with pytest.raises(VerificationFailed, match=r"model\.onnx is not the file"):
        load_bundle(copy, [sample.key])


def test_no_parameter_skips_verification():
    assert list(inspect.signature(load_bundle).parameters) == ["folder", "trusted_keys"]


def test_onnx_runtime_sees_nothing_of_a_refused_bundle(copy, sample, monkeypatch):
    import onnxruntime

    def refuse(*_: object, **__: object) -> None:
        pytest.fail("ONNX Runtime was asked to open a model that does not verify")

    monkeypatch.setattr(onnxruntime, "InferenceSession", refuse)
    with (copy / "model.onnx").open("ab") as file:
        file.write(b"x")
    with pytest.raises(VerificationFailed):
        load_bundle(copy, [sample.key])
