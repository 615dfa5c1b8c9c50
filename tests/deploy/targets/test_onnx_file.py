"""The README of the ONNX folder says what the graph says, and the graph is the hallmarked one."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from assay.deploy.export import write_export
from assay.deploy.operators import read_needs
from assay.deploy.shipment import Shipment
from assay.model.compile import compile_plan
from assay.model.plan import TreesMember
from assay.registry.verify import verify_bundle

from ..samples import Sample, linear, regression_plan
from .outside import ROWS, expected


@pytest.fixture
def folder(any_shipment: Shipment, tmp_path: Path) -> Path:
    write_export(any_shipment, tmp_path / "out", target="onnx", home=tmp_path)
    return tmp_path / "out"


def test_the_graph_is_the_hallmarked_one_byte_for_byte(
    any_shipment: Shipment, folder: Path
) -> None:
    assert (folder / "car-price.onnx").read_bytes() == any_shipment.bundle.graph
    assert (folder / "model-card.md").read_bytes() == any_shipment.card


def test_the_bundle_within_verifies_by_itself(
    sample: Sample, shipment: Shipment, tmp_path: Path
) -> None:
    write_export(shipment, tmp_path / "out", target="onnx", home=tmp_path)
    report = verify_bundle(tmp_path / "out" / "bundle", trusted_keys=[sample.key])
    assert report.model == shipment.bundle.model_digest


def test_the_readme_lists_each_operator(folder: Path) -> None:
    """Against a count of our own: name, domain, version in force, nodes."""
    model = onnx.load(folder / "car-price.onnx")
    counted = Counter((n.op_type, n.domain or "ai.onnx") for n in model.graph.node)
    sets = {o.domain or "ai.onnx": o.version for o in model.opset_import}
    told = re.findall(
        r"^\| (\w+) \| (ai\.onnx[.ml]*) \| (\d+) \| (\d+) \|$",
        (folder / "README.md").read_text(),
        flags=re.MULTILINE,
    )
    assert {(name, domain): int(nodes) for name, domain, _, nodes in told} == counted
    for name, domain, version, _ in told:
        versions = [
            s.since_version
            for s in onnx.defs.get_all_schemas_with_history()
            if s.name == name and (s.domain or "ai.onnx") == domain
        ]
        assert int(version) == max(v for v in versions if v <= sets[domain])


def test_the_readme_states_versions_inputs_and_outputs(
    any_shipment: Shipment, folder: Path
) -> None:
    readme = (folder / "README.md").read_text()
    model = onnx.load(folder / "car-price.onnx")
    assert f"IR version {model.ir_version}" in readme
    for opset in model.opset_import:
        assert f"`{opset.domain or 'ai.onnx'}` {opset.version}" in readme
    for value in (*model.graph.input, *model.graph.output):
        assert f"| `{value.name}` |" in readme
    assert any_shipment.bundle.model_digest in readme
    assert f"{len(any_shipment.graph):,} bytes" in readme


def test_the_graph_answers_from_the_columns_as_the_readme_writes_them(
    any_shipment: Shipment, folder: Path
) -> None:
    session = onnxruntime.InferenceSession(folder / "car-price.onnx")
    inputs = any_shipment.bundle.contract.decode_record_inputs(ROWS)
    answers = dict(
        zip([o.name for o in session.get_outputs()], session.run(None, inputs), strict=True)
    )
    for row, told in enumerate(expected(any_shipment.bundle)):
        for name, value in told.items():
            if name in answers and not isinstance(value, dict):
                assert answers[name][row] == value


def test_trees_ask_for_a_later_runtime() -> None:
    """ONNX Runtime 1.20.1 has no kernel for TreeEnsemble 5; 1.21 to 1.23 sum some wrongly."""
    stump = TreesMember(
        family="trees",
        columns=(1,),
        roots=np.array([0], dtype=np.int32),
        feature=np.array([0, -1, -1], dtype=np.int32),
        threshold=np.array([2000.0, 0.0, 0.0], dtype=np.float32),
        left=np.array([1, -1, -1], dtype=np.int32),
        right=np.array([2, -1, -1], dtype=np.int32),
        values=np.array([[0.0], [1.0], [2.0]]),
        base=np.zeros(1),
    )
    plan = regression_plan()
    trees = dataclasses.replace(plan, members=(stump,))
    assert read_needs(compile_plan(plan)).least_runtime == "1.19"
    assert read_needs(compile_plan(trees)).least_runtime == "1.24"
    both = dataclasses.replace(plan, members=(stump, linear((1.0,), 0.0)), weights=(0.5, 0.5))
    names = [o.name for o in read_needs(compile_plan(both)).operators]
    assert len(names) == len(set(names))
    assert "TreeEnsemble" in names
