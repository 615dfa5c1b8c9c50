"""TRA005: it fires, it stays silent, it does not apply."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assay.assess.explanations import ContributionShares
from assay.assess.subject import Contributions
from assay.errors import NotApplicable
from assay.testing.check import KINDS, example_subject


def given(values, *, exact=False):
    """Explanations that are drawn at random with the given mean sizes."""
    columns = tuple("abcdefgh"[: len(values)])

    def explain(frame):
        rng = np.random.default_rng(frame.height)
        parts = rng.normal(size=(frame.height, len(values))) * values
        total = parts.sum(axis=1)
        return Contributions(
            columns=columns,
            values=parts,
            answer=total,
            base=0 * total,
            exact=exact,
            most_rows=300 if exact else 100,
        )

    return explain


def test_one_column_that_carries_nearly_all_is_found():
    finding = ContributionShares().run(example_subject(explain=given([10.0, 0.3, 0.3])))
    assert finding.lower > 0.85
    assert finding.details["importance"][0]["column"] == "a"


def test_columns_that_carry_alike_are_not():
    finding = ContributionShares().run(example_subject(explain=given([1.0] * 8)))
    assert finding.upper < 0.25
    assert finding.lower <= 1 / 8 <= finding.upper


def test_the_share_by_hand():
    def explain(frame):
        parts = np.tile([[3.0, -1.0]], (frame.height, 1))
        return Contributions(
            columns=("a", "b"), values=parts, answer=parts.sum(axis=1), base=0 * parts[:, 0]
        )

    finding = ContributionShares().run(example_subject(explain=explain))
    assert finding.value == pytest.approx(0.75)
    assert [i["value"] for i in finding.details["importance"]] == [3.0, 1.0]


@pytest.mark.parametrize("kind", KINDS)
def test_size_matters_most_in_the_example(kind):
    finding = ContributionShares().run(example_subject(kind))
    assert finding.details["importance"][0]["column"] == "size"
    assert finding.rows == 100


def test_exact_explanations_are_taken_of_more_rows():
    subject = example_subject(rows=400, explain=given([1.0, 2.0], exact=True))
    finding = ContributionShares().run(subject)
    assert finding.rows == 300
    assert finding.details["exact"]


def test_the_bounds_hold_the_true_share():
    """Two columns, sizes 2 : 1; the truth lies below a bound in one sample of twenty."""
    missed = np.zeros(2)
    for seed in range(60):
        subject = example_subject(rows=100)

        def explain(frame, seed=seed):
            rng = np.random.default_rng(seed)
            parts = rng.exponential(size=(frame.height, 2)) * [2.0, 1.0]
            return Contributions(
                columns=("a", "b"), values=parts, answer=parts.sum(axis=1), base=0 * parts[:, 0]
            )

        finding = ContributionShares().run(replace(subject, explain=explain))
        missed += [finding.lower > 2 / 3, finding.upper < 2 / 3]
    assert (missed <= 8).all()


def test_it_does_not_apply_where_nothing_moves_the_answer():
    with pytest.raises(NotApplicable, match="No column moves"):
        ContributionShares().run(example_subject(explain=given([0.0, 0.0])))


def test_it_does_not_apply_without_explanations():
    with pytest.raises(NotApplicable, match="gives no explanations"):
        ContributionShares().run(example_subject(explain=None))
