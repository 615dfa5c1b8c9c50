"""The gap between groups: laws, worked cases, and a small fixed simulation with planted truth."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from assay.assess import statistics as s
from assay.assess.statistics.pairs import strictness

groups = st.lists(
    st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
    min_size=2,
    max_size=8,
)


def counts(each):
    return np.array(each, float).T


@given(groups)
@settings(deadline=None, max_examples=60)
def test_bounds_hold_the_gap_and_widen_with_confidence(each):
    k, n = counts(each)
    found = [s.gap_of_rates(k, n, c) for c in (0.8, 0.9, 0.95, 0.99)]
    for b in found:
        assert 0 <= b.lower <= b.value <= b.upper <= 1 + 1e-9
        assert float(b.value) == pytest.approx(np.ptp(k / n))
    lower, upper = ([float(getattr(b, side)) for b in found] for side in ("lower", "upper"))
    assert all(a >= b - 1e-3 for a, b in itertools.pairwise(lower))
    assert all(a <= b + 1e-3 for a, b in itertools.pairwise(upper))


@given(groups, st.randoms())
@settings(deadline=None, max_examples=40)
def test_the_order_of_groups_does_not_matter(each, chance):
    first = s.gap_of_rates(*counts(each), 0.95)
    chance.shuffle(each)
    again = s.gap_of_rates(*counts(each), 0.95)
    assert float(again.lower) == pytest.approx(float(first.lower), abs=1e-9)
    assert float(again.upper) == pytest.approx(float(first.upper), abs=1e-9)


@given(groups)
@settings(deadline=None, max_examples=40)
def test_the_upper_bound_is_never_above_that_of_the_plain_pairs(each):
    k, n = counts(each)
    rate = s.clopper_pearson(k, n, 0.95)
    plain = s.difference(rate[:, None], rate[None, :]).upper.max()
    assert s.gap_of_rates(k, n, 0.95).upper <= plain + 1e-12


def test_two_groups_with_a_clear_gap_have_the_bounds_of_their_difference():
    k, n = np.array([400.0, 100.0]), np.array([1000.0, 1000.0])
    rate = s.clopper_pearson(k, n, 0.95)
    pair = s.difference(rate[0], rate[1])
    gap = s.gap_of_rates(k, n, 0.95)
    assert float(gap.lower) == pytest.approx(float(pair.lower), abs=1e-3)
    assert float(gap.upper) == pytest.approx(float(pair.upper))


def test_equal_groups_are_bounded_far_more_tightly_than_pair_by_pair():
    n = np.full(20, 200.0)
    k = np.round(60 + 6.5 * stats.norm.ppf((np.arange(20) + 0.5) / 20))  # spread as by chance
    rate = s.clopper_pearson(k, n, 0.95)
    plain = float(s.difference(rate[:, None], rate[None, :]).upper.max())
    gap = s.gap_of_rates(k, n, 0.95)
    assert gap.lower == 0
    assert float(gap.upper) < 0.93 * plain


def test_one_group_apart_is_found_with_less_than_the_correction_for_all_pairs():
    n = np.full(20, 500.0)
    k = np.full(20, 100.0)
    k[3] = 250
    strict = s.clopper_pearson(k, n, s.bonferroni(0.95, 380))
    former = float(s.difference(strict[:, None], strict[None, :]).lower.max())
    gap = s.gap_of_rates(k, n, 0.95)
    assert former + 0.01 < float(gap.lower) < 0.3


def test_of_several_events_the_one_that_differs_most_counts():
    n = np.array([500.0, 500.0])
    same, apart = np.array([100.0, 100.0]), np.array([300.0, 100.0])
    both = s.gap_of_rates([same, apart], n, 0.95)
    alone = s.gap_of_rates(apart, n, 0.95)
    assert float(both.value) == float(alone.value)
    assert float(both.lower) < float(alone.lower)  # two events were looked at
    assert float(both.upper) == float(alone.upper)


def test_groups_of_one_row_and_rates_of_nothing_are_no_obstacle():
    b = s.gap_of_rates([0, 1, 0], [1, 1, 40], 0.95)
    assert (float(b.value), float(b.upper)) == (1.0, 1.0)
    assert b.lower < 0.01
    none = s.gap_of_rates([0, 0], [50, 50], 0.95)
    assert none.lower == none.value == 0
    assert 0 < none.upper < 0.1


def test_two_hundred_groups_take_no_time():
    import time

    rng = np.random.default_rng(1)
    n = rng.integers(30, 400, 200).astype(float)
    start = time.process_time()
    s.gap_of_rates(rng.binomial(n.astype(int), 0.2), n, 0.95)
    assert time.process_time() - start < 1.5


def test_means_with_one_group_apart():
    rng = np.random.default_rng(2)
    codes = np.repeat(np.arange(5), 300)
    x = rng.exponential(np.where(codes == 4, 2.0, 1.0))
    gap = s.gap_of_means(s.group_moments(x, codes, 5), 0.95)
    assert 0.6 < gap.lower < gap.value < gap.upper < 1.6


def test_how_strict_a_pair_is_lies_between_one_and_all_pairs():
    apart = np.zeros(190)
    one, every = (float(stats.norm.ppf(1 - 0.05 / k)) for k in (1, 380))
    found = [strictness(apart, np.full(190, gap), 20, 0.05) for gap in (0.0, 1.0, 3.0, 30.0)]
    assert found[0] == pytest.approx(every, abs=0.02)
    assert found == sorted(found, reverse=True)
    # of equal groups that may lie far apart, at most 100 pairs can lie farthest
    assert found[2] == pytest.approx(float(stats.norm.ppf(1 - 0.05 / 100)), abs=0.03)
    assert found[3] >= one
    # where one pair is seen to lie apart and all others near, it alone counts
    apart[0] = 30.0
    assert strictness(apart, np.full(190, 30.0), 20, 0.05) == pytest.approx(one, abs=0.03)


# ---- the smallest rate divided by the largest


@given(groups)
@settings(deadline=None, max_examples=60)
def test_ratios_hold_their_value_and_widen_with_confidence(each):
    k, n = counts(each)
    found = [s.ratio_of_rates(k, n, c) for c in (0.8, 0.9, 0.95, 0.99)]
    if k.max() == 0:
        assert np.isnan(found[0].value)
        return
    for b in found:
        assert 0 <= b.lower <= b.value + 1e-12
        assert b.value <= b.upper + 1e-12 <= 1 + 1e-9
        assert float(b.value) == pytest.approx((k / n).min() / (k / n).max())
    upper = [float(b.upper) for b in found]
    assert all(a <= b + 1e-3 for a, b in itertools.pairwise(upper))


def test_two_groups_with_a_clear_ratio_have_the_bounds_of_their_ratio():
    k, n = np.array([400.0, 200.0]), np.array([1000.0, 1000.0])
    rate = s.clopper_pearson(k, n, 0.95)
    pair, both = s.ratio(rate[1], rate[0]), s.ratio_of_rates(k, n, 0.95)
    assert float(both.lower) == pytest.approx(float(pair.lower))
    assert float(both.upper) == pytest.approx(float(pair.upper), abs=2e-3)


@pytest.mark.parametrize(("count", "rows", "low"), [(2, 60, 0.3), (5, 100, 0.15), (20, 100, 0.3)])
def test_ratios_keep_their_promise(count, rows, low):
    rates = np.full(count, 0.3)
    rates[: (count + 1) // 2] = low
    rng = np.random.default_rng(count)
    truth = low / 0.3
    below = above = 0
    for _ in range(200):
        b = s.ratio_of_rates(rng.binomial(rows, rates), np.full(count, rows), 0.95)
        below += b.upper < truth
        above += b.lower > truth
    assert below / 200 <= 0.09
    assert above / 200 <= 0.09


# ---- planted truth, small and fixed; benchmarks/verdicts is the large one

WORLDS = [
    (2, 30, 0.1, 0.0),
    (5, 30, 0.1, 0.0),
    (20, 30, 0.1, 0.0),
    (20, 30, 0.02, 0.0),
    (5, 50, 0.2, 0.2),
    (20, 50, 0.3, 0.1),
]


@pytest.mark.parametrize(("count", "rows", "base", "gap"), WORLDS)
@pytest.mark.parametrize("shape", ["one", "half", "between"])
def test_false_verdicts_stay_within_the_promise(count, rows, base, gap, shape):
    place = np.full(count, 0.5 if shape == "between" else 0.0)
    place[: 1 if shape != "half" else (count + 1) // 2] = 1.0
    place[-1] = 0.0
    n = np.full(count, rows)
    rng = np.random.default_rng(count)
    false_not_met = false_met = 0
    samples = 150
    for _ in range(samples):
        b = s.gap_of_rates(rng.binomial(n, base + gap * place), n, 0.95)
        false_not_met += b.lower > gap
        false_met += b.upper < gap
    # 5 % promised; 0.095 is 2.5 standard errors of 150 samples above it
    assert false_not_met / samples <= 0.095
    assert false_met / samples <= 0.095


def test_the_measured_gap_would_have_been_a_false_alarm_nearly_always():
    rng = np.random.default_rng(3)
    n = np.full(20, 30)
    gaps = np.ptp(rng.binomial(n, 0.2, (200, 20)) / n, axis=1)
    assert np.mean(gaps > 0.1) > 0.99


@pytest.mark.parametrize("gap", [0.0, 1.0])
def test_gaps_of_means_keep_their_promise(gap):
    rng = np.random.default_rng(4)
    codes = np.repeat(np.arange(6), 40)
    truth = 1.0 + gap * (codes == 2)
    low = high = 0
    for _ in range(300):
        sample = s.group_moments(rng.exponential(truth), codes, 6)
        b = s.gap_of_means(sample, 0.95)
        low += b.lower > gap
        high += b.upper < gap
    assert low / 300 <= 0.085
    assert high / 300 <= 0.085
