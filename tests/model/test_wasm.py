from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

from assay.errors import InputError, InvalidFile, UnknownColumn
from assay.model import wasm
from assay.model.coding import coding_of
from assay.model.compile import CODES, compile_plan
from assay.model.encode import feature_count
from assay.model.plan import (
    Array,
    BetaCalibration,
    CrossEncoder,
    DateEncoder,
    Encoder,
    HashedTextEncoder,
    HashEncoder,
    Input,
    IsotonicCalibration,
    LevelEncoder,
    LinearMember,
    LogitCalibration,
    Member,
    MissingEncoder,
    ModelPlan,
    NeighboursMember,
    NetworkMember,
    NumberEncoder,
    OneHotEncoder,
    Output,
    PairEncoder,
    QuadraticMember,
    TextEncoder,
    TreesMember,
)
from assay.model.wasm import (
    RUNNER,
    WasmSession,
    browser_runtime,
    check_runtime,
    engine,
    readable_in_wasm,
    score_in_wasm,
)
from assay.records import digest

from .wasm_engine import engine_or_skip

INPUTS = (
    Input(name="age", kind="number"),
    Input(name="height", kind="number"),
    Input(name="when", kind="number"),
    Input(name="make", kind="category"),
    Input(name="ville", kind="category"),
    Input(name="note", kind="category"),
)
WORDS = (
    "Évry",
    "E\u0301vry",
    "évry",
    "Köln",
    "東京",
    "🚗",
    "",
    " ",
    "a\u0001b",
    "AUDI",
    "audi",
    "x" * 400,
)
NOTES = (
    *(
        "",
        "a bad, BAD car!",
        "l'été à Évry ÉTÉ",
        "naïve",
        "Привет Мир",
        "🚗🚗 go",
        "tab\tnew\nline",
    ),
    *("don't PANIC_1 ärzte", "ÄRZTE", "\u00a0\u2028", "İstanbul ﬁn"),
)
NUMBERS = (
    *(np.nan, np.inf, -np.inf, 1e308, -1e308, 5e-324, -0.0, 0.0, 2.0**53, 2.0**53 + 2, 1.7e9),
    *(16_777_217.0, 0.1, 1 / 3, -7.25, 1.0, 2.0, 3.0, 30.0, 64.0, 70.0, 19_000.75, -719_163.0),
)


@pytest.fixture(scope="session")
def runtime(pytestconfig: pytest.Config) -> Path:
    return engine_or_skip(pytestconfig)


