from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest

from assay.automl.engineering import (
    BINS,
    MOST_CANDIDATES,
    MOST_CATEGORIES,
    MOST_EXTRAS,
    MOST_NUMBERS,
    Chosen,
    _is_lower,
    _losses,
    _unexplained,
    choose_extras,
    propose,
)
from assay.automl.family import Task
from assay.automl.table import Table
from assay.data.contract import Column
from assay.model.plan import Input

RNG = np.random.default_rng
REGRESSION, BINARY = Task(kind="regression"), Task(kind="binary", classes=2)


def tabled(cells: dict[str, np.ndarray]) -> tuple[tuple[Column, ...], Table]:
    frame = pl.DataFrame(cells)
    kinds = {n: "category" if frame[n].dtype == pl.String else "number" for n in frame.columns}
    inputs = [Input(name=n, kind=kind) for n, kind in kinds.items()]  # type: ignore[arg-type]
    columns = tuple(Column(name=n, kind=kind) for n, kind in kinds.items())  # type: ignore[arg-type]
    return columns, Table.from_frame(inputs, frame)


def made_up(rows: int, seed: int) -> dict[str, np.ndarray]:
    """Six amounts and three categories, all independent."""
    rng = RNG(seed)
    numbers = {f"x{i}": rng.gamma(2, size=rows) for i in range(6)}
    return numbers | {f"c{i}": rng.choice(list("abcdefgh"), rows) for i in range(3)}


def test_a_quotient_that_decides_is_found() -> None:
    cells = made_up(3000, 1)
    y = np.log(cells["x1"] / cells["x5"]) + 0.1 * RNG(1).normal(size=3000)
    chosen = choose_extras(*tabled(cells), y, REGRESSION, seed=0, seconds=math.inf)
    assert "x1 / x5" in [extra.name for extra in chosen.extras]
    assert chosen.after < chosen.before
    assert chosen.gains["x1 / x5"] > 0.1
    assert chosen.rows == 3000


def test_two_categories_that_decide_together_are_found() -> None:
    cells = made_up(3000, 2)
    together = np.isin(cells["c0"], list("aceg")) ^ np.isin(cells["c2"], list("abgh"))
    y = (RNG(2).random(3000) < np.where(together, 0.8, 0.2)).astype(np.int64)
    chosen = choose_extras(*tabled(cells), y, BINARY, seed=0, seconds=math.inf)
    assert chosen.extras[0].name == "c0 with c2"
    assert chosen.after < 0.9 * chosen.before


@pytest.mark.slow
def test_noise_keeps_none() -> None:
    """100 tables of noise: at most one in ten keeps anything."""
    kept = 0
    for seed in range(100):
        y = RNG(1000 + seed).normal(size=500)
        chosen = choose_extras(
            *tabled(made_up(500, seed)), y, REGRESSION, seed=seed, seconds=math.inf
        )
        kept += bool(chosen.extras)
    assert kept <= 10


def test_the_same_seed_finds_the_same() -> None:
    cells = made_up(600, 3)
    y = cells["x0"] * cells["x1"]
    columns, table = tabled(cells)
    first, again = (
        choose_extras(columns, table, y, REGRESSION, seed=7, seconds=math.inf) for _ in range(2)
    )
    assert first == again
    assert first.extras


def test_no_extra_reads_a_monotone_column() -> None:
    cells = made_up(1000, 4)
    y = np.log(cells["x1"] / cells["x5"])
    columns, table = tabled(cells)
    chosen = choose_extras(columns, table, y, REGRESSION, seed=0, seconds=math.inf, monotone={"x5"})
    assert all("x5" not in extra.columns for extra in chosen.extras)


@pytest.mark.parametrize(("rows", "seconds"), [(3000, 0.0), (100, math.inf)])
def test_without_time_or_rows_nothing_is_kept(rows: int, seconds: float) -> None:
    cells = made_up(rows, 5)
    chosen = choose_extras(
        *tabled(cells), cells["x0"] / cells["x1"], REGRESSION, seed=0, seconds=seconds
    )
    assert chosen.extras == ()
    assert math.isnan(chosen.before)
    assert chosen.rows == rows


