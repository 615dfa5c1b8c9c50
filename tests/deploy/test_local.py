"""Endpoints of this machine: started, found, asked, stopped; and every way that fails."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.deploy.refusals import EndpointDown, PortInUse
from assay.deploy.targets.local import EndpointClient, LocalEndpoint
from assay.errors import ContractViolation, InputError, UnknownName, VerificationFailed

from .samples import ROW, Sample


def start(
    sample: Sample, folder: Path, name: str = "car-price", **options: object
) -> LocalEndpoint:
    return LocalEndpoint.start(
        sample.folder,
        name="car-price",
        trusted_keys=[sample.key],
        record_dir=folder / "predictions",
        **options,  # type: ignore[arg-type]
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("local")


@pytest.fixture(scope="module")
def endpoint(sample: Sample, home: Path) -> Iterator[LocalEndpoint]:
    with start(sample, home) as started:
        yield started


def test_it_answers_one_row_or_several(endpoint):
    one = endpoint.predict(ROW)
    assert one["predictions"][0]["value"] == pytest.approx(18035.5)
    two = endpoint.predict([ROW, {**ROW, "make": "bmw"}], reasons=0)
    assert [p["index"] for p in two["predictions"]] == [0, 1]
    assert "reasons" not in two["predictions"][0]
    assert endpoint.version == "car-price@1"
    assert endpoint.model()["name"] == "car-price"


def test_the_server_s_error_is_raised_as_it_is(endpoint):
    with pytest.raises(ContractViolation) as caught:
        endpoint.predict({**ROW, "horsepower": "many"})
    assert caught.value.violations[0]["column"] == "horsepower"
    assert "many" not in str(caught.value.to_dict())


def test_others_find_it_by_name_or_ask_it_by_address(endpoint, home):
    found = LocalEndpoint.find("car-price", home)
    assert (found.url, found.process) == (endpoint.url, endpoint.process)
    assert found.predict(ROW)["model"] == "car-price@1"
    assert EndpointClient(endpoint.url + "/").health()["model"] == "car-price@1"
    with pytest.raises(UnknownName) as caught:
        LocalEndpoint.find("car-prize", home)
    assert "car-price" in caught.value.hint


def test_one_name_serves_once(endpoint, sample, home):
    with pytest.raises(PortInUse, match="running already"):
        start(sample, home)


def test_a_port_in_use_is_said(endpoint, sample, tmp_path):
    port = int(endpoint.url.rsplit(":", 1)[1])
    with pytest.raises(PortInUse, match="already in use"):
        start(sample, tmp_path, port=port)
    with pytest.raises(UnknownName):
        LocalEndpoint.find("car-price", tmp_path)


def test_a_host_may_be_a_name(sample, tmp_path):
    with start(sample, tmp_path, host="localhost") as endpoint:
        assert endpoint.url.startswith("http://127.0.0.1:")
    with pytest.raises(InputError, match="no such address"):
        start(sample, tmp_path, host="300.1.1.1")


def test_a_bundle_that_does_not_verify_is_said(sample, binary_sample, tmp_path):
    with pytest.raises(VerificationFailed):
        LocalEndpoint.start(
            sample.folder,
            name="car-price",
            trusted_keys=[binary_sample.key],
            record_dir=tmp_path / "predictions",
        )


def test_nobody_there_is_said():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    client = EndpointClient(f"http://127.0.0.1:{port}")
    with pytest.raises(EndpointDown, match="does not answer") as caught:
        client.predict(ROW)
    assert str(port) in caught.value.where


def test_it_ends_when_it_is_stopped_by_whoever_finds_it(sample, tmp_path):
    endpoint = start(sample, tmp_path)
    assert os.getpgid(endpoint.process) != os.getpgid(0)
    found = LocalEndpoint.find("car-price", tmp_path)
    # Whoever started it must still collect the process; a stranger just sees it gone.
    found.stop(grace_s=0.1)
    endpoint.stop()
    endpoint.stop()
    with pytest.raises(UnknownName):
        LocalEndpoint.find("car-price", tmp_path)
    with pytest.raises(EndpointDown):
        endpoint.predict(ROW)


def test_a_stale_note_of_a_dead_process_is_no_endpoint(sample, tmp_path):
    endpoint = start(sample, tmp_path)
    note = (tmp_path / "car-price.endpoint.json").read_bytes()
    endpoint.stop()
    (tmp_path / "car-price.endpoint.json").write_bytes(note.replace(
        f'"process":{endpoint.process}'.encode(), f'"process":{os.getpid()}'.encode()
    ))  # fmt: skip
    with pytest.raises(UnknownName):
        LocalEndpoint.find("car-price", tmp_path)
    with start(sample, tmp_path) as again:
        assert again.predict(ROW)["predictions"]


def test_a_server_that_does_not_get_ready_is_ended(sample, tmp_path):
    began = time.monotonic()
    with pytest.raises(EndpointDown, match="not ready within"):
        start(sample, tmp_path, timeout_s=0.01)
    assert time.monotonic() - began < 15


def test_asking_an_endpoint_loads_no_server():
    program = "import sys, assay.deploy.targets.local; print(*sys.modules)"
    out = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert not {"onnxruntime", "granian", "numpy", "polars"} & set(out.stdout.split())
