"""A run: the lifecycle told once, as durable steps that survive a kill at any moment."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import structs

from assay import stages
from assay.bench import Acquired, Asked, Assessed, Bench, Decided, Registered, Searched, Stored
from assay.errors import UnknownName
from assay.progress import Progress
from assay.question import Question
from assay.records import Record, now

if TYPE_CHECKING:
    from assay.assess.finding import Assessment
    from assay.automl.leaderboard import Leaderboard
    from assay.data.contract import Contract
    from assay.data.profile import Profile
    from assay.policy.gate import Decision
    from assay.policy.policy import Policy
    from assay.registry.version import ModelVersion
    from assay.store.store import Store


class RunRecord(Record, frozen=True, kw_only=True):
    """What a run set out with. It is recorded before the first step."""

    id: str
    project: str
    folder: str
    started_at: str
    actor: str
    question: str
    """Digest of the question as it stood."""
    policy: str
    source: str
    """The table, as the question names it."""
    source_digest: str
    """SHA-256 of the file; empty where the source is not one file."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """What must be unchanged for an interrupted run to continue."""
        return (self.question, self.policy, self.source, self.source_digest)


class StepRecord(Record, frozen=True, kw_only=True):
    """What one step left, and how long it took."""

    run: str
    name: str
    finished_at: str
    seconds: float
    result: dict[str, Any]


STEPS: tuple[tuple[str, str, type[Record], Callable[..., Record]], ...] = (
    ("question", "Recording question and policy", Asked, stages.ask),
    ("data", "Reading and profiling the table", Acquired, stages.acquire),
    ("search", "Searching for a model", Searched, stages.search),
    ("assessment", "Assessing it on rows the search never saw", Assessed, stages.assess),
    ("decision", "Holding the evidence against the policy", Decided, stages.decide),
    ("registration", "Registering the version", Registered, stages.register),
)
"""The story, in order: name, title, what the step leaves, and the stage that does it. Each stage
takes the bench and the record that the step before it left."""


class Run:
    """A run as the store knows it; everything is read when it is asked for."""

    def __init__(self, store: Store, record: RunRecord) -> None:
        self._store = store
        self._record = record

    @property
    def id(self) -> str:
        """Its identifier, which sorts by time."""
        return self._record.id

    @property
    def project(self) -> str:
        """Name of the project."""
        return self._record.project

    @property
    def started_at(self) -> str:
        """When it began, UTC."""
        return self._record.started_at

    @property
    def actor(self) -> str:
        """Who began it."""
        return self._record.actor

    @property
    def record(self) -> RunRecord:
        """What it set out with."""
        return self._record

    @cached_property
    def steps(self) -> dict[str, StepRecord]:
        """The finished steps, in order."""
        found: dict[str, StepRecord] = {}
        for name, *_ in STEPS:
            try:
                body = self._store.records.get("step", self.project, f"{self.id}/{name}")
            except UnknownName:
                break
            found[name] = msgspec.convert(body, StepRecord)
        return found

    def refresh(self) -> None:
        """Forget what was read, after something was recorded."""
        self.__dict__.pop("steps", None)

    @property
    def finished(self) -> bool:
        """Whether its last step is done."""
        return STEPS[-1][0] in self.steps

    @property
    def state(self) -> str:
        """Where it stands, in a word or two."""
        if not self.finished:
            done = list(self.steps)
            return f"interrupted after {done[-1]}" if done else "begun"
        return "finished" if self.registered.version else "refused by the gate"

    @property
    def asked(self) -> Asked:
        """What the first step left."""
        return self._left("question", Asked)

    @property
    def acquired(self) -> Acquired:
        """What the data step left."""
        return self._left("data", Acquired)

    @property
    def searched(self) -> Searched:
        """What the search left."""
        return self._left("search", Searched)

    @property
    def registered(self) -> Registered:
        """What the last step left."""
        return self._left("registration", Registered)

    @property
    def question(self) -> Question:
        """The question as it stood."""
        return Question.from_json(self._store.artifacts.read(self._record.question))

    @property
    def policy(self) -> Policy:
        """The policy as it stood, recorded before training."""
        from assay.policy.policy import Policy

        return Policy.from_json(self._store.artifacts.read(self._record.policy))

    @property
    def profile(self) -> Profile:
        """What the table holds."""
        from assay.data.profile import Profile

        return Profile.from_json(self._store.artifacts.read(self.acquired.profile))

    @property
    def contract(self) -> Contract:
        """What every later table and request is held to."""
        from assay.data.contract import Contract

        return Contract.from_json(self._store.artifacts.read(self.acquired.contract))

    @property
    def leaderboard(self) -> Leaderboard:
        """Every trial, best first."""
        from assay.automl.leaderboard import Leaderboard

        return Leaderboard.from_json(self._store.artifacts.read(self.searched.leaderboard))

    @property
    def assessment(self) -> Assessment:
        """Every finding."""
        from assay.assess.finding import Assessment

        left = self._left("assessment", Assessed)
        return Assessment.from_json(self._store.artifacts.read(left.assessment))

    @property
    def decision(self) -> Decision:
        """Every rule's outcome."""
        from assay.policy.gate import Decision

        left = self._left("decision", Decided)
        return Decision.from_json(self._store.artifacts.read(left.decision))

    @property
    def version(self) -> ModelVersion | None:
        """The model version, or None where the gate refused."""
        from assay.registry.registry import Registry

        label = self.registered.version
        return Registry(self._store, self.project, actor=self.actor).get(label) if label else None

    @property
    def version_name(self) -> str:
        """``name@number``, or empty."""
        return self.registered.version if self.finished else ""

    def to_dict(self) -> dict[str, Any]:
        """Its facts, as JSON values."""
        return {
            **structs.asdict(self._record),
            "state": self.state,
            "version": self.version_name,
            "steps": {name: structs.asdict(step) for name, step in self.steps.items()},
        }

    def _repr_html_(self) -> str:
        from assay.notebook import html_run

        return html_run(self)

    def _left(self, name: str, kind: type[Stored]) -> Stored:
        """The record that a step left; `UnknownName` where it has not finished."""
        if name not in self.steps:
            raise UnknownName("finished step", name, self.steps, where=f"run {self.id}")
        return msgspec.convert(self.steps[name].result, kind)