class TestParity:
    @pytest.mark.parametrize("name", ["trees", "linear", "network", "neighbours", "squares"])
    def test_every_encoder_and_member_gives_pythons_answers(self, runtime: Path, name: str) -> None:
        plan = _plan((_members(3)[name],), Output(kind="multiclass", classes=("a", "Évry", "c")))
        _assert_equal(compile_plan(plan), _rows(1_500), runtime)

    @pytest.mark.parametrize(
        "output",
        [
            Output(kind="binary", classes=("no", "yes"), threshold=0.3, interval=0.7),
            Output(kind="binary", classes=("0", "1"), labels=(0, 1),
                   calibration=LogitCalibration(slope=1.2, intercept=-0.1)),
            Output(kind="binary", classes=("f", "t"), labels=(False, True),
                   calibration=BetaCalibration(a=(1.1,), b=(0.8,), c=(0.2,))),
            Output(kind="binary", classes=("1.5", "2.5"), labels=(1.5, 2.5),
                   calibration=IsotonicCalibration(knots=((0.1, 0.5, 0.9),),
                                                   values=((0.0, 0.4, 1.0),))),
            Output(kind="regression", interval=0.3),
            Output(kind="regression", transform="log1p", interval=0.3),
            Output(kind="regression", transform="yeo-johnson", power=0.4, center=0.1, scale=0.5),
            Output(kind="anomaly", threshold=0.2),
        ],
        ids=lambda output: f"{output.kind}-{output.transform}-{type(output.calibration).__name__}",
    )  # fmt: skip
    def test_every_output(self, runtime: Path, output: Output) -> None:
        members = _members(1, "sigmoid" if output.kind == "binary" else "identity")
        plan = _plan((members["trees"], members["linear"]), output)
        _assert_equal(compile_plan(plan), _rows(600), runtime)

    def test_the_coded_form(self, runtime: Path) -> None:
        plan = _plan((_members(1, "identity")["trees"],), Output(kind="regression"))
        codes = coding_of(plan.inputs, plan.encoders).codes(_rows(300))
        _assert_equal(compile_plan(plan, "codes"), {CODES: codes}, runtime)

    def test_several_batches_in_one_process(
        self, runtime: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        plan = _plan((_members(1)["trees"],), Output(kind="regression"))
        graph, rows = compile_plan(plan), _rows(100)
        whole = score_in_wasm(graph, rows, runtime=runtime)["prediction"]
        monkeypatch.setattr(wasm, "BATCH_ROWS", 7)
        with WasmSession(graph, runtime=runtime) as session:
            for first in (0, 40):
                part = {name: cells[first : first + 40] for name, cells in rows.items()}
                found = session.run(part)["prediction"]
                np.testing.assert_array_equal(found, whole[first : first + 40])

    def test_latencies_are_positive_and_as_many_as_asked(self, runtime: Path) -> None:
        plan = _plan((_members(1)["trees"],), Output(kind="regression"))
        with WasmSession(compile_plan(plan), runtime=runtime) as session:
            taken = session.latencies(_rows(1), calls=25)
        assert taken.shape == (25,)
        assert (taken > 0).all()


class TestWhatCannotBeRun:
    def test_a_nul_would_cut_a_string_so_it_is_refused(self, runtime: Path) -> None:
        rows = {"s": np.array([["ab"], ["a\0b"]], dtype=object)}
        assert readable_in_wasm(rows).tolist() == [True, False]
        with pytest.raises(InputError, match="'s' holds a NUL") as caught:
            score_in_wasm(_echo(), rows, runtime=runtime)
        assert "a\0b" not in str(caught.value)

    def test_half_a_character_is_refused(self, runtime: Path) -> None:
        with pytest.raises(InputError, match="half a character"):
            score_in_wasm(_echo(), {"s": np.array([["\ud83d"]], dtype=object)}, runtime=runtime)

    def test_strings_come_back_as_they_went(self, runtime: Path) -> None:
        words = np.array([[word] for word in WORDS + NOTES], dtype=object)
        assert score_in_wasm(_echo(), {"s": words}, runtime=runtime)["o"].tolist() == words.tolist()

    def test_an_absent_column_is_named(self, runtime: Path) -> None:
        with pytest.raises(UnknownColumn, match="'s'"):
            score_in_wasm(_echo(), {"t": np.zeros((1, 1))}, runtime=runtime)

    def test_no_rows_are_refused(self, runtime: Path) -> None:
        with pytest.raises(InputError, match="number of rows"):
            score_in_wasm(_echo(), {"s": np.zeros((0, 1), dtype=object)}, runtime=runtime)

    def test_an_operator_that_the_engine_lacks_is_told(self, runtime: Path) -> None:
        with pytest.raises(InvalidFile, match=r"cannot open this graph.*NoSuchOperator"):
            score_in_wasm(
                _echo("NoSuchOperator"), {"s": np.array([["a"]], dtype=object)}, runtime=runtime
            )

    def test_bytes_that_are_no_graph(self, runtime: Path) -> None:
        with pytest.raises(InvalidFile, match="no ONNX graph"):
            score_in_wasm(b"\xff\xfe nonsense", {}, runtime=runtime)

    def test_absent_node_says_what_to_install(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="node is not installed") as caught:
            score_in_wasm(_echo(), {}, runtime=tmp_path, node="no-such-node")
        assert "Node.js 20" in caught.value.hint

    def test_a_node_that_dies_is_told(self, runtime: Path, tmp_path: Path) -> None:
        node = _program(tmp_path / "node", "exit 3")
        with pytest.raises(InputError, match="ended before it had answered"):
            WasmSession(_echo(), runtime=runtime, node=node)


class TestTheRuntime:
    def test_the_lock_holds_hashes_and_no_addresses(self) -> None:
        lock = (RUNNER / "package-lock.json").read_text(encoding="utf-8")
        assert "http" not in lock
        assert "resolved" not in lock
        assert lock.count('"integrity"') == lock.count('"node_modules/')

    def test_it_is_fetched_once(self, runtime: Path) -> None:
        home = runtime.parent.parent
        assert browser_runtime(home, npm="no-such-npm") == runtime
        assert {path.name for path in runtime.iterdir()} == set(engine().files)

    def test_a_changed_file_is_refused(self, runtime: Path, tmp_path: Path) -> None:
        for name in engine().files:
            (tmp_path / name).write_bytes((runtime / name).read_bytes())
        assert check_runtime(tmp_path) == tmp_path
        with (tmp_path / "ort-wasm-simd-threaded.wasm").open("ab") as file:
            file.write(b"\0")
        with pytest.raises(InvalidFile, match=r"simd-threaded\.wasm is absent, or not the one"):
            check_runtime(tmp_path)

    def test_without_npm_it_says_what_to_run(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="npm is not installed") as caught:
            browser_runtime(tmp_path, npm="no-such-npm")
        assert "npm ci --ignore-scripts" in caught.value.hint
        assert "node_modules/onnxruntime-web/dist" in caught.value.hint

    def test_a_failed_install_leaves_nothing(self, tmp_path: Path) -> None:
        npm = _program(
            tmp_path / "npm", "mkdir node_modules; echo npm error code EFAKE >&2; exit 1"
        )
        with pytest.raises(InputError, match=r"code 1 \(EFAKE\)"):
            browser_runtime(tmp_path / "home", npm=npm)
        assert not list((tmp_path / "home" / "browser-runtime").iterdir())

    def test_an_install_of_other_files_leaves_nothing(self, tmp_path: Path) -> None:
        dist = "node_modules/onnxruntime-web/dist"
        files = " ".join(f"{dist}/{name}" for name in engine().files)
        npm = _program(tmp_path / "npm", f"mkdir -p {dist}; touch {files}")
        with pytest.raises(InvalidFile, match="not the one"):
            browser_runtime(tmp_path / "home", npm=npm)
        assert not list((tmp_path / "home" / "browser-runtime").iterdir())

    def test_what_a_killed_install_left_is_cleared_after_an_hour(self, tmp_path: Path) -> None:
        old, new = (tmp_path / "browser-runtime" / f".install-{age}" for age in ("old", "new"))
        old.mkdir(parents=True)
        new.mkdir()
        os.utime(old, (time.time() - 7_200, time.time() - 7_200))
        with pytest.raises(InputError):
            browser_runtime(tmp_path, npm=_program(tmp_path / "npm", "exit 1"))
        assert not old.exists()
        assert new.exists()

    def test_the_folder_is_named_by_the_lock(self, runtime: Path) -> None:
        lock = digest((RUNNER / "package-lock.json").read_bytes())
        assert lock.removeprefix("sha256:").startswith(runtime.name)


def _program(path: Path, script: str) -> str:
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def _echo(operator: str = "Identity") -> bytes:
    graph = helper.make_graph(
        [helper.make_node(operator, ["s"], ["o"])],
        "echo",
        [helper.make_tensor_value_info("s", TensorProto.STRING, [None, 1])],
        [helper.make_tensor_value_info("o", TensorProto.STRING, [None, 1])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    return bytes(model.SerializeToString())


def _assert_equal(graph: bytes, rows: dict[str, Array], runtime: Path) -> None:
    """Every output of the graph, in wasm and in Python's ONNX Runtime."""
    session = ort.InferenceSession(graph, providers=["CPUExecutionProvider"])
    names = [result.name for result in session.get_outputs()]
    expected = dict(zip(names, session.run(names, rows), strict=True))
    found = score_in_wasm(graph, rows, runtime=runtime)
    assert set(found) == set(names)
    for name in names:
        assert found[name].shape == expected[name].shape
        assert found[name].dtype == expected[name].dtype
        if found[name].dtype == np.float64:
            np.testing.assert_allclose(found[name], expected[name], rtol=1e-10, atol=1e-12)
        else:
            np.testing.assert_array_equal(found[name], expected[name])
    assert len(np.unique(next(iter(expected.values())).round(6), axis=0)) > 10


def _rows(count: int) -> dict[str, Array]:
    """Every special value in every column, and random mixtures of them."""
    rng = np.random.default_rng(7)
    columns: dict[str, Array] = {}
    for item in INPUTS:
        pool = NUMBERS if item.kind == "number" else NOTES if item.name == "note" else WORDS
        cells = np.array(pool, dtype=np.float64 if item.kind == "number" else object)
        columns[item.name] = rng.choice(cells, size=(count, 1))
    return columns


def _encoders() -> tuple[Encoder, ...]:
    operations = ("add", "subtract", "multiply", "divide")
    parts = ("year", "month", "day", "weekday", "day_of_year", "hour")
    return (
        NumberEncoder(column="age", fill=30.5, low=-10.0, high=100.0),
        NumberEncoder(column="height", fill=float("nan"), low=-10.0, high=100.0),
        NumberEncoder(column="when", fill=1.7e9, low=0.0, high=2e9, offset=1.7e9),
        *(MissingEncoder(column=item.name) for item in INPUTS),
        LevelEncoder(column="make", levels=("Évry", "🚗"), values=(1.5, float("nan")), missing=0.25,
                     unseen=-1.0),
        OneHotEncoder(column="ville", levels=("Köln", "Évry", "東京")),
        HashEncoder(column="make", buckets=5, seed=3),
        CrossEncoder(columns=("make", "ville"), levels=(("Évry", ""), ("🚗", "Köln")),
                     values=(3.0, -2.0), unseen=0.5),
        *(PairEncoder(columns=("age", "height"), operation=operation, fill=0.5, low=-50.0,
                      high=50.0) for operation in operations),
        DateEncoder(column="when", fill=19_000.25, parts=parts),
        TextEncoder(column="note", analyzer="word", weights=(1.0, 2.0, 0.5, 1.0, 1.5),
                    terms=(("bad",), ("car",), ("bad", "car"), ("été",), ("ärzte",))),
        TextEncoder(column="note", analyzer="char", weights=(1.0, 2.0, 0.5),
                    terms=(("é",), ("t", "é"), ("a",)), unit_length=False),
        HashedTextEncoder(column="note", analyzer="word", buckets=4, longest=2),
        HashedTextEncoder(column="note", analyzer="char", buckets=4, shortest=2, longest=3),
    )  # fmt: skip


def _plan(members: tuple[Member, ...], output: Output) -> ModelPlan:
    return ModelPlan(
        inputs=INPUTS,
        encoders=_encoders(),
        members=members,
        weights=tuple(1.0 / len(members) for _ in members),
        output=output,
    )


def _members(width: int, link: str = "softmax") -> dict[str, Member]:
    rng = np.random.default_rng(11)
    # Features that may be missing (height, make's level) are for trees alone.
    count = feature_count(_encoders())
    filled = tuple(k for k in range(count) if k not in (1, 9))
    n = len(filled)
    scale = rng.uniform(0.5, 50.0, n)
    common = {"columns": filled, "center": rng.normal(size=n), "scale": scale, "link": link}
    return {
        "linear": LinearMember(
            family="linear", weights=rng.normal(size=(n, width)) / 9, intercept=np.zeros(width),
            **common,
        ),
        "network": NetworkMember(
            family="network", weights=(rng.normal(size=(n, 6)), rng.normal(size=(6, width))),
            biases=(np.zeros(6), np.zeros(width)), activation="tanh", **common,
        ),
        "neighbours": NeighboursMember(
            family="neighbours", rows=rng.normal(size=(40, n)), values=rng.normal(size=(40, width)),
            k=5, by_distance=True, **common,
        ),
        "squares": QuadraticMember(
            family="mixture", directions=rng.normal(size=(n, 2 * width)) / 20,
            offsets=rng.normal(size=2 * width), bias=np.zeros(width),
            group=np.repeat(np.arange(width), 2).astype(np.int32), **common,
        ),
        "trees": _trees(count, width, link),
    }  # fmt: skip


def _trees(features: int, width: int, link: str) -> TreesMember:
    """One split a feature, with missing values to either side, and a split on a set."""
    rng = np.random.default_rng(5)
    total = features + 1
    values = np.zeros((3 * total, width))
    values[1::3, :] = (
        rng.normal(size=(total, width)) * np.eye(width)[rng.integers(width, size=total)]
    )
    values[2::3, :] = (
        rng.normal(size=(total, width)) * np.eye(width)[rng.integers(width, size=total)]
    )
    roots = np.arange(total, dtype=np.int32) * 3
    left, right = np.full(3 * total, -1), np.full(3 * total, -1)
    left[roots], right[roots] = roots + 1, roots + 2
    feature, threshold = np.zeros(3 * total), np.zeros(3 * total)
    feature[roots] = [*range(features), 1]
    threshold[roots] = rng.choice([0.1, 0.5, 1 / 3, 2.0, 30.0], size=total)
    set_of = np.full(3 * total, -1)
    set_of[roots[-1]] = 0
    return TreesMember(
        family="trees",
        columns=tuple(range(features)),
        roots=roots,
        feature=feature.astype(np.int32),
        threshold=threshold.astype(np.float32),
        left=left.astype(np.int32),
        right=right.astype(np.int32),
        values=values,
        base=np.zeros(width),
        link=link,  # type: ignore[arg-type]
        missing_left=rng.integers(2, size=3 * total).astype(bool),
        set_of=set_of.astype(np.int32),
        sets=(np.array([1.0, 3.0, 64.0, 70.0], dtype=np.float32),),
    )
