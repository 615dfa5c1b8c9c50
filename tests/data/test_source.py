"""Every way into the house, and every way to be turned away at the door."""

from __future__ import annotations

import gzip
import json
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

from assay.data.source import describe, read_table
from assay.errors import AssayError, InvalidFile, InvalidTable

PLAIN = pl.DataFrame({"make": ["audi", None], "price": [1, 2], "bore": [3.5, None]})


def refused(source: object, kind: type[AssayError] = InvalidFile) -> AssayError:
    with pytest.raises(kind) as caught:
        read_table(source)
    assert type(caught.value) is kind
    assert caught.value.hint
    return caught.value


def test_automobile_is_read_as_it_is_known(automobile):
    assert automobile.shape == (201, 26)
    assert automobile.null_count().sum_horizontal().item() == 51
    assert automobile["normalized_losses"].null_count() == 37
    assert automobile.schema["price"] == pl.Int64
    assert automobile.schema["horsepower"] == pl.Float64
    assert (automobile["price"].min(), automobile["price"].max()) == (5118, 45400)
    assert automobile["make"].n_unique() == 22


def test_telco_is_read_as_it_is_known(telco):
    assert telco.shape == (7043, 20)
    assert telco["total_charges"].null_count() == 11
    assert telco.null_count().sum_horizontal().item() == 11
    assert dict(telco["churn"].value_counts().iter_rows()) == {"No": 5174, "Yes": 1869}
    assert telco.filter(pl.col("total_charges").is_null())["tenure"].to_list() == [0] * 11


@pytest.mark.parametrize("place", ["t[1].parquet", "t*.parquet", "year=2024/t.parquet"])
@pytest.mark.parametrize("write", ["write_parquet", "write_ipc"])
def test_a_path_is_one_file_whatever_it_is_called(tmp_path, place, write):
    path = tmp_path / place
    path.parent.mkdir(exist_ok=True)
    getattr(PLAIN, write)(path)
    PLAIN.head(1).write_parquet(tmp_path / "t1.parquet")
    assert read_table(path).equals(PLAIN)


@pytest.mark.parametrize("suffix", ["parquet", "arrow", "feather", "ndjson", "csv", "csv.gz"])
def test_every_format_gives_the_same_table(tmp_path, suffix):
    path = tmp_path / f"table.{suffix}"
    if suffix == "parquet":
        PLAIN.write_parquet(path)
    elif suffix in {"arrow", "feather"}:
        PLAIN.write_ipc(path)
    elif suffix == "ndjson":
        PLAIN.write_ndjson(path)
    else:
        text = PLAIN.write_csv().encode()
        path.write_bytes(gzip.compress(text, mtime=0) if suffix == "csv.gz" else text)
    assert read_table(path).equals(PLAIN)
    assert read_table(str(path)).schema == PLAIN.schema


def test_an_arrow_stream_is_read(tmp_path):
    PLAIN.write_ipc_stream(tmp_path / "table.arrows")
    assert read_table(tmp_path / "table.arrows").equals(PLAIN)


