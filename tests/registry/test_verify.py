from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from assay.errors import AssayError, GateRefused, VerificationFailed
from assay.records import canonical, digest
from assay.registry.approval import Approval
from assay.registry.bundle import write_bundle
from assay.registry.hallmark import Statement, Subject, open_hallmark, read_hallmark, strike
from assay.registry.verify import VerificationReport, verify_bundle
from assay.registry.version import FILES, ModelVersion
from assay.store.keys import Keys
from assay.store.store import Store

from .samples import BROKEN_RULE, OPEN_RULE, RULE, hallmarked, policy

NAMES = [*FILES, "version.json", "approvals.json"]


@pytest.fixture(scope="module")
def store(shared_store: Store) -> Store:
    return shared_store


@pytest.fixture(scope="module")
def written(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    _, version = hallmarked(store, policy(RULE, OPEN_RULE))
    return write_bundle(version, store, tmp_path_factory.mktemp("written") / "bundle")


@pytest.fixture
def bundle(written: Path, tmp_path: Path) -> Path:
    """A copy that the test may spoil."""
    return Path(shutil.copytree(written, tmp_path / "bundle"))


@pytest.fixture
def verify(store: Store) -> Callable[[Path], VerificationReport]:
    key = store.keys.public_pem()
    return lambda folder: verify_bundle(folder, trusted_keys=[key])


def resign(folder: Path, keys: Keys, changes: dict[str, Any]) -> None:
    """Change records of a bundle and sign it anew, as the holder of the key could."""
    hallmark = read_hallmark(folder / "hallmark.json")
    statement, _ = open_hallmark(hallmark, trusted_keys=[keys.public_pem()])
    for name, change in changes.items():
        body = json.loads((folder / name).read_bytes())
        change(body)
        (folder / name).write_bytes(canonical(body))
    version = json.loads((folder / "version.json").read_bytes())
    for name, field in FILES.items():
        found = digest((folder / name).read_bytes())
        version[field] = version["files"][name] = found
    (folder / "version.json").write_bytes(canonical(version))
    subjects = tuple(
        Subject(name=s.name, digests={"sha256": digest((folder / s.name).read_bytes())[7:]})
        for s in statement.subject
    )
    facts = {field: version[field] for field in statement.predicate.digests}
    approvals = (folder / "approvals.json").read_bytes()
    predicate = msgspec.structs.replace(
        statement.predicate,
        digests=facts,
        approvals=msgspec.json.decode(approvals, type=tuple[Approval, ...]),
    )
    write(folder, keys, msgspec.structs.replace(statement, subject=subjects, predicate=predicate))


def write(folder: Path, keys: Keys, statement: Statement) -> None:
    (folder / "hallmark.json").write_bytes(strike(statement, keys).to_json())


def statement_of(folder: Path, keys: Keys) -> Statement:
    return open_hallmark(read_hallmark(folder / "hallmark.json"), trusted_keys=[keys.public_pem()])[
        0
    ]


def test_a_whole_bundle_verifies_and_says_what_was_checked(
    store: Store, bundle: Path, verify: Callable[[Path], VerificationReport]
) -> None:
    report = verify(bundle)
    assert report.version == ModelVersion.from_json((bundle / "version.json").read_bytes()).label
    assert report.key == store.keys.key_id
    assert report.files["model.onnx"] == report.model
    named = [name for name, _ in report.checked]
    assert set(NAMES) < set(named)
    assert named[0] == "hallmark.json"
    assert named[-4:] == ["parity", "assessment", "decision", "approvals"]
    assert dict(report.checked)["approvals"] == "ana"


@pytest.mark.parametrize("name", NAMES)
def test_a_flipped_byte_names_its_file(
    bundle: Path, verify: Callable[[Path], VerificationReport], name: str
) -> None:
    body = bytearray((bundle / name).read_bytes())
    body[len(body) // 2] ^= 1
    (bundle / name).write_bytes(bytes(body))
    with pytest.raises(VerificationFailed, match=f"^{name} was changed") as caught:
        verify(bundle)
    assert caught.value.where == str(bundle / name)
    assert caught.value.exit_code == 5


def test_any_flipped_byte_of_the_hallmark_is_found(
    store: Store, bundle: Path, verify: Callable[[Path], VerificationReport]
) -> None:
    path = bundle / "hallmark.json"
    body = path.read_bytes()
    key = json.loads(body)["signatures"][0]["keyid"].encode()
    hint = range(body.index(key), body.index(key) + len(key))
    for position in range(0, len(body), 23):
        changed = bytearray(body)
        changed[position] ^= 1
        path.write_bytes(bytes(changed))
        if position in hint:
            continue  # DSSE: the key's id is a hint, and nothing rests on it
        with pytest.raises(VerificationFailed):
            verify(bundle)


@pytest.mark.parametrize("name", [*NAMES, "hallmark.json"])
def test_a_missing_file_is_named(
    bundle: Path, verify: Callable[[Path], VerificationReport], name: str
) -> None:
    (bundle / name).unlink()
    with pytest.raises(VerificationFailed, match=f"^{name} (is missing|cannot be read)"):
        verify(bundle)


@pytest.mark.parametrize("name", ["extra.py", ".hidden", "trusted.pub.pem"])
def test_an_extra_file_is_named(
    bundle: Path, verify: Callable[[Path], VerificationReport], name: str
) -> None:
    (bundle / name).write_text("x")
    with pytest.raises(VerificationFailed, match=f"^{name} does not belong"):
        verify(bundle)


def test_a_folder_in_place_of_a_file_is_refused(
    bundle: Path, verify: Callable[[Path], VerificationReport]
) -> None:
    (bundle / "model.onnx").unlink()
    (bundle / "model.onnx").mkdir()
    with pytest.raises(VerificationFailed, match=r"^model.onnx cannot be read"):
        verify(bundle)


def test_a_key_in_the_bundle_is_not_trusted(bundle: Path, tmp_path: Path, store: Store) -> None:
    stranger = Keys(tmp_path / "stranger")
    write(bundle, stranger, statement_of(bundle, store.keys))
    (bundle / "key.pub.pem").write_text(stranger.public_pem())
    with pytest.raises(VerificationFailed, match="no trusted key"):
        verify_bundle(bundle, trusted_keys=[store.keys.public_pem()])


def test_a_swapped_signature_is_found(store: Store, tmp_path: Path) -> None:
    _, first = hallmarked(store, run="run-2", graph=b"newer")
    _, second = hallmarked(store, run="run-3", graph=b"newest")
    one = write_bundle(first, store, tmp_path / "one")
    two = write_bundle(second, store, tmp_path / "two")
    mine = json.loads((one / "hallmark.json").read_bytes())
    theirs = json.loads((two / "hallmark.json").read_bytes())
    mine["signatures"] = theirs["signatures"]
    (one / "hallmark.json").write_text(json.dumps(mine))
    with pytest.raises(VerificationFailed, match="no trusted key"):
        verify_bundle(one, trusted_keys=[store.keys.public_pem()])


def test_the_hallmark_of_another_version_is_found(store: Store, tmp_path: Path) -> None:
    _, first = hallmarked(store, run="run-4", graph=b"newer")
    _, second = hallmarked(store, run="run-5", graph=b"newest")
    one = write_bundle(first, store, tmp_path / "one")
    two = write_bundle(second, store, tmp_path / "two")
    (one / "hallmark.json").write_bytes((two / "hallmark.json").read_bytes())
    with pytest.raises(VerificationFailed, match="was changed since"):
        verify_bundle(one, trusted_keys=[store.keys.public_pem()])


# What even the holder of the key cannot pass off


def refuse_parity(body: dict[str, Any]) -> None:
    body["ok"] = False


def other_subject(body: dict[str, Any]) -> None:
    body["subject"] = "sha256:00"


def no_people(body: list[Any]) -> None:
    body.clear()


def not_accepted(body: list[Any]) -> None:
    body[0]["accepted"] = []


def looser(body: dict[str, Any]) -> None:
    body["rules"][0]["at_most"] = 9.0


def decided_otherwise(body: dict[str, Any]) -> None:
    body["outcomes"][0]["status"] = "undecided"


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("parity.json", refuse_parity, "not proved equal"),
        ("assessment.json", other_subject, "of another model"),
        ("approvals.json", no_people, "does not suffice: 0 of 1 approvals"),
        ("approvals.json", not_accepted, "does not suffice: ana did not accept"),
        ("policy.json", looser, "was made on another policy"),
        ("decision.json", decided_otherwise, "does not follow from the policy"),
    ],
)
def test_a_signed_bundle_must_hold_together(
    store: Store,
    bundle: Path,
    verify: Callable[[Path], VerificationReport],
    name: str,
    change: Callable[[Any], None],
    message: str,
) -> None:
    resign(bundle, store.keys, {name: change})
    with pytest.raises(VerificationFailed, match=message):
        verify(bundle)


