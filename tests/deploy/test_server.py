"""A live server on loopback: the wire, the limits, the record under kill -9, what it imports."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.deploy.ports import claim_port, free_port
from assay.deploy.record import read_records
from assay.deploy.refusals import PortInUse
from assay.deploy.server import (
    Endpoint,
    EndpointOptions,
    main,
)
from assay.deploy.targets.local import LocalEndpoint

from .samples import COLUMNS, ROW, Sample

CELLS = list(ROW.values())
HALF = (
    b"POST /score HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    b"content-length: 99\r\n\r\n{"
)
GOOD = json.dumps({"input_data": {"columns": COLUMNS, "data": [CELLS]}}).encode()
JSON = {"content-type": "application/json"}
HEAVY = {"polars", "sklearn", "lightgbm", "pandas", "altair", "sqlalchemy", "dbos", "scipy", "onnx"}
HEAVY_FILES = ("polars", "_polars", "sklearn", "lightgbm", "pandas", "sqlalchemy", "scipy", "onnx/")
needs_proc = pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="reads /proc")


@pytest.fixture(scope="module")
def endpoint(sample: Sample, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEndpoint]:
    folder = tmp_path_factory.mktemp("endpoint")
    with LocalEndpoint.start(
        sample.folder,
        name="car-price",
        trusted_keys=[sample.key],
        record_dir=folder / "predictions",
    ) as started:
        yield started


def connect(endpoint: LocalEndpoint) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(endpoint.url.removeprefix("http://"), timeout=20)


def send(
    endpoint: LocalEndpoint,
    method: str,
    path: str,
    body: object = None,
    headers: dict[str, str] | None = None,
) -> tuple[int, dict[str, str], object]:
    connection = connect(endpoint)
    connection.request(method, path, body, headers or {})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    found = {name.lower(): value for name, value in answer.getheaders()}
    is_json = text and found.get("content-type") == "application/json"
    return answer.status, found, json.loads(text) if is_json else text


def score(endpoint: LocalEndpoint, rows: object, columns: list[str] | None = None) -> object:
    table = {"columns": columns or COLUMNS, "data": rows}
    status, _, told = send(
        endpoint, "POST", "/score", json.dumps({"input_data": table}).encode(), JSON
    )
    return status, told


def test_a_good_row(endpoint):
    status, headers, told = send(endpoint, "POST", "/score", GOOD, JSON)
    assert status == 200
    assert headers["content-type"] == "application/json"
    assert headers["x-request-id"] == told["request_id"]
    assert told["predictions"][0]["value"] == pytest.approx(18035.5)
    assert told["predictions"][0]["reasons"]


def test_many_rows_in_another_order_of_columns(endpoint):
    rows = [[*CELLS[:1], 1500.0 + n, *CELLS[2:]][::-1] for n in range(2000)]
    status, told = score(endpoint, rows, COLUMNS[::-1])
    assert status == 200
    assert len(told["predictions"]) == 2000
    assert told["predictions"][10]["value"] - told["predictions"][9]["value"] == pytest.approx(9)


@pytest.mark.parametrize(
    ("columns", "cells", "at_fault"),
    [
        (COLUMNS[:-1], CELLS[:-1], "sold"),
        ([*COLUMNS, "colour"], [*CELLS, "red"], "colour"),
        (COLUMNS, ["audi", "heavy", *CELLS[2:]], "curb weight"),
        (COLUMNS, [None, *CELLS[1:]], "make"),
    ],
)
def test_a_row_that_breaks_the_contract(endpoint, columns, cells, at_fault):
    status, told = score(endpoint, [cells], columns)
    assert status == 422
    assert told["violations"][0]["column"] == at_fault
    assert not {"red", "heavy"} & set(json.dumps(told).replace('"', " ").split())


def test_an_unseen_category_is_answered_with_a_novelty(endpoint):
    status, told = score(endpoint, [["tesla", *CELLS[1:]]])
    assert status == 200
    assert told["predictions"][0]["novelties"] == [{"column": "make", "what": "unseen category"}]


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status", "code"),
    [
        ("POST", "/score", b"{", JSON, 400, "not-json"),
        ("POST", "/score", b"", JSON, 400, "not-json"),
        ("POST", "/score", b"{}", JSON, 422, "not-a-request"),
        ("POST", "/score", GOOD, {}, 415, "unsupported-media"),
        ("POST", "/score", GOOD, {"content-type": "text/csv"}, 415, "unsupported-media"),
        ("GET", "/score", None, {}, 405, "wrong-method"),
        ("DELETE", "/model", None, {}, 405, "wrong-method"),
        ("GET", "/nothing", None, {}, 404, "unknown-path"),
        ("POST", "/nothing", GOOD, JSON, 404, "unknown-path"),
    ],
)
def test_refusals(endpoint, method, path, body, headers, status, code):
    found, answered, told = send(endpoint, method, path, body, headers)
    assert (found, told["code"]) == (status, code)
    assert answered["x-request-id"] == told["request_id"]
    assert told["docs"].endswith(f"#{code}")


def test_a_huge_body_is_refused_declared_or_not(endpoint):
    mebibyte = b" " * 2**20
    status, _, told = send(endpoint, "POST", "/score", mebibyte * 17, JSON)
    assert (status, told["code"]) == (413, "too-large")
    status, _, told = send(endpoint, "POST", "/score", iter([mebibyte] * 17), JSON)
    assert (status, told["code"]) == (413, "too-large")
    assert send(endpoint, "GET", "/health")[0] == 200


def test_too_many_rows_are_refused(endpoint):
    assert score(endpoint, [CELLS] * 10_001)[0] == 413


def test_pages(endpoint):
    assert send(endpoint, "GET", "/")[2] == {"status": "live", "model": "car-price@1"}
    assert send(endpoint, "HEAD", "/health")[:1] == (200,)
    assert send(endpoint, "GET", "/health")[2]["instance"] == endpoint.instance
    assert send(endpoint, "GET", "/model")[2]["record"]["mode"] == "async"
    assert send(endpoint, "GET", "/openapi.json")[2]["openapi"] == "3.1.0"
    status, headers, text = send(endpoint, "GET", "/metrics")
    assert (status, headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert b"assay_requests_total" in text


def test_one_connection_serves_many_requests(endpoint):
    connection = connect(endpoint)
    for body, status in [(GOOD, 200), (b"{", 400), (GOOD, 200)] * 5:
        connection.request("POST", "/score", body, JSON)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == status
    connection.close()


def test_what_is_no_http_does_no_harm(endpoint):
    host, port = endpoint.url.removeprefix("http://").split(":")
    for bytes_ in (b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"POST /score HTTP/1.1\r\n\r\n" * 3):
        with socket.create_connection((host, int(port)), timeout=5) as raw:
            raw.sendall(bytes_)
            raw.shutdown(socket.SHUT_WR)
            raw.recv(4096)
    with socket.create_connection((host, int(port)), timeout=5) as raw:
        raw.sendall(HALF)
    assert send(endpoint, "GET", "/health")[0] == 200


def test_the_log_holds_no_value(endpoint):
    score(endpoint, [["a-private-make", "a-private-weight", *CELLS[2:]]])
    score(endpoint, [["a-private-make", *CELLS[1:]]])
    assert b"private" not in endpoint.log.read_bytes()


@needs_proc
def test_the_live_processes_have_mapped_no_heavy_library(endpoint):
    mapped: set[str] = set()
    for process in [endpoint.process, *children(endpoint.process)]:
        mapped |= set(Path(f"/proc/{process}/maps").read_text().split())
    files = [path for path in mapped if "/site-packages/" in path]
    assert any("/onnxruntime/" in path for path in files)
    assert not [path for path in files if any(f"/{name}" in path for name in HEAVY_FILES)]


def test_importing_and_loading_loads_no_heavy_library(sample):
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from assay.deploy.server import EndpointOptions, Endpoint\n"
        f"key = {sample.key!r}\n"
        f"options = EndpointOptions(bundle={str(sample.folder)!r}, trusted_keys=(key,),"
        " record_mode='off')\n"
        "endpoint = Endpoint(options)\n"
        f"reply = endpoint.service.score({GOOD!r}, 'application/json', {{}})\n"
        "assert reply.status == 200 and b'reasons' in reply.body, reply\n"
        "print(*{name.partition('.')[0] for name in sys.modules})\n"
    )
    out = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert not HEAVY & set(out.stdout.split())


def children(process: int) -> list[int]:
    text = Path(f"/proc/{process}/task/{process}/children").read_text()
    return [int(child) for child in text.split()]


def started(sample: Sample, folder: Path, **options: object) -> LocalEndpoint:
    return LocalEndpoint.start(
        sample.folder,
        name="car-price",
        trusted_keys=[sample.key],
        record_dir=folder / "predictions",
        **options,  # type: ignore[arg-type]
    )


def load(endpoint: LocalEndpoint, answered: list[str], stop: threading.Event) -> None:
    """Send requests until the server is gone; note each that was answered."""
    connection = connect(endpoint)
    while not stop.is_set():
        try:
            connection.request("POST", "/score", GOOD, JSON)
            answer = connection.getresponse()
            told = json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError):
            connection.close()
            time.sleep(0.02)
            continue
        if answer.status == 200:
            answered.append(told["request_id"])


def under_load(endpoint: LocalEndpoint, seconds: float, act: object) -> list[str]:
    """Answers that three clients got before and after ``act`` was called."""
    answered: list[str] = []
    stop = threading.Event()
    clients = [threading.Thread(target=load, args=(endpoint, answered, stop)) for _ in range(3)]
    for client in clients:
        client.start()
    time.sleep(seconds)
    act()  # type: ignore[operator]
    time.sleep(seconds)
    stop.set()
    for client in clients:
        client.join()
    return answered


@needs_proc
@pytest.mark.slow
@pytest.mark.parametrize("mode", ["async", "group"])
def test_every_answer_is_in_the_record_after_kill_9(sample, tmp_path, mode):
    endpoint = started(sample, tmp_path, record_mode=mode)

    def kill_everything() -> None:
        workers = children(endpoint.process)
        for process in [*workers, endpoint.process]:
            os.kill(process, signal.SIGKILL)

    answered = under_load(endpoint, 1.0, kill_everything)
    endpoint.stop()
    assert len(answered) > 20
    reader = read_records(tmp_path / "predictions")
    assert set(answered) <= {record.id for record in reader}


@needs_proc
@pytest.mark.slow
def test_a_killed_worker_is_replaced_and_nothing_answered_is_lost(sample, tmp_path):
    with started(sample, tmp_path) as endpoint:
        before = children(endpoint.process)

        def kill_worker() -> None:
            for process in before:
                os.kill(process, signal.SIGKILL)

        answered = under_load(endpoint, 1.5, kill_worker)
        assert endpoint.predict(ROW)["model"] == "car-price@1"
        assert not set(children(endpoint.process)) & set(before)
        text = send(endpoint, "GET", "/metrics")[2].decode()
        counted = next(
            int(line.split()[-1])
            for line in text.splitlines()
            if line.startswith("assay_requests_total") and 'status="200"' in line
        )
        assert counted >= len(answered)
    assert set(answered) <= {record.id for record in read_records(tmp_path / "predictions")}


@needs_proc
@pytest.mark.slow
def test_workers_end_when_their_parent_is_killed(sample, tmp_path):
    endpoint = started(sample, tmp_path)
    workers = children(endpoint.process)
    os.kill(endpoint.process, signal.SIGKILL)
    deadline = time.monotonic() + 15
    while any(Path(f"/proc/{worker}").exists() for worker in workers):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    endpoint.stop()


@pytest.mark.slow
def test_sigterm_answers_what_was_begun_and_syncs_the_record(sample, tmp_path):
    endpoint = started(sample, tmp_path)
    answered = under_load(endpoint, 0.7, lambda: os.kill(endpoint.process, signal.SIGTERM))
    endpoint.stop()
    reader = read_records(tmp_path / "predictions")
    assert set(answered) <= {record.id for record in reader}
    assert reader.torn_bytes == 0


@pytest.mark.slow
def test_several_workers_share_the_port_and_their_counters(sample, tmp_path):
    with started(sample, tmp_path, workers=2) as endpoint:
        for _ in range(40):
            assert send(endpoint, "POST", "/score", GOOD, JSON)[0] == 200
        totals = {
            line
            for _ in range(6)
            for line in send(endpoint, "GET", "/metrics")[2].decode().splitlines()
            if line.startswith("assay_rows_total")
        }
        assert totals == {'assay_rows_total{model="car-price@1"} 40'}
    assert len(list(read_records(tmp_path / "predictions"))) == 40


def run_server(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "assay.deploy.server", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.slow
def test_a_body_that_does_not_arrive_is_given_up(sample, tmp_path):
    key = tmp_path / "key.pem"
    key.write_text(sample.key)
    port = free_port("127.0.0.1")
    options = ["--bundle", str(sample.folder), "--trusted-key", str(key), "--record-mode", "off"]
    options += ["--port", str(port), "--body-timeout-s", "0.3"]
    server = subprocess.Popen([sys.executable, "-m", "assay.deploy.server", *options])
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                raw = socket.create_connection(("127.0.0.1", port), timeout=5)
                break
            except OSError:
                time.sleep(0.1)
        with raw:
            raw.sendall(HALF)
            assert b" 408 " in raw.recv(4096).partition(b"\r\n")[0] + b" "
    finally:
        server.terminate()
        server.wait(20)


class Scope:
    """As much of Granian's scope as the application reads."""

    path, method = "/score", "POST"

    def __init__(self, length: int) -> None:
        self.headers = {"content-length": str(length), "content-type": "application/json"}


