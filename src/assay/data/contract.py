"""The contract that every later table and request is held to."""

from __future__ import annotations

from typing import Literal

from assay.records import Record

ColumnKind = Literal["number", "integer", "boolean", "category", "date", "text"]
Role = Literal["feature", "target", "identifier", "group", "time", "ignored"]


class Column(Record, frozen=True, kw_only=True):
    """What one column may hold."""

    name: str
    kind: ColumnKind
    role: Role = "feature"
    nullable: bool = False
    low: float | None = None
    """Least value seen in training (numbers; dates as days since 1970-01-01)."""
    high: float | None = None
    categories: tuple[str, ...] = ()
    """Values seen in training (categories, booleans as written)."""
    why: str = ""
    """Why it has this role, where that is not plain."""


class Contract(Record, frozen=True, kw_only=True):
    """All columns of a table, in order."""

    columns: tuple[Column, ...]

    @property
    def features(self) -> tuple[Column, ...]:
        """The columns a model reads, in order."""
        return tuple(c for c in self.columns if c.role == "feature")

    @property
    def target(self) -> Column:
        """The column a model answers."""
        return next(c for c in self.columns if c.role == "target")
