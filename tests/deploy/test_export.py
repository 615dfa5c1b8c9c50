"""A folder appears whole or not at all, says what it is, and verifies against a trusted key."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from assay.deploy import export as module
from assay.deploy.export import (
    FILE,
    TARGETS,
    Export,
    check_target,
    quantise_shipment,
    verify_export,
    write_export,
)
from assay.deploy.shipment import Shipment, load_shipment
from assay.errors import InputError, InvalidFile, NotApplicable, UnknownName, VerificationFailed
from assay.model.plan import ModelPlan, NetworkMember
from assay.records import digest

from .samples import COLUMNS, ROW, Sample, make_bundle, regression_plan

OWN = ("onnx", "python", "mlflow", "spark")


def contents(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


@pytest.fixture(scope="module")
def shipment(sample: Sample) -> Shipment:
    return load_shipment(sample.folder, trusted_keys=[sample.key], card=b"# Card\n")


@pytest.fixture(scope="module")
def network_sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return make_bundle(tmp_path_factory.mktemp("network"), network_plan())


@pytest.fixture(scope="module")
def small(network_sample: Sample) -> Shipment:
    """The int8 form of a network."""
    shipped = load_shipment(network_sample.folder, trusted_keys=[network_sample.key], card=b"#")
    rows = [{**ROW, "curb weight": 1500.0 + n, "horsepower": n} for n in range(200)]
    inputs = shipped.bundle.contract.decode_inputs(COLUMNS, [list(r.values()) for r in rows])
    return quantise_shipment(shipped, inputs)


def network_plan() -> ModelPlan:
    plan = regression_plan()
    rng = np.random.default_rng(0)
    columns = plan.members[0].columns
    sizes = (len(columns), 64, 64, 1)
    member = NetworkMember(
        family="mlp",
        columns=columns,
        center=np.full(len(columns), 100.0),
        scale=np.full(len(columns), 1000.0),
        weights=tuple(rng.normal(size=(sizes[i], sizes[i + 1])) / 8 for i in range(3)),
        biases=(np.zeros(64), np.zeros(64), np.array([20.0])),
        activation="tanh",
    )
    return dataclasses.replace(plan, members=(member,))


@pytest.mark.parametrize("target", OWN)
def test_the_folder_says_what_it_is(shipment: Shipment, tmp_path: Path, target: str) -> None:
    """Each file but the list itself is in the list, under the digest it has."""
    made = write_export(shipment, tmp_path / "out", target=target, home=tmp_path)
    found = contents(tmp_path / "out")
    assert Export.from_json(found.pop(FILE)) == made
    assert made.files == {name: digest(body) for name, body in found.items()}
    assert (made.version, made.target, made.int8) == ("car-price@1", target, False)
    assert made.graph == made.hallmarked == shipment.bundle.model_digest
    assert shipment.bundle.model_digest in made.files.values()
    assert found["model-card.md"] == b"# Card\n"
    assert "car-price@1" in found["README.md"].decode()


@pytest.mark.parametrize("target", OWN)
def test_the_same_version_gives_the_same_bytes(
    shipment: Shipment, tmp_path: Path, target: str
) -> None:
    for name in ("one", "two"):
        write_export(shipment, tmp_path / name, target=target, home=tmp_path)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_an_older_export_is_replaced_whole(shipment: Shipment, tmp_path: Path) -> None:
    write_export(shipment, tmp_path / "out", target="mlflow", home=tmp_path)
    (tmp_path / "out" / "stray.txt").write_text("left over")
    made = write_export(shipment, tmp_path / "out", target="python", home=tmp_path)
    assert set(contents(tmp_path / "out")) == {*made.files, FILE}
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_an_export_that_fails_leaves_what_was_there(
    shipment: Shipment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_export(shipment, tmp_path / "out", target="python", home=tmp_path)
    before = contents(tmp_path / "out")

    def fail(*_: Any, **__: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("assay.deploy.targets.python_folder.render_readme", fail)
    for name in ("out", "new"):
        with pytest.raises(OSError, match="disk full"):
            write_export(shipment, tmp_path / name, target="python", home=tmp_path)
    assert contents(tmp_path / "out") == before
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_other_content_is_not_replaced(shipment: Shipment, sample: Sample, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("years of work")
    (tmp_path / "link").symlink_to(precious)
    for place in (precious, precious / "thesis.txt", tmp_path / "link", sample.folder):
        with pytest.raises(InvalidFile, match="not an export"):
            write_export(shipment, place, target="onnx", home=tmp_path)
    assert (precious / "thesis.txt").read_text() == "years of work"
    (tmp_path / "empty").mkdir()
    assert write_export(shipment, tmp_path / "empty", target="onnx", home=tmp_path)


def test_unknown_targets_are_refused_before_any_work(shipment: Shipment, tmp_path: Path) -> None:
    with pytest.raises(UnknownName) as refused:
        write_export(shipment, tmp_path / "out", target="mlfow", home=tmp_path)
    assert "'mlflow'" in refused.value.hint
    for target in ("browser", "c"):
        with pytest.raises(InputError, match="only the hallmarked graph"):
            check_target(target, int8=True)
    for target in TARGETS:
        check_target(target)


@pytest.mark.parametrize("target", OWN)
def test_an_export_verifies_against_the_trusted_key(
    shipment: Shipment, sample: Sample, tmp_path: Path, target: str
) -> None:
    write_export(shipment, tmp_path / "out", target=target, home=tmp_path)
    report = verify_export(tmp_path / "out", trusted_keys=[sample.key])
    assert report.version == "car-price@1"
    assert report.model == shipment.bundle.model_digest
    graph = "car-price.onnx" if target == "onnx" else "model.onnx"
    assert set(report.files) == {graph, "contract.json"}
    assert "README.md" not in dict(report.checked)
    assert "not signed" in dict(report.checked)["other files"]


@pytest.mark.parametrize("target", OWN)
def test_a_changed_graph_or_a_stranger_s_key_is_refused(
    shipment: Shipment, sample: Sample, tmp_path: Path, target: str
) -> None:
    write_export(shipment, tmp_path / "out", target=target, home=tmp_path)
    for keys in ([], [make_bundle(tmp_path, regression_plan()).key]):
        with pytest.raises(VerificationFailed):
            verify_export(tmp_path / "out", trusted_keys=keys)
    path = tmp_path / "out" / ("car-price.onnx" if target == "onnx" else "model.onnx")
    body = bytearray(path.read_bytes())
    body[len(body) // 2] ^= 1
    path.write_bytes(body)
    with pytest.raises(VerificationFailed, match="No file of this export is the graph"):
        verify_export(tmp_path / "out", trusted_keys=[sample.key])


def test_the_evidence_of_an_onnx_export_is_verified_too(
    shipment: Shipment, sample: Sample, tmp_path: Path
) -> None:
    write_export(shipment, tmp_path / "out", target="onnx", home=tmp_path)
    checked = dict(verify_export(tmp_path / "out", trusted_keys=[sample.key]).checked)
    assert "rules allow it" in checked["decision"]
    evidence = tmp_path / "out" / "bundle" / "assessment.json"
    evidence.write_bytes(evidence.read_bytes().replace(b"0.2", b"0.1"))
    with pytest.raises(VerificationFailed, match=r"assessment\.json was changed"):
        verify_export(tmp_path / "out", trusted_keys=[sample.key])


@pytest.mark.parametrize("target", OWN)
def test_int8_is_smaller_and_says_that_it_is_not_the_hallmarked_graph(
    small: Shipment, network_sample: Sample, tmp_path: Path, target: str
) -> None:
    made = write_export(small, tmp_path / "out", target=target, home=tmp_path)
    found = contents(tmp_path / "out")
    assert made.int8
    assert made.graph != made.hallmarked
    assert len(small.graph) < 0.5 * len(small.bundle.graph)
    readme = found["README.md"].decode()
    assert "**This is not the hallmarked graph.**" in readme
    assert small.int8 is not None
    assert f"On {small.int8.rows} training rows" in readme
    assert found["int8.json"] == small.int8.to_json()
    with pytest.raises(VerificationFailed, match="No file of this export is the graph"):
        verify_export(tmp_path / "out", trusted_keys=[network_sample.key])


def test_int8_has_nothing_to_gain_from_a_small_linear_model(shipment: Shipment) -> None:
    inputs = shipment.bundle.contract.decode_inputs(COLUMNS, [list(ROW.values())])
    with pytest.raises(NotApplicable, match="nothing to gain"):
        quantise_shipment(shipment, inputs)


def test_a_page_and_c_are_made_by_their_own_writers(
    shipment: Shipment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are handed the verified bundle and an empty folder."""
    given: list[tuple[Any, ...]] = []

    def writer(bundle: Any, folder: Path, **options: Any) -> None:
        given.append((bundle, sorted(folder.iterdir()), options))
        (folder / "made.txt").write_text("made")

    for name, function in (("browser", "write_browser_page"), ("c_source", "write_c_source")):
        fake = ModuleType(name)
        setattr(fake, function, writer)
        monkeypatch.setitem(sys.modules, f"assay.deploy.targets.{name}", fake)
    fake = ModuleType("wasm")
    fake.browser_runtime = lambda home: home / "engine"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "assay.model.wasm", fake)
    for target in ("browser", "c"):
        made = write_export(shipment, tmp_path / target, target=target, home=tmp_path)
        assert {"made.txt", "hallmark.json", "model-card.md"} <= set(made.files)
    assert given == [
        (shipment.bundle, [], {"runtime": tmp_path / "engine"}),
        (shipment.bundle, [], {}),
    ]


def test_no_writer_is_loaded_before_it_is_asked_for() -> None:
    names = {name.rpartition(".")[2] for name in vars(module) if "write_" in name}
    assert names == {"write_export"}