class Protocol:
    """A client that sends ``GOOD`` once ``ready`` is set."""

    def __init__(self, ready: asyncio.Event) -> None:
        self._ready = ready
        self.status = 0

    async def __call__(self) -> bytes:
        await self._ready.wait()
        return GOOD

    def response_bytes(self, status: int, headers: object, body: bytes) -> None:
        self.status = status


def test_more_in_flight_than_fits_is_answered_busy(sample):
    options = EndpointOptions(
        bundle=str(sample.folder),
        trusted_keys=(sample.key,),
        record_mode="off",
        in_flight_mib=0.03,
    )

    async def play() -> list[int]:
        endpoint = Endpoint(options)
        endpoint.__rsgi_init__(asyncio.get_running_loop())
        ready = asyncio.Event()
        clients = [Protocol(ready) for _ in range(3)]
        calls = [
            asyncio.create_task(endpoint.__rsgi__(Scope(15_000), client))  # type: ignore[arg-type]
            for client in clients
        ]
        await asyncio.sleep(0)
        ready.set()
        await asyncio.gather(*calls)
        late = Protocol(ready)
        await endpoint.__rsgi__(Scope(15_000), late)  # type: ignore[arg-type]
        endpoint.__rsgi_del__(asyncio.get_running_loop())
        return [client.status for client in [*clients, late]]

    assert asyncio.run(play()) == [200, 200, 503, 200]


