"""Work on a real cluster: two nodes on this machine, each with its own folder, and a token."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import pytest

from .ray_program import JOBS, TRIALS

pytest.importorskip("ray")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc"),
]
RAY = Path(sys.executable).parent / "ray"
ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Cluster:
    folder: Path
    port: int = field(default_factory=free_port)
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    nodes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"ray://127.0.0.1:{self.port}"

    def head(self) -> None:
        self._start(
            "--head",
            f"--port={self.port}",
            "--node-ip-address=127.0.0.1",
            "--include-dashboard=false",
        )
        self.wait_until_up()

    def second(self) -> None:
        """Have a node beside the head, a new one if it was killed."""
        if len(self.nodes) < 2 or self.nodes[-1].poll() is not None:
            self._start(f"--address=127.0.0.1:{self.port}")

    def end(self) -> None:
        for node in self.nodes:
            kill(node)

    def wait_until_up(self) -> None:
        """Wait for the node that was started last."""
        log, end = self._folder_of(len(self.nodes) - 1) / "log", time.monotonic() + 60
        while "Ray runtime started" not in log.read_text():
            assert self.nodes[-1].poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.1)

    def _folder_of(self, number: int) -> Path:
        return self.folder / str(number)

    def _start(self, *where: str) -> None:
        self.nodes.append(start_node(self._folder_of(len(self.nodes)), self.token, *where))

    def program(self, what: str, *, token: str | None = None, address: str = "") -> Program:
        running = subprocess.Popen(
            [sys.executable, "-m", "tests.compute.ray_program", what, address or self.address],
            cwd=ROOT,
            env=variables(token or self.token) | {"RAY_NUM_REDIS_GET_RETRIES": "2"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(complaints := (self.folder / "complaints").open("w+")),
            text=True,
        )
        return Program(running, complaints)


@dataclass
class Program:
    running: subprocess.Popen[str]
    complaints: IO[str]

    def told(self, news: str = "") -> object:
        """What it printed last, once it has heard the news and ended well."""
        try:
            said, _ = self.running.communicate(news, timeout=90)
        finally:
            self.running.kill()
        self.complaints.seek(0)
        assert self.running.returncode == 0, self.complaints.read()[-3000:]
        return json.loads(said.splitlines()[-1])


def variables(token: str) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    return own | {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": token,
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_health_check_initial_delay_ms": "0",
        "RAY_health_check_period_ms": "500",
    }


def children(pid: int) -> list[int]:
    """All processes below one, as far as their chain of parents is unbroken."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents[int(entry.parent.name)] = int(entry.read_text().rpartition(")")[2].split()[1])
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found[1:]


def kill(node: subprocess.Popen[bytes]) -> None:
    """As if its machine lost power."""
    for pid in [node.pid, *children(node.pid)]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    node.wait()


def start_node(folder: Path, token: str, *where: str) -> subprocess.Popen[bytes]:
    folder.mkdir()
    command = [
        str(RAY), "start", "--block", "--num-cpus=1", "--num-gpus=0", f"--temp-dir={folder}",
        "--object-store-memory=80000000", "--min-worker-port=0", "--max-worker-port=0", *where,
    ]  # fmt: skip
    return subprocess.Popen(
        command,
        env=variables(token),
        stdout=(folder / "log").open("wb"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    folder = Path(tempfile.mkdtemp(prefix="ray-"))  # short: sockets lie in it
    started = Cluster(folder)
    try:
        started.head()
        yield started
    finally:
        started.end()
        shutil.rmtree(folder, ignore_errors=True)


def test_laws_hold_on_both_nodes(cluster):
    cluster.second()
    cluster.wait_until_up()
    nodes = cluster.program("laws").told()
    assert isinstance(nodes, list)
    assert len(nodes) == 2


def test_a_wrong_token_is_refused(cluster):
    told = cluster.program("refusal", token="0" * 32).told()
    assert told["message"] == "The Ray cluster does not take the token."
    assert "RAY_AUTH_TOKEN" in told["hint"]
    assert told["where"] == "compute"


def test_an_address_where_nobody_is_fails_at_once(cluster):
    start = time.monotonic()
    told = cluster.program("refusal", address=f"ray://127.0.0.1:{free_port()}").told()
    assert told["message"].startswith("No Ray cluster can be joined at ray://127.0.0.1:")
    assert told["where"] == "compute"
    assert time.monotonic() - start < 10


def lose_second_node_when_asked(cluster: Cluster, program: Program) -> object:
    assert program.running.stdout is not None
    while program.running.stdout.readline() not in {"LOSE\n", ""}:
        pass
    kill(cluster.nodes[-1])
    return program.told(news="lost\n")


def test_a_node_lost_in_mid_work_costs_no_result(cluster):
    cluster.second()
    cluster.wait_until_up()
    told = lose_second_node_when_asked(cluster, cluster.program("loss"))
    assert told["results"] == [n * n for n in range(JOBS)]
    assert told["early"] == [0, 1]
    twice = [n for n in range(JOBS) if told["begun"].count(n) == 2]
    assert twice in ([2], [3])  # the job that the lost node worked on
    assert len(told["begun"]) == JOBS + 1


def test_a_search_that_loses_a_node_finds_what_it_would_have_found(cluster):
    cluster.second()  # it starts while the program searches on threads
    told = lose_second_node_when_asked(cluster, cluster.program("search"))
    assert told["deaths"] == 1
    assert told["status"] == ["finished"] * TRIALS
    here, there = told["scores"]
    assert here == there
    here, there = told["plans"]
    assert here == there
