"""Bounds against independent computations, worked cases, laws, and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from assay.assess import statistics as s
from assay.assess.statistics import means

CONFIDENCES = (0.9, 0.95, 0.99)
rates = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
confidences = st.floats(0.6, 0.999)
samples = st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=60)


# ---- rates


@pytest.mark.parametrize("method", ["exact", "wilson"])
@given(rate=rates, confidence=confidences)
@settings(deadline=None, max_examples=60)
def test_rates_agree_with_scipy(method, rate, confidence):
    k, n = rate
    ours = {"exact": s.clopper_pearson, "wilson": s.wilson}[method](k, n, confidence)
    theirs = stats.binomtest(k, n).proportion_ci(2 * confidence - 1, method=method)
    assert (float(ours.lower), float(ours.upper)) == pytest.approx(
        (theirs.low, theirs.high), abs=1e-9
    )


def test_rates_are_vectorised():
    bounds = s.clopper_pearson([0, 5, 10], [10, 10, 10], 0.95)
    assert bounds.lower.shape == (3,)
    assert bounds.lower[0] == 0
    assert bounds.upper[2] == 1


def test_newcombe_reproduces_his_published_examples():
    # Newcombe 1998, table II, method 10, 95 % two-sided: (a) 56/70 - 48/80, (d) 0/20... - 0/10
    a = s.difference(s.wilson(56, 70, 0.975), s.wilson(48, 80, 0.975))
    assert (round(float(a.lower), 4), round(float(a.upper), 4)) == (0.0524, 0.3339)
    b = s.difference(s.wilson(9, 10, 0.975), s.wilson(3, 10, 0.975))
    assert (round(float(b.lower), 4), round(float(b.upper), 4)) == (0.1705, 0.8090)
    g = s.difference(s.wilson(10, 10, 0.975), s.wilson(0, 20, 0.975))
    assert (round(float(g.lower), 4), round(float(g.upper), 4)) == (0.6791, 1.0)


@given(a=rates, b=rates, confidence=confidences)
@settings(max_examples=80)
def test_differences_and_ratios_hold_their_value(a, b, confidence):
    one, two = s.wilson(*a, confidence), s.wilson(*b, confidence)
    d = s.difference(one, two)
    assert d.lower - 1e-12 <= d.value <= d.upper + 1e-12
    turned = s.difference(two, one)
    assert float(turned.lower) == pytest.approx(-float(d.upper))
    if b[0] > 0:
        r = s.ratio(one, two)
        assert r.lower - 1e-9 <= r.value <= r.upper + 1e-9


def test_a_ratio_whose_denominator_may_be_zero_has_no_upper_end():
    r = s.ratio(s.wilson(5, 10, 0.95), s.wilson(0, 10, 0.95))
    assert r.upper == np.inf
    assert r.lower == 0


# ---- means


@pytest.mark.parametrize("confidence", CONFIDENCES)
def test_without_skewness_a_mean_has_students_bounds(confidence):
    x = np.array([-3.0, -1.0, -0.5, 0.5, 1.0, 3.0])
    ours = s.mean_bounds(s.moments(x), confidence)
    theirs = stats.ttest_1samp(x, 0).confidence_interval(2 * confidence - 1)
    assert (float(ours.lower), float(ours.upper)) == pytest.approx((theirs.low, theirs.high))


def test_halls_transformation_is_undone_by_its_inverse():
    t, a = np.linspace(-3, 3, 13), 0.3
    x = means._hall_inverse(t, np.full(13, a))
    forth = x + a * x**2 / 3 + a**2 * x**3 / 27 + a / 6  # Hall 1992, with a = skewness / sqrt(n)
    assert forth == pytest.approx(t)


@given(values=samples, confidence=confidences)
@settings(max_examples=80)
def test_means_turn_with_the_sign(values, confidence):
    x = np.array(values)
    a, b = (s.mean_bounds(s.moments(sign * x), confidence) for sign in (1, -1))
    assert float(a.lower) == pytest.approx(-float(b.upper), rel=1e-6, abs=1e-6)
    assert a.lower <= a.value + 1e-9 * abs(a.value)


def test_group_moments_are_those_of_each_group_and_of_the_rest():
    rng = np.random.default_rng(0)
    x, codes = rng.exponential(size=200), rng.integers(-1, 4, 200)
    inside, outside = s.group_moments(x, codes, 4), s.rest_moments(x, codes, 4)
    for g in range(4):
        for found, part in ((inside, x[codes == g]), (outside, x[codes != g])):
            assert found.rows[g] == part.size
            assert found.mean[g] == pytest.approx(part.mean())
            assert found.variance[g] == pytest.approx(part.var(ddof=1))
            assert found.third[g] == pytest.approx(stats.moment(part, 3))


@pytest.mark.parametrize("confidence", CONFIDENCES)
def test_the_paired_ratio_is_fiellers_where_nothing_is_skewed(confidence, monkeypatch):
    monkeypatch.setattr(means, "LONG_TAIL", 0.0)
    rng = np.random.default_rng(1)
    b = rng.normal(10, 2, 40)
    a = 0.5 * b + rng.normal(0, 1, 40)
    ours = s.paired_ratio(a, b, confidence)
    n, t = 40, stats.t.ppf(confidence, 39)
    va, vb, cab = a.var(ddof=1) / n, b.var(ddof=1) / n, np.cov(a, b)[0, 1] / n
    ma, mb = a.mean(), b.mean()  # Fieller 1954: roots of the quadratic in r
    p, q, r = mb**2 - t**2 * vb, -2 * (ma * mb - t**2 * cab), ma**2 - t**2 * va
    ends = np.sort(np.roots([p, q, r]))
    assert (float(ours.lower), float(ours.upper)) == pytest.approx(tuple(ends), rel=1e-6)


def test_a_ratio_to_something_that_may_be_zero_is_unbounded():
    rng = np.random.default_rng(1)
    bounds = s.paired_ratio(rng.normal(5, 1, 20), rng.normal(0.05, 1, 20), 0.95)
    assert bounds.upper == np.inf


# ---- areas, quantiles, tests


def test_the_area_is_the_mann_whitney_statistic_with_ties():
    rng = np.random.default_rng(2)
    x, y = rng.integers(0, 8, 60).astype(float), rng.integers(0, 6, 90).astype(float)
    theirs = stats.mannwhitneyu(x, y).statistic / (60 * 90)
    assert float(s.auc(x, y, 0.95).value) == pytest.approx(theirs)


def test_the_area_has_delongs_variance():
    rng = np.random.default_rng(3)
    x, y = rng.normal(1, 1, 80), rng.normal(0, 1, 120)
    above = (x[:, None] > y[None, :]).astype(float)
    area = above.mean()
    variance = above.mean(axis=1).var(ddof=1) / 80 + above.mean(axis=0).var(ddof=1) / 120
    half = stats.norm.ppf(0.95) * np.sqrt(variance) / (area * (1 - area))
    logit = np.log(area / (1 - area))
    bounds = s.auc(x, y, 0.95)
    assert bounds.lower <= 1 / (1 + np.exp(-(logit - half))) + 1e-12
    assert bounds.upper >= 1 / (1 + np.exp(-(logit + half))) - 1e-12


def test_separated_classes_still_have_a_lower_bound():
    bounds = s.auc(np.arange(10, 20), np.arange(10), 0.95)
    assert bounds.value == bounds.upper == 1.0
    assert 0.7 < bounds.lower < 0.95


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.9])
def test_quantile_bounds_are_the_tightest_order_statistics_that_hold(quantile):
    x, c = np.arange(1.0, 101.0), 0.95
    bounds = s.quantile_bounds(x, quantile, c)
    k = int(bounds.upper)  # values are their ranks: P(quantile < k-th) = P(Bin <= k - 1)
    assert stats.binom.cdf(k - 1, 100, quantile) >= c > stats.binom.cdf(k - 2, 100, quantile)
    k = int(bounds.lower)
    assert stats.binom.sf(k - 1, 100, quantile) >= c > stats.binom.sf(k, 100, quantile)


def test_few_rows_do_not_bound_a_far_quantile():
    bounds = s.quantile_bounds([1.0, 2.0, 3.0], 0.9, 0.95)
    assert bounds.upper == np.inf


def test_holm_agrees_with_a_worked_case():
    # Holm 1979, the step-down by hand: 4 * 0.01, 3 * 0.02, 2 * 0.03, 1 * 0.04, kept monotone
    assert s.holm([0.03, 0.01, 0.04, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert s.holm([0.9, 0.8]) == pytest.approx([1.0, 1.0])


def test_welch_agrees_with_scipy():
    rng = np.random.default_rng(4)
    x, y = rng.exponential(2, 30), rng.exponential(1, 50)
    p = s.greater_p(s.moments(x), s.moments(y))
    theirs = stats.ttest_ind(x, y, equal_var=False, alternative="greater").pvalue
    assert float(p) == pytest.approx(theirs)


def test_calibration_error_is_the_mean_gap():
    outcome = np.array([1.0, 0.0, 1.0, 1.0])
    probability = np.array([0.2, 0.4, 0.9, 0.7])
    bounds = s.calibration_error(outcome, probability, np.array([0, 0, 1, 1]), 0.95)
    assert float(bounds.value) == pytest.approx((abs(0.4) + abs(0.4)) / 4)


# ---- one-sided coverage, simulated


def misses(bounds, truth):
    """Shares of samples whose lower, upper bound lies on the wrong side of the truth."""
    return np.mean(bounds.lower > truth), np.mean(bounds.upper < truth)


ERRORS = {
    "half-normal": (lambda r, n: np.abs(r.normal(size=n)), np.sqrt(2 / np.pi)),
    "exponential": (lambda r, n: r.exponential(size=n), 1.0),
    "log-normal": (lambda r, n: np.exp(0.5 * r.normal(size=n)), np.exp(0.125)),
    "normal": (lambda r, n: r.normal(size=n), 0.0),
}


@pytest.mark.parametrize("name", ERRORS)
@pytest.mark.parametrize("rows", [30, 100])
def test_means_of_skewed_errors_keep_their_promise(name, rows):
    draw, truth = ERRORS[name]
    x = draw(np.random.default_rng(5), 4000 * rows)
    codes = np.repeat(np.arange(4000), rows)
    low, high = misses(s.mean_bounds(s.group_moments(x, codes, 4000), 0.95), truth)
    assert low <= 0.06
    assert high <= 0.065  # 5 % promised; 0.5 % is simulation noise, 1 % the method's


def test_students_bound_alone_would_not_keep_it():
    x = np.random.default_rng(5).exponential(size=(4000, 30))
    upper = x.mean(axis=1) + stats.t.ppf(0.95, 29) * x.std(axis=1, ddof=1) / np.sqrt(30)
    assert np.mean(upper < 1) > 0.08


def test_paired_ratios_keep_their_promise():
    rng = np.random.default_rng(6)
    found = []
    for _ in range(600):
        price = np.exp(0.5 * rng.normal(size=40))
        model, constant = 0.15 * price * np.abs(rng.normal(size=40)), np.abs(price - 1)
        found.append(s.paired_ratio(model, constant, 0.95))
    truth = 0.15 * np.exp(0.125) * np.sqrt(2 / np.pi)
    truth /= np.mean(np.abs(np.exp(0.5 * np.random.default_rng(0).normal(size=2_000_000)) - 1))
    low, high = misses(s.Bounds.stack(found), truth)
    assert low <= 0.075
    assert high <= 0.075  # 5 % and 2.8 standard errors of 600 samples


def test_rate_differences_keep_their_promise():
    rng = np.random.default_rng(7)
    a = s.wilson(rng.binomial(40, 0.2, 6000), 40, 0.95)
    b = s.wilson(rng.binomial(90, 0.1, 6000), 90, 0.95)
    low, high = misses(s.difference(a, b), 0.1)
    assert low <= 0.065
    assert high <= 0.065


def test_rate_ratios_keep_their_promise():
    rng = np.random.default_rng(7)
    a = s.wilson(rng.binomial(60, 0.2, 6000), 60, 0.95)
    b = s.wilson(rng.binomial(200, 0.1, 6000), 200, 0.95)
    low, high = misses(s.ratio(a, b), 2.0)
    assert low <= 0.065
    assert high <= 0.065


@pytest.mark.parametrize("shift", [0.0, 1.5])
def test_areas_keep_their_promise(shift):
    rng = np.random.default_rng(8)
    found = [s.auc(rng.normal(size=15) + shift, rng.normal(size=60), 0.95) for _ in range(800)]
    low, high = misses(s.Bounds.stack(found), stats.norm.cdf(shift / np.sqrt(2)))
    assert low <= 0.072
    assert high <= 0.072


def test_the_largest_of_equal_groups_is_seldom_called_larger():
    rng = np.random.default_rng(9)
    rows, groups = 20, 8
    codes = np.repeat(np.arange(groups), rows)
    alarms = raw = covered = 0
    for _ in range(400):
        sample = s.group_moments(rng.exponential(size=rows * groups), codes, groups)

        def means(confidence, sample=sample):
            return s.mean_bounds(sample, confidence)

        worst = s.largest(means, tests=groups, confidence=0.95)
        alarms += worst.lower > 1
        covered += worst.upper >= 1
        raw += worst.value > 1
    assert alarms / 400 <= 0.07
    assert covered == 400  # the largest upper bound of equal groups hardly ever fails
    assert raw / 400 > 0.95  # what a gate on the measured maximum would have claimed


def test_the_upper_bound_of_the_largest_needs_no_correction():
    rng = np.random.default_rng(10)
    truth = np.array([1.0, 1.0, 3.0])  # one group is truly worst: the least favourable case
    codes = np.repeat(np.arange(3), 40)
    miss = 0
    for _ in range(1500):
        sample = s.group_moments(rng.exponential(truth[codes]), codes, 3)
        bounds = s.largest(lambda c, m=sample: s.mean_bounds(m, c), tests=3, confidence=0.95)
        miss += bounds.upper < 3
    assert miss / 1500 <= 0.067


@pytest.mark.parametrize("power", [1.0, 1.8])
def test_calibration_error_keeps_its_promise(power):
    rng = np.random.default_rng(11)
    bins = np.repeat(np.arange(8), 50)
    found, truths = [], []
    for _ in range(1000):
        p = np.sort(rng.beta(1, 2, 400))
        true = p**power / (p**power + (1 - p) ** power)
        outcome = (rng.random(400) < true).astype(float)
        found.append(s.calibration_error(outcome, p, bins, 0.95))
        truths.append(np.abs(np.bincount(bins, true - p)).sum() / 400)
    low, high = misses(s.Bounds.stack(found), np.array(truths) + 1e-12)
    assert low <= 0.07
    assert high <= 0.07
