"""The tables, their questions, and how their rows are split.

Every split is 75 % to 25 %, by class where there are classes, drawn with the seed of the run.
``report`` learns from the 75 % and is judged on the 25 %. ``development`` never sees those 25 %:
it splits the 75 % once more, so that what is tuned on it says nothing about the report.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import polars as pl
from benchmarks.automl.environments import ROOT, folder_of, python_of

Kind = Literal["binary", "multiclass", "regression"]
Part = Literal["development", "report"]
PARTS: tuple[Part, ...] = ("development", "report")
TEST_SHARE = 0.25
SHARED = ROOT.parent / "shared" / "data"
MADE_SEED = 20261125


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table and what is asked of it.

    Attributes
    ----------
    source : {"shared", "scikit-learn", "packaged", "made"}
    target : str
    drop : tuple of str
        Columns that are no inputs.
    """

    name: str
    kind: Kind
    target: str
    source: Literal["shared", "scikit-learn", "packaged", "made"]
    drop: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Split:
    """Rows to learn from and rows to answer; ``truth`` are the answers to the latter."""

    train: pl.DataFrame
    test: pl.DataFrame
    truth: pl.Series
    classes: tuple[str, ...]


def _shared(name: str, kind: Kind, target: str, *drop: str) -> Table:
    return Table(name=name, kind=kind, target=target, source="shared", drop=drop)


def _packaged(name: str, kind: Kind, target: str = "target", *drop: str) -> Table:
    return Table(name=name, kind=kind, target=target, source="packaged", drop=drop)


def _bundled(name: str, kind: Kind) -> Table:
    return Table(name=name, kind=kind, target="target", source="scikit-learn")


TABLES = {
    table.name: table
    for table in (
        _shared("telco_churn", "binary", "churn"),
        _shared("adult_income", "binary", "income", "part"),
        _shared("german_credit", "binary", "risk"),
        _shared("surgery_outcome", "binary", "died_within_5_years"),
        _shared("image_segment", "multiclass", "label"),
        _shared("automobile", "regression", "price"),
        _shared("hotel_rates", "regression", "avg_price_per_room"),
        _bundled("breast_cancer", "binary"),
        _bundled("digits", "multiclass"),
        _bundled("wine", "multiclass"),
        _bundled("diabetes", "regression"),
        _packaged("credit_data", "binary", "Status"),
        _packaged("lending_club", "binary", "Class"),
        _packaged("mlc_churn", "binary", "churn"),
        # The injuries are the outcome in other words.
        _packaged("fatal_crashes", "binary", "dead", "injSeverity", "caseid"),
        _packaged("caravan", "binary", "Purchase"),
        _packaged("magic", "binary"),
        _packaged("hpc_jobs", "multiclass", "class"),
        _packaged("contraceptive", "multiclass"),
        _packaged("marketing", "multiclass"),
        _packaged("satimage", "multiclass"),
        _packaged("letter", "multiclass"),
        _packaged("ames", "regression", "Sale_Price"),
        _packaged("diamonds", "regression", "price"),
        _packaged("concrete", "regression", "compressive_strength"),
        _packaged("deliveries", "regression", "time_to_delivery"),
        _packaged("doctor_visits", "regression", "visits"),
        _packaged("computers", "regression", "price"),
        Table(name="made_100_classes", kind="multiclass", target="target", source="made"),
    )
}
GROUPS = {
    "all": tuple(TABLES),
    "shared": tuple(name for name, table in TABLES.items() if table.source == "shared"),
    "classes": ("letter", "made_100_classes"),
}
"""Names that stand for several tables."""


def read(table: Table) -> pl.DataFrame:
    """All rows that have an answer; classes as text, numbers as doubles."""
    readers: dict[str, Callable[[str], pl.DataFrame]] = {
        "shared": _read_shared,
        "scikit-learn": _read_bundled,
        "packaged": _read_packaged,
        "made": lambda _: made_classes(),
    }
    frame = readers[table.source](table.name).drop(table.drop)
    answers = pl.Float64 if table.kind == "regression" else pl.String
    return frame.with_columns(pl.col(table.target).cast(answers)).drop_nulls(table.target)


def _read_shared(name: str) -> pl.DataFrame:
    (path,) = SHARED.glob(f"{name}.csv*")
    return pl.read_csv(path, infer_schema_length=None)


def _read_bundled(name: str) -> pl.DataFrame:
    from sklearn import datasets

    found: Any = getattr(datasets, f"load_{name}")()
    names = [str(column).replace(" ", "_") for column in found.feature_names]
    answers = pl.Series("target", found.target)
    return pl.DataFrame(np.asarray(found.data), schema=names).with_columns(answers)


def _read_packaged(name: str) -> pl.DataFrame:
    python_of("tables")  # says what to do where they are absent
    return pl.read_parquet(_packaged_file(name))


def _packaged_file(name: str) -> Path:
    return folder_of("tables") / "tables" / f"{name}.parquet"


def made_classes(classes: int = 100, rows: int = 20_000) -> pl.DataFrame:
    """A table with many classes of unlike size; numbers and two categories, some cells missing.

    Each class is a cloud around a centre of its own in ten columns; the k-th class is rarer than
    the first by the square root of k.
    """
    rng = np.random.default_rng(MADE_SEED)
    shares = (1 + np.arange(classes)) ** -0.5
    answers = rng.choice(classes, size=rows, p=shares / shares.sum())
    centres = rng.normal(scale=1.6, size=(classes, 10))
    numbers = centres[answers] + rng.normal(size=(rows, 10))
    numbers[rng.random(numbers.shape) < 0.03] = np.nan
    frame = pl.DataFrame(numbers, schema=[f"n{place}" for place in range(10)]).fill_nan(None)
    colours = np.array(["red", "green", "blue", "black", "white"])
    return frame.with_columns(
        colour=pl.Series(colours[(answers + (rng.random(rows) < 0.4)) % 5]),
        shop=pl.Series([f"shop {k}" for k in rng.integers(60, size=rows)]),
        target=pl.Series([f"c{k:02d}" for k in answers]),
    )


def split(table: Table, *, part: Part, seed: int) -> Split:
    """Split a table for a run."""
    frame = read(table)
    train, test = _halves(frame, table, seed=seed)
    if part == "development":
        frame = frame[train]
        train, test = _halves(frame, table, seed=seed + 1)
    answers = frame[table.target]
    return Split(
        train=frame[train],
        test=frame[test].drop(table.target),
        truth=answers[test],
        classes=() if table.kind == "regression" else tuple(answers.unique().sort()),
    )


def _halves(
    frame: pl.DataFrame, table: Table, *, seed: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Positions of the rows to learn from and of those to be judged on."""
    from sklearn.model_selection import train_test_split

    answers = None if table.kind == "regression" else frame[table.target].to_numpy()
    train, test = train_test_split(
        np.arange(frame.height), test_size=TEST_SHARE, random_state=seed, stratify=answers
    )
    return np.sort(train), np.sort(test)