def test_columns_that_say_nothing_are_no_trouble() -> None:
    cells = {"x": np.ones(400), "c": np.array(["a"] * 400)}
    y = RNG(0).normal(size=400)
    chosen = choose_extras(*tabled(cells), y, REGRESSION, seed=0, seconds=math.inf)
    assert chosen == Chosen(gains={}, rows=400) or math.isnan(chosen.before)


def test_many_classes_and_weights_are_taken() -> None:
    cells = made_up(900, 6)
    y = RNG(6).integers(0, 40, 900)
    chosen = choose_extras(
        *tabled(cells),
        y,
        Task(kind="multiclass", classes=100),
        seed=0,
        seconds=math.inf,
        weights=RNG(6).random(900),
    )
    assert len(chosen.extras) <= MOST_EXTRAS


def test_candidates_are_of_the_columns_that_matter() -> None:
    rng = RNG(0)
    cells = {f"x{i}": rng.normal(size=50) for i in range(14)}
    cells |= {f"c{i}": rng.choice(list("ab"), 50) for i in range(10)}
    columns, table = tabled(cells)
    importances = {name: float(i) for i, name in enumerate(cells)}
    found = propose(columns, table, importances=importances, left_out={"x13"})
    read = {name for extra in found for name in extra.columns}
    assert read == {f"x{i}" for i in range(3, 13)} | {f"c{i}" for i in range(2, 10)}
    pairs, crosses = math.comb(MOST_NUMBERS, 2), math.comb(MOST_CATEGORIES, 2)
    assert len(found) == 4 * pairs + crosses > MOST_CANDIDATES


def test_dates_booleans_and_wide_crossings_are_no_candidates() -> None:
    wide = np.array([f"{i}" for i in range(3000)])
    columns, table = tabled({"d": wide, "e": wide[::-1], "x": np.arange(3000.0)})
    typed = (*columns[:2], Column(name="x", kind="date"), Column(name="x", kind="boolean"))
    assert propose(typed, table) == ()


def test_a_quotient_is_by_the_column_that_is_seldom_0() -> None:
    columns, table = tabled({"a": np.array([1.0, 2.0]), "b": np.array([0.0, 2.0])})
    assert propose(columns, table)[0].name == "b / a"


def test_losses_against_scikit_learn() -> None:
    from sklearn.metrics import log_loss, mean_pinball_loss, mean_poisson_deviance

    rng = RNG(0)
    y, answer = rng.gamma(2, size=40), rng.gamma(2, size=40)
    quantile = Task(kind="regression", losses=("quantile",), quantile=0.2)
    pinball = _losses(quantile, y, answer).mean()
    assert pinball == pytest.approx(mean_pinball_loss(y, answer, alpha=0.2))
    poisson = Task(kind="regression", losses=("poisson",))
    other = rng.gamma(2, size=40)
    fell = _losses(poisson, y, answer).mean() - _losses(poisson, y, other).mean()
    peer = mean_poisson_deviance(y, answer) - mean_poisson_deviance(y, other)
    assert 2 * fell == pytest.approx(peer)
    chances = rng.dirichlet(np.ones(3), 40)
    classes = rng.integers(0, 3, 40)
    multi = _losses(Task(kind="multiclass", classes=3), classes, chances).mean()
    assert multi == pytest.approx(log_loss(classes, chances, labels=[0, 1, 2]))
    two = _losses(BINARY, classes % 2, chances[:, 1]).mean()
    assert two == pytest.approx(log_loss(classes % 2, chances[:, 1]))
    absolute = Task(kind="regression", losses=("absolute",))
    assert _losses(absolute, y, answer).mean() == pytest.approx(np.abs(y - answer).mean())


def test_what_is_beyond_chance_has_mean_0_under_chance() -> None:
    rng = RNG(0)
    X = rng.normal(size=(2000, 200)).astype(np.float32)
    scores = _unexplained(X, rng.normal(size=(2000, 1)))
    assert abs(scores.mean()) < 3 * np.sqrt(2 * (BINS - 1) / 200)
    assert _unexplained(X[:, :1], X[:, :1].astype(float))[0] > 1000


def test_a_fall_of_the_loss_must_be_larger_than_its_error() -> None:
    """Worked by hand: mean 1, deviation 2, so an error of 1 at 4 rows and of 0.5 at 16."""
    fell = np.array([3.0, -1.0])
    assert not _is_lower(np.zeros(4), np.tile(fell, 2))
    assert _is_lower(np.zeros(16), np.tile(fell, 8))
