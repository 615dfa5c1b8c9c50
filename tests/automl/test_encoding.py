from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from assay.automl.encoding import ROWS_AT_A_TIME, encode_table, words
from assay.automl.table import Table
from assay.errors import UnknownColumn
from assay.model.encode import encode
from assay.model.plan import (
    CrossEncoder,
    HashedTextEncoder,
    HashEncoder,
    Input,
    LevelEncoder,
    MissingEncoder,
    NumberEncoder,
    OneHotEncoder,
    TextEncoder,
)
from assay.model.text import tokens

TEXTS = ["Red car", "red, RED ärzte", "", "blue", "Car-park İ ß", "\x01a b", "über", "ÄRZTE"] * 3
ENCODERS = (
    TextEncoder(
        column="t",
        analyzer="word",
        terms=(("red",), ("car",), ("ärzte",), ("none",)),
        weights=(1.3, 0.7, 2.1, 1.0),
    ),
    NumberEncoder(column="x", fill=1.0, low=0.0, high=9.0),
    TextEncoder(
        column="t",
        analyzer="word",
        terms=(("red",), ("a",)),
        weights=(1.5, 0.1),
        unit_length=False,
    ),
    TextEncoder(column="t", analyzer="word", terms=(("red", "car"),), weights=(1.0,)),
    TextEncoder(column="t", analyzer="char", terms=(("r",), ("e", "d")), weights=(1.0, 2.0)),
    HashedTextEncoder(column="t", analyzer="word", buckets=3),
    HashEncoder(column="t", buckets=4, seed=1),
    MissingEncoder(column="t"),
    OneHotEncoder(column="c", levels=("v", "u")),
    LevelEncoder(column="c", levels=("u",), values=(2.5,), missing=np.nan, unseen=-1.0),
    CrossEncoder(
        columns=("c", "t"), levels=(("u", "blue"), ("", "")), values=(3.0, 4.0), unseen=0.5
    ),
    MissingEncoder(column="x"),
)


def tabled(rows: int) -> Table:
    rng = np.random.default_rng(0)
    frame = pl.DataFrame(
        {
            "t": [TEXTS[i % len(TEXTS)] for i in range(rows)],
            "c": rng.choice(["u", "v", "w", ""], rows),
            "x": np.where(rng.random(rows) < 0.2, np.nan, 10 * rng.random(rows)),
        }
    )
    kinds = [Input(name=n, kind="number" if n == "x" else "category") for n in frame.columns]
    return Table.from_frame(kinds, frame)


@pytest.mark.parametrize("rows", [0, 1, 24, ROWS_AT_A_TIME + 5])
def test_every_encoder_gives_what_the_reference_gives(rows: int) -> None:
    table = tabled(rows)
    found, expected = encode_table(ENCODERS, table), encode(ENCODERS, table.inputs())
    assert found.flags.c_contiguous
    np.testing.assert_array_equal(found.view(np.uint32), expected.view(np.uint32))


def test_levels_without_a_row_cost_and_change_nothing() -> None:
    table = tabled(100).take(np.array([3, 3, 50]))
    found, expected = encode_table(ENCODERS, table), encode(ENCODERS, table.inputs())
    np.testing.assert_array_equal(found.view(np.uint32), expected.view(np.uint32))


def test_words_are_the_tokens_of_the_graph() -> None:
    found = words(pl.Series(TEXTS))
    for place, text in enumerate(TEXTS):
        assert found.filter(pl.col("text") == place)["word"].to_list() == tokens(text, "word")


def test_a_column_that_is_absent_is_named() -> None:
    with pytest.raises(UnknownColumn, match="gone"):
        encode_table([MissingEncoder(column="gone")], tabled(3))
