"""The registry: versions go in through the gate, and come out with a hallmark."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, TypeVar

import msgspec

from assay.assess.finding import Assessment
from assay.errors import ApprovalRefused, GateRefused, InputError, UnknownName, VerificationFailed
from assay.policy.gate import Decision, decide
from assay.policy.policy import Policy
from assay.records import Record, canonical, now
from assay.registry.approval import (
    Approval,
    Rejection,
    Retirement,
    approvals_required,
    find_shortcoming,
    resolve_accepted,
    unaccepted,
)
from assay.registry.bundle import write_bundle
from assay.registry.evidence import check_evidence
from assay.registry.hallmark import Hallmark, state, strike
from assay.registry.version import FILES, FORMS, Candidate, ModelVersion, Refusal

if TYPE_CHECKING:
    from pathlib import Path

    from assay.store.store import Store

Status = Literal["awaiting approval", "hallmarked", "rejected", "retired"]
Reference = ModelVersion | Approval | str | int
_Kept = TypeVar("_Kept", bound=Record)


class Registry:
    """The model versions of one project, and the people who answer for them.

    Everything written is written once: a call that was interrupted is repeated, and completes.

    Parameters
    ----------
    store : Store
        Where records, artifacts, the ledger and the signing key are.
    project : str
        The project, which is also the model's name.
    actor : str
        Who acts through this handle.
    on_change : callable, optional
        Told the label of a version once it was approved, rejected or retired.
    """

    def __init__(
        self,
        store: Store,
        project: str,
        *,
        actor: str,
        on_change: Callable[[str], object] = lambda _label: None,
    ) -> None:
        self._store = store
        self._on_change = on_change
        self.project = project
        self.actor = actor

    def register(self, candidate: Candidate, decision: Decision, *, key: str = "") -> ModelVersion:
        """Give a candidate the next number, if the gate allows it.

        Parameters
        ----------
        candidate : Candidate
            What the run offers; every artifact that it names must be in the store.
        decision : Decision
            What `decide` said of its policy and assessment; it is replayed, not believed.
        key : str
            Idempotency key; by default the run's id. The same key always gives the same
            version.

        Raises
        ------
        GateRefused
            The decision does not allow it. The refusal stays on record.
        VerificationFailed
            An artifact is missing, or the decision does not follow from policy and assessment.
        """
        self._check_candidate(candidate, decision)
        kept = self._store.artifacts.put(decision.to_json())
        key = key or candidate.run
        if not decision.allowed:
            raise self._refuse(candidate, decision, key)

        def number_it(number: int) -> ModelVersion:
            facts = msgspec.structs.asdict(candidate)
            digests = {**candidate.digests, "decision": kept}
            files = {f: digests[n] for f, n in (FILES | FORMS).items() if n in digests}
            return ModelVersion(
                **facts,
                number=number,
                decision=kept,
                created_at=now(),
                created_by=self.actor,
                files=files,
            )

        number = self._store.records.add_numbered("version", self.project, number_it, key)
        version = self.get(number)
        self._enter(
            "version registered",
            version.label,
            body={"run": version.run, "model": version.model, "decision": version.decision},
        )
        self.settle(version)
        return version

    def versions(self) -> list[ModelVersion]:
        """Every version, oldest first."""
        kept = self._store.records.find("version", self.project)
        return [msgspec.convert(record.body, ModelVersion) for record in kept]

    def refusals(self) -> list[Refusal]:
        """Every candidate that the gate refused, oldest first."""
        kept = self._store.records.find("refusal", self.project)
        return [msgspec.convert(record.body, Refusal) for record in kept]

    def get(self, version: Reference) -> ModelVersion:
        """One version.

        Parameters
        ----------
        version : str, int or Approval
            ``"car-price@3"``, ``3``, ``"latest"`` (the newest, whatever its status) or
            ``"hallmarked"`` (the newest that may be served); an approval stands for what it
            approves.

        Raises
        ------
        UnknownName
            There is no such version.
        GateRefused
            ``"hallmarked"``, and no version may be served.
        """
        if isinstance(version, ModelVersion):
            return version
        known = self.versions()
        if version == "hallmarked":
            known = [v for v in known if self.status(v) == "hallmarked"]
            if not known:
                raise GateRefused(
                    f"No version of {self.project} carries a hallmark that may be used.",
                    hint=f"See `assay registry list {self.project}`; approve one, or run again.",
                )
        wanted = version.version if isinstance(version, Approval) else str(version)
        if wanted in {"latest", "hallmarked", self.project} and known:
            return known[-1]
        for candidate in known:
            if wanted in {candidate.label, str(candidate.number)}:
                return candidate
        raise UnknownName("model version", wanted, [v.label for v in known])

    def decision(self, version: Reference) -> Decision:
        """The gate's decision about a version."""
        return Decision.from_json(self._store.artifacts.read(self.get(version).decision))

    def policy(self, version: Reference) -> Policy:
        """The policy that a version was held to."""
        return self._policy_of(self.get(version))

    def approvals(self, version: Reference) -> tuple[Approval, ...]:
        """Every approval of a version, oldest first."""
        label = self.get(version).label
        kept = self._store.records.find("approval", self.project)
        return tuple(
            msgspec.convert(record.body, Approval)
            for record in kept
            if record.body["version"] == label
        )

    def hallmark(self, version: Reference) -> Hallmark | None:
        """The hallmark of a version, if it has been struck."""
        return self._kept("hallmark", self.get(version), Hallmark)

    def rejection(self, version: Reference) -> Rejection | None:
        """Who rejected a version, and why, if anybody did."""
        return self._kept("rejection", self.get(version), Rejection)

    def retirement(self, version: Reference) -> Retirement | None:
        """Who withdrew a version, and why, if anybody did."""
        return self._kept("retirement", self.get(version), Retirement)

    def status(self, version: Reference) -> Status:
        """Where a version stands."""
        version = self.get(version)
        if self.retirement(version):
            return "retired"
        if self.rejection(version):
            return "rejected"
        return "hallmarked" if self.hallmark(version) else "awaiting approval"

    def approve(
        self,
        version: Reference,
        *,
        note: str,
        how: str = "",
        accept: Sequence[str] = (),
        key: str = "",
        today: str = "",
    ) -> Approval:
        """Say yes to a version; strikes its hallmark when enough people have.

        Parameters
        ----------
        version : ModelVersion, str or int
            As in `get`.
        note : str
            What was checked; needed where something undecided is accepted.
        how : str
            How the approval was given, e.g. ``at the keyboard on host X``; by default from
            Python on this host.
        accept : sequence of str
            Every undecided rule that needs acceptance, by key (``FAI001/make/held-out``) or
            by an unambiguous beginning of it (``FAI001``); ``["all"]`` for every one.
        key : str
            Idempotency key: a repeated call with the same one returns the same approval.
        today : str
            The day to judge waivers by; by default today (UTC).

        Raises
        ------
        ApprovalRefused
            The policy asks for another person, something undecided is not accepted, this
            person has approved already, or the version is no longer to be approved.
        UnknownName
            ``accept`` names what needs no acceptance.
        """
        version = self.get(version)
        earlier = next((a for a in self.approvals(version) if a.by == self.actor), None)
        if earlier is not None:
            self.settle(version)
            if key and earlier.key == key:
                return earlier
            raise self._twice(version)
        self._refuse_late(version)
        decision = self._decide_again(version, today or now()[:10])
        accepted = resolve_accepted(decision, accept)
        self._refuse_approval(version, decision, accepted, note)
        approval = Approval(
            version=version.label,
            by=self.actor,
            at=now(),
            note=note.strip(),
            accepted=accepted,
            how=how or f"from Python on host {platform.node()}",
            key=key,
        )
        kept = self._add_once("approval", f"{version.label}/{self.actor}", approval)
        if kept != approval:
            raise self._twice(version)
        self.settle(version)
        self._on_change(version.label)
        return approval

    def reject(self, version: Reference, *, note: str) -> Rejection:
        """Say no to a version for good.

        Raises
        ------
        ApprovalRefused
            It is hallmarked or settled otherwise, or no reason is given.
        """
        version = self.get(version)
        status = self.status(version)
        if status == "hallmarked":
            raise ApprovalRefused(
                f"{version.label} is hallmarked already.",
                hint=f"Withdraw it: assay registry retire {version.label} --reason …",
            )
        if status == "awaiting approval":
            _require_words(note, "A rejection needs a note.")
            self._add_once(
                "rejection",
                version.label,
                Rejection(version=version.label, by=self.actor, at=now(), note=note.strip()),
            )
        rejection = self._finish_rejection(version)
        self._on_change(version.label)
        return rejection

    def retire(self, version: Reference, *, reason: str) -> Retirement:
        """Withdraw a version: its hallmark stays true, but it is not to be served any more."""
        version = self.get(version)
        if self.retirement(version) is None:
            _require_words(reason, "To retire a version needs a reason.")
            self._add_once(
                "retirement",
                version.label,
                Retirement(version=version.label, by=self.actor, at=now(), reason=reason.strip()),
            )
        kept = self.retirement(version)
        if kept is None:
            raise ApprovalRefused(f"{version.label} could not be retired.", hint="Try again.")
        self._enter("version retired", version.label, by=kept.by, body={"reason": kept.reason})
        self._on_change(version.label)
        return kept

    def settle(self, version: Reference) -> Hallmark | None:
        """Finish what is due: ledger entries, and the hallmark once approvals suffice.

        Safe to call at any time, from several processes.
        """
        version = self.get(version)
        approvals = self.approvals(version)
        for approval in approvals:
            self._enter(
                "version approved",
                f"{version.label}/{approval.by}",
                by=approval.by,
                subject=version.label,
                body={"accepted": approval.accepted, "note": approval.note, "how": approval.how},
            )
        if self.status(version) == "awaiting approval":
            policy, decision = self.policy(version), self.decision(version)
            if not find_shortcoming(version, policy, decision, approvals):
                hallmark = self._strike(version, decision, approvals)
                self._add_once("hallmark", version.label, hallmark)
        hallmark_kept = self.hallmark(version)
        if hallmark_kept is not None:
            self._enter(
                "hallmark struck",
                version.label,
                body={"model": version.model, "hallmark": hallmark_kept.digest},
            )
        return hallmark_kept

    def require_hallmarked(self, version: Reference) -> ModelVersion:
        """The version, if it may be served.

        Raises
        ------
        GateRefused
            It awaits approval, was rejected or is retired.
        """
        version = self.get(version)
        status = self.status(version)
        if status == "hallmarked":
            self.settle(version)
            return version
        if status == "awaiting approval":
            raise GateRefused(
                f"{version.label} awaits approval.",
                hint=f'assay approve {version.label} --note "…"',
            )
        raise GateRefused(f"{version.label} is {status}.", hint="Use another version.")

    def export(self, version: Reference, folder: Path) -> Path:
        """Write a version that may be served as a bundle; see `write_bundle`."""
        return write_bundle(self.require_hallmarked(version), self._store, folder)

    def _check_candidate(self, candidate: Candidate, decision: Decision) -> None:
        """See to it that what is registered is there, and that the decision follows from it."""
        if candidate.name != self.project:
            raise InputError(
                f"A model of project {self.project!r} cannot be called {candidate.name!r}.",
                hint="A model has its project's name.",
            )
        facts = msgspec.structs.asdict(candidate)
        for field, digest in facts.items():
            kept = field in {"name", "run"} or (field in FORMS.values() and not digest)
            if not kept and not self._store.artifacts.has(digest):
                raise VerificationFailed(
                    f"The {field} of run {candidate.run} is not in the store.",
                    hint="Run it again.",
                    where=digest,
                )
        evidence = check_evidence(candidate, self._store.artifacts.read)
        if decision != decide(self._policy_of(candidate), evidence, today=decision.today):
            raise VerificationFailed(
                "The decision does not follow from the policy and the assessment of this run.",
                hint="Decide again on the stored assessment: decide(policy, assessment, today=…).",
            )

    def _policy_of(self, candidate: Candidate) -> Policy:
        return Policy.from_json(self._store.artifacts.read(candidate.policy))

    def _refuse(self, candidate: Candidate, decision: Decision, key: str) -> GateRefused:
        """Keep the refusal, and say why."""
        blocking = tuple(outcome.key for outcome in decision.blocking)
        refusal = Refusal(
            candidate=candidate, decision=decision.digest, blocking=blocking, by=self.actor
        )
        name = f"{key}/{decision.digest}"
        self._add_once("refusal", name, refusal)
        self._enter(
            "version refused",
            name,
            subject=candidate.run,
            body={"blocking": blocking, "decision": decision.digest, "model": candidate.model},
        )
        if not blocking:
            return GateRefused(
                "The policy has no rules, and so permits nothing.",
                hint="Write rules into policy.yaml; `assay init` shows a complete one.",
            )
        return GateRefused(
            f"The policy blocks this model: {', '.join(blocking)}.",
            hint=f"{decision.blocking[0].key}: {decision.blocking[0].reason}",
        )

    def _refuse_late(self, version: ModelVersion) -> None:
        """Refuse a yes to what is settled already."""
        status = self.status(version)
        if status != "awaiting approval":
            raise ApprovalRefused(
                f"{version.label} is {status}.", hint="Only a version that awaits approval can be."
            )

    def _refuse_approval(
        self, version: ModelVersion, decision: Decision, accepted: Sequence[str], note: str
    ) -> None:
        """Refuse the wrong person, and what is not accepted by name and with a note."""
        if self.policy(version).approvals.four_eyes and self.actor == version.created_by:
            raise ApprovalRefused(
                f"{self.actor} ran {version.label} and may not approve it: "
                "the policy asks for four eyes.",
                hint="Ask another person to approve it.",
            )
        left = unaccepted(decision, accepted)
        if left:
            raise ApprovalRefused(
                f"{len(left)} undecided rules are not accepted: {', '.join(o.key for o in left)}.",
                hint=" ".join(["Accept each by name:", *(f"--accept {o.key}" for o in left)]),
            )
        if decision.to_accept:
            _require_words(note, "To accept what the data left undecided needs a note.")

    def _decide_again(self, version: ModelVersion, today: str) -> Decision:
        """Judge waivers by the day of the approval: one may have ended since the decision."""
        evidence = Assessment.from_json(self._store.artifacts.read(version.assessment))
        decision = decide(self._policy_of(version), evidence, today=today)
        if not decision.allowed:
            blocking = decision.blocking
            raise ApprovalRefused(
                f"The policy does not allow {version.label} any more: "
                f"{', '.join(o.key for o in blocking)}.",
                hint=blocking[0].reason if blocking else "Run it again.",
            )
        return decision

    def _twice(self, version: ModelVersion) -> ApprovalRefused:
        required = approvals_required(self.policy(version), self.decision(version))
        given = len(self.approvals(version))
        return ApprovalRefused(
            f"{self.actor} has approved {version.label} already ({given} of {required}).",
            hint="Ask another person." if given < required else "Nothing is left to do.",
        )

    def _strike(
        self, version: ModelVersion, decision: Decision, approvals: Sequence[Approval]
    ) -> Hallmark:
        put = self._store.artifacts.put
        files = {
            **version.files,
            "version.json": put(version.to_json()),
            "approvals.json": put(canonical(approvals)),
        }
        statement = state(
            version,
            files=files,
            outcomes=dict(Counter(outcome.status for outcome in decision.outcomes)),
            approvals=approvals,
            ledger=self._store.ledger.checkpoint(),
            struck_at=now(),
        )
        return strike(statement, self._store.keys)

    def _finish_rejection(self, version: ModelVersion) -> Rejection:
        kept = self.rejection(version)
        if kept is None:
            raise ApprovalRefused(
                f"{version.label} is {self.status(version)}.",
                hint="Only a version that awaits approval can be rejected.",
            )
        self._enter("version rejected", version.label, by=kept.by, body={"note": kept.note})
        return kept

    def _kept(self, kind: str, version: ModelVersion, record: type[_Kept]) -> _Kept | None:
        try:
            kept = self._store.records.get(kind, self.project, version.label)
        except UnknownName:
            return None
        return msgspec.convert(kept, record)

    def _add_once(self, kind: str, name: str, record: _Kept) -> _Kept:
        """Add a record, or find the one that was added first under its name."""
        self._store.records.add_numbered(kind, self.project, record, name)
        kept = self._store.records.get(kind, self.project, name)
        return msgspec.convert(kept, type(record))

    def _enter(
        self, action: str, name: str, *, body: dict[str, object], by: str = "", subject: str = ""
    ) -> None:
        """Enter an action in the ledger, once for its name."""
        self._store.ledger.append(
            self.project,
            action,
            actor=by or self.actor,
            subject=subject or name,
            body=body,
            key=f"{action}:{name}",
        )


def _require_words(text: str, otherwise: str) -> None:
    if not text.strip():
        raise ApprovalRefused(otherwise, hint="Say in a few words what you checked, and why.")