def find_runs(store: Store, project: str) -> list[Run]:
    """All runs of a project, oldest first."""
    return [
        Run(store, msgspec.convert(found.body, RunRecord))
        for found in store.records.find("run", project)
    ]


def set_out(store: Store, folder: Path, question: Question, policy: Policy, *, actor: str) -> Run:
    """Record a new run, with the question and the policy as they stand."""
    record = RunRecord(
        id=f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}",
        project=question.name,
        folder=str(folder),
        started_at=now(),
        actor=actor,
        question=store.artifacts.put(question.to_json()),
        policy=store.artifacts.put(policy.to_json()),
        source=question.data,
        source_digest=source_digest(folder / question.data),
    )
    store.records.add("run", question.name, record.id, record)
    return Run(store, record)


def find_interrupted(store: Store, folder: Path, question: Question, policy: Policy) -> Run | None:
    """The newest run, where it did not finish and nothing it set out with has changed."""
    latest = store.records.latest("run", question.name)
    if latest is None:
        return None
    run = Run(store, msgspec.convert(latest.body, RunRecord))
    inputs = (question.digest, policy.digest, question.data, source_digest(folder / question.data))
    return run if not run.finished and run.record.inputs == inputs else None


def source_digest(path: Path) -> str:
    """SHA-256 of a file, read in pieces; empty where there is no such file."""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def carry_out(run: Run, store: Store, *, home: Path, threads: int, progress: Progress) -> Run:
    """Do every step that is not yet done, durably; ``home`` is the user's Assay home."""
    from assay.compute.durable import Step, run_durably

    record = run.record
    bench = Bench(
        store=store,
        project=record.project,
        folder=Path(record.folder),
        home=home,
        run=record.id,
        actor=record.actor,
        threads=threads,
        progress=progress,
    )
    steps = [
        Step(name, title, _work(bench, record, position))
        for position, (name, title, *_) in enumerate(STEPS)
    ]

    def tell(name: str, news: str) -> None:
        if news == "recovered":
            progress.finish(name, "done before")

    run_durably(store, record.id, steps, on_step=tell)
    run.refresh()
    return run


def _work(
    bench: Bench, record: RunRecord, position: int
) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """The work of one step: its stage, told to the person who waits, and kept once it is done."""
    name, title, _, stage = STEPS[position]

    def work(earlier: Mapping[str, Any]) -> dict[str, Any]:
        kept = _kept(bench, name)
        if kept is not None:
            return kept
        bench.progress.start(title, about_s=stages.expected_seconds(bench, name, record.question))
        began = time.monotonic()
        if position == 0:
            left: Any = stage(bench, record.question, record.policy)
        else:
            before, _, kind, _ = STEPS[position - 1]
            left = stage(bench, msgspec.convert(earlier[before], kind))
        result: dict[str, Any] = msgspec.to_builtins(left)
        step = StepRecord(
            run=bench.run,
            name=name,
            finished_at=now(),
            seconds=round(time.monotonic() - began, 3),
            result=result,
        )
        bench.store.records.add("step", bench.project, f"{bench.run}/{name}", step)
        bench.progress.finish(name, left.summary)
        return result

    return work


def _kept(bench: Bench, name: str) -> dict[str, Any] | None:
    """What the step left, where it was cut off between leaving it and being marked as done."""
    try:
        body = bench.store.records.get("step", bench.project, f"{bench.run}/{name}")
    except UnknownName:
        return None
    result: dict[str, Any] = body["result"]
    return result
