"""What one answer costs: in the process, and over loopback.

The model is of the size that the reference measurements used: 6 numbers, 6 categories, 200 trees
of 31 leaves. Each figure is the median of rounds, with the least and the most beside it; the
machine's load is printed, because it decides how much the figures mean.

Run: ``python benchmarks/deploy/latency.py`` (about a minute; ``--seconds`` per round).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from assay.assess.finding import Assessment, Finding
from assay.data.contract import Column, Contract
from assay.deploy.bundle import load_bundle
from assay.deploy.protocols import azure
from assay.deploy.record import RecordSettings
from assay.deploy.scoring import ScoringService
from assay.deploy.targets.local import LocalEndpoint
from assay.model.compile import compile_plan
from assay.model.inputs import plan_inputs
from assay.model.plan import LevelEncoder, ModelPlan, NumberEncoder, Output, TreesMember
from assay.model.plan_file import plan_to_bytes
from assay.model.scorer import Scorer
from assay.policy.gate import decide
from assay.policy.policy import Policy, Rule
from assay.policy.record import record_policy
from assay.question import Question
from assay.records import canonical, digest
from assay.registry.registry import Registry
from assay.registry.version import Candidate
from assay.store.store import Store

LIMIT_IN_PROCESS_US = 17.5
"""One row: typed decode, inputs, bound run of a coded graph, metrics, record (hot loop)."""
LIMIT_WITH_HTTP_US = 27.0
"""The same with the leanest HTTP in Python; CPU of the server a request."""

NUMBERS = [f"n{i}" for i in range(6)]
CATEGORIES = [f"c{i}" for i in range(6)]
LEVELS = ("red", "green", "blue", "black", "white")
CONTRACT = Contract(
    columns=(
        *(Column(name=n, kind="number", low=-4.0, high=4.0) for n in NUMBERS),
        *(Column(name=c, kind="category", categories=LEVELS) for c in CATEGORIES),
        Column(name="y", kind="number", role="target"),
    )
)


def trees(count: int = 200, leaves: int = 31) -> TreesMember:
    """Random binary trees: each splits a random leaf until it has enough."""
    rng = np.random.default_rng(0)
    roots, feature, threshold, left, right, value = [], [], [], [], [], []

    def node() -> int:
        feature.append(0)
        threshold.append(0.0)
        left.append(-1)
        right.append(-1)
        value.append(rng.normal())
        return len(feature) - 1

    for _ in range(count):
        roots.append(node())
        tips = [roots[-1]]
        while len(tips) < leaves:
            tip = tips.pop(int(rng.integers(len(tips))))
            feature[tip] = int(rng.integers(12))
            threshold[tip] = float(rng.normal())
            left[tip], right[tip] = node(), node()
            value[tip] = 0.0
            tips += [left[tip], right[tip]]
    return TreesMember(
        family="trees",
        columns=tuple(range(12)),
        roots=np.array(roots, dtype=np.int32),
        feature=np.array(feature, dtype=np.int32),
        threshold=np.array(threshold, dtype=np.float32),
        left=np.array(left, dtype=np.int32),
        right=np.array(right, dtype=np.int32),
        values=np.array(value).reshape(-1, 1),
        base=np.zeros(1),
    )


def plan() -> ModelPlan:
    codes = tuple(float(i) - 2.0 for i in range(len(LEVELS)))
    return ModelPlan(
        inputs=plan_inputs(CONTRACT),
        encoders=(
            *(NumberEncoder(column=n, fill=0.0, low=-10.0, high=10.0) for n in NUMBERS),
            *(
                LevelEncoder(column=c, levels=LEVELS, values=codes, missing=0.0, unseen=0.0)
                for c in CATEGORIES
            ),
        ),
        members=(trees(),),
        weights=(1.0,),
        output=Output(kind="regression", interval=1.0),
    )


def make_bundle(root: Path) -> tuple[Path, str]:
    """Register, approve and export the model, as a project would."""
    graph = compile_plan(plan())
    subject = digest(graph)
    finding = Finding(
        check="REL001", title="Error", principle="reliability-safety", measure="error",
        value=0.2, lower=0.1, upper=0.3, rows=51,
    )  # fmt: skip
    assessment = Assessment(subject=subject, findings=(finding,))
    policy = Policy(name="bench", rules=(Rule(check="REL001", at_most=0.6),))
    question = Question(
        name="bench", question="How much?", data="d", target="y", decision="none", owner="nobody"
    )
    reference = {**dict.fromkeys(NUMBERS, 0.0), **dict.fromkeys(CATEGORIES, "red")}
    with Store.open(f"sqlite:///{root / 'a.db'}", root / "artifacts", root / "keys") as store:
        put = store.artifacts.put
        registry = Registry(store, "bench", actor="nobody")
        empty = put(canonical({}))
        kept, coded = put(plan_to_bytes(plan())), put(compile_plan(plan(), "codes"))
        candidate = Candidate(
            name="bench", run="run", model=put(graph), contract=put(CONTRACT.to_json()),
            dataset=empty, split=empty, leaderboard=empty, code=empty, environment=put(b""),
            policy=record_policy(store, "bench", policy, actor="nobody", run="run"),
            assessment=put(assessment.to_json()), question=put(question.to_json()),
            parity=put(canonical({"ok": True, "graph": subject, "plan": kept, "coded": coded})),
            reference=put(canonical(reference)), plan=kept, coded=coded,
        )  # fmt: skip
        day = datetime.now(UTC).date().isoformat()
        made = registry.register(candidate, decide(policy, assessment, today=day))
        registry.approve(made, note="bench", how="bench", today=day)
        return registry.export(made, root / "bundle"), store.keys.public_pem()


def bodies(count: int, rows: int, params: dict[str, int]) -> list[bytes]:
    """Requests that differ, so that no cache or branch predictor learns one."""
    rng = np.random.default_rng(1)
    made = []
    for _ in range(count):
        data = [
            [*rng.normal(size=6).round(4).tolist(), *rng.choice(LEVELS, 6).tolist()]
            for _ in range(rows)
        ]
        table = {"columns": [*NUMBERS, *CATEGORIES], "data": data}
        made.append(json.dumps({"input_data": table, "params": params}).encode())
    return made


def measure(work: Callable[[bytes], object], given: list[bytes], seconds: float) -> list[float]:
    """CPU microseconds a call: five rounds."""
    for body in given[:50]:
        work(body)
    rounds = []
    for _ in range(5):
        calls, began = 0, time.process_time()
        until = time.monotonic() + seconds / 5
        while time.monotonic() < until:
            work(given[calls % len(given)])
            calls += 1
        rounds.append((time.process_time() - began) / calls * 1e6)
    return rounds


def show(name: str, rounds: list[float], unit: str = "us", note: str = "") -> float:
    middle = statistics.median(rounds)
    print(f"  {name:<46}{middle:10.1f} {unit}  ({min(rounds):.1f} to {max(rounds):.1f}) {note}")
    return middle


def in_process(folder: Path, key: str, root: Path, seconds: float) -> None:
    print("In the process, CPU a request")
    bundle = load_bundle(folder, [key])
    one = bodies(500, 1, {"reasons": 0})
    off = ScoringService(bundle, record=RecordSettings(folder=None, mode="off"))
    kept = ScoringService(bundle, record=RecordSettings(folder=root / "in-process"))
    scorer = Scorer(bundle.graph)
    inputs = {
        body: bundle.contract.decode_inputs(request.columns or [], request.rows)
        for body in one
        for request in (azure.parse(body),)
    }

    def ask(service: ScoringService) -> Callable[[bytes], object]:
        return lambda body: service.score(body, "application/json", {})

    show("parse", measure(azure.parse, one, seconds))
    show("the graph alone, one row", measure(lambda b: scorer.score(inputs[b]), one, seconds))
    show("one row, not recorded", measure(ask(off), one, seconds))
    middle = show("one row, recorded", measure(ask(kept), one, seconds))
    print(f"    {middle / LIMIT_IN_PROCESS_US:.1f} times the limit of {LIMIT_IN_PROCESS_US} us")
    show("one row with 5 reasons", measure(ask(kept), bodies(50, 1, {"reasons": 5}), seconds))
    thousand = measure(ask(kept), bodies(20, 1000, {"reasons": 0}), seconds)
    show("1,000 rows, a row", [cost / 1000 for cost in thousand])
    kept.close()


def wire_requests(given: list[bytes]) -> list[bytes]:
    """Scoring requests as they travel."""
    return [
        b"POST /score HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n"
        b"content-length: %d\r\n\r\n%b" % (len(body), body)
        for body in given
    ]


def client(address: tuple[str, int], requests: list[bytes], seconds: float) -> list[float]:
    """One keep-alive connection that asks as fast as it is answered; seconds a request."""
    took = []
    with socket.create_connection(address) as wire:
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            began = time.perf_counter()
            wire.sendall(requests[len(took) % len(requests)])
            answer = wire.recv(65536)
            head, _, body = answer.partition(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(head)
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
            while len(body) < length:
                body += wire.recv(65536)
            took.append(time.perf_counter() - began)
    return took


def cpu_s(process: int) -> float:
    """CPU seconds that a process and its children have used (Linux)."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    own = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return own + sum(cpu_s(int(child)) for child in children)


