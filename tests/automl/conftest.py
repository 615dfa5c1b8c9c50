from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from assay.data.contract import Column, Contract

COLUMNS = (
    Column(name="size", kind="number", nullable=True),
    Column(name="age", kind="integer"),
    Column(name="heated", kind="boolean"),
    Column(name="town", kind="category", nullable=True),
    Column(name="sold", kind="date"),
    Column(name="id", kind="text", role="identifier"),
)


@pytest.fixture
def houses() -> Callable[..., tuple[pl.DataFrame, Contract]]:
    """Houses with a price: missing sizes, towns of different size, a date."""
    return make_houses


def make_houses(
    target: str = "price", *, rows: int = 160, seed: int = 0
) -> tuple[pl.DataFrame, Contract]:
    rng = np.random.default_rng(seed)
    size = rng.gamma(2, 50, rows)
    age = rng.integers(0, 80, rows)
    town = rng.choice(["Ado", "Bex", "Cul", "Dun"], rows, p=[0.5, 0.3, 0.17, 0.03])
    rich = np.where(town == "Bex", 1.5, 1.0)
    price = 8000 * rich * np.exp(size / 70 - age / 80 + 0.1 * rng.normal(size=rows))
    rank = np.argsort(np.argsort(price))
    kinds = {
        "price": price,
        "dear": np.where(rank > 0.7 * rows, "yes", "no"),
        "band": np.array(["a-low", "b-middle", "c-high"])[np.minimum(rank * 3 // rows, 2)],
    }
    frame = pl.DataFrame(
        {
            "size": np.where(rng.random(rows) < 0.05, np.nan, size),
            "age": age.astype(float),
            "heated": rng.random(rows) < 0.5,
            "town": town,
            "sold": pl.Series(18_000 + rng.integers(0, 900, rows)).cast(pl.Int32).cast(pl.Date),
            "id": [f"h{i}" for i in range(rows)],
            target: kinds[target],
        }
    ).with_columns(pl.col("size").fill_nan(None))
    kind = "number" if target == "price" else "category"
    answer = Column(name=target, kind=kind, role="target")
    return frame, Contract(columns=(*COLUMNS, answer))