class Capsule:
    """Speaks only the Arrow capsule interface, as DuckDB and pyarrow tables do."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self.frame = frame

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.frame.__arrow_c_stream__(requested_schema)


@pytest.mark.parametrize(
    "source",
    [
        PLAIN,
        PLAIN.lazy(),
        Capsule(PLAIN),
        PLAIN.to_dict(as_series=False),
        PLAIN.to_dict(),
        {"make": ["audi", None], "price": np.array([1, 2]), "bore": np.array([3.5, np.nan])},
        pd.DataFrame({"make": ["audi", None], "price": [1, 2], "bore": [3.5, None]}),
    ],
    ids=lambda source: type(source).__name__,
)
def test_every_object_gives_the_same_table(source):
    assert read_table(source).equals(PLAIN)


def test_pandas_types_are_read_without_pyarrow():
    moments = pd.to_datetime(["2024-01-01 12:00", "2024-07-01 12:00"])
    frame = read_table(
        pd.DataFrame(
            {
                "moment": moments,
                "zoned": moments.tz_localize("Europe/Berlin"),
                "level": pd.Categorical(["u", "v"]),
                "whole": pd.array([1, None], dtype="Int64"),
                "flag": pd.array([True, None], dtype="boolean"),
                "small": np.array([1, 2], dtype="int8"),
            }
        )
    )
    assert frame.row(0)[:2] == (datetime(2024, 1, 1, 12), datetime(2024, 1, 1, 11))
    assert frame.row(1) == (datetime(2024, 7, 1, 12), datetime(2024, 7, 1, 10), "v", None, None, 2)
    assert frame.dtypes[2:] == [pl.String, pl.Int64, pl.Boolean, pl.Int64]


def test_arrow_types_become_plain_types():
    frame = read_table(
        pl.DataFrame(
            {
                "small": pl.Series([1, 2], dtype=pl.UInt8),
                "float": pl.Series([1.5, float("nan")], dtype=pl.Float32),
                "decimal": [Decimal("1.25"), None],
                "category": pl.Series(["a", "b"], dtype=pl.Categorical),
                "duration": [timedelta(seconds=90), None],
                "zoned": [datetime(2024, 1, 1, tzinfo=UTC), None],
                "nothing": [None, None],
            }
        )
    )
    kinds = [pl.Int64, pl.Float64, pl.Float64, pl.String, pl.Float64, pl.Datetime("us"), pl.String]
    assert frame.dtypes == kinds
    assert frame["float"].null_count() == 1
    assert frame["duration"][0] == 90.0


def test_mixed_cells_become_text():
    frame = read_table({"a": [1, "two", None, True, 2.5]})
    assert frame["a"].to_list() == ["1", "two", None, "true", "2.5"]


def test_whole_numbers_beyond_2_to_53_stay_exact_as_text():
    frame = read_table({"a": [2**53 + 1, 1], "b": [2**53, 1], "c": [10**30, None]})
    assert frame["a"].to_list() == ["9007199254740993", "1"]
    assert frame.schema["b"] == pl.Int64
    assert frame["c"].to_list() == [str(10**30), None]


def test_ndjson_dates_and_absent_keys(write):
    lines = ['{"a": 1}', "", '{"a": 2.5, "b": "2024-01-05"}']
    frame = read_table(write("\n".join(lines), "rows.ndjson"))
    assert frame.rows() == [(1.0, None), (2.5, date(2024, 1, 5))]


def test_names_keep_spaces_and_unicode_in_one_form(write):
    frame = read_table(write(" prix d’achat €,e\u0301tat\n1,2\n"))
    assert frame.columns == ["prix d’achat €", "état"]


def test_missing_words_can_be_chosen(write):
    path = write("a,b\nNA,-\n1,2\n")
    assert read_table(path)["b"].to_list() == ["-", "2"]
    assert read_table(path, missing=("", "-"))["b"].to_list() == [None, 2]


def test_a_missing_file_names_its_neighbour(write):
    path = write("a\n1\n", "automobile.csv")
    error = refused(path.with_name("automobil.csv"))
    assert error.message == "There is no file 'automobil.csv'."
    assert error.hint == "Closest match: 'automobile.csv'."
    assert error.where.endswith("automobil.csv")
    assert "no files" in refused(Path(path.parent, "empty", "x.csv")).hint


def test_a_folder_is_not_a_table(tmp_path):
    assert "is a folder" in refused(tmp_path).message


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (b"", "a.csv", "empty"),
        (b"\n\r\n  \n", "a.csv", "empty"),
        (b"PK\x03\x04...", "a.xlsx", "Excel"),
        (b"%PDF-1.7", "a.csv", "PDF"),
        (b"\x80\x04\x95abc", "a.pkl", "pickle, which Assay never opens"),
        (b"<!DOCTYPE html><p>Sign in", "a.csv", "web page"),
        (b"a,b\n\x00\x01,2\n", "a.csv", "binary"),
        (b'{"a": [1, 2]}', "a.json", "JSON object, not a table"),
        (b'[{"a": 1}]', "a.json", "JSON array, not a table"),
        (b'{"a": 1}\n{"a": \n', "a.ndjson", "Line 2 is not a JSON object"),
        (b"\x1f\x8bxxxx", "a.csv.gz", "damaged"),
        (gzip.compress(b"a\n1\n" * 999, mtime=0)[:-9], "a.csv.gz", "damaged"),
        (b"PAR1 and no more", "a.parquet", "Parquet file is damaged"),
        (b"ARROW1 and no more", "a.arrow", "Arrow IPC file is damaged"),
        (b"a,b\n1,2\n", "a.parquet", "content is something else"),
        ("a,b\n1,2\n".encode("utf-16"), "a.csv", "UTF-16"),
    ],
)
def test_files_that_are_no_tables(write, content, name, message):
    assert message in refused(write(content, name)).message


def test_wrong_encoding_names_the_line_and_the_cure(write):
    error = refused(write(b"make,town\naudi,Ulm\nbmw,M\xfcnchen\n"))
    assert "line 3" in error.message
    assert error.hint.startswith("Convert it: iconv -f WINDOWS-1252 -t UTF-8")
    assert error.where.endswith(":3")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({}, "no columns"),
        ({"a": []}, "no rows"),
        (pl.DataFrame(schema={"a": pl.Int64}), "no rows"),
        ({"a": [1], "b": [1, 2]}, "unequal lengths, from 1 to 2"),
        ({"a": [[1]]}, "'a' holds lists"),
        ({"a": [{"b": 1}, 1]}, "'a' holds lists"),
        ({"a": np.zeros((2, 2))}, "'a' holds lists"),
        (pl.DataFrame({"a": [[1]]}), "'a' holds lists"),
        ({"a": "xyz"}, "not a list of cells"),
        ({1: [1]}, "not a string"),
        ({" a": [1], "a ": [1]}, "Two columns are called 'a'"),
        ({"a": [1], "": [1]}, "Column 2 has no name"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "Two columns are called 'a'"),
        (42, "This is not a table: int"),
        (np.zeros((2, 2)), "not a table: numpy.ndarray"),
    ],
)
def test_objects_that_are_no_tables(source, message):
    assert message in refused(source, InvalidTable).message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n", "header but no rows"),
        ("a,b\n\n\n", "header but no rows"),
        ("a,a\n1,2\n", "Two columns are called 'a'"),
        (",a\n0,1\n", "Column 1 has no name"),
    ],
)
def test_text_tables_that_carry_nothing(write, text, message):
    assert message in refused(write(text), InvalidTable).message


def test_messages_never_hold_a_cell(write):
    secret = "Erika Mustermann"
    ragged = write(f"name,b\n{secret}\n")
    nested = {"name": [[secret]]}
    broken = write(json.dumps({"name": secret}) + "\n" + f'{{"name": {secret}}}', "a.ndjson")
    for source, kind in [(ragged, InvalidFile), (nested, InvalidTable), (broken, InvalidFile)]:
        assert secret not in json.dumps(refused(source, kind).to_dict())


def test_describe_says_the_path_or_the_type():
    assert describe(Path("data/cars.csv")) == "data/cars.csv"
    assert describe(PLAIN) == "polars.DataFrame"
    assert describe(pd.DataFrame()) == "pandas.DataFrame"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["numbers", "texts"])
def test_ten_thousand_columns_are_read_quickly(tmp_path, kind):
    numbers = np.random.default_rng(0).normal(size=(100, 10_000)).round(6)
    cells = numbers if kind == "numbers" else np.char.add("w", (numbers > 0).astype(str))
    path = tmp_path / "wide.csv"
    header = ",".join(f"c{i}" for i in range(10_000))
    path.write_text(header + "\n" + "\n".join(",".join(map(str, row)) for row in cells.tolist()))
    start = time.process_time()
    frame = read_table(path)
    assert time.process_time() - start < 30  # about 5 seconds; slack for a busy machine
    assert frame.shape == (100, 10_000)
    assert set(frame.dtypes) == {pl.Float64 if kind == "numbers" else pl.String}
