from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.data.contract import Column, Contract
from assay.deploy.bundle import Bundle, load_bundle
from assay.deploy.reasons import Reasoner, explained_labels, round_for_people, spell
from assay.deploy.targets.browser import PAGE, write_browser_page
from assay.errors import ContractViolation, InvalidFile, UnknownColumn
from assay.model.compile import compile_plan
from assay.model.inputs import plan_inputs
from assay.model.plan import (
    Array,
    LevelEncoder,
    LinearMember,
    ModelPlan,
    NumberEncoder,
    OneHotEncoder,
    Output,
    TreesMember,
)
from assay.model.scorer import Scorer
from assay.records import digest

from ...model.wasm_engine import engine_or_skip
from ...report.browser import Seen, chromium_page
from ..samples import Sample

WIDE = Contract(
    columns=(
        *(Column(name=f"number {k}", kind="number", low=-2.0, high=2.0) for k in range(7)),
        Column(name="doors", kind="integer", nullable=True, low=2.0, high=5.0),
        Column(name="ville", kind="category", nullable=True, categories=("Évry", "Köln", "東京")),
        Column(name="note", kind="text", nullable=True),
        Column(name="leased", kind="boolean", categories=("No", "Yes")),
        Column(name="seen", kind="date", low=18000.25, high=19723.5),
        Column(name="grade", kind="category", role="target", categories=("a", "b", "it's")),
    )
)
WIDE_REFERENCE = {
    **{f"number {k}": 0.25 * k for k in range(7)},
    "doors": 4.0,
    "ville": "Köln",
    "note": None,
    "leased": 0.0,
    "seen": 19000.5,
}


@pytest.fixture(scope="session")
def runtime(pytestconfig: pytest.Config) -> Path:
    return engine_or_skip(pytestconfig)


@pytest.fixture(scope="session")
def wide(bundle: Bundle) -> Bundle:
    """Three classes, strings beyond ASCII, and more columns than are explained exactly."""
    graph = compile_plan(_wide_plan())
    return dataclasses.replace(
        bundle, graph=graph, model_digest=digest(graph), contract=WIDE, reference=WIDE_REFERENCE
    )


@pytest.fixture(scope="session")
def binary(binary_sample: Sample) -> Bundle:
    return load_bundle(binary_sample.folder, [binary_sample.key])


