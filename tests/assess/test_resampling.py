"""The bootstrap of counts, weights, and bounds that hold at any time."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy import stats

from assay.assess import statistics as s
from assay.errors import InputError


def precision_ratio(tables):
    rate = tables[..., 3] / (tables[..., 1] + tables[..., 3])
    return rate[:, 1] / rate[:, 0]


def rates(tables):
    return tables[..., 1] / tables.sum(axis=-1)


TABLE = np.array([[400, 100, 150, 350], [500, 100, 100, 300]])


def test_the_value_is_that_of_the_table():
    b = s.count_bootstrap(TABLE, precision_ratio, 0.95)
    assert float(b.value) == pytest.approx((300 / 400) / (350 / 450))
    assert b.lower < b.value < b.upper


def test_it_gives_what_drawing_rows_gives():
    table = np.array([[60, 40], [70, 30]])
    group = np.repeat([0, 0, 1, 1], table.ravel())
    event = np.repeat([0, 1, 0, 1], table.ravel())
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 200, (4000, 200))
    drawn = [event[r][group[r] == 0].mean() - event[r][group[r] == 1].mean() for r in rows]
    b = s.count_bootstrap(table, lambda t: rates(t)[:, 0] - rates(t)[:, 1], 0.95, replicates=4000)
    assert float(b.lower) == pytest.approx(np.quantile(drawn, 0.05), abs=0.012)
    assert float(b.upper) == pytest.approx(np.quantile(drawn, 0.95), abs=0.012)


def test_it_agrees_with_scipys_bca():
    event = np.repeat([0.0, 1.0], [160, 40])
    theirs = stats.bootstrap(
        (event,), np.mean, confidence_level=0.9, n_resamples=4000, method="BCa", rng=0
    ).confidence_interval
    b = s.count_bootstrap(np.array([[160, 40]]), rates, 0.95, replicates=4000)
    assert float(b.lower[0]) == pytest.approx(theirs.low, abs=0.006)
    assert float(b.upper[0]) == pytest.approx(theirs.high, abs=0.006)


def test_several_numbers_at_once_keep_their_shape():
    b = s.count_bootstrap(np.array([[60, 40], [70, 30], [50, 50]]), rates, 0.95)
    assert b.value.shape == b.lower.shape == b.upper.shape == (3,)


def test_the_order_of_groups_does_not_matter():
    b = s.count_bootstrap(TABLE, lambda t: np.ptp(rates(t), axis=1), 0.95)
    turned = s.count_bootstrap(TABLE[::-1].copy(), lambda t: np.ptp(rates(t), axis=1), 0.95)
    assert float(b.lower) == float(turned.lower)
    assert float(b.upper) == float(turned.upper)


def test_a_rate_among_no_rows_bounds_nothing():
    b = s.count_bootstrap(np.array([[10, 0, 10, 0], [10, 1, 10, 2]]), precision_ratio, 0.95)
    assert not np.isfinite(b.value)
    thin = s.count_bootstrap(np.array([[10, 1, 10, 0], [10, 1, 10, 2]]), precision_ratio, 0.95)
    assert thin.upper == np.inf


def test_a_thousand_replicates_of_ten_groups_are_cheap():
    table = np.random.default_rng(0).integers(50, 900, (10, 4))

    def several(tables):
        total = tables.sum(axis=-1)
        rate = (tables[..., 1] + tables[..., 3]) / total
        hits = tables[..., 3] / (tables[..., 2] + tables[..., 3])
        return np.concatenate([rate, hits, np.ptp(rate, axis=1, keepdims=True)], axis=1)

    s.count_bootstrap(table, several, 0.95)
    start = time.process_time()
    s.count_bootstrap(table, several, 0.95)
    assert time.process_time() - start < 0.15  # 0.02 where nothing else runs


def test_bootstrapped_ratios_keep_their_promise():
    rng = np.random.default_rng(1)
    chances = TABLE / TABLE.sum(axis=1, keepdims=True)
    truth = (0.3 / 0.4) / (0.35 / 0.45)
    low = high = 0
    for _ in range(300):
        table = np.stack([rng.multinomial(200, p) for p in chances])
        b = s.count_bootstrap(table, precision_ratio, 0.95, replicates=500)
        low += b.lower > truth
        high += b.upper < truth
    assert low / 300 <= 0.085
    assert high / 300 <= 0.085


# ---- weights


def test_equal_weights_are_no_weights():
    rng = np.random.default_rng(2)
    x, codes = rng.exponential(size=100), rng.integers(-1, 3, 100)
    plain, weighted = (
        s.group_moments(x, codes, 3),
        s.weighted_moments(x, np.full(100, 7.0), codes, 3),
    )
    for part in ("rows", "mean", "variance", "third"):
        assert getattr(weighted, part) == pytest.approx(getattr(plain, part))
    k, n = s.weighted_counts(x > 1, np.full(100, 0.2), codes, 3)
    assert n == pytest.approx(plain.rows)
    assert k == pytest.approx(np.bincount(codes[codes >= 0], x[codes >= 0] > 1, 3))


def test_weights_count_rows_as_often_as_they_say():
    x, w = np.array([1.0, 5.0, 9.0]), np.array([2.0, 1.0, 1.0])
    found = s.weighted_moments(x, w, np.zeros(3, np.int64), 1)
    assert found.mean[0] == pytest.approx((1 + 1 + 5 + 9) / 4)
    assert found.rows[0] == pytest.approx(16 / 6)
    none = s.weighted_moments(x, w, np.zeros(3, np.int64), 2)
    assert none.rows[1] == 0


def test_weighted_means_keep_their_promise():
    rng = np.random.default_rng(3)
    low = high = 0
    for _ in range(400):
        w = rng.uniform(0.2, 3.0, 80)
        found = s.weighted_moments(rng.exponential(size=80), w, np.zeros(80, np.int64), 1)
        b = s.mean_bounds(found, 0.95)[0]
        low += b.lower > 1
        high += b.upper < 1
    assert low / 400 <= 0.08
    assert high / 400 <= 0.08


# ---- at any time


def test_the_mean_is_bounded_at_every_moment():
    rng = np.random.default_rng(4)
    low = high = 0
    for _ in range(300):
        b = s.mean_sequence(rng.beta(0.5, 4.5, 1500), 0.95)
        low += b.lower.max() > 0.1
        high += b.upper.min() < 0.1
    assert low / 300 <= 0.08
    assert high / 300 <= 0.08


def test_a_plain_interval_would_not_hold_at_every_moment():
    rng = np.random.default_rng(5)
    x = rng.random((300, 1500)) < 0.3
    n = np.arange(1, 1501)
    rate = np.cumsum(x, axis=1) / n
    upper = s.clopper_pearson(rate * n, n, 0.95).upper
    assert np.mean((upper < 0.3).any(axis=1)) > 0.2


def test_the_sequence_follows_the_published_formula():
    x, alpha = np.array([0.2, 0.9, 0.4]), 0.05
    mean, variance, total, centre, paid = 0.5, 0.25, 0.0, 0.0, 0.0
    sums, squares = 0.5, 0.25
    for t, value in enumerate(x, start=1):  # Waudby-Smith and Ramdas 2024, section 3.2
        stake = min(np.sqrt(2 * np.log(1 / alpha) / (variance * t * np.log(1 + t))), 0.5)
        total += stake
        centre += stake * value
        paid += 4 * (value - mean) ** 2 * (-np.log(1 - stake) - stake) / 4
        sums += value
        mean = sums / (t + 1)
        squares += (value - mean) ** 2
        variance = squares / (t + 1)
    b = s.mean_sequence(x, 0.95)
    assert float(b.upper[-1]) == pytest.approx(min((centre + np.log(20) + paid) / total, 1.0))


@pytest.mark.parametrize("bad", [[-0.1], [1.1], [np.nan]])
def test_values_beyond_the_limits_are_refused(bad):
    with pytest.raises(InputError, match="outside"):
        s.mean_sequence(bad, 0.95)


def test_no_values_have_no_bounds():
    assert s.mean_sequence([], 0.95).value.size == 0
