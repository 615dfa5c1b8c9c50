from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assay.deploy import batch
from assay.deploy.batch import score_table, write_answers
from assay.deploy.bundle import Bundle, load_bundle
from assay.errors import ContractViolation, InputError
from assay.model.scorer import Scorer

from .samples import Sample

TABLE = pl.DataFrame(
    {
        "sold": ["2023-05-17", "2023-05-17T10:30:00", "1970-01-01"],
        "turbo": [True, False, True],
        "horsepower": [111.0, None, 95.5],
        "curb weight": [2548.0, 3000.0, 0.1],
        "make": ["audi", "never seen", "  bmw "],
    }
)
"""For the contract of the samples, its columns in another order."""


def opened(sample: Sample) -> Bundle:
    return load_bundle(sample.folder, [sample.key])


class Told:
    """Progress that is kept."""

    def __init__(self) -> None:
        self.notes: list[tuple[float, str]] = []

    def start(self, step: str, *, about_s: float | None = None) -> None: ...

    def update(self, fraction: float, note: str = "") -> None:
        self.notes.append((fraction, note))

    def finish(self, step: str, summary: str) -> None: ...


def test_answers_are_the_graphs_own_in_order(sample: Sample) -> None:
    bundle = opened(sample)
    answers = score_table(bundle, TABLE)
    expected = Scorer(bundle.graph).score_frame(bundle.contract.conform(TABLE))
    assert answers.columns == ["prediction", "lower", "upper"]
    assert answers["prediction"].to_list() == expected.prediction.tolist()
    assert expected.lower is not None
    assert answers["lower"].to_list() == expected.lower.tolist()


def test_classes_have_labels_chances_and_sets(binary_sample: Sample) -> None:
    bundle = opened(binary_sample)
    answers = score_table(bundle, TABLE)
    classes = Scorer(bundle.graph).classes
    assert answers.columns == ["label", *(f"p_{name}" for name in classes), "set"]
    assert set(answers["label"]) <= set(classes)
    assert answers["set"].dtype == pl.List(pl.String)


@pytest.mark.parametrize("rows_at_once", [1, 2, 100])
def test_it_goes_in_pieces_and_tells(
    sample: Sample, monkeypatch: pytest.MonkeyPatch, rows_at_once: int
) -> None:
    whole = score_table(opened(sample), TABLE)
    monkeypatch.setattr(batch, "ROWS_AT_ONCE", rows_at_once)
    told = Told()
    assert score_table(opened(sample), TABLE, progress=told).equals(whole)
    assert told.notes[-1] == (1.0, "3 of 3 rows")


def test_machine_code_gives_the_same(sample: Sample, binary_sample: Sample) -> None:
    if shutil.which("cc") is None and shutil.which("gcc") is None:
        pytest.skip("no C compiler on this machine")
    for one in (sample, binary_sample):
        bundle = opened(one)
        by_graph, by_code = (score_table(bundle, TABLE, native=n) for n in (False, True))
        assert by_graph.columns == by_code.columns
        for name in by_graph.columns:
            if by_graph[name].dtype == pl.Float64:
                gaps = (by_graph[name] - by_code[name]).abs()
                assert float(gaps.max() or 0.0) <= 1e-9  # type: ignore[arg-type]
            else:
                assert by_graph[name].equals(by_code[name])


def test_a_version_without_a_plan_cannot_be_compiled(sample: Sample) -> None:
    with pytest.raises(InputError, match="before plans were kept"):
        score_table(replace(opened(sample), plan=b""), TABLE, native=True)


def test_a_table_that_breaks_the_contract_is_refused(sample: Sample) -> None:
    with pytest.raises(ContractViolation, match="make"):
        score_table(opened(sample), TABLE.drop("make"))


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".ndjson"])
def test_answers_are_written_whole_and_come_back(
    binary_sample: Sample, tmp_path: Path, suffix: str
) -> None:
    answers = score_table(opened(binary_sample), TABLE)
    path = write_answers(answers, tmp_path / "new" / f"answers{suffix}")
    read: dict[str, Any] = {
        ".csv": pl.read_csv, ".parquet": pl.read_parquet, ".ndjson": pl.read_ndjson,
    }  # fmt: skip
    back = read[suffix](path)
    assert back["label"].to_list() == answers["label"].to_list()
    assert back.columns == answers.columns
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_another_suffix_is_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ending with '\.xlsx'") as caught:
        write_answers(pl.DataFrame({"prediction": [1.0]}), tmp_path / "answers.xlsx")
    assert ".parquet" in caught.value.hint
    assert not list(tmp_path.iterdir())
