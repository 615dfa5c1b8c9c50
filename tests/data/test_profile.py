"""What a table holds: checked by hand, against NumPy, and on the real tables."""

from __future__ import annotations

import time
from datetime import date

import numpy as np
import polars as pl
import pytest

from assay.data.leakage import TargetStrength, names_target
from assay.data.profile import QUANTILES, Profile, as_numbers, profile_table
from assay.errors import UnknownColumn

N = 200
RNG = np.random.default_rng(1)
Y = RNG.normal(size=N)


def profiled(cells: object, name: str = "a", *, target: object = None) -> object:
    y = Y[: len(cells)] if target is None else target
    return profile_table(pl.DataFrame({name: cells, "y": y}), target="y").column(name)


def test_automobile(automobile):
    profile = profile_table(automobile, target="price")
    assert (profile.rows, len(profile.columns)) == (201, 26)
    assert (profile.duplicates, profile.missing_cells) == (0, 51)
    assert [c.name for c in profile.columns if c.kind == "category"] == [
        "make", "fuel_type", "aspiration", "num_doors", "body_style", "drive_wheels",
        "engine_location", "engine_type", "num_cylinders", "fuel_system",
    ]  # fmt: skip
    assert {c.role for c in profile.columns if c.name != "price"} == {"feature"}
    assert not any(c.flags for c in profile.columns)
    price = profile.column("price")
    assert (price.role, price.kind, price.distinct) == ("target", "integer", 186)
    assert (price.low, price.quantiles[3], price.high) == (5118.0, 10295.0, 45400.0)
    assert price.mean == pytest.approx(13207.129353, abs=1e-6)
    make = profile.column("make")
    assert (make.distinct, make.top[0]) == (22, ("toyota", 32))
    assert profile.column("normalized_losses").missing == 37


def test_telco(telco):
    profile = profile_table(telco, target="churn")
    assert (profile.rows, profile.duplicates, profile.missing_cells) == (7043, 22, 11)
    assert profile.column("churn").top == (("No", 5174), ("Yes", 1869))
    assert profile.column("female").kind == "boolean"
    assert profile.column("total_charges").missing == 11
    assert {c.role for c in profile.columns} == {"feature", "target"}
    assert not any(c.flags for c in profile.columns)


def test_numbers_agree_with_numpy(automobile):
    profile = profile_table(automobile, target="price")
    for column in profile.columns:
        if column.kind not in {"number", "integer"}:
            continue
        values = automobile[column.name].drop_nulls().to_numpy().astype(float)
        assert column.mean == pytest.approx(values.mean(), rel=1e-12)
        assert column.std == pytest.approx(values.std(ddof=1), rel=1e-12)
        assert column.quantiles == tuple(np.quantile(values, QUANTILES))


def test_outliers_by_tukeys_fences():
    # quartiles 25.75 and 75.25 of 1 to 100: fences at -48.5 and 149.5
    cells = [*range(1, 99), -48, 150]
    assert np.quantile(cells, 0.25) == pytest.approx(24.75)
    assert profiled(cells).outliers == 1
    assert profiled([0] * 90 + list(range(10))).outliers == 0


def test_infinities_are_left_out_of_the_statistics():
    column = profiled([1.0, 2.0, 3.0, float("inf")] * 50)
    assert (column.low, column.high, column.mean) == (1.0, 3.0, 2.0)
    assert column.flags == ("50 infinite values",)


def test_dates_are_days_since_1970():
    days = [date(1970, 1, 2), date(1970, 1, 11), None] * 10
    column = profiled(days)
    assert (column.kind, column.low, column.high) == ("date", 1.0, 10.0)
    noon = pl.Series([date(1970, 1, 2)]).cast(pl.Datetime("us")) + pl.duration(hours=12)
    assert as_numbers(pl.select(noon).to_series()).tolist() == [1.5]


def test_a_boolean_has_a_share():
    column = profiled(["yes", "no", "no", None] * 50)
    assert (column.kind, column.mean, column.missing) == ("boolean", pytest.approx(1 / 3), 50)
    assert column.top == (("no", 100), ("yes", 50))