def memory_mib(process: int) -> float:
    """Proportional memory of a worker (Linux)."""
    text = Path(f"/proc/{process}/smaps_rollup").read_text()
    return int(text.partition("Pss:")[2].split()[0]) / 1024


def over_loopback(folder: Path, key: str, root: Path, seconds: float) -> None:
    for mode in ("async", "group"):
        with LocalEndpoint.start(
            folder, name="bench", trusted_keys=[key], record_dir=root / mode / "record",
            record_mode=mode,
        ) as endpoint:  # fmt: skip
            print(f"Over loopback, one worker, record {mode!r}; clients are Python processes")
            scoring = wire_requests(bodies(500, 1, {"reasons": 0}))
            for clients in (1, 4, 16):
                print(f"  {clients} client{'s' if clients > 1 else ''}")
                floor = [b"GET / HTTP/1.1\r\nhost: bench\r\n\r\n"]
                ask_together("a constant page", endpoint, floor, clients=clients, seconds=seconds)
                cost = ask_together("one row", endpoint, scoring, clients=clients, seconds=seconds)
                times = cost / LIMIT_WITH_HTTP_US
                print(f"    {times:.1f} times the limit of {LIMIT_WITH_HTTP_US:.0f} us")
            worker = Path(f"/proc/{endpoint.process}/task/{endpoint.process}/children").read_text()
            print(f"  memory of the worker, proportional: {memory_mib(int(worker)):.0f} MiB")


