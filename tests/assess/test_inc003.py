"""INC003: it fires, it stays silent, it does not apply."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from assay.assess.inclusiveness import MissingnessGap, incomplete
from assay.errors import NotApplicable
from assay.testing.check import example_subject


def with_gaps(subject, share):
    """Rear-driven machines lack their weight in a share of the training rows."""
    gone = np.random.default_rng(0).random(subject.train.height) < share
    lost = pl.Series(gone) & (subject.train["drive"] == "rear")
    weight = pl.when(lost).then(None).otherwise(pl.col("weight")).alias("weight")
    return replace(subject, train=subject.train.with_columns(weight))


def test_a_group_with_gaps_is_found():
    finding = MissingnessGap(column="drive").run(with_gaps(example_subject(), 0.5))
    assert finding.lower > 0.15
    rates = {g.group: g.value for g in finding.groups}
    assert rates["rear"] > rates["front"]


def test_even_gaps_are_not_accused():
    finding = MissingnessGap(column="drive").run(example_subject())
    assert finding.lower == 0.0
    assert finding.evidence == "table"


def test_a_row_is_incomplete_where_any_value_is_missing():
    frame = pl.DataFrame({"a": [1.0, float("nan"), None, 2.0], "b": ["x", "y", "z", None]})
    assert incomplete(frame).tolist() == [False, True, True, True]


def test_it_does_not_apply_to_small_groups():
    with pytest.raises(NotApplicable, match="have 30 rows or more"):
        MissingnessGap(column="drive").run(example_subject(rows=20))


def test_it_does_not_apply_where_the_model_reads_nothing_else():
    import msgspec

    subject = example_subject()
    only = tuple(c for c in subject.contract.columns if c.name in ("drive", "worth"))
    contract = msgspec.structs.replace(subject.contract, columns=only)
    with pytest.raises(NotApplicable, match="reads no other column"):
        MissingnessGap(column="drive").run(replace(subject, contract=contract))
