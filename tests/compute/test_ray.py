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
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest

from .ray_program import JOBS

pytest.importorskip("ray")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc"),
]
RAY = Path(sys.executable).parent / "ray"
ROOT = Path(__file__).parents[2]


@dataclass
class Cluster:
    address: str
    token: str
    nodes: list[subprocess.Popen[bytes]]
    folder: Path

    def program(self, what: str, *, token: str | None = None, address: str = "") -> Program:
        running = subprocess.Popen(
            [sys.executable, "-m", "tests.compute.ray_program", what, address or self.address],
            cwd=ROOT,
            env=variables(token or self.token) | {"RAY_NUM_REDIS_GET_RETRIES": "2"},
            stdout=subprocess.PIPE,
            stderr=(complaints := (self.folder / "complaints").open("w+")),
            text=True,
        )
        return Program(running, complaints)


@dataclass
class Program:
    running: subprocess.Popen[str]
    complaints: IO[str]

    def told(self) -> object:
        """What it printed last, once it has ended well."""
        try:
            said, _ = self.running.communicate(timeout=60)
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


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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


def wait_until_up(node: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 40
    while "Ray runtime started" not in log.read_text():
        assert node.poll() is None, log.read_text()
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.1)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    port, token = free_port(), secrets.token_hex(16)
    address = f"127.0.0.1:{port}"
    folder = Path(tempfile.mkdtemp(prefix="ray-"))  # short: sockets lie in it
    nodes: list[subprocess.Popen[bytes]] = []
    try:
        head = (
            "--head", f"--port={port}", "--node-ip-address=127.0.0.1", "--include-dashboard=false"
        )  # fmt: skip
        for name, where in [("a", head), ("b", (f"--address={address}",))]:
            nodes.append(start_node(folder / name, token, *where))
            wait_until_up(nodes[-1], folder / name / "log")
        yield Cluster(f"ray://{address}", token, nodes, folder)
    finally:
        for node in nodes:
            kill(node)
        shutil.rmtree(folder, ignore_errors=True)


def test_laws_hold_on_both_nodes(cluster):
    nodes = cluster.program("laws").told()
    assert isinstance(nodes, list)
    assert len(nodes) == 2


def test_a_wrong_token_is_refused(cluster):
    told = cluster.program("refusal", token="0" * 32).told()
    assert told["message"] == "The Ray cluster does not take the token."
    assert "RAY_AUTH_TOKEN" in told["hint"]
    assert told["where"] == cluster.address


def test_an_address_where_nobody_is_fails_at_once(cluster):
    start = time.monotonic()
    told = cluster.program("refusal", address=f"ray://127.0.0.1:{free_port()}").told()
    assert told["message"] == "No Ray cluster can be joined."
    assert time.monotonic() - start < 10


def test_a_node_lost_in_mid_work_costs_no_result(cluster):
    program = cluster.program("loss")
    assert program.running.stdout is not None
    while program.running.stdout.readline() not in {"LOSE\n", ""}:
        pass
    kill(cluster.nodes[1])
    told = program.told()
    assert told["results"] == [n * n for n in range(JOBS)]
    assert len(told["early"]) >= 2
    assert all(told["begun"].count(n) == 1 for n in told["early"])
    assert len(told["begun"]) == JOBS + 1  # the job of the lost node, once more