@pytest.fixture(scope="session")
def page_folder(
    bundle: Bundle, sample: Sample, runtime: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("page")
    write_browser_page(bundle, folder, runtime=runtime)
    return folder


class TestTheFolder:
    def test_it_holds_all_that_runs(self, page_folder: Path, bundle: Bundle) -> None:
        names = {path.name for path in page_folder.iterdir()}
        assert names == {
            *(path.name for path in PAGE.iterdir()),
            *("model.onnx", "page.json"),
            *("ort.wasm.bundle.min.js", "ort-wasm-simd-threaded.wasm"),
        }
        assert (page_folder / "model.onnx").read_bytes() == bundle.graph

    def test_the_page_names_the_digest_of_its_description(
        self, bundle: Bundle, runtime: Path, tmp_path: Path
    ) -> None:
        described = write_browser_page(bundle, tmp_path, runtime=runtime)
        assert described == digest((tmp_path / "page.json").read_bytes())
        assert described in (tmp_path / "index.html").read_text(encoding="utf-8")
        assert json.loads((tmp_path / "page.json").read_bytes())["model_digest"] == digest(
            bundle.graph
        )

    def test_words_of_the_question_are_no_markup(
        self, bundle: Bundle, runtime: Path, tmp_path: Path
    ) -> None:
        loud = bundle.question
        loud = type(loud)(**{f: getattr(loud, f) for f in loud.__struct_fields__} | {
            "question": "Is a < b, $or <script>x</script>?"
        })  # fmt: skip
        write_browser_page(dataclasses.replace(bundle, question=loud), tmp_path, runtime=runtime)
        text = (tmp_path / "index.html").read_text(encoding="utf-8")
        assert "<script>x" not in text
        assert "a &lt; b, $or &lt;script&gt;" in text

    def test_a_folder_with_something_in_it_is_refused(
        self, bundle: Bundle, runtime: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "mine.txt").write_text("keep")
        with pytest.raises(InvalidFile, match="empty folder"):
            write_browser_page(bundle, tmp_path, runtime=runtime)

    def test_another_engine_is_refused(self, bundle: Bundle, runtime: Path, tmp_path: Path) -> None:
        engine = tmp_path / "engine"
        shutil.copytree(runtime, engine)
        with (engine / "ort.wasm.bundle.min.mjs").open("a") as script:
            script.write("\n//")
        (tmp_path / "page").mkdir()
        with pytest.raises(InvalidFile, match=r"ort\.wasm\.bundle"):
            write_browser_page(bundle, tmp_path / "page", runtime=engine)

    def test_a_graph_and_a_contract_of_two_runs_are_refused(
        self, bundle: Bundle, runtime: Path, tmp_path: Path
    ) -> None:
        other = dataclasses.replace(bundle, contract=WIDE)
        with pytest.raises(UnknownColumn, match="make"):
            write_browser_page(other, tmp_path, runtime=runtime)


class TestThePartsInNode:
    """The page's own modules against Python's, without a browser."""

    def test_sha256(self) -> None:
        bodies = [bytes(range(256))[: n % 256] * (1 + n // 64) for n in range(0, 260, 3)]
        bodies += [b"", b"abc", b"x" * 55, b"x" * 56, b"x" * 63, b"x" * 64, b"\xff" * 100_000]
        found = _in_node(
            "digest.js",
            "given.map((hex) => Buffer.from(hex, 'hex'))"
            ".map((body) => Buffer.from(page.sha256(body)).toString('hex'))",
            [body.hex() for body in bodies],
        )
        assert found == [hashlib.sha256(body).hexdigest() for body in bodies]

    @pytest.mark.parametrize("kind", ["number", "integer", "category", "date"])
    @pytest.mark.parametrize("nullable", [True, False])
    def test_cells_are_read_as_the_server_reads_them(self, kind: Any, *, nullable: bool) -> None:
        column = Column(name="c", kind=kind, nullable=nullable)
        found = _in_node(
            "cells.js",
            "given.cells.map((cell) => {"
            " const { value, error } = page.readCell(given.column, cell);"
            " return error ? 'refused' : Number.isNaN(value) ? 'missing' : value; })",
            {"column": {"kind": kind, "nullable": nullable}, "cells": WRITTEN},
        )
        assert found == [_as_the_server_reads(column, cell) for cell in WRITTEN]

    def test_numbers_are_worded_alike(self) -> None:
        rng = np.random.default_rng(0)
        amounts = [*(10.0 ** rng.uniform(-12, 15, 400)), 0.5, 2.125, 100.5, 101.5, 99.95, 99.5]
        amounts += [1e-5, 0.0001, 999.5, 1e9, 123456789012.5, 0.1, 1 / 3, 1e22, 12.25, 12.35]
        expected = [[round_for_people(a), spell(a, "number"), spell(-a, "number")] for a in amounts]
        found = _in_node(
            "cells.js",
            "given.map((a) => [page.roundForPeople(a), page.spell(a, 'number'), "
            "page.spell(-a, 'number')])",
            amounts,
        )
        assert found == expected

    def test_days_and_flags_are_worded_alike(self) -> None:
        days = [0.0, -1.0, 19723.0, 19723.999, -719162.0, 2932896.0, 2932897.0, -719163.0, 0.5]
        found = _in_node(
            "cells.js", "given.map((d) => [page.spell(d, 'date'), page.spell(d, 'boolean')])", days
        )
        assert found == [[spell(d, "date"), spell(d, "boolean")] for d in days]


@pytest.mark.browser
class TestInChromium:
    def test_a_row_by_keyboard(self, page_folder: Path, bundle: Bundle) -> None:
        with _open_page(page_folder) as (page, seen, origin):
            page.get_by_label("make", exact=True).select_option("audi")
            page.get_by_label("curb weight").fill("2548")
            page.get_by_label("horsepower").fill("")
            page.get_by_label("turbo").select_option("true")
            page.get_by_label("sold").fill("2023-05-18")
            page.get_by_label("curb weight").press("Enter")
            page.wait_for_selector("#value")
            row = {"make": "audi", "curb weight": 2548.0, "horsepower": None, "turbo": True,
                   "sold": "2023-05-18"}  # fmt: skip
            _assert_shown(page, bundle, row)
            assert "About 90%" in page.inner_text("#result")
            assert page.inner_text("#status") == "Computed from the row as it stands."
            _assert_quiet(seen, origin)

    def test_unseen_categories_and_far_numbers_are_told(
        self, page_folder: Path, bundle: Bundle
    ) -> None:
        with _open_page(page_folder) as (page, seen, origin):
            page.get_by_label("make", exact=True).select_option("another value …")
            page.keyboard.type("Citroën ")
            page.get_by_label("curb weight").fill("9000.5")
            page.get_by_role("button", name="Predict").focus()
            page.keyboard.press("Space")
            page.wait_for_selector("#value")
            told = page.locator(".notices li").all_inner_texts()
            assert told == [
                "make: this value was not seen in training.",
                "curb weight lies above the range seen in training, 1488 to 4066.",
            ]
            row = {"make": "Citroën", "curb weight": 9000.5, "horsepower": 95, "turbo": False,
                   "sold": "2022-01-08"}  # fmt: skip
            _assert_shown(page, bundle, row)
            page.get_by_label("curb weight").fill("3000")
            assert "changed since" in page.inner_text("#status")
            _assert_quiet(seen, origin)

    def test_what_cannot_be_read_is_said_at_its_field(self, page_folder: Path) -> None:
        with _open_page(page_folder) as (page, _, _):
            weight = page.get_by_label("curb weight")
            weight.fill("2,5 t")
            weight.press("Enter")
            assert weight.get_attribute("aria-invalid") == "true"
            said = page.locator(f"#{weight.get_attribute('aria-describedby').split()[0]}")
            assert said.inner_text() == "Write a number, with a point for decimals: 12.5."
            assert page.evaluate("document.activeElement.id") == weight.get_attribute("id")
            assert not page.locator("#value").count()
            weight.fill("2500")
            weight.press("Enter")
            page.wait_for_selector("#value")
            assert weight.get_attribute("aria-invalid") is None

    def test_rows_of_every_kind_have_the_same_answers_as_in_python(
        self, wide: Bundle, runtime: Path, tmp_path: Path
    ) -> None:
        write_browser_page(wide, tmp_path, runtime=runtime)
        inputs = _hostile_rows(24)
        with _open_page(tmp_path) as (page, seen, origin):
            found = _ask(page, inputs)
            _assert_quiet(seen, origin)
        answer = Scorer(wide.graph).score(inputs)
        shares = [one["answer"]["probabilities"] for one in found]
        np.testing.assert_allclose(shares, answer.probabilities, rtol=0, atol=1e-12)
        assert [one["answer"]["position"] for one in found] == answer.label.tolist()  # type: ignore[union-attr]
        sets = [
            [wide_class in one["answer"]["set"] for wide_class in answer.classes] for one in found
        ]
        assert sets == answer.sets.tolist()  # type: ignore[union-attr]
        novelties = [(n.row, n.column, n.kind) for n in WIDE.input_novelties(inputs)]
        told = [
            (i, n["column"], n["kind"]) for i, one in enumerate(found) for n in one["novelties"]
        ]
        assert sorted(told) == sorted(novelties)
        assert set(answer.label.tolist()) == {0, 1, 2}  # type: ignore[union-attr]
        _assert_reasons([one["reasons"] for one in found], wide, inputs)

    def test_two_classes(self, binary: Bundle, runtime: Path, tmp_path: Path) -> None:
        write_browser_page(binary, tmp_path, runtime=runtime)
        with _open_page(tmp_path) as (page, seen, origin):
            page.get_by_label("curb weight").fill("4000")
            page.get_by_role("button", name="Predict").press("Enter")
            page.wait_for_selector("#label")
            row = {"make": "mazda", "curb weight": 4000, "horsepower": 95, "turbo": False,
                   "sold": "2022-01-08"}  # fmt: skip
            inputs = binary.contract.decode_record_inputs([row])
            answer = Scorer(binary.graph).score(inputs)
            shown = page.locator(".share").evaluate_all("all => all.map((one) => +one.value)")
            np.testing.assert_allclose(shown, answer.probabilities[0], rtol=0, atol=1e-12)  # type: ignore[index]
            assert page.inner_text("#label") == answer.classes[int(answer.label[0])]  # type: ignore[index]
            named = json.loads(page.get_attribute("#set", "data-set"))
            assert [name in named for name in answer.classes] == answer.sets[0].tolist()  # type: ignore[index]
            assert (
                "the probability of 'leaves' by"
                in page.locator(".reasons .text").first.inner_text()
            )
            _assert_quiet(seen, origin)

    def test_a_very_wide_model_answers_without_reasons(
        self, bundle: Bundle, runtime: Path, tmp_path: Path
    ) -> None:
        write_browser_page(_very_wide(bundle, 401), tmp_path, runtime=runtime)
        assert not (tmp_path / "orders.bin").exists()
        with _open_page(tmp_path) as (page, seen, origin):
            page.get_by_label("c400", exact=True).fill("2")
            page.get_by_role("button", name="Predict").press("Enter")
            page.wait_for_selector("#value")
            assert page.get_attribute("#value", "value") == "2"
            assert "read more than 400 columns" in page.inner_text("#result")
            assert "too few rows to give an interval" in page.inner_text("#result")
            _assert_quiet(seen, origin)

    @pytest.mark.parametrize(
        ("file", "message"),
        [
            ("model.onnx", "model.onnx is not the file that this page was made for"),
            ("page.json", "page.json is not the file that this page was made for"),
            ("ort-wasm-simd-threaded.wasm", "wasm is not the file that this page was made for"),
        ],
    )
    def test_a_changed_file_is_refused(
        self, page_folder: Path, tmp_path: Path, file: str, message: str
    ) -> None:
        shutil.copytree(page_folder, tmp_path, dirs_exist_ok=True)
        body = bytearray((tmp_path / file).read_bytes())
        body[len(body) // 2] ^= 1
        (tmp_path / file).write_bytes(body)
        with _open_page(tmp_path, ready=False) as (page, _, _):
            page.wait_for_selector("#problem h2")
            assert message in page.inner_text("#problem")
            assert page.evaluate("import('./page.js').then((m) => m.model)") is None
            assert not page.get_by_role("button", name="Predict").is_visible()

    def test_a_missing_file_says_what_to_do(self, page_folder: Path, tmp_path: Path) -> None:
        shutil.copytree(page_folder, tmp_path, dirs_exist_ok=True)
        (tmp_path / "model.onnx").unlink()
        with _open_page(tmp_path, ready=False) as (page, _, _):
            page.wait_for_selector("#problem h2")
            assert "model.onnx could not be loaded" in page.inner_text("#problem")

    def test_it_checks_digests_on_plain_http_too(self, page_folder: Path) -> None:
        hide = "Object.defineProperty(globalThis.crypto, 'subtle', { value: undefined })"
        with _open_page(page_folder, script=hide) as (page, seen, origin):
            assert page.evaluate("globalThis.crypto.subtle === undefined")
            page.get_by_role("button", name="Predict").press("Enter")
            page.wait_for_selector("#value")
            _assert_quiet(seen, origin)

    def test_it_tells_version_digests_and_use(self, page_folder: Path, bundle: Bundle) -> None:
        with _open_page(page_folder) as (page, _, _):
            told = page.inner_text("main")
        for said in (bundle.version, bundle.model_digest, "Used cars of 1985", "New cars",
                     digest((page_folder / "page.json").read_bytes())):  # fmt: skip
            assert said in told

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    @pytest.mark.parametrize("width", [1200, 320])
    def test_it_fits_and_axe_is_content(
        self, wide: Bundle, runtime: Path, tmp_path: Path, width: int, scheme: str
    ) -> None:
        write_browser_page(wide, tmp_path, runtime=runtime)
        with _open_page(tmp_path) as (page, seen, _):
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": width, "height": 800})
            page.get_by_label("number 3").fill("77")
            page.get_by_label("doors").fill("two")
            page.get_by_role("button", name="Predict").press("Enter")
            page.get_by_label("doors").fill("2")
            page.get_by_role("button", name="Predict").press("Enter")
            page.wait_for_selector("#label")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            small = page.locator("button:visible, input:visible, select:visible").evaluate_all(
                "all => all.filter((one) => one.getBoundingClientRect().height < 24).length"
            )
            assert small == 0
            assert not seen.axe(page)


WRITTEN = [
    *("", "  ", "\u00a0", "12", " 12.50 ", "-0", "+3", ".5", "5.", "1e3", "1E-3", "1e999", "1,5"),
    *("0x10", "Infinity", "NaN", "12 000", "é", " É \u3000", "\ufeffx", "a\tb", "\x1fq\x85"),
    *("2024-02-29", "2023-02-29", "2024-13-01", "0001-01-01", "0000-01-01", "9999-12-31"),
    *("2024-05-17T13:30", "2024-05-17 13:30:05", "2024-05-17T13:30:05.1", "2024-05-17T25:00"),
    *("2024-05-17T13:30:05.123456Z", "2024-05-17T13:30+02:00", "2024-05-17T00:10-1130"),
    *("1901-07-03T04:05:06.000001", "17.5.2024", "2024-5-17", "2024-05-17T13:60", "🚗"),
]


def _as_the_server_reads(column: Column, cell: str) -> Any:
    """The value, ``missing`` or ``refused``, from `Contract.decode_inputs`."""
    given: Any = cell
    if column.kind in {"number", "integer"}:
        try:
            given = json.loads(_as_json_number(cell)) if cell.strip() else None
        except ValueError:
            return "refused"
    elif column.kind == "date" and not cell.strip():
        given = None
    elif column.kind == "date":
        given = cell.strip()
    contract = Contract(columns=(column,))
    try:
        value = contract.decode_inputs(["c"], [[given]])["c"][0, 0]
    except ContractViolation:
        return "refused"
    return "missing" if value != value else value


def _as_json_number(cell: str) -> str:
    """A number as a person may write it, as JSON writes it."""
    text = cell.strip().removeprefix("+")
    if "NaN" in text or "Infinity" in text:
        raise ValueError
    if text.startswith("."):
        return f"0{text}"
    return f"{text}0" if text.endswith(".") else text


def _in_node(module: str, expression: str, given: Any) -> Any:
    """Evaluate ``expression`` in node, with the page's module as ``page``."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for source in PAGE.glob("*.js"):
            shutil.copy(source, folder)
        (folder / "package.json").write_text(
            '{"type": "module"}'
        )  # as in the page's script element
        (folder / "ask.js").write_text(
            "import { readFileSync } from 'node:fs';"
            f"import * as page from './{module}';"
            "const given = JSON.parse(readFileSync(0, 'utf8'));"
            f"process.stdout.write(JSON.stringify({expression}));"
        )
        done = subprocess.run(
            [node, "ask.js"], cwd=folder, input=json.dumps(given), capture_output=True, text=True
        )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@contextmanager
def _open_page(
    folder: Path, *, ready: bool = True, script: str = ""
) -> Iterator[tuple[Any, Seen, str]]:
    handler = partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        origin = f"http://127.0.0.1:{server.server_address[1]}/"
        try:
            with chromium_page() as (page, seen):
                page.context.set_offline(False)
                if script:
                    page.add_init_script(script)
                page.goto(origin)
                if ready:
                    page.get_by_text("Ready. Press Predict.").wait_for()
                yield page, seen, origin
        finally:
            server.shutdown()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass

    def copyfile(self, source: Any, outputfile: Any) -> None:
        with suppress(ConnectionError):  # the browser was closed before it had all
            super().copyfile(source, outputfile)


def _assert_quiet(seen: Seen, origin: str) -> None:
    assert not seen.problems
    assert all(address.startswith(origin) for address in seen.requests)


def _assert_shown(page: Any, bundle: Bundle, row: dict[str, Any]) -> None:
    """Value, interval and reasons on the page are those of Python."""
    inputs = bundle.contract.decode_record_inputs([row])
    answer = Scorer(bundle.graph).score(inputs)
    for name in ("value", "lower", "upper"):
        expected = getattr(answer, "prediction" if name == "value" else name)[0]
        assert float(page.get_attribute(f"#{name}", "value")) == pytest.approx(expected, rel=1e-12)
    shown = page.locator(".reasons li").evaluate_all(
        "all => all.map((one) => ({column: one.dataset.column, effect: +one.dataset.effect,"
        " text: one.querySelector('.text').textContent}))"
    )
    _assert_reasons([shown], bundle, inputs)


def _assert_reasons(
    found: list[list[dict[str, Any]]], bundle: Bundle, inputs: dict[str, Array]
) -> None:
    """The same columns, effects and words as the scoring server gives."""
    scorer = Scorer(bundle.graph)
    answer = scorer.score(inputs)
    labels = [] if answer.label is None else [answer.classes[k] for k in answer.label.tolist()]
    reasoner = Reasoner(
        scorer,
        contract=bundle.contract,
        reference=bundle.reference,
        unit=bundle.question.unit,
    )
    expected = reasoner(inputs, explained_labels(answer.classes, labels), 5)
    assert [len(row) for row in found] == [len(row) for row in expected]
    for mine, theirs in zip(found, expected, strict=True):
        for one, other in zip(mine, theirs, strict=True):
            assert one["text"] == other["text"]
            assert one["effect"] == pytest.approx(other["effect"], rel=1e-9, abs=1e-12)


def _ask(page: Any, inputs: dict[str, Array]) -> list[dict[str, Any]]:
    """Answer, reasons and novelties of rows, through the function that the page exports."""
    columns = [array[:, 0].tolist() for array in inputs.values()]
    rows = [
        [None if isinstance(cell, float) and math.isnan(cell) else cell for cell in row]
        for row in zip(*columns, strict=True)
    ]
    return page.evaluate(  # type: ignore[no-any-return]
        """async (rows) => {
          const model = await (await import('./page.js')).model;
          const known = rows.map((row) => row.map((cell) => cell ?? NaN));
          const answers = await model.answers(known);
          return Promise.all(known.map(async (row, place) => ({
            answer: answers[place],
            reasons: await model.reasons(row),
            novelties: model.novelties(row),
          })));
        }""",
        rows,
    )


def _hostile_rows(count: int) -> dict[str, Array]:
    rng = np.random.default_rng(3)
    inputs: dict[str, Array] = {f"number {k}": rng.normal(size=(count, 1)) for k in range(7)}
    inputs["number 0"][:4, 0] = [1e308, -1e308, 5e-324, 2.0**53]
    inputs["number 6"][4:8] *= 1e9
    inputs["doors"] = rng.choice([2.0, 4.0, 5.0, 9.0, np.nan], size=(count, 1))
    words = ["Évry", "E\u0301vry", "Köln", "東京", "", "🚗", " Köln", "köln", "a\u0001b"]
    inputs["ville"] = rng.choice(np.array(words, dtype=object), size=(count, 1))
    notes = ["", "né à Évry", 'l\'été\n"x" \\', "x" * 3000]
    inputs["note"] = rng.choice(np.array(notes, dtype=object), size=(count, 1))
    inputs["leased"] = rng.choice([0.0, 1.0], size=(count, 1))
    inputs["seen"] = rng.uniform(17_000, 20_000, size=(count, 1))
    return inputs


def _wide_plan() -> ModelPlan:
    """A linear member and a tree on products of columns, so that orders matter."""
    rng = np.random.default_rng(1)
    encoders = (
        *(NumberEncoder(column=f"number {k}", fill=0.0, low=-5.0, high=5.0) for k in range(7)),
        NumberEncoder(column="doors", fill=4.0, low=0.0, high=10.0),
        OneHotEncoder(column="ville", levels=("Évry", "Köln", "東京")),
        LevelEncoder(column="note", levels=("né à Évry",), values=(2.0,), missing=0.0, unseen=-1.0),
        NumberEncoder(column="leased", fill=0.0, low=0.0, high=1.0),
        NumberEncoder(column="seen", fill=0.0, low=0.0, high=1e6, offset=19000.0),
    )
    width = 7 + 1 + 4 + 1 + 1 + 1
    linear = LinearMember(
        family="linear",
        columns=tuple(range(width)),
        center=np.zeros(width),
        scale=np.r_[np.ones(width - 1), 1000.0],
        weights=rng.normal(size=(width, 3)),
        intercept=np.zeros(3),
        link="softmax",
    )
    return ModelPlan(
        inputs=plan_inputs(WIDE),
        encoders=encoders,
        members=(linear, _tree()),
        weights=(0.7, 0.3),
        output=Output(kind="multiclass", classes=("a", "b", "it's"), interval=0.6, coverage=0.9),
    )


def _very_wide(bundle: Bundle, count: int) -> Bundle:
    """The sum of ``count`` numbers, typically 0."""
    names = [f"c{k}" for k in range(count)]
    columns = tuple(Column(name=name, kind="number") for name in names)
    contract = Contract(columns=(*columns, Column(name="sum", kind="number", role="target")))
    member = LinearMember(
        family="linear",
        columns=tuple(range(count)),
        center=np.zeros(count),
        scale=np.ones(count),
        weights=np.ones((count, 1)),
        intercept=np.zeros(1),
    )
    plan = ModelPlan(
        inputs=plan_inputs(contract),
        encoders=tuple(NumberEncoder(column=n, fill=0.0, low=-9.0, high=9.0) for n in names),
        members=(member,),
        weights=(1.0,),
        output=Output(kind="regression"),
    )
    graph = compile_plan(plan)
    return dataclasses.replace(
        bundle,
        graph=graph,
        model_digest=digest(graph),
        contract=contract,
        reference=dict.fromkeys(names, 0.0),
    )


def _tree() -> TreesMember:
    """number 0 <= 0 ? (number 1 <= 0.5 ? a : b) : (ville is Évry ? c : a)."""
    shares = np.zeros((7, 3))
    shares[3] = [0.8, 0.1, 0.1]
    shares[4] = [0.1, 0.8, 0.1]
    shares[5] = [0.1, 0.1, 0.8]
    shares[6] = [0.6, 0.2, 0.2]
    return TreesMember(
        family="trees",
        columns=(0, 1, 8),
        roots=np.array([0], dtype=np.int32),
        feature=np.array([0, 1, 2, 0, 0, 0, 0], dtype=np.int32),
        threshold=np.array([0.0, 0.5, 0.5, 0, 0, 0, 0], dtype=np.float32),
        left=np.array([1, 3, 6, -1, -1, -1, -1], dtype=np.int32),
        right=np.array([2, 4, 5, -1, -1, -1, -1], dtype=np.int32),
        values=shares,
        base=np.zeros(3),
    )
