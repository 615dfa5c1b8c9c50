"""The folder scores with numpy and ONNX Runtime alone, and as Assay itself does."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from assay.deploy.export import write_export
from assay.deploy.shipment import Shipment
from assay.errors import ContractViolation

from .outside import ROWS, expected, run_bare


@pytest.fixture
def folder(any_shipment: Shipment, tmp_path: Path) -> Path:
    write_export(any_shipment, tmp_path / "out", target="python", home=tmp_path)
    return tmp_path / "out"


def answers(folder: Path, text: str) -> Any:
    done = run_bare(folder / "strict.py", given=text)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


def test_it_answers_as_assay_does(any_shipment: Shipment, folder: Path) -> None:
    """Strings, missing cells, times of day and zones included; to the last bit."""
    assert answers(folder, json.dumps(ROWS)) == expected(any_shipment.bundle)


def test_one_record_and_no_record(any_shipment: Shipment, folder: Path) -> None:
    assert answers(folder, json.dumps(ROWS[0])) == expected(any_shipment.bundle)[:1]
    assert answers(folder, "[]") == []


def test_many_rows_go_through_in_batches(any_shipment: Shipment, folder: Path) -> None:
    rows = [{**ROWS[n % len(ROWS)], "horsepower": n} for n in range(9_000)]
    assert answers(folder, json.dumps(rows)) == expected(any_shipment.bundle, rows)
    rows[8_500]["make"] = None
    done = run_bare(folder / "strict.py", given=json.dumps(rows))
    assert "row 8500: 'make' is missing" in done.stderr


def test_a_csv_file_gives_the_same(any_shipment: Shipment, folder: Path, tmp_path: Path) -> None:
    """With a byte order mark, quotes, a line break in a cell, and columns the model ignores."""
    rows = [{**row, "price": "", "plate": 'a "b",\nc'} for row in ROWS if row["make"] != "NaN"]
    path = tmp_path / "rows.csv"
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows({**row, "horsepower": _written(row["horsepower"])} for row in rows)
    done = run_bare(folder / "strict.py", str(path))
    assert json.loads(done.stdout) == expected(
        any_shipment.bundle, [row for row in ROWS if row["make"] != "NaN"]
    )


def _written(value: Any) -> Any:
    return "NA" if value is None or value != value else value


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("curb weight", "12.5"),
        ("curb weight", True),
        ("curb weight", None),
        ("curb weight", float("inf")),
        ("curb weight", 10**400),
        ("curb weight", [1]),
        ("make", 3),
        ("make", "  "),
        ("make", None),
        ("turbo", "secret"),
        ("turbo", 2),
        ("turbo", [True]),
        ("sold", "17.5.2023"),
        ("sold", 19000),
        ("sold", ""),
    ],
)
def test_what_breaks_the_contract_is_refused(
    shipment: Shipment, tmp_path: Path, column: str, cell: Any
) -> None:
    """Just as the contract refuses it; the message names row and column, never the cell."""
    rows = [ROWS[0], {**ROWS[0], column: cell}]
    with pytest.raises(ContractViolation):
        shipment.bundle.contract.decode_record_inputs(rows)
    write_export(shipment, tmp_path / "out", target="python", home=tmp_path)
    done = run_bare(tmp_path / "out" / "strict.py", given=json.dumps(rows))
    assert done.returncode == 1
    assert done.stderr.startswith("strict.py: row 1: ")
    assert repr(column) in done.stderr
    assert "secret" not in done.stderr
    assert "17.5" not in done.stderr


def test_a_missing_column_is_refused(folder: Path) -> None:
    rows = [{name: cell for name, cell in ROWS[0].items() if name != "horsepower"}]
    done = run_bare(folder / "strict.py", given=json.dumps(rows))
    assert done.returncode == 1
    assert "row 0: no number in 'horsepower'" in done.stderr


def test_a_graph_that_was_changed_is_not_opened(folder: Path) -> None:
    graph = bytearray((folder / "model.onnx").read_bytes())
    graph[-1] ^= 1
    (folder / "model.onnx").write_bytes(graph)
    done = run_bare(folder / "strict.py", given=json.dumps(ROWS))
    assert done.returncode == 1
    assert "not the file that was exported" in done.stderr


def test_a_gpu_that_is_not_there_is_said(any_shipment: Shipment, folder: Path) -> None:
    done = run_bare(folder / "strict.py", "--provider", "cuda", given=json.dumps(ROWS))
    assert json.loads(done.stdout) == expected(any_shipment.bundle)
    if done.stderr:
        assert done.stderr == "No cuda here: computing on the CPU.\n"


def test_as_a_module_it_takes_and_gives_dicts(any_shipment: Shipment, folder: Path) -> None:
    program = folder / "use.py"
    program.write_text(
        "import datetime, json, sys\n"
        f"sys.path.insert(0, {str(folder)!r})\n"
        "import strict\n"
        f"row = {ROWS[0]!r}\n"
        "row['sold'] = datetime.date.fromisoformat(row['sold'])\n"
        "print(json.dumps(strict.score([row])))\n"
        "assert 'assay' not in sys.modules\n"
    )
    done = run_bare(program)
    assert json.loads(done.stdout) == expected(any_shipment.bundle)[:1], done.stderr


def test_thirty_lines_are_all_it_takes(any_shipment: Shipment, folder: Path) -> None:
    """``score.py`` answers as the graph does for every kind of cell."""
    code = (folder / "score.py").read_text(encoding="ascii")
    lines = [line for line in code.splitlines() if line.strip()]
    assert len(lines) <= 33
    plain = [ROWS[0], ROWS[1], {**ROWS[4], "turbo": True}]
    done = run_bare(folder / "score.py", given=json.dumps(plain))
    found = json.loads(done.stdout)
    wanted = expected(any_shipment.bundle, plain)
    first = next(iter(found))
    names = any_shipment.facts.classes
    answers = [dict(zip(names, x, strict=True)) if isinstance(x, list) else x for x in found[first]]
    assert answers == [answer[first] for answer in wanted]


def test_a_person_can_read_it(folder: Path) -> None:
    code = (folder / "strict.py").read_text(encoding="ascii")
    assert len(code.splitlines()) < 170
    assert max(map(len, code.splitlines())) <= 100
    imported = {line.split()[1] for line in code.splitlines() if line.startswith("import ")}
    assert imported - {"argparse", "csv", "hashlib", "io", "json", "math", "sys"} == {
        "numpy",
        "onnxruntime",
    }


def test_the_readme_shows_a_row_that_works(any_shipment: Shipment, folder: Path) -> None:
    readme = (folder / "README.md").read_text()
    line = next(x for x in readme.splitlines() if x.startswith("strict.score("))
    (folder / "use.py").write_text(f"import strict\nprint(len({line}))\n")
    done = run_bare(folder / "use.py")
    assert done.stdout == "1\n", done.stderr
    for words in ("intra_op_num_threads", "--provider cuda", any_shipment.bundle.model_digest):
        assert words in readme


def test_requirements_are_what_it_was_made_with(folder: Path) -> None:
    import numpy
    import onnxruntime

    lines = (folder / "requirements.txt").read_text().split()
    assert lines == [f"numpy=={numpy.__version__}", f"onnxruntime=={onnxruntime.__version__}"]
