"""Distances of mixed rows by hand."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from assay.assess.distances import Space

TABLE = pl.DataFrame(
    {
        "pay": [10.0, 20.0, 30.0, 40.0, None],
        "gain": [0.0, 0.0, 0.0, 8.0, 0.0],
        "same": [7, 7, 7, 7, 7],
        "job": ["clerk", "clerk", "cook", None, "cook"],
        "fit": [True, False, True, True, None],
        "since": [date(2020, 1, d) for d in (1, 2, 3, 4, 5)],
    }
)


def test_numbers_count_in_median_absolute_deviations():
    space = Space.of(TABLE)
    assert space.number.tolist() == [True, True, True, False, False, True]
    # pay: median 25, deviations 15 5 5 15; gain: their median is 0, their mean 8 / 5
    assert space.scale.tolist() == [10.0, 1.6, 1.0, 1.0, 1.0, 1.0]


def test_steps_of_two_rows():
    space = Space.of(TABLE)
    cells = space.cells(TABLE)
    assert space.steps(cells[0], cells[3]).tolist() == [3.0, 5.0, 0.0, 1.0, 0.0, 3.0]
    assert space.steps(cells[2], cells[4]).tolist() == [1.0, 0.0, 0.0, 0.0, 1.0, 2.0]
    assert not space.steps(cells, cells).any()


def test_distances_are_the_sums_of_steps():
    space = Space.of(TABLE)
    cells = space.cells(TABLE)
    sums = space.steps(cells[:, None, :], cells[None, :, :]).sum(axis=2)
    assert space.distances(cells, cells) == pytest.approx(sums, rel=1e-6)
    assert space.nth_nearest(cells, cells, 1).tolist() == [0.0] * 5
    assert space.nth_nearest(cells, cells, 2) == pytest.approx(np.sort(sums, axis=1)[:, 1])


def test_unknown_categories_differ_from_known_ones():
    space = Space.of(TABLE)
    other = space.cells(TABLE.with_columns(job=pl.lit("baker")))
    assert (space.steps(other, space.cells(TABLE))[:, 3] == 1.0).all()


def test_a_column_without_values_counts_nothing():
    empty = pl.DataFrame({"n": [None, None], "c": pl.Series([None, None], dtype=pl.String)})
    space = Space.of(empty.with_columns(pl.col("n").cast(pl.Float64)))
    assert not space.steps(*space.cells(empty.with_columns(pl.col("n").cast(pl.Float64)))).any()