def test_a_tampered_bundle_does_not_start(sample, tmp_path):
    folder = tmp_path / "bundle"
    folder.mkdir()
    for path in sample.folder.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    with (folder / "model.onnx").open("ab") as file:
        file.write(b"x")
    key = tmp_path / "key.pem"
    key.write_text(sample.key)
    result = run_server("--bundle", str(folder), "--trusted-key", str(key), "--record-mode", "off")
    assert result.returncode == 5
    assert json.loads(result.stderr)["code"] == "verification-failed"


def test_a_record_folder_must_be_given(sample, tmp_path, capsys):
    key = tmp_path / "key.pem"
    key.write_text(sample.key)
    assert main(["--bundle", str(sample.folder), "--trusted-key", str(key)]) == 2
    assert "record" in json.loads(capsys.readouterr().err)["message"]
    absent = str(tmp_path / "absent")
    assert main(["--bundle", "x", "--trusted-key", absent, "--record-mode", "off"]) == 2
    assert json.loads(capsys.readouterr().err)["code"] == "invalid-file"


def test_a_port_in_use_is_refused_though_it_could_be_shared():
    port = free_port("127.0.0.1")
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        with pytest.raises(PortInUse, match="already in use"):
            claim_port("127.0.0.1", port)
    claim_port("127.0.0.1", port)
