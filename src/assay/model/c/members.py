"""The members of a plan in C: from blocks of features to blocks of predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain

import numpy as np

from assay.errors import NotCompilable
from assay.model.c.draft import Draft
from assay.model.c.layout import (
    ForestLayout,
    PartingTrees,
    TableTrees,
    TreeGroup,
    lay_out,
)
from assay.model.c.spelling import double, single
from assay.model.plan import Float64, LinearMember, Link, Member, ModelPlan, TreesMember

MOST_NODES = 200_000
"""Of a model's trees, so that the source stays one that a compiler reads in seconds."""


def check_members(plan: ModelPlan) -> None:
    """Refuse members that there is no C for.

    Raises
    ------
    NotCompilable
        Says which member, and why.
    """
    for member in plan.members:
        if not isinstance(member, (LinearMember, TreesMember)):
            raise NotCompilable(
                f"the {type(member).__name__} {member.family!r} to C",
                "C is written for linear models and trees",
                hint="Use the ONNX file, or search among linear models and trees.",
            )
    nodes = sum(len(m.left) for m in plan.members if isinstance(m, TreesMember))
    if nodes > MOST_NODES:
        raise NotCompilable(
            "this model to C",
            f"its trees have {nodes:,} nodes, and C is written for {MOST_NODES:,} at most",
            hint="Use the ONNX file, or fewer and smaller trees.",
        )