@pytest.mark.parametrize(
    ("name", "cells", "role", "flag"),
    [
        ("a", [f"K{i}" for i in range(N)], "identifier", "identifier"),
        ("customer id", RNG.permutation(10**6)[:N], "identifier", "identifier"),
        ("a", np.arange(N) + 1000, "identifier", "identifier"),
        ("a", RNG.permutation(N), "identifier", "identifier"),
        ("a", RNG.permutation(10**6)[:N], "feature", None),  # a measurement may be unique
        ("a", RNG.normal(size=N), "feature", None),
        ("id", np.arange(N) % 20, "feature", None),  # a code that repeats
        ("a", [7] * N, "ignored", "constant"),
        ("a", [7, None] * (N // 2), "ignored", "constant"),
        ("a", pl.Series([None] * N, dtype=pl.String), "ignored", "empty"),
        ("a", [f"a long free text of words {i % 150}" for i in range(N)], "ignored", "free text"),
    ],
)
def test_roles(name, cells, role, flag):
    column = profiled(cells, name)
    assert column.role == role
    assert (flag in column.flags) if flag else not column.flags
    assert bool(column.note) == (role != "feature")


def test_identifiers_and_personal_columns_keep_no_values(people):
    profile = profile_table(people, target="left")
    assert profile.column("id").role == "identifier"
    mail = profile.column("mail")
    assert "personal: e-mail" in mail.flags
    assert mail.top == ()
    text = profile.to_json().decode()
    assert "K0001" not in text
    assert "example.org" not in text
    born = profiled([date(1950, 1, 1 + i % 28) for i in range(N)], "date of birth")
    assert (born.low, born.quantiles, born.top) == (None, (), ())


def test_oddities_are_flagged():
    assert profiled(["1", "2", "three", "4"] * 50).flags == ("mixed",)
    assert "beyond 2^53" in profiled([str(2**53 + i % 9) for i in range(N)]).note


@pytest.mark.parametrize(
    ("cells", "role"),
    [
        (Y * 3 + 1, "ignored"),  # another unit
        (np.exp(Y), "feature"),
        (-(Y**3), "feature"),
        (np.round(Y, 1), "feature"),
        (np.where(np.arange(N) % 2, Y, -Y) ** 2, None),
        (Y + RNG.normal(size=N), None),
    ],
)
def test_leaks_of_a_number(cells, role):
    column = profiled(cells)
    assert ("leakage suspect" in column.flags) == (role is not None)
    assert column.role == (role or "feature")


LABEL = np.where(Y > 0.3, "gone", "stay")


@pytest.mark.parametrize(
    ("cells", "role"),
    [
        (np.where(Y > 0.3, 17, 4), "ignored"),  # the same in other words
        (Y, "feature"),  # a threshold away from the answer
        (np.abs(Y - 0.3) * np.sign(Y - 0.3) * 10, "feature"),
        (np.where(Y > 0.3, RNG.integers(0, 5, N), RNG.integers(5, 10, N)), "feature"),
        (np.where(Y > 0.3, None, 1.0).astype(float), "ignored"),  # it is missing that tells
        (RNG.normal(size=N), None),
        ([f"level {i % 150}" for i in range(N)], None),
    ],
)
def test_leaks_of_a_class(cells, role):
    column = profiled(cells, target=LABEL)
    if column.distinct > 1:
        assert ("leakage suspect" in column.flags) == (role is not None)
    assert column.role == (role or "feature")


def test_missing_cells_can_tell_the_answer():
    cells = [None if label == "gone" else float(i % 7) for i, label in enumerate(LABEL)]
    assert "leakage suspect" in profiled(cells, target=LABEL).flags


@pytest.mark.parametrize(
    ("column", "suspect"),
    [("log_price", True), ("Price (USD)", True), ("price2", False), ("price_2", True),
     ("is_price", True), ("PRICE", True), ("list_price", False), ("price_per_door", False)],
)  # fmt: skip
def test_names_of_variants(column, suspect):
    assert names_target(column, "price") == suspect


def test_explained_share_of_ranks_by_hand():
    # ranks 1 to 12 in halves of mean 3.5 and 9.5: 108 of 143 explained, then adjusted
    strength = TargetStrength(pl.Series([float(x**3) for x in range(12)]))
    share = strength.explained(pl.DataFrame({"a": ["low"] * 6 + ["high"] * 6}))["a"]
    assert share == pytest.approx(1 - 35 / 143 * 11 / 10)


def test_explained_share_of_classes_by_hand():
    # tau: (sum of n_ij^2 / n_i. - sum of n_.j^2 / n) / (n - sum of n_.j^2 / n)
    table = np.array([[8, 2], [3, 7]])
    n, chance = 20, (11**2 + 9**2) / 20
    tau = ((64 + 4) / 10 + (9 + 49) / 10 - chance) / (n - chance)
    cells = np.repeat(["a", "a", "b", "b"], table.ravel())
    labels = np.repeat(["u", "v", "u", "v"], table.ravel())
    share = TargetStrength(pl.Series(labels)).explained(pl.DataFrame({"a": cells}))["a"]
    assert share == pytest.approx(1 - (1 - tau) * 19 / 18)


def test_noise_explains_nothing():
    rng = np.random.default_rng(5)
    frame = pl.DataFrame({f"c{i}": rng.normal(size=500) for i in range(200)})
    shares = np.array(
        list(TargetStrength(pl.Series(rng.normal(size=500))).explained(frame).values())
    )
    assert abs(shares.mean()) < 0.02
    assert shares.max() < 0.3


def test_duplicates_count_repeats():
    frame = pl.DataFrame({"a": [1, 1, 1, 2, None, None], "y": [1.0, 1.0, 1.0, 2.0, 3.0, 3.0]})
    assert profile_table(frame, target="y").duplicates == 3


def test_an_absent_target_and_column(people):
    with pytest.raises(UnknownColumn):
        profile_table(people, target="lift")
    with pytest.raises(UnknownColumn):
        profile_table(people, target="left").column("lift")


def test_a_profile_is_a_stable_record(people):
    profile = profile_table(people, target="left")
    assert Profile.from_json(profile.to_json()) == profile
    assert profile_table(people, target="left").digest == profile.digest


def test_many_levels_and_many_columns_are_profiled_quickly():
    rng = np.random.default_rng(0)
    levels = pl.DataFrame(
        {"a": [f"level {i}" for i in range(100_000)] * 2, "y": rng.normal(size=200_000)}
    )
    wide = pl.DataFrame({f"c{i}": rng.normal(size=100) for i in range(2_000)})
    start = time.process_time()
    assert profile_table(levels, target="y").column("a").distinct == 100_000
    assert len(profile_table(wide, target="c0").columns) == 2_000
    assert time.process_time() - start < 15
