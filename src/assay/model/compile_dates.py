"""Parts of dates and times as graph nodes."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from assay.model.encode import (
    FIRST_DAY,
    FIRST_OF_JANUARY,
    LAST_DAY,
    MICROSECONDS_A_DAY,
    MICROSECONDS_AN_HOUR,
)
from assay.model.graph import GraphBuilder
from assay.model.plan import DatePart, Float32


class Calendar:
    """Parts of days in whole numbers; see `assay.model.encode.calendar` for the method."""

    def __init__(self, builder: GraphBuilder, days: str) -> None:
        self.builder = builder
        late = builder.node("Max", days, builder.number(FIRST_DAY))
        self._bounded = builder.node("Min", late, builder.number(LAST_DAY))
        self._floor = builder.node("Floor", self._bounded)
        day = builder.cast(self._floor, TensorProto.INT64)
        self._since_march = self._whole("Add", day, 719_468)
        self._of_400_years = self._whole("Add", self._whole("Mul", self._since_march, 4), 3)
        century_day = self._whole("Div", self._whole("Mod", self._of_400_years, 146_097), 4)
        self._of_100_years = self._whole("Add", self._whole("Mul", century_day, 4), 3)
        self._march_day = self._whole("Div", self._whole("Mod", self._of_100_years, 1_461), 4)

    def part(self, part: DatePart) -> str:
        """One part of every date, float (N, n_dates)."""
        if part in ("month", "day"):
            tables = _march_year()
            table = self.builder.constant(tables[part])
            return self.builder.node("Gather", table, self._march_day)
        if part == "hour":
            return self.builder.cast(self._hour(), TensorProto.FLOAT)
        if part == "weekday":
            whole = self._whole("Mod", self._whole("Add", self._since_march, 2), 7)
        else:
            whole = self._year() if part == "year" else self._day_of_year()
        return self.builder.cast(whole, TensorProto.FLOAT)

    def _year(self) -> str:
        century = self._whole("Div", self._of_400_years, 146_097)
        year = self.builder.node(
            "Add",
            self._whole("Mul", century, 100),
            self._whole("Div", self._of_100_years, 1_461),
        )
        return self.builder.node("Add", year, self.builder.cast(self._late(), TensorProto.INT64))

    def _day_of_year(self) -> str:
        builder, year = self.builder, self._year()

        def divides(number: int) -> str:
            zero = builder.constant(np.array(0, dtype=np.int64))
            return builder.node("Equal", self._whole("Mod", year, number), zero)

        common = builder.node("And", divides(4), builder.node("Not", divides(100)))
        leap = builder.cast(builder.node("Or", common, divides(400)), TensorProto.INT64)
        before = builder.constant(np.array(-FIRST_OF_JANUARY, dtype=np.int64))
        shift = builder.node("Where", self._late(), before, self._whole("Add", leap, 59))
        return self._whole("Add", builder.node("Add", self._march_day, shift), 1)

    def _late(self) -> str:
        """January or February, bool."""
        first = self.builder.constant(np.array(FIRST_OF_JANUARY, dtype=np.int64))
        return self.builder.node("GreaterOrEqual", self._march_day, first)

    def _hour(self) -> str:
        builder = self.builder
        fraction = builder.node("Sub", self._bounded, self._floor)
        scaled = builder.node("Mul", fraction, builder.number(MICROSECONDS_A_DAY))
        rounded = builder.node("Floor", builder.node("Add", scaled, builder.number(0.5)))
        hours = builder.node("Div", rounded, builder.number(MICROSECONDS_AN_HOUR))
        return builder.node("Min", builder.node("Floor", hours), builder.number(23.0))

    def _whole(self, op: str, name: str, value: int) -> str:
        return self.builder.node(op, name, self.builder.constant(np.array(value, dtype=np.int64)))


def _march_year() -> dict[str, Float32]:
    """Month and day of each day of a year that begins on 1 March."""
    lengths = (31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 31, 29)
    months = (*range(3, 13), 1, 2)
    return {
        "month": np.repeat(np.array(months, dtype=np.float32), lengths),
        "day": np.concatenate([np.arange(1, n + 1, dtype=np.float32) for n in lengths]),
    }