def ask_together(
    name: str,
    endpoint: LocalEndpoint,
    requests: list[bytes],
    *,
    clients: int,
    seconds: float,
) -> float:
    """Three rounds of ``clients`` at once; the median CPU of the server a request, in us."""
    rate, cost, took = [], [], []
    host, _, port = endpoint.url.removeprefix("http://").partition(":")
    address = (host, int(port))
    with ProcessPoolExecutor(clients) as pool:
        for _ in range(3):
            before, began = cpu_s(endpoint.process), time.monotonic()
            jobs = [pool.submit(client, address, requests, seconds) for _ in range(clients)]
            answers = [t for job in jobs for t in job.result()]
            rate.append(len(answers) / (time.monotonic() - began))
            cost.append((cpu_s(endpoint.process) - before) / len(answers) * 1e6)
            took += answers
    p50, p99 = np.quantile(took, [0.5, 0.99]) * 1e6
    show(f"{name}: requests", rate, "/s", f"p50 {p50:.0f} us, p99 {p99:.0f} us")
    return show(f"{name}: CPU of the server a request", cost)


def describe_machine() -> None:
    names = ("assay", "granian", "onnxruntime", "numpy", "msgspec")
    model = next(
        (
            line.partition(": ")[2]
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC; {shlex.join(['python', *sys.argv])}")
    print(f"{model}, {os.cpu_count()} cores, load {load}; {platform.platform()}")
    print(f"Python {platform.python_version()}, " + ", ".join(f"{n} {version(n)}" for n in names))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="per measurement")
    seconds = parser.parse_args().seconds
    describe_machine()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        bundle, key = make_bundle(root)
        in_process(bundle, key, root, seconds)
        over_loopback(bundle, key, root, seconds)
    print(f"Load at the end: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
