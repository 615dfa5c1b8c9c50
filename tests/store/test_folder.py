from __future__ import annotations

from pathlib import Path

import pytest

from assay.errors import InvalidFile, VerificationFailed
from assay.store.folder import whole_folder


def fill(folder: Path, text: str) -> None:
    with whole_folder(folder, mark="mark", what="a heap") as partial:
        assert partial.parent == folder.parent
        (partial / "deep").mkdir()
        (partial / "deep" / "text").write_text(text)
        (partial / "mark").touch()


def test_it_is_there_only_when_the_block_has_ended(tmp_path: Path) -> None:
    with whole_folder(tmp_path / "a" / "heap", mark="mark", what="a heap") as partial:
        (partial / "mark").touch()
        assert not (tmp_path / "a" / "heap").exists()
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["heap"]


def test_an_older_one_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    fill(tmp_path / "heap", "old")
    fill(tmp_path / "heap", "new")
    assert (tmp_path / "heap" / "deep" / "text").read_text() == "new"
    (tmp_path / "heap" / "mark").unlink()
    with pytest.raises(InvalidFile, match="not a heap"):
        fill(tmp_path / "heap", "newer")
    assert [p.name for p in tmp_path.iterdir()] == ["heap"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InvalidFile, match="cannot be written") as refused:
        fill(tmp_path / "file" / "heap", "new")
    assert refused.value.where == str(tmp_path / "file" / "heap")


def test_of_two_that_write_at_once_one_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other came between stepping aside and renaming."""
    fill(tmp_path / "heap", "old")
    replace = Path.replace

    def replace_then_meet(self: Path, target: Path) -> Path:
        moved = replace(self, target)
        if self == tmp_path / "heap":
            (tmp_path / "heap").mkdir()
            (tmp_path / "heap" / "of another").touch()
        return moved

    monkeypatch.setattr(Path, "replace", replace_then_meet)
    with pytest.raises(VerificationFailed, match="at the same time"):
        fill(tmp_path / "heap", "new")
    assert (tmp_path / "heap" / "of another").exists()
