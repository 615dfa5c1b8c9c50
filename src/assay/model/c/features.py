"""The encoders of a plan in C: from blocks of columns to blocks of features."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from assay.errors import NotCompilable
from assay.model.c.draft import Draft
from assay.model.c.spelling import double, single, text
from assay.model.coding import Coding, coding_of
from assay.model.encode import feature_width
from assay.model.plan import (
    CrossEncoder,
    DateEncoder,
    Encoder,
    LevelEncoder,
    MissingEncoder,
    ModelPlan,
    NumberEncoder,
    OneHotEncoder,
    PairEncoder,
    columns_of,
)

KNOWN = (
    *(NumberEncoder, MissingEncoder, LevelEncoder, OneHotEncoder),
    *(CrossEncoder, PairEncoder, DateEncoder),
)
_OPERATORS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/"}


@dataclass(frozen=True)
class Columns:
    """The columns that a model reads, in the plan's order, and how their texts become codes."""

    names: tuple[str, ...]
    levels: Mapping[str, tuple[str, ...]]
    """Of each category: codes are 0 where missing, then the levels, then one for all others."""

    def place(self, name: str) -> int:
        """Where a column stands among them."""
        return self.names.index(name)

    def codes(self, name: str) -> dict[str, int]:
        """The code of each known text."""
        return {"": 0} | {level: i for i, level in enumerate(self.levels[name], start=1)}

    def unseen(self, name: str) -> int:
        """The code of a text that is not known."""
        return len(self.levels[name]) + 1

    def category(self, name: str) -> int:
        """Which of the categories it is."""
        return list(self.levels).index(name)


def columns_read(plan: ModelPlan) -> Columns:
    """The columns that a plan's encoders read.

    Raises
    ------
    NotCompilable
        An encoder is of a kind that there is no C for.
    """
    for encoder in plan.encoders:
        if not isinstance(encoder, KNOWN):
            what = " and ".join(map(repr, columns_of(encoder)))
            raise NotCompilable(
                f"the {type(encoder).__name__} of column {what} to C",
                "hashes and words of a text are not written in C",
                hint="Use the ONNX file, or search without text and hashed columns.",
            )
    coding: Coding = coding_of(plan.inputs, plan.encoders)
    read = set(coding.columns)
    names = tuple(item.name for item in plan.inputs if item.name in read)
    return Columns(names, dict(coding.categories))


@dataclass(frozen=True)
class FeatureCode:
    """The statements that fill the features, and where each of the plan's features lies."""

    lines: tuple[str, ...]
    slots: Mapping[int, int]


def write_features(
    draft: Draft, encoders: Sequence[Encoder], columns: Columns, used: set[int]
) -> FeatureCode:
    """Write the encoders of which some feature is used."""
    lines: list[str] = []
    slots: dict[int, int] = {}
    feature = 0
    for number, encoder in enumerate(encoders):
        width = feature_width(encoder)
        own = range(feature, feature + width)
        feature += width
        if used.isdisjoint(own):
            continue
        start = len(slots)
        slots |= {place: start + i for i, place in enumerate(own)}
        lines.append(_Call(draft, columns, number, f"features + {start} * BLOCK").of(encoder))
    return FeatureCode(tuple(lines), slots)


