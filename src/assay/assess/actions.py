"""What may change about a row so that its answer changes, and how."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl

from assay.assess.distances import Space
from assay.assess.statistics import Bool, Float64
from assay.errors import InputError, UnknownColumn
from assay.question import Actions


@dataclass(frozen=True, eq=False)
class Moves:
    """Actions as masks over the columns of a table.

    Attributes
    ----------
    members : ndarray of bool, shape (n_columns, n_units)
        Which columns change together; each belongs to one unit.
    fixed, up, down : ndarray of bool, shape (n_columns,)
    low, high : ndarray, shape (n_columns,)
    """

    members: Bool
    fixed: Bool
    up: Bool
    down: Bool
    low: Float64
    high: Float64

    @property
    def units(self) -> int:
        """Number of units."""
        return int(self.members.shape[1])

    def any_of_unit(self, cells: Bool) -> Bool:
        """Whether something holds for any column of a unit; columns, then units, come last."""
        return cells if self._alone else np.asarray(self.sum_of_unit(cells) > 0)

    def sum_of_unit(self, cells: Bool | Float64) -> Float64:
        """Sum over the columns of each unit; columns, then units, come last."""
        numbers = cells.astype(np.float64)
        return numbers if self._alone else numbers @ self.members.astype(np.float64)

    def columns_of(self, units: Bool) -> Bool:
        """The columns of some units, (m, n_columns); ``units``: (m, n_units)."""
        return units if self._alone else np.asarray(units @ self.members.T)

    @property
    def _alone(self) -> bool:
        return self.units == len(self.members)

    def allowed(self, rows: Float64, donors: Float64, moving: Bool, space: Space) -> Bool:
        """Whether each cell may take the donor's value, in the shape of ``moving``.

        A known value never becomes missing: that is nothing that a person can do.
        """
        missing = np.where(space.number, np.isnan(donors), donors == -1)
        bounded = self.up | self.down | np.isfinite(self.low) | np.isfinite(self.high)
        unknown = np.isnan(rows) & (self.up | self.down)
        value = donors * space.scale
        with np.errstate(invalid="ignore"):
            wrong_way = (self.up & (donors < rows)) | (self.down & (donors > rows))
            outside = (value < self.low) | (value > self.high)
        barred = self.fixed | missing | unknown | (bounded & (wrong_way | outside))
        return ~(barred & moving)


def moves_of(actions: Actions, frame: pl.DataFrame) -> Moves:
    """Actions for the columns of a table.

    Raises
    ------
    UnknownColumn
        An action names a column that the table lacks.
    InputError
        A direction or a range is given to what is no number, a range is empty, or a column is
        linked twice.
    """
    names = frame.columns
    named = (*actions.immutable, *actions.only_up, *actions.only_down, *actions.ranges)
    for name in (*named, *(n for group in actions.linked for n in group)):
        if name not in names:
            raise UnknownColumn(name, names)
    for name in named[len(actions.immutable) :]:
        if not (frame.schema[name].is_numeric() or frame.schema[name].is_temporal()):
            raise InputError(
                f"Column {name!r} holds no numbers and so has neither direction nor range.",
                hint="Make it immutable, or leave it out.",
            )
    for name, (low, high) in actions.ranges.items():
        if not low <= high:
            raise InputError(
                f"The range of column {name!r} is empty.", hint="Give the least number first."
            )
    ends = [actions.ranges.get(name, (-np.inf, np.inf)) for name in names]
    return Moves(
        members=_units(actions.linked, names),
        fixed=np.isin(names, actions.immutable),
        up=np.isin(names, actions.only_up),
        down=np.isin(names, actions.only_down),
        low=np.array([low for low, _ in ends]),
        high=np.array([high for _, high in ends]),
    )


def _units(linked: Iterable[Iterable[str]], names: list[str]) -> Bool:
    """Columns that change together: (n_columns, n_units)."""
    unit = np.arange(len(names))
    seen: set[str] = set()
    for group in linked:
        places = [names.index(name) for name in group]
        if not places:
            continue
        if seen & set(group):
            raise InputError(
                "A column is linked in two ways.", hint="Put all that change together in one list."
            )
        seen |= set(group)
        unit[places] = min(places)
    return np.asarray(unit[:, None] == np.unique(unit))
