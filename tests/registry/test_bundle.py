from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from assay.errors import GateRefused, InvalidFile, VerificationFailed
from assay.registry.bundle import write_bundle
from assay.registry.verify import verify_bundle
from assay.registry.version import FILES, ModelVersion
from assay.store.store import Store

from .samples import GRAPH, hallmarked, registered


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_bundle_holds_every_file_of_the_version(store: Store, tmp_path: Path) -> None:
    _, version = hallmarked(store)
    folder = write_bundle(version, store, tmp_path / "deep" / "bundle")
    files = contents(folder)
    assert set(files) == {*FILES, "version.json", "approvals.json", "hallmark.json"}
    assert files["model.onnx"] == GRAPH
    assert ModelVersion.from_json(files["version.json"]) == version
    assert not any("split" in name or name.endswith(".parquet") for name in files)


def test_a_bundle_is_the_same_bytes_each_time(store: Store, tmp_path: Path) -> None:
    _, version = hallmarked(store)
    first = contents(write_bundle(version, store, tmp_path / "one"))
    assert contents(write_bundle(version, store, tmp_path / "two")) == first
    assert contents(write_bundle(version, store, tmp_path / "one")) == first
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith(".")) == []


def test_an_older_bundle_is_replaced_whole(store: Store, tmp_path: Path) -> None:
    _, first = hallmarked(store)
    _, second = hallmarked(store, run="run-2", graph=b"newer")
    folder = write_bundle(first, store, tmp_path / "bundle")
    (folder / "stray.txt").write_text("left over")
    write_bundle(second, store, folder)
    assert verify_bundle(folder, trusted_keys=[store.keys.public_pem()]).version == "car-price@2"


def test_an_empty_folder_is_filled(store: Store, tmp_path: Path) -> None:
    _, version = hallmarked(store)
    (tmp_path / "bundle").mkdir()
    assert (write_bundle(version, store, tmp_path / "bundle") / "model.onnx").exists()


def test_other_content_is_not_replaced(store: Store, tmp_path: Path) -> None:
    _, version = hallmarked(store)
    folder = tmp_path / "precious"
    folder.mkdir()
    (folder / "thesis.txt").write_text("years of work")
    with pytest.raises(InvalidFile, match="not a bundle"):
        write_bundle(version, store, folder)
    with pytest.raises(InvalidFile, match="not a bundle"):
        write_bundle(version, store, folder / "thesis.txt")
    (tmp_path / "link").symlink_to(folder)
    with pytest.raises(InvalidFile, match="not a bundle"):
        write_bundle(version, store, tmp_path / "link")
    assert (folder / "thesis.txt").read_text() == "years of work"


def test_a_version_without_hallmark_has_no_bundle(store: Store, tmp_path: Path) -> None:
    _, version = registered(store)
    with pytest.raises(GateRefused, match="no hallmark yet"):
        write_bundle(version, store, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_a_damaged_artifact_leaves_the_older_bundle(store: Store, tmp_path: Path) -> None:
    _, version = hallmarked(store)
    folder = write_bundle(version, store, tmp_path / "bundle")
    before = contents(folder)
    path = store.artifacts.path(version.contract)
    assert path is not None
    path.chmod(0o644)
    path.write_bytes(b"{}")
    with pytest.raises(VerificationFailed):
        write_bundle(version, store, folder)
    assert contents(folder) == before
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".bundle")] == []
    shutil.rmtree(folder)