class MemberWriter:
    """Writes one function a member, ``member_<number>(features, sums, rows)``.

    Attributes
    ----------
    functions : list of str
    bytes_a_row : int
        The most that one function keeps on the stack for each row of a block.
    """

    def __init__(self, draft: Draft, slots: Mapping[int, int]) -> None:
        self._draft = draft
        self._slots = slots
        self.functions: list[str] = []
        self.bytes_a_row = 0

    def add(self, number: int, member: Member) -> None:
        """Write the function of one member."""
        slots = [self._slots[column] for column in member.columns]
        if isinstance(member, TreesMember):
            lines = self._trees(number, member, slots)
        else:
            assert isinstance(member, LinearMember)
            lines = [self.linear(f"{number}", member, slots, source="features")]
        lines += link_lines(self._draft, member.link, _width(member))
        body = "\n".join(f"    {line}" for line in lines)
        self.functions.append(
            f"static void member_{number}(const float *features, double *sums, size_t rows)\n"
            f"{{\n{body}\n}}"
        )

    def linear(
        self,
        name: str,
        member: LinearMember,
        slots: Sequence[int],
        *,
        source: str,
        target: str = "",
    ) -> str:
        """The call that computes a linear member from ``features`` or from ``beside``.

        ``target``: where to; by default ``sums`` of features, ``mean`` of what lies beside.
        """
        kind, short = ("float", "f32") if source == "features" else ("double", "f64")
        self._draft.need("linear", SOURCE_T=kind, _SOURCE=f"_{short}")
        rows = zip(slots, member.center.tolist(), member.scale.tolist(), strict=True)
        columns = self._draft.table(
            f"standard_{short}", f"columns_{name}",
            (f"{{{slot}, {double(center)}, {double(scale)}}}" for slot, center, scale in rows),
        )  # fmt: skip
        weights = self._doubles(f"weights_{name}", member.weights)
        intercept = self._doubles(f"intercept_{name}", member.intercept)
        target = target or ("sums" if source == "features" else "mean")
        self.bytes_a_row = max(self.bytes_a_row, 8)
        return (
            f"linear_{short}({source}, {columns}, {len(slots)}, {weights}, {intercept}, "
            f"{_width(member)}, {target}, rows);"
        )

    def _trees(self, number: int, member: TreesMember, slots: Sequence[int]) -> list[str]:
        layout = lay_out(member)
        kind, short = ("uint16_t", "u16") if layout.wide else ("uint8_t", "u8")
        self.bytes_a_row = max(self.bytes_a_row, layout.columns * (2 if layout.wide else 1) + 8)
        lines = [
            f"{kind} bins[{max(1, layout.columns)} * BLOCK];",
            *self._bins(number, layout, slots, kind=kind, short=short),
            f"memset(sums, 0, {_width(member)} * BLOCK * sizeof *sums);",
        ]
        for place, (first, outputs, group) in enumerate(layout.groups):
            call = self._group(f"{number}_{place}", group, outputs, kind=kind, short=short)
            lines.append(f"{call}, sums + {first} * BLOCK, rows);")
        base = self._doubles(f"base_{number}", member.base)
        return [
            *lines,
            f"for (size_t k = 0; k < {_width(member)}; k++)",
            "    for (size_t r = 0; r < rows; r++)",
            f"        sums[k * BLOCK + r] += {base}[k];",
        ]

    def _bins(
        self, number: int, layout: ForestLayout, slots: Sequence[int], *, kind: str, short: str
    ) -> list[str]:
        words = {"BIN_T": kind, "_BIN": f"_{short}"}
        if not layout.columns:
            return ["(void)features;", "memset(bins, 0, sizeof bins);"]
        lines = []
        if layout.ranked:
            self._draft.need("ranked")
            self._draft.need("rank", **words)
            name = self._ranked(number, layout, slots)
            lines += [
                f"for (size_t c = 0; c < {len(layout.ranked)}; c++)",
                f"    rank_{short}(features, &{name}[c], bins + c * BLOCK, rows);",
            ]
        place = len(layout.ranked)
        for order, group in enumerate(layout.grouped):
            self._draft.need("sets")
            self._draft.need("outside", **words)
            own = f"{number}_{order}"
            values = self._draft.table("float", f"values_{own}", map(single, group.values))
            table = group.outside.astype(int).ravel().tolist()
            outside = self._draft.table("unsigned char", f"outside_{own}", map(str, table))
            fields = (slots[group.feature], len(group.values), len(group.outside))
            name = self._draft.record(
                "grouped", f"grouped_{own}", (values, outside, *map(str, fields))
            )
            lines.append(f"outside_{short}(features, &{name}, bins + {place} * BLOCK, rows);")
            place += len(group.outside)
        return lines

    def _ranked(self, number: int, layout: ForestLayout, slots: Sequence[int]) -> str:
        cuts = [column.padded for column in layout.ranked]
        starts = np.cumsum([0, *(len(c) for c in cuts)])
        name = self._draft.table("float", f"cuts_{number}", map(single, np.concatenate(cuts)))
        return self._draft.table(
            "ranked", f"ranked_{number}",
            (
                f"{{{name} + {start}, {slots[c.feature]}, {c.pivots}, {c.stride}, {c.missing}}}"
                for c, start in zip(layout.ranked, starts, strict=False)
            ),
        )  # fmt: skip

    def _group(self, name: str, group: TreeGroup, outputs: int, *, kind: str, short: str) -> str:
        words = {"BIN_T": kind, "_BIN": f"_{short}"}
        if isinstance(group, TableTrees):
            self._draft.need("leaves")
            self._draft.need("tables", **words)
            fields = [
                self._whole("uint16_t", f"asked_{name}", group.columns),
                self._whole(kind, f"cut_{name}", group.cuts),
                self._doubles(f"leaves_{name}", *group.leaves),
                *map(str, (len(group.leaves), group.questions, outputs)),
            ]
            record = self._draft.record(f"table_trees_{short}", f"trees_{name}", fields)
            return f"table_{short}(bins, &{record}"
        if isinstance(group, PartingTrees):
            self._draft.need("leaves")
            self._draft.need("split", **words)
            self._draft.need("parting", **words)
            fields = [
                *self._splits(name, group, kind=kind),
                self._doubles(f"leaves_{name}", *group.leaves),
                *map(str, (len(group.leaves), outputs)),
            ]
            record = self._draft.record(f"parting_trees_{short}", f"trees_{name}", fields)
            return f"parting_{short}(bins, &{record}"
        self._draft.need("node")
        self._draft.need("split", **words)
        self._draft.need("walking", **words)
        nodes = zip(group.next, group.columns, group.cuts, strict=True)
        fields = [
            *self._splits(name, group.top, kind=kind),
            self._whole("uint32_t", f"starts_{name}", group.starts),
            self._draft.table("node", f"nodes_{name}", (f"{{{n}, {c}, {t}}}" for n, c, t in nodes)),
            self._doubles(f"leaves_{name}", *(leaf.T for leaf in group.leaves)),
            *map(str, (len(group.leaves), outputs)),
        ]
        record = self._draft.record(f"walking_trees_{short}", f"trees_{name}", fields)
        return f"walking_{short}(bins, &{record}"

    def _splits(self, name: str, trees: PartingTrees, *, kind: str) -> list[str]:
        return [
            self._whole("uint8_t", f"splits_{name}", trees.splits),
            self._whole("uint8_t", f"from_{name}", trees.origin),
            self._whole("uint16_t", f"asked_{name}", trees.columns),
            self._whole(kind, f"cut_{name}", trees.cuts),
        ]

    def _whole(self, kind: str, name: str, numbers: Sequence[int]) -> str:
        if not numbers:  # C has no empty array; trees of one leaf ask nothing
            return "NULL"
        return self._draft.table(kind, name, map(str, numbers))

    def _doubles(self, name: str, *parts: Float64) -> str:
        numbers = chain.from_iterable(part.ravel().tolist() for part in parts)
        return self._draft.table("double", name, map(double, numbers))


def link_lines(draft: Draft, link: Link, width: int, *, target: str = "sums") -> list[str]:
    """The statements that turn raw scores into predictions, in place."""
    if link == "identity":
        return []
    if link == "softmax":
        draft.need("softmax")
        return [
            "for (size_t r = 0; r < rows; r++)",
            f"    softmax({target} + r, {width}, BLOCK);",
        ]
    if link == "sigmoid":
        draft.need("sigmoid")
    function = "exp" if link == "exp" else "sigmoid"
    return [
        f"for (size_t k = 0; k < {width}; k++)",
        "    for (size_t r = 0; r < rows; r++)",
        f"        {target}[k * BLOCK + r] = {function}({target}[k * BLOCK + r]);",
    ]


def _width(member: LinearMember | TreesMember) -> int:
    return len(member.intercept if isinstance(member, LinearMember) else member.base)
