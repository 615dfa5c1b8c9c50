"""A model version: what a run offers, numbered and never changed."""

from __future__ import annotations

import msgspec

from assay.records import Record

FILES = {
    "model.onnx": "model",
    "contract.json": "contract",
    "question.json": "question",
    "policy.json": "policy",
    "assessment.json": "assessment",
    "decision.json": "decision",
    "leaderboard.json": "leaderboard",
    "parity.json": "parity",
    "dataset.json": "dataset",
    "reference.json": "reference",
    "code.json": "code",
    "environment.txt": "environment",
}
"""File of a bundle -> field of `ModelVersion` whose digest it has. No file holds rows of data."""

FORMS = {"plan.npz": "plan", "coded.onnx": "coded", "novelty.json": "novelty"}
"""The same of what goes with the model where it was kept: versions from before it was lack it."""


class Candidate(Record, frozen=True, kw_only=True):
    """What a run offers for registration.

    Every field but ``name`` and ``run`` is the digest of an artifact: ``sha256:<hex>``.
    """

    name: str
    """Name of the model, which is the project's."""
    run: str
    model: str
    """The graph, as ONNX."""
    contract: str
    dataset: str
    """The record of the dataset version; it names the digest of the rows."""
    split: str
    """Which rows the search saw."""
    policy: str
    assessment: str
    leaderboard: str
    parity: str
    code: str
    environment: str
    question: str
    reference: str
    """The reference row that explanations compare with."""
    plan: str = ""
    """The neutral description that the graphs were compiled from."""
    coded: str = ""
    """The graph in coded form, for the scoring server."""
    novelty: str = ""
    """The model of the training rows that tells how strange a row is."""

    @property
    def digests(self) -> dict[str, str]:
        """Digest of each artifact, by field; forms that were not kept are left out."""
        fields = msgspec.structs.asdict(self)
        return {f: d for f, d in fields.items() if isinstance(d, str) and d.startswith("sha256:")}


class ModelVersion(Candidate, frozen=True, kw_only=True):
    """A candidate that the gate allowed, under the next number of its name."""

    number: int
    """1, 2, 3, … within the name."""
    decision: str
    created_at: str
    created_by: str
    files: dict[str, str]
    """File name in the bundle -> digest."""

    @property
    def label(self) -> str:
        """``name@number``."""
        return f"{self.name}@{self.number}"

    def __hash__(self) -> int:
        return hash((self.label, self.model, self.decision))


class Refusal(Record, frozen=True, kw_only=True):
    """A candidate that the gate refused; it gets no number, but it stays on record."""

    candidate: Candidate
    decision: str
    blocking: tuple[str, ...]
    """Keys of the outcomes that stood in the way."""
    by: str
