from __future__ import annotations

import hashlib
import os
import random
import time
from pathlib import Path

import pytest

from assay.errors import StoreUnavailable
from assay.store.artifacts import FolderStore
from assay.testing import ArtifactStoreExam

from .processes import put_for_ever, start


class TestFolderStore(ArtifactStoreExam):
    @pytest.fixture
    def store(self, tmp_path):
        return FolderStore(tmp_path / "artifacts")

    @pytest.fixture
    def damage(self, store):
        def overwrite(digest):
            path = store.path(digest)
            path.chmod(0o644)
            path.write_bytes(b"hole")

        return overwrite


def test_kept_files_are_read_only_and_fanned_out(tmp_path):
    store = FolderStore(tmp_path)
    digest = store.put(b"x")
    name = digest.removeprefix("sha256:")
    assert store.path(digest) == tmp_path / name[:2] / name[2:4] / name
    assert store.path(digest).stat().st_mode & 0o222 == 0


def test_constructing_touches_nothing(tmp_path):
    FolderStore(tmp_path / "later")
    assert not (tmp_path / "later").exists()


def test_a_writer_that_fails_leaves_nothing(tmp_path, monkeypatch):
    store = FolderStore(tmp_path)
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(StoreUnavailable, match="No space left"):
        store.put(b"x")
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_sweep_removes_only_old_leftovers(tmp_path):
    store = FolderStore(tmp_path)
    kept = store.put(b"x")
    old, new = tmp_path / ".partial" / "old", tmp_path / ".partial" / "new"
    old.write_bytes(b"half")
    new.write_bytes(b"half")
    os.utime(old, (time.time() - 90_000,) * 2)
    store.sweep()
    assert not old.exists()
    assert new.exists()
    assert store.read(kept) == b"x"


def test_kill_in_the_middle_of_put_leaves_nothing_half(tmp_path):
    pick = random.Random(7)
    for _ in range(8):
        child = start(put_for_ever, str(tmp_path), [1, 1000, 400_000])
        time.sleep(pick.uniform(0.01, 0.12))
        child.kill()
        child.join()
    kept = list(tmp_path.glob("??/??/*"))
    assert kept
    for path in kept:
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name


def test_path_of_a_folder_that_cannot_be_made(tmp_path):
    file = tmp_path / "file"
    file.write_text("in the way")
    with pytest.raises(StoreUnavailable) as caught:
        FolderStore(Path(file) / "artifacts").put(b"x")
    assert caught.value.where.endswith("artifacts")
