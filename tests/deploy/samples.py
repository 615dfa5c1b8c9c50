"""A real, small, hallmarked bundle: a plan compiled, registered, approved, exported."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from assay.assess.finding import Assessment, Finding
from assay.data.contract import Column, Contract
from assay.model.compile import compile_plan
from assay.model.inputs import plan_inputs
from assay.model.plan import (
    LevelEncoder,
    LinearMember,
    ModelPlan,
    NumberEncoder,
    OneHotEncoder,
    Output,
)
from assay.model.plan_file import plan_to_bytes
from assay.policy.gate import decide
from assay.policy.policy import Policy, Rule
from assay.policy.record import record_policy
from assay.question import Question
from assay.records import canonical, digest
from assay.registry.lineage import describe_environment
from assay.registry.registry import Registry
from assay.registry.version import Candidate
from assay.store.store import Store

TODAY = "2026-03-01"

CONTRACT = Contract(
    columns=(
        Column(name="make", kind="category", categories=("audi", "bmw", "mazda")),
        Column(name="curb weight", kind="number", low=1488.0, high=4066.0),
        Column(name="horsepower", kind="number", nullable=True, low=48.0, high=288.0),
        Column(name="turbo", kind="boolean", categories=("false", "true")),
        Column(name="sold", kind="date", low=18000.0, high=19723.0),
        Column(name="price", kind="number", role="target"),
        Column(name="plate", kind="text", role="identifier"),
    )
)
ROW = {
    "make": "audi",
    "curb weight": 2548.0,
    "horsepower": 111,
    "turbo": False,
    "sold": "2023-05-17",
}
REFERENCE = {"make": "mazda", "curb weight": 2414.0, "horsepower": 95.0, "turbo": 0.0,
             "sold": 19000.0}  # fmt: skip
COLUMNS = list(ROW)

ENCODERS = (
    OneHotEncoder(column="make", levels=("audi", "bmw", "mazda")),
    NumberEncoder(column="curb weight", fill=2414.0, low=0.0, high=1e6),
    NumberEncoder(column="horsepower", fill=95.0, low=0.0, high=1e6),
    NumberEncoder(column="turbo", fill=0.0, low=0.0, high=1.0),
    NumberEncoder(column="sold", fill=19000.0, low=0.0, high=1e6),
    LevelEncoder(column="make", levels=("audi", "bmw"), values=(1.0, 2.0), missing=0.0, unseen=0.5),
)
WEIGHTS = (900.0, 1800.0, 0.0, -40.0, 9.0, 30.0, 1200.0, 0.25, 0.0)


def linear(weights: tuple[float, ...], intercept: float, link: str = "identity") -> LinearMember:
    count = len(weights)
    return LinearMember(
        family="linear",
        columns=tuple(range(count)),
        center=np.zeros(count),
        scale=np.ones(count),
        weights=np.array(weights).reshape(-1, 1),
        intercept=np.array([intercept]),
        link=link,  # type: ignore[arg-type]
    )


def regression_plan(interval: float | None = 1500.0) -> ModelPlan:
    return ModelPlan(
        inputs=plan_inputs(CONTRACT),
        encoders=ENCODERS,
        members=(linear(WEIGHTS, -14_000.0),),
        weights=(1.0,),
        output=Output(kind="regression", interval=interval, coverage=0.9),
    )


def binary_plan() -> ModelPlan:
    small = tuple(weight / 4000.0 for weight in WEIGHTS)
    return ModelPlan(
        inputs=plan_inputs(CONTRACT),
        encoders=ENCODERS,
        members=(linear(small, -7.0, "sigmoid"),),
        weights=(1.0,),
        output=Output(kind="binary", classes=("stays", "leaves"), interval=0.8, coverage=0.9),
    )


@dataclass(frozen=True)
class Sample:
    """A bundle folder and the key to trust."""

    folder: Path
    key: str


def question(plan: ModelPlan) -> Question:
    return Question(
        name="car-price",
        question="What is this car worth?",
        data="cars.csv",
        target="price",
        decision="What to offer the seller",
        owner="ana",
        unit="USD" if plan.output.kind == "regression" else "",
        intended_use="Used cars of 1985",
        out_of_scope="New cars",
    )


def make_bundle(root: Path, plan: ModelPlan, *, contract: Contract = CONTRACT) -> Sample:
    """Register, approve and export ``plan`` with a store under ``root``."""
    graph = compile_plan(plan)
    with Store.open(f"sqlite:///{root / 'assay.db'}", root / "artifacts", root / "keys") as store:
        registry = Registry(store, "car-price", actor="ana")
        candidate, decision = _offer(store, graph, plan, contract)
        version = registry.register(candidate, decision)
        registry.approve(version, note="read it", how="in a test", today=TODAY)
        folder = registry.export(version, root / f"bundle-{version.number}")
        return Sample(folder, store.keys.public_pem())


def _offer(store: Store, graph: bytes, plan: ModelPlan, contract: Contract):  # type: ignore[no-untyped-def]
    put, subject = store.artifacts.put, digest(graph)
    plan_file, coded = put(plan_to_bytes(plan)), put(compile_plan(plan, "codes"))
    error = Finding(
        check="REL001", title="Error against the baseline", principle="reliability-safety",
        measure="error divided by the baseline's", value=0.2, lower=0.1, upper=0.3, rows=51,
    )  # fmt: skip
    assessment = Assessment(subject=subject, findings=(error,))
    policy = Policy(name="release", rules=(Rule(check="REL001", at_most=0.6),))
    run = f"run-{subject[7:19]}"
    candidate = Candidate(
        name="car-price",
        run=run,
        model=put(graph),
        contract=put(contract.to_json()),
        dataset=put(canonical({"digest": "sha256:rows", "rows": 201})),
        split=put(canonical({"train": [0], "test": [1]})),
        policy=record_policy(store, "car-price", policy, actor="ana", run=run),
        assessment=put(assessment.to_json()),
        leaderboard=put(canonical({"trials": []})),
        parity=put(
            canonical(
                {"ok": True, "graph": subject, "cases": [], "plan": plan_file, "coded": coded}
            )
        ),
        code=put(canonical({"version": "0.1.0", "sources": "sha256:cc"})),
        environment=put(describe_environment().encode()),
        question=put(question(plan).to_json()),
        reference=put(canonical(REFERENCE)),
        plan=plan_file,
        coded=coded,
    )
    return candidate, decide(policy, assessment, today=TODAY)
