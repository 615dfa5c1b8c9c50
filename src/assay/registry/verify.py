"""Verify a bundle offline: signature, every file, the evidence, the decision, the approvals."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from assay.errors import VerificationFailed
from assay.policy.gate import Decision, decide
from assay.policy.policy import Policy
from assay.records import Record
from assay.registry.approval import Approval, find_shortcoming
from assay.registry.evidence import check_evidence
from assay.registry.hallmark import FILE as HALLMARK
from assay.registry.hallmark import Statement, open_hallmark, read_hallmark
from assay.registry.version import FILES, FORMS, ModelVersion

if TYPE_CHECKING:
    from assay.registry.registry import Registry

_REQUIRED = (*FILES, "version.json", "approvals.json")
Parsed = TypeVar("Parsed")


class VerificationReport(Record, frozen=True, kw_only=True):
    """What was checked, and that it holds; what does not hold is raised instead."""

    version: str
    """``name@number``."""
    model: str
    """Digest of the graph."""
    key: str
    """Id of the key that signed: SHA-256 of its DER form, in hexadecimal."""
    struck_at: str
    checked: tuple[tuple[str, str], ...]
    """What was checked, and the result, in order."""
    files: dict[str, str]
    """Digest of every file; whoever loads one can compare again."""


def verify_bundle(
    folder: Path, *, trusted_keys: Sequence[str], registry: Registry | None = None
) -> VerificationReport:
    """Verify a bundle against the keys that the user trusts. Needs no network and no store.

    Parameters
    ----------
    folder : Path
        A bundle, as `write_bundle` writes it.
    trusted_keys : sequence of str
        Public keys, PEM. A key that lies in the bundle is never trusted for that.
    registry : Registry, optional
        Where it is at hand: refuses what was retired or rejected since.

    Returns
    -------
    VerificationReport
        Each thing checked, by name.

    Raises
    ------
    VerificationFailed
        Names the file that is missing, changed or added, or what does not hold together.
    GateRefused
        The registry no longer lets it be used.
    """
    folder = Path(folder)
    statement, key = open_hallmark(read_hallmark(folder / HALLMARK), trusted_keys=trusted_keys)
    _check_names(folder, statement)
    bundle = _Bundle(folder, statement)
    version = bundle.record("version.json", ModelVersion)
    _check_version(bundle, version, statement)
    decision = _check_decision(bundle, version)
    approvals = _check_approvals(bundle, version, decision, statement)
    checked = [
        (HALLMARK, f"signed by the trusted key {key[:12]}"),
        *(
            (subject.name, f"SHA-256 {subject.digests['sha256'][:12]}…")
            for subject in statement.subject
        ),
        ("parity", "the graph was proved equal to the Python model"),
        ("assessment", "made on this graph"),
        (
            "decision",
            f"follows from policy and assessment; {len(decision.outcomes)} rules allow it",
        ),
        ("approvals", ", ".join(approval.by for approval in approvals) or "none required"),
    ]
    if registry is not None:
        registry.require_hallmarked(version.label)
        checked.append(("registry", "neither rejected nor retired"))
    return VerificationReport(
        version=version.label,
        model=version.model,
        key=key,
        struck_at=statement.predicate.struck_at,
        checked=tuple(checked),
        files={subject.name: subject.sha256 for subject in statement.subject},
    )


class _Bundle:
    """The files of a bundle, each of which has the digest that the statement gives it."""

    def __init__(self, folder: Path, statement: Statement) -> None:
        self._folder = folder
        self._bodies: dict[str, bytes] = {}
        self.digests = {subject.name: subject.sha256 for subject in statement.subject}
        for name, digest in self.digests.items():
            self._load(name, digest)

    def record(self, name: str, kind: type[Parsed]) -> Parsed:
        """The record in a JSON file."""
        try:
            return msgspec.json.decode(self._bodies[name], type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise self.failure(name, "does not hold what it should") from None

    def read(self, digest: str) -> bytes:
        """The bytes of the JSON file with this digest."""
        return next(body for name, body in self._bodies.items() if self.digests[name] == digest)

    def failure(self, name: str, why: str) -> VerificationFailed:
        """The error for one file."""
        return VerificationFailed(
            f"{name} {why}.",
            hint="Do not use this bundle; export it again from its registry.",
            where=str(self._folder / name),
        )

    def _load(self, name: str, digest: str) -> None:
        """Hash a file; keep the bytes of records, so that what is read is what was hashed."""
        try:
            with (self._folder / name).open("rb") as file:
                if name.endswith(".json"):
                    self._bodies[name] = file.read()
                    found = hashlib.sha256(self._bodies[name])
                else:
                    found = hashlib.file_digest(file, "sha256")
        except OSError as error:
            raise self.failure(name, f"cannot be read: {error.strerror}") from None
        if f"sha256:{found.hexdigest()}" != digest:
            raise self.failure(name, "was changed since the hallmark was struck")


def _check_names(folder: Path, statement: Statement) -> None:
    """See to it that the folder holds what the statement names, once each, and nothing else."""
    names = [subject.name for subject in statement.subject]
    odd = [n for n in names if n in {"", ".", "..", HALLMARK} or {"/", "\\", "\0"} & set(n)]
    if odd or len(set(names)) < len(names):
        raise VerificationFailed(
            "The hallmark names a file that no bundle has.",
            hint="Do not use this bundle.",
            where=str(folder / HALLMARK),
        )
    present = _list(folder)
    for missing in [n for n in (*_REQUIRED, *names) if n not in names or n not in present]:
        raise VerificationFailed(
            f"{missing} is missing.",
            hint="Export the bundle again from its registry.",
            where=str(folder / missing),
        )
    for extra in sorted(present - {*names, HALLMARK}):
        raise VerificationFailed(
            f"{extra} does not belong to the bundle.",
            hint="Remove it, or export the bundle again.",
            where=str(folder / extra),
        )


def _list(folder: Path) -> set[str]:
    try:
        return {path.name for path in folder.iterdir()}
    except OSError as error:
        raise VerificationFailed(
            f"The folder cannot be listed: {error.strerror}.",
            hint="Give a bundle that you may read.",
            where=str(folder),
        ) from None


def _check_version(bundle: _Bundle, version: ModelVersion, statement: Statement) -> None:
    """Compare the digests of statement, version and files: all three must be one."""
    facts = msgspec.structs.asdict(version)
    for file, field in (FILES | FORMS).items():
        present = bundle.digests.get(file, "")
        if facts[field] != present or version.files.get(file, "") != present:
            raise bundle.failure(file, "is not the file that version.json names")
    said = statement.predicate
    wrong = [field for field, digest in said.digests.items() if facts.get(field) != digest]
    if wrong or said.version != version.label or not said.allowed:
        raise bundle.failure("version.json", "is not the version that the hallmark names")


def _check_decision(bundle: _Bundle, version: ModelVersion) -> Decision:
    """Replay the gate: the decision must follow from the policy and the assessment."""
    assessment = check_evidence(version, bundle.read)
    policy = bundle.record("policy.json", Policy)
    decision = bundle.record("decision.json", Decision)
    if (decision.policy, decision.assessment) != (version.policy, version.assessment):
        raise bundle.failure("decision.json", "was made on another policy or assessment")
    replayed = decide(policy, assessment, today=decision.today)
    if _verdicts(decision) != _verdicts(replayed):
        raise bundle.failure("decision.json", "does not follow from the policy and the assessment")
    if not decision.allowed:
        raise bundle.failure("decision.json", "does not allow this model")
    return decision


def _verdicts(decision: Decision) -> list[tuple[str, str, str]]:
    """What a decision says, without the wording, which may change between versions."""
    return [(outcome.key, outcome.status, outcome.effect) for outcome in decision.outcomes]


def _check_approvals(
    bundle: _Bundle, version: ModelVersion, decision: Decision, statement: Statement
) -> tuple[Approval, ...]:
    """Ask of the approvals what the registry asked."""
    approvals = bundle.record("approvals.json", tuple[Approval, ...])
    if approvals != statement.predicate.approvals:
        raise bundle.failure("approvals.json", "lists other approvals than the hallmark")
    policy = bundle.record("policy.json", Policy)
    shortcoming = find_shortcoming(version, policy, decision, approvals)
    if shortcoming:
        raise bundle.failure("approvals.json", f"does not suffice: {shortcoming.rstrip('.')}")
    return approvals
