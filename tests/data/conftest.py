"""Questions, tables and real files that the tests of this room share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from assay.data.source import read_table
from assay.question import Question

EXAMPLES = Path(__file__).parents[2] / "examples"
Ask = Callable[..., Question]
Write = Callable[..., Path]


@pytest.fixture(scope="session")
def ask() -> Ask:
    """Make a question about a target."""

    def question(target: str, **more: Any) -> Question:
        return Question(
            name="test",
            question="What is it?",
            data="table.csv",
            target=target,
            decision="None.",
            owner="owner@example.org",
            **more,
        )

    return question


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file and give its path."""

    def file(content: str | bytes, name: str = "table.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return file


@pytest.fixture(scope="session")
def automobile() -> pl.DataFrame:
    return read_table(EXAMPLES / "car-price" / "automobile.csv")


@pytest.fixture(scope="session")
def telco() -> pl.DataFrame:
    return read_table(EXAMPLES / "churn" / "telco_churn.csv")


@pytest.fixture(scope="session")
def people() -> pl.DataFrame:
    """A table of every kind of column, 60 rows."""
    n = 60
    rng = np.random.default_rng(0)
    return read_table(
        {
            "id": [f"K{i:04d}" for i in range(n)],
            "age": rng.integers(18, 80, n),
            "height": np.where(np.arange(n) % 7, rng.normal(170, 10, n).round(1), np.nan),
            "smoker": ["yes" if i % 3 else "no" for i in range(n)],
            "town": [["Ulm", "Bonn", "Jena"][i % 3] if i % 10 else None for i in range(n)],
            "joined": pl.date_range(pl.date(2020, 1, 1), pl.date(2020, 2, 29), eager=True),
            "mail": [f"p{i % 40}@example.org" for i in range(n)],
            "constant": [1] * n,
            "spend": rng.normal(100, 20, n).round(2),
            "left": ["stay" if i % 4 else "gone" for i in range(n)],
        }
    )
