"""Versions of tables: the same content, the same digest, read back exactly."""

from __future__ import annotations

import base64
import gzip
import io
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.data import dataset as module
from assay.data.dataset import (
    Dataset,
    add_dataset,
    canonical_parquet,
    load_dataset,
    scan_dataset,
    take_rows,
)
from assay.data.source import read_table
from assay.errors import InvalidFile, VerificationFailed
from assay.records import digest
from assay.store.artifacts import FolderStore

CARS = Path(__file__).parents[2] / "examples" / "car-price"


@pytest.fixture
def artifacts(tmp_path):
    return FolderStore(tmp_path / "artifacts")


def test_a_version_tells_what_it_is(artifacts):
    dataset = add_dataset(artifacts, "automobile.csv", base=CARS)
    assert (dataset.rows, dataset.columns) == (201, 26)
    assert dataset.source == "automobile.csv"
    assert dataset.source_digest == digest((CARS / "automobile.csv").read_bytes())
    assert dataset.digest == digest(artifacts.read(dataset.digest))
    assert dataset.schema() == read_table(CARS / "automobile.csv").schema
    assert dataset.read_at.endswith("Z")
    assert Dataset.from_json(dataset.to_json()) == dataset


def test_rows_are_read_back_exactly(artifacts, automobile, people):
    for frame in (automobile, people):
        dataset = add_dataset(artifacts, frame)
        assert load_dataset(artifacts, dataset.digest).equals(frame)
        assert dataset.schema() == frame.schema


def test_the_same_content_is_the_same_version(artifacts, automobile, tmp_path):
    (tmp_path / "again.csv.gz").write_bytes(gzip.compress((CARS / "automobile.csv").read_bytes()))
    automobile.write_parquet(tmp_path / "again.parquet")
    chunked = pl.concat([automobile.head(50), automobile.tail(151)], rechunk=False)
    sources = [
        CARS / "automobile.csv",
        str(CARS / "automobile.csv"),
        tmp_path / "again.csv.gz",
        tmp_path / "again.parquet",
        automobile,
        chunked,
        automobile.to_dict(),
    ]
    assert len({add_dataset(artifacts, source).digest for source in sources}) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda f: f.head(200),
        lambda f: f.reverse(),
        lambda f: f.rename({"make": "brand"}),
        lambda f: f.select(reversed(f.columns)),
        lambda f: f.with_columns(pl.col("price").cast(pl.Float64)),
        lambda f: f.with_columns(pl.col("price") + 1),
        lambda f: f.with_columns(pl.when(pl.col("price") != 13495).then("price")),
    ],
)
def test_other_content_is_another_version(automobile, change):
    assert digest(canonical_parquet(change(automobile))) != digest(canonical_parquet(automobile))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.none() | st.integers(-(2**53), 2**53), st.none() | st.text(max_size=5),
                          st.none() | st.floats(allow_nan=False)), min_size=1))  # fmt: skip
def test_any_content_survives(rows):
    schema = {"a": pl.Int64, "b": pl.String, "c": pl.Float64}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    body = canonical_parquet(frame)
    assert canonical_parquet(frame.clone()) == body
    assert pl.read_parquet(io.BytesIO(body)).equals(frame)


def test_large_tables_are_the_same_bytes_each_time():
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"a": rng.normal(size=300_000), "b": rng.integers(0, 99, 300_000)})
    body = canonical_parquet(frame)
    assert canonical_parquet(frame) == body
    chunked = pl.concat([frame.head(70_001), frame.tail(229_999)], rechunk=False)
    assert canonical_parquet(chunked) == body
    assert pl.read_parquet(io.BytesIO(body)).equals(frame)


@settings(max_examples=40, deadline=None)
@given(st.sets(st.integers(0, 99), min_size=1), st.sampled_from([1, 7, 33, 100, 1_000]))
def test_only_the_rows_asked_for_are_read(rows, at_once):
    frame = pl.DataFrame({"a": range(100), "b": [str(i) for i in range(100)]})
    picked = np.array(sorted(rows))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_ROWS_AT_ONCE", at_once)
        assert take_rows(frame.lazy(), picked).equals(frame[picked])


class Elsewhere:
    """A store whose content is no local file, such as a bucket."""

    def __init__(self, store):
        self.put, self.put_file, self.has = store.put, store.put_file, store.has
        self.read = store.read

    def path(self, digest):
        return None


def test_a_version_is_scanned_from_any_store(artifacts, automobile):
    dataset = add_dataset(artifacts, automobile)
    for store in (artifacts, Elsewhere(artifacts)):
        prices = scan_dataset(store, dataset.digest).select("price").collect()
        assert prices.equals(automobile.select("price"))


def test_a_version_that_was_changed_on_disk_is_not_read(artifacts, automobile):
    dataset = add_dataset(artifacts, automobile)
    kept = artifacts.path(dataset.digest)
    kept.chmod(0o644)
    automobile.head(200).write_parquet(kept)
    for read in (load_dataset, scan_dataset):
        with pytest.raises(VerificationFailed, match="changed on disk"):
            read(artifacts, dataset.digest)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda folder: folder / "t.csv", "t.csv"),
        (lambda folder: "t.csv", "t.csv"),
        (lambda folder: Path("deep/t.csv"), "deep/t.csv"),
        (lambda folder: folder / "deep" / "t.csv", "deep/t.csv"),
        (lambda folder: Path("../t.csv"), "../t.csv"),
    ],
)
def test_no_absolute_path_is_recorded(artifacts, tmp_path, monkeypatch, make, told):
    work = tmp_path / "work"
    (work / "deep").mkdir(parents=True)
    for folder in (tmp_path, work, work / "deep"):
        (folder / "t.csv").write_text("a\n1\n")
    monkeypatch.chdir(work)
    assert add_dataset(artifacts, make(work)).source == told


def test_paths_elsewhere_and_objects(artifacts, tmp_path):
    (tmp_path / "t.csv").write_text("a\n1\n")
    assert add_dataset(artifacts, tmp_path / "t.csv").source == "t.csv"
    dataset = add_dataset(artifacts, pl.DataFrame({"a": [1]}))
    assert (dataset.source, dataset.source_digest) == ("polars.DataFrame", "")


def test_what_is_no_table(artifacts, tmp_path):
    with pytest.raises(InvalidFile):
        add_dataset(artifacts, "absent.csv", base=tmp_path)
    with pytest.raises(VerificationFailed, match="not a table"):
        load_dataset(artifacts, artifacts.put(b"something else"))


def test_the_schema_is_plain_arrow(artifacts):
    frame = pl.DataFrame({"a": ["x"], "b": [1]})
    stream = base64.b64decode(add_dataset(artifacts, frame).arrow_schema)
    assert stream.startswith(b"\xff\xff\xff\xff")
    assert pl.read_ipc_stream(io.BytesIO(stream)).shape == (0, 2)