def test_a_signed_bundle_whose_decision_refuses_does_not_verify(
    store: Store, bundle: Path, verify: Callable[[Path], VerificationReport]
) -> None:
    from assay.assess.finding import Assessment
    from assay.policy.gate import decide

    evidence = Assessment.from_json((bundle / "assessment.json").read_bytes())
    broken = policy(BROKEN_RULE)
    refused = decide(broken, evidence, today="2026-03-01")
    resign(
        bundle,
        store.keys,
        {
            "policy.json": lambda body: body.update(json.loads(broken.to_json())),
            "decision.json": lambda body: body.update(json.loads(refused.to_json())),
        },
    )
    with pytest.raises(VerificationFailed, match=r"^decision.json does not allow this model"):
        verify(bundle)


def test_a_statement_that_does_not_allow_it_does_not_verify(
    store: Store, bundle: Path, verify: Callable[[Path], VerificationReport]
) -> None:
    said = statement_of(bundle, store.keys)
    predicate = msgspec.structs.replace(said.predicate, allowed=False)
    write(bundle, store.keys, msgspec.structs.replace(said, predicate=predicate))
    with pytest.raises(VerificationFailed, match="not the version that the hallmark names"):
        verify(bundle)


@pytest.mark.parametrize("name", ["../secret", "a/b", "..", "", "hallmark.json", "model.onnx"])
def test_a_statement_names_only_files_of_the_folder_once(
    store: Store, bundle: Path, verify: Callable[[Path], VerificationReport], name: str
) -> None:
    said = statement_of(bundle, store.keys)
    odd = Subject(name=name, digests={"sha256": "00"})
    write(bundle, store.keys, msgspec.structs.replace(said, subject=(*said.subject, odd)))
    with pytest.raises(VerificationFailed, match="names a file that no bundle has"):
        verify(bundle)


