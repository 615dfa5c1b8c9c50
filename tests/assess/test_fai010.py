"""FAI010: it fires, it stays silent, it does not apply; by hand, and by resampling."""

from __future__ import annotations

import numpy as np
import pytest

from assay.assess.fairness import GeneralisedEntropy
from assay.assess.fairness.inequality import entropy, entropy_bounds
from assay.errors import NotApplicable
from assay.testing.check import example_subject
from tests.assess.planted import covered, drawn_binary, planted


def test_many_errors_are_unequal():
    subject = drawn_binary(np.random.default_rng(0), rates=((0.4, 0.4), (0.4, 0.4)), rows=400)
    assert GeneralisedEntropy().run(subject).lower > 0.1


def test_no_errors_are_equal_but_not_certain():
    subject = planted(group=["a", "b"] * 50, truth=[0, 1] * 50, label=[0, 1] * 50)
    finding = GeneralisedEntropy().run(subject)
    assert (finding.value, finding.lower) == (0, 0)
    assert 0 < finding.upper < 0.05


def test_by_hand():
    truth, label = np.array([1, 0, 1, 0] * 10), np.array([0, 0, 1, 1] * 10)
    finding = GeneralisedEntropy().run(
        planted(group=["a", "a", "b", "b"] * 10, truth=truth, label=label)
    )
    # Benefits 0, 1, 1, 2: mean 1, mean square 1.5; group means 0.5 and 1.5.
    assert finding.value == pytest.approx(0.25)
    (parts,) = finding.details["decomposition"]
    assert parts["column"] == "group"
    assert parts["between"] == pytest.approx((0.5**2 + 1.5**2) / 2 / 2 - 0.5)
    assert parts["within"] == pytest.approx(0.25 - parts["between"])


def test_crossings_are_taken_apart_too():
    finding = GeneralisedEntropy().run(example_subject("binary"))
    parts = {p["column"]: p for p in finding.details["decomposition"]}
    assert list(parts) == ["make", "drive", "make & drive"]
    assert parts["make & drive"]["between"] >= parts["make"]["between"]
    assert parts["make"]["within"] > 0.9 * finding.value


def test_weights_count_as_rows():
    rng = np.random.default_rng(0)
    truth, label = rng.integers(0, 2, 60), rng.integers(0, 2, 60)
    times = rng.integers(1, 4, 60)
    once = planted(group=["a"] * 60, truth=truth, label=label, weight=times)
    repeated = planted(
        group=["a"] * times.sum(), truth=truth.repeat(times), label=label.repeat(times)
    )
    a, b = GeneralisedEntropy().run(once), GeneralisedEntropy().run(repeated)
    assert a.value == pytest.approx(b.value)
    assert a.upper > b.upper  # fewer effective rows


@pytest.mark.parametrize(("false", "true"), [(0.02, 0.98), (0.1, 0.7), (0.5, 0.5)])
def test_the_bounds_hold(false, true):
    def draw(rng):
        return drawn_binary(rng, rates=((false, true),), rows=150)

    truth = float(entropy(np.array(0.4 * (1 - true)), np.array(0.6 * false)))
    lower, upper = covered(GeneralisedEntropy(), draw, truth)
    assert min(lower, upper) >= 0.91


def test_the_bounds_are_near_the_bootstrap():
    rng = np.random.default_rng(0)
    benefit = rng.choice([0.0, 1.0, 2.0], 800, p=[0.15, 0.7, 0.15])
    bounds = entropy_bounds(benefit, np.ones(800), 0.95)
    drawn = benefit[rng.integers(0, 800, (2000, 800))]
    again = (np.mean(drawn**2, axis=1) / drawn.mean(axis=1) ** 2 - 1) / 2
    assert float(bounds.lower) == pytest.approx(np.quantile(again, 0.05), abs=0.004)
    assert float(bounds.upper) == pytest.approx(np.quantile(again, 0.95), abs=0.004)


def test_it_does_not_apply_to_other_questions():
    for kind in ("regression", "multiclass"):
        with pytest.raises(NotApplicable, match="not one of two classes"):
            GeneralisedEntropy().run(example_subject(kind))


def test_it_does_not_apply_to_few_rows_or_where_all_were_missed():
    with pytest.raises(NotApplicable, match="30 are needed"):
        GeneralisedEntropy().run(planted(group=["a"] * 20, truth=[0] * 20, label=[0] * 20))
    with pytest.raises(NotApplicable, match="positive that was missed"):
        GeneralisedEntropy().run(planted(group=["a"] * 40, truth=[1] * 40, label=[0] * 40))
