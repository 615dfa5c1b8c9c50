from __future__ import annotations

import pytest

from assay.errors import StoreUnavailable, VerificationFailed
from assay.store.keys import PRIVATE, PUBLIC, Keys, verify_signature

from .processes import CONTEXT, join, make_key, start


def test_makes_a_pair_on_first_use_only(tmp_path):
    keys = Keys(tmp_path / "keys")
    assert not (tmp_path / "keys").exists()
    assert Keys(tmp_path / "keys").key_id == keys.key_id
    assert len(keys.key_id) == 64
    assert (tmp_path / "keys" / PUBLIC).read_text() == keys.public_pem()
    assert sorted(p.name for p in (tmp_path / "keys").iterdir()) == sorted([PRIVATE, PUBLIC])


def test_only_the_owner_may_read_it(tmp_path):
    Keys(tmp_path / "keys").sign(b"x")
    assert (tmp_path / "keys" / PRIVATE).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700


def test_signature_verifies_and_forgery_does_not(tmp_path):
    keys = Keys(tmp_path / "a")
    signature = keys.sign(b"body")
    assert len(signature) == 64
    assert verify_signature(keys.public_pem(), b"body", signature)
    assert not verify_signature(keys.public_pem(), b"Body", signature)
    assert not verify_signature(Keys(tmp_path / "b").public_pem(), b"body", signature)


def test_public_key_is_checked(tmp_path):
    with pytest.raises(VerificationFailed):
        verify_signature("not a key", b"", b"")


@pytest.mark.parametrize("text", ["", "garbage", "-----BEGIN PRIVATE KEY-----\n"])
def test_a_damaged_key_is_refused_and_kept(tmp_path, text):
    file = tmp_path / PRIVATE
    file.write_text(text)
    file.chmod(0o600)
    with pytest.raises(VerificationFailed) as caught:
        Keys(tmp_path).sign(b"")
    assert caught.value.where == str(file)
    assert file.read_text() == text


def test_a_key_that_everyone_may_read_is_refused(tmp_path):
    Keys(tmp_path).sign(b"")
    (tmp_path / PRIVATE).chmod(0o644)
    with pytest.raises(VerificationFailed, match="may read the signing key"):
        Keys(tmp_path).sign(b"")


def test_folder_in_the_way(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable):
        Keys(tmp_path / "file" / "keys").sign(b"")


def test_processes_that_start_at_once_share_one_key(tmp_path):
    answers = CONTEXT.Queue()
    processes = [start(make_key, str(tmp_path / "keys"), answers) for _ in range(6)]
    got = {answers.get(timeout=60) for _ in processes}
    join(processes)
    assert got == {Keys(tmp_path / "keys").key_id}