@dataclass(frozen=True)
class _Call:
    """Writes the call that computes one encoder."""

    draft: Draft
    columns: Columns
    number: int
    target: str

    def of(self, encoder: Encoder) -> str:
        writers: dict[type, Callable[..., str]] = {
            NumberEncoder: self._number,
            MissingEncoder: self._missing,
            LevelEncoder: self._level,
            OneHotEncoder: self._one_hot,
            CrossEncoder: self._cross,
            PairEncoder: self._pair,
            DateEncoder: self._date,
        }
        return writers[type(encoder)](encoder)

    def _number(self, encoder: NumberEncoder) -> str:
        numbers = (encoder.fill, encoder.low, encoder.high, encoder.offset)
        return self._call("number", self._values(encoder.column), *map(double, numbers))

    def _missing(self, encoder: MissingEncoder) -> str:
        if encoder.column in self.columns.levels:
            return self._call("absent_text", self._codes(encoder.column))
        return self._call("absent_number", self._values(encoder.column))

    def _level(self, encoder: LevelEncoder) -> str:
        values = dict(zip(encoder.levels, encoder.values, strict=True)) | {"": encoder.missing}
        known = [values.get(t, encoder.unseen) for t in self.columns.codes(encoder.column)]
        table = self._table("float", map(single, (*known, encoder.unseen)))
        return self._call("level", self._codes(encoder.column), table)

    def _one_hot(self, encoder: OneHotEncoder) -> str:
        rest = len(encoder.levels)
        places = {level: place for place, level in enumerate(encoder.levels)}
        known = [places.get(t, rest) for t in self.columns.codes(encoder.column)]
        table = self._table("uint32_t", map(str, (*known, rest)))
        return self._call("one_hot", self._codes(encoder.column), table, str(rest + 1))

    def _cross(self, encoder: CrossEncoder) -> str:
        one, other = (self.columns.codes(name) for name in encoder.columns)
        pairs = sorted(
            (one[a] << 32 | other[b], value)
            for (a, b), value in zip(encoder.levels, encoder.values, strict=True)
        )
        table = self._table("known_pair", (f"{{{p}u, {single(v)}}}" for p, v in pairs))
        codes = (self._codes(name) for name in encoder.columns)
        return self._call("cross", *codes, table, str(len(pairs)), single(encoder.unseen))

    def _pair(self, encoder: PairEncoder) -> str:
        name = encoder.operation
        self.draft.need("pair", OPERATION=name, OPERATOR=_OPERATORS[name])
        columns = ", ".join(map(self._values, encoder.columns))
        numbers = ", ".join(map(double, (encoder.fill, encoder.low, encoder.high)))
        return f"{name}_pair({columns}, {numbers}, {self.target}, rows);"

    def _date(self, encoder: DateEncoder) -> str:
        table = self._table("unsigned char", (part.upper() for part in encoder.parts))
        fill, width = double(encoder.fill), str(len(encoder.parts))
        return self._call("date", self._values(encoder.column), fill, table, width)

    def _call(self, kernel: str, *arguments: str) -> str:
        self.draft.need(kernel)
        return f"{kernel}({', '.join(arguments)}, {self.target}, rows);"

    def _table(self, kind: str, items: Iterable[str]) -> str:
        return self.draft.table(kind, f"encoder_{self.number}", items)

    def _values(self, column: str) -> str:
        return f"columns[{self.columns.place(column)}] + first"

    def _codes(self, column: str) -> str:
        return f"codes + {self.columns.category(column)} * BLOCK"


def write_codes(draft: Draft, columns: Columns, name: str) -> tuple[str, tuple[str, ...]]:
    """The public function that gives a text its code, and the statements that read codes.

    Texts that hold a NUL cannot be written in C; their codes are known all the same.
    """
    if not columns.levels:
        return "", ()
    draft.need("codes")
    draft.need("find")
    cases, reads = [], []
    for place, (column, levels) in enumerate(columns.levels.items()):
        codes = columns.codes(column)
        texts = sorted((t for t in levels if "\0" not in t), key=_bytes)
        table = "NULL"
        if texts:
            pairs = (f"{{{text(t)}, {double(codes[t])}}}" for t in texts)
            table = draft.table("known_text", f"texts_{place}", pairs)
        at, unseen = columns.place(column), columns.unseen(column)
        found = f"find_code({table}, {len(texts)}, {double(unseen)}, text)"
        cases.append(f"    case {at}:\n        return {found};")
        reads.append(f"read_codes(columns[{at}] + first, {unseen}, codes + {place} * BLOCK, rows);")
    body = "\n".join(cases)
    function = (
        f"double {name}_code(size_t column, const char *text)\n{{\n    switch (column) {{\n"
        f"{body}\n    default:\n        return 0.0;\n    }}\n}}"
    )
    return function, tuple(reads)


def _bytes(value: str) -> bytes:
    return value.encode("utf-8", "surrogatepass")