def test_a_statement_that_leaves_a_file_out_does_not_verify(
    store: Store, bundle: Path, verify: Callable[[Path], VerificationReport]
) -> None:
    said = statement_of(bundle, store.keys)
    fewer = tuple(s for s in said.subject if s.name != "policy.json")
    write(bundle, store.keys, msgspec.structs.replace(said, subject=fewer))
    (bundle / "policy.json").unlink()
    with pytest.raises(VerificationFailed, match=r"^policy.json is missing"):
        verify(bundle)


def test_a_record_that_is_not_one_is_named(
    store: Store, bundle: Path, verify: Callable[[Path], VerificationReport]
) -> None:
    (bundle / "version.json").write_bytes(b"[" * 100_000)
    said = statement_of(bundle, store.keys)
    subjects = tuple(
        Subject(name=s.name, digests={"sha256": digest((bundle / s.name).read_bytes())[7:]})
        for s in said.subject
    )
    write(bundle, store.keys, msgspec.structs.replace(said, subject=subjects))
    with pytest.raises(VerificationFailed, match=r"^version.json does not hold"):
        verify(bundle)


def test_a_missing_folder_is_one_clear_error(
    tmp_path: Path, verify: Callable[[Path], VerificationReport]
) -> None:
    with pytest.raises(VerificationFailed, match=r"hallmark.json cannot be read") as caught:
        verify(tmp_path / "nowhere")
    assert isinstance(caught.value, AssayError)


def test_where_the_registry_is_at_hand_a_retired_version_is_refused(
    store: Store, tmp_path: Path
) -> None:
    registry, version = hallmarked(store, run="run-6", graph=b"newer")
    folder = write_bundle(version, store, tmp_path / "bundle")
    keys = [store.keys.public_pem()]
    report = verify_bundle(folder, trusted_keys=keys, registry=registry)
    assert report.checked[-1] == ("registry", "neither rejected nor retired")
    registry.retire(version, reason="prices have changed")
    with pytest.raises(GateRefused, match="is retired"):
        verify_bundle(folder, trusted_keys=keys, registry=registry)
    assert verify_bundle(folder, trusted_keys=keys).version == version.label


def test_verifying_needs_no_store_and_no_heavy_library(bundle: Path, store: Store) -> None:
    import subprocess
    import sys

    probe = (
        "import sys, pathlib\n"
        "from assay.registry import verify_bundle\n"
        "verify_bundle(pathlib.Path(sys.argv[1]), trusted_keys=[sys.argv[2]])\n"
        "print(*sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe, str(bundle), store.keys.public_pem()],
        capture_output=True,
        text=True,
        check=True,
    )
    heavy = {"sqlalchemy", "polars", "numpy", "sklearn", "onnxruntime", "lightgbm"}
    assert heavy.isdisjoint(done.stdout.split())
