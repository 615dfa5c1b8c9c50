"""TRA003: it fires, it stays silent, it does not apply."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assay.assess.transparency import ConcentratedImportance
from assay.errors import NotApplicable
from assay.testing.check import ExampleAnswer, example_subject


def test_columns_are_ranked_by_what_shuffling_them_costs():
    finding = ConcentratedImportance().run(example_subject())
    table = finding.details["importance"]
    assert table[0]["column"] == "size"
    assert [t["value"] for t in table] == sorted((t["value"] for t in table), reverse=True)
    unused = {t["column"]: t["value"] for t in table}
    assert unused["doors"] == pytest.approx(0.0, abs=1e-12)
    assert unused["sold"] == pytest.approx(0.0, abs=1e-12)


def test_fewer_columns_carry_less():
    one = ConcentratedImportance(top=1).run(example_subject())
    two = ConcentratedImportance(top=2).run(example_subject())
    assert one.value < two.value < 1
    assert one.lower < one.value < one.upper


def test_it_does_not_apply_to_a_model_that_reads_nothing():
    subject = example_subject()

    def constant(frame):
        return ExampleAnswer(prediction=np.full(frame.height, 20.0))

    with pytest.raises(NotApplicable, match="adds no error"):
        ConcentratedImportance().run(replace(subject, score=constant))


def test_it_does_not_apply_to_a_handful_of_rows():
    with pytest.raises(NotApplicable, match="10 are needed"):
        ConcentratedImportance().run(example_subject(rows=6))
