"""The exam of artifact stores."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from assay.errors import AssayError, InputError, InvalidFile, VerificationFailed
from assay.store.artifacts import ArtifactStore

ABSENT = f"sha256:{hashlib.sha256(b'never put').hexdigest()}"


class ArtifactStoreExam:
    """What every `assay.store.artifacts.ArtifactStore` must do.

    Inherit it in a test class and give it a fixture ``store``, an empty store. One that can
    be damaged from outside also gives ``damage``, a function that overwrites the kept bytes
    of a digest; without it that question is skipped.

    Examples
    --------
    ::

        class TestFolderStore(ArtifactStoreExam):
            @pytest.fixture
            def store(self, tmp_path):
                return FolderStore(tmp_path)
    """

    @pytest.fixture
    def damage(self) -> object:
        """Override it to examine what `read` does with damaged bytes."""
        return None

    def test_is_an_artifact_store(self, store: ArtifactStore) -> None:
        """It has the protocol's methods."""
        assert isinstance(store, ArtifactStore)

    @pytest.mark.parametrize("body", [b"", b"x", bytes(range(256)) * 5000], ids=len)
    def test_reads_back_what_was_put(self, store: ArtifactStore, body: bytes) -> None:
        """Any bytes come back as they were, under their SHA-256."""
        digest = store.put(body)
        assert digest == f"sha256:{hashlib.sha256(body).hexdigest()}"
        assert store.has(digest)
        assert store.read(digest) == body

    def test_same_bytes_same_digest(self, store: ArtifactStore) -> None:
        """Putting twice is putting once."""
        assert store.put(b"x") == store.put(b"x")
        assert store.read(store.put(b"x")) == b"x"

    def test_a_file_is_its_bytes(self, store: ArtifactStore, tmp_path: Path) -> None:
        """`put_file` and `put` agree."""
        file = tmp_path / "given"
        file.write_bytes(b"abc" * 1_000_000)
        assert store.put_file(file) == store.put(b"abc" * 1_000_000)
        assert file.exists()

    def test_refuses_a_file_that_is_not_there(self, store: ArtifactStore, tmp_path: Path) -> None:
        """The error names the path."""
        with pytest.raises(InvalidFile) as caught:
            store.put_file(tmp_path / "nowhere")
        assert caught.value.where == str(tmp_path / "nowhere")

    def test_knows_what_it_has_not(self, store: ArtifactStore) -> None:
        """Absent bytes are absent, never empty."""
        assert not store.has(ABSENT)
        assert store.path(ABSENT) is None
        with pytest.raises(VerificationFailed):
            store.read(ABSENT)

    def test_path_holds_the_bytes(self, store: ArtifactStore) -> None:
        """Where there is a local file, it holds the same bytes."""
        path = store.path(store.put(b"on disk"))
        assert path is None or path.read_bytes() == b"on disk"

    @pytest.mark.parametrize("digest", ["", "abc", "sha256:../../secret", ABSENT.upper()])
    def test_refuses_what_is_no_digest(self, store: ArtifactStore, digest: str) -> None:
        """A digest cannot lead out of the store."""
        for ask in (store.read, store.path, store.has):
            with pytest.raises(InputError):
                ask(digest)

    def test_never_returns_damaged_bytes(self, store: ArtifactStore, damage: object) -> None:
        """Damage is found on reading; putting the bytes again mends it."""
        if not callable(damage):
            pytest.skip("this exam was given no way to damage the store")
        digest = store.put(b"whole")
        damage(digest)
        with pytest.raises(AssayError) as caught:
            store.read(digest)
        assert isinstance(caught.value, VerificationFailed)
        store.put(b"whole")
        assert store.read(digest) == b"whole"
