"""Anonymity of the table: whether combinations of ordinary columns point to one person.

Someone who sees the table, and knows a few ordinary facts about a person, finds that person's
rows among those that share these facts: an equivalence class. How small the smallest class is
(k-anonymity), how few answers a class holds (l-diversity), and how far a class's answers lie
from everyone's (t-closeness) are facts of the table; the sensitive value is the target.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import polars as pl

from assay.assess.check import BaseCheck
from assay.assess.finding import Evidence, Finding, Principle
from assay.assess.groups import columns_behind
from assay.assess.statistics import Float64, Int64
from assay.assess.subject import Subject
from assay.data.personal import snake
from assay.errors import NotApplicable

SIZES = (1, 2, 5, 10, 20, 50)
"""Class sizes that details count up to."""

_ORDINARY = re.compile(
    r"(^|_)(age|sex|gender|race|ethnicity|nationality|citizenship|religion|marital_status|"
    r"zip|zip_?code|post_?code|postal_?code|city|town|county|district|municipality|country|"
    r"native_country|birth\w*|born\w*|year_of_birth|occupation|profession|education)(_|$)"
)
"""Names of columns that others can know of a person without seeing the table (Sweeney 2000)."""


@dataclass(frozen=True, eq=False)
class Published:
    """The table as someone sees it who knows the quasi-identifiers of a person.

    Attributes
    ----------
    columns : tuple of str
        The quasi-identifiers.
    target : str
        The sensitive column.
    table : pl.DataFrame
        The quasi-identifiers under the names in ``keys``, and ``answer``: a table may have
        columns of any name, and so must not choose names for what is counted here.
    """

    columns: tuple[str, ...]
    target: str
    table: pl.DataFrame

    @classmethod
    def of(cls, subject: Subject) -> Published:
        """The subject's table; `NotApplicable` where no column is a quasi-identifier."""
        table, columns = subject.table, quasi_identifiers(subject)
        target = subject.question.target
        if not columns:
            raise NotApplicable(
                "No column looks like one that others know of a person, and the question names "
                "no affected groups."
            )
        named = [pl.col(name).alias(f"key{i}") for i, name in enumerate(columns)]
        return cls(columns, target, table.select(*named, answer=pl.col(target)))

    @property
    def keys(self) -> list[str]:
        """Names of the quasi-identifiers within ``table``."""
        return [f"key{i}" for i in range(len(self.columns))]

    @cached_property
    def classes(self) -> pl.DataFrame:
        """One row an equivalence class: its quasi-identifiers and ``rows``.

        In the order of the table, so that the same table gives the same bits.
        """
        return self.table.group_by(self.keys, maintain_order=True).agg(rows=pl.len())

    @cached_property
    def cells(self) -> pl.DataFrame:
        """One row a class and answer: quasi-identifiers, ``answer`` and ``rows``."""
        return self.table.group_by([*self.keys, "answer"], maintain_order=True).agg(rows=pl.len())

    @property
    def sizes(self) -> Int64:
        """Rows of each class."""
        return self.classes["rows"].to_numpy().astype(np.int64)

    def details(self) -> dict[str, Any]:
        """What every finding says of the classes."""
        return {
            "quasi_identifiers": list(self.columns),
            "sensitive": self.target,
            "classes": self.classes.height,
        }


def quasi_identifiers(subject: Subject) -> tuple[str, ...]:
    """Columns by which a person could be found again, in the order of the table.

    The affected groups, dates, and columns called like what others know of a person (age, sex,
    post code, ...). Columns with personal data are not among them: they name a person outright
    and are taken to be gone before anything is published. Constant columns tell nothing.
    """
    affected = set().union(
        *(
            columns_behind(subject, subject.held_out.frame, group.key)
            for group in subject.question.affected_groups
        )
    )
    hidden = subject.personal_columns | {subject.question.target}
    table = subject.table
    return tuple(
        name
        for name, kind in table.schema.items()
        if name not in hidden
        and (name in affected or kind.is_temporal() or _ORDINARY.search(snake(name)))
        and table[name].n_unique() > 1
    )


@dataclass(frozen=True, kw_only=True)
class TableCheck(BaseCheck):
    """What checks of the whole table share: facts, without uncertainty."""

    evidence: Evidence = "table"

    principle: ClassVar[Principle] = "privacy-security"
    sources: ClassVar[tuple[Evidence, ...]] = ("table",)


@dataclass(frozen=True, kw_only=True)
class KAnonymity(TableCheck):
    """Among how many rows does everybody hide who is known by ordinary columns?"""

    code: ClassVar[str] = "PRI004"
    title: ClassVar[str] = "k-anonymity of the table"

    def run(self, subject: Subject) -> Finding:
        """Rows of the smallest equivalence class: a fact of this table."""
        published = Published.of(subject)
        sizes = published.sizes
        return self.finding(
            float(sizes.min()),
            measure="rows that share the rarest combination of quasi-identifiers",
            method="k-anonymity (Sweeney 2002): the table grouped by columns that others may "
            "know of a person; a missing cell is a value of its own. Other columns that someone "
            "may know make classes smaller.",
            rows=int(sizes.sum()),
            unit="rows",
            higher_is_better=True,
            details={
                **published.details(),
                "unique_rows": int(np.sum(sizes == 1)),
                "mean_risk": sizes.size / sizes.sum(),
                "rows_in_classes_up_to": [
                    {"size": size, "rows": int(sizes[sizes <= size].sum())} for size in SIZES
                ],
                "without": [_without(published, place) for place in range(len(published.keys))],
            },
        )


def _without(published: Published, place: int) -> dict[str, Any]:
    """The same had one column been left out: which column costs most anonymity."""
    name = published.columns[place]
    rest = [key for i, key in enumerate(published.keys) if i != place]
    if not rest:
        return {"column": name, "k": published.table.height, "unique_rows": 0}
    sizes = published.classes.group_by(rest).agg(pl.col("rows").sum())["rows"]
    return {"column": name, "k": sizes.min(), "unique_rows": int((sizes == 1).sum())}


@dataclass(frozen=True, kw_only=True)
class LDiversity(TableCheck):
    """How many different answers hide a person whose equivalence class is known?"""

    code: ClassVar[str] = "PRI005"
    title: ClassVar[str] = "l-diversity of the table"

    def run(self, subject: Subject) -> Finding:
        """Fewest distinct answers in an equivalence class: a fact of this table."""
        published = Published.of(subject)
        distinct, entropy, rows = _diversity(published)
        return self.finding(
            float(distinct.min()),
            measure="distinct answers in the least diverse equivalence class",
            method="Distinct l-diversity (Machanavajjhala and others 2007) of the target in the "
            "classes of PRI004; entropy l-diversity, the exponential of the smallest entropy, "
            "is in the details. With 1, whoever knows the class knows the answer.",
            rows=int(rows.sum()),
            unit="answers",
            higher_is_better=True,
            details={
                **published.details(),
                "entropy_l": float(np.exp(max(entropy.min(), 0.0))),
                "rows_with_one_answer": int(rows[distinct == 1].sum()),
                "of_them_with_company": int(rows[(distinct == 1) & (rows > 1)].sum()),
            },
        )


def _diversity(published: Published) -> tuple[Int64, Float64, Int64]:
    """Distinct answers, entropy of answers in nats, and rows of each class."""
    share = pl.col("rows") / pl.col("rows").sum()
    classes = published.cells.group_by(published.keys, maintain_order=True).agg(
        distinct=pl.len(), entropy=-(share * share.log()).sum(), size=pl.col("rows").sum()
    )
    return (
        classes["distinct"].to_numpy().astype(np.int64),
        classes["entropy"].to_numpy(),
        classes["size"].to_numpy().astype(np.int64),
    )


@dataclass(frozen=True, kw_only=True)
class TCloseness(TableCheck):
    """How much does knowing a person's equivalence class tell about the answer?"""

    code: ClassVar[str] = "PRI006"
    title: ClassVar[str] = "t-closeness of the table"

    def run(self, subject: Subject) -> Finding:
        """Largest distance of a class's answers from those of all rows, in [0, 1]: a fact."""
        published = Published.of(subject)
        ordered = subject.kind == "regression"
        distance, rows = (_ordered_distance if ordered else _equal_distance)(published)
        return self.finding(
            float(np.clip(distance.max(), 0.0, 1.0)),
            measure="largest distance between the answers of a class and those of all rows",
            method="t-closeness (Li, Li and Venkatasubramanian 2007): earth mover's distance, "
            + (
                "with the difference in rank, divided by the largest, as the cost of moving."
                if ordered
                else "any two classes of the target being equally far apart."
            ),
            rows=int(rows.sum()),
            details={
                **published.details(),
                "mean_over_rows": float(np.average(distance, weights=rows)),
                "distance": "ordered" if ordered else "equal",
            },
        )


def _equal_distance(published: Published) -> tuple[Float64, Int64]:
    """Distance of each class where all answers are equally far apart: total variation."""
    table = published.table
    overall = table.group_by("answer").agg(share=pl.len() / table.height)
    # What a class holds too much of, it lacks elsewhere: answers it does not hold need no look.
    excess = (pl.col("rows") / pl.col("rows").sum() - pl.col("share")).clip(lower_bound=0.0).sum()
    classes = (
        published.cells.join(overall, on="answer", nulls_equal=True, maintain_order="left")
        .group_by(published.keys, maintain_order=True)
        .agg(distance=excess, size=pl.col("rows").sum())
    )
    return classes["distance"].to_numpy(), classes["size"].to_numpy().astype(np.int64)


def _ordered_distance(published: Published) -> tuple[Float64, Int64]:
    """Distance of each class where answers are numbers: they move by ranks."""
    numbered = published.classes.select(published.keys).with_row_index("group")
    coded = (
        published.table.with_columns(rank=pl.col("answer").rank("dense") - 1)
        .join(numbered, on=published.keys, nulls_equal=True)
        .select(pl.col("group", "rank").cast(pl.Int64))
        .sort("group", "rank")
    )
    return earth_movers(coded["group"].to_numpy(), coded["rank"].to_numpy())


def earth_movers(group: Int64, rank: Int64) -> tuple[Float64, Int64]:
    """Earth mover's distance of each group's ranks from all ranks, and the groups' sizes.

    The sum over ranks of the absolute difference of the two distribution functions, divided by
    the largest rank (Li and others 2007, ordered distance). A group's function is flat between
    its rows and the other one rises, so that each stretch is two differences of prefix sums:
    n log n in all.

    Parameters
    ----------
    group, rank : ndarray of int, shape (n,)
        Both dense from 0, sorted by group and then by rank.

    Examples
    --------
    >>> earth_movers(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 2]))[0].round(3).tolist()
    [0.25, 0.25]
    """
    sizes = np.bincount(group).astype(np.int64)
    top = int(rank.max())
    if top == 0:
        return np.zeros(sizes.size), sizes
    share = np.cumsum(np.bincount(rank, minlength=top + 1)) / rank.size
    before = np.concatenate([[0.0], np.cumsum(share)])  # before[i]: sum of share over ranks < i
    first = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    within = np.arange(rank.size) - first[group]
    ends = np.append(rank[1:], top)
    ends[first[1:] - 1] = top  # the last stretch of a group ends where the ranks do
    level = (within + 1) / sizes[group]
    after = _stretch(rank, ends, level, share, before)
    distance = np.bincount(group, after, sizes.size) + before[rank[first]]
    return distance / top, sizes


def _stretch(start: Int64, end: Int64, level: Float64, share: Float64, before: Float64) -> Float64:
    """Sum of ``abs(level - share[i])`` over ``start <= i < end``, ``share`` rising."""
    cross = np.clip(np.searchsorted(share, level), start, end)
    below = level * (cross - start) - (before[cross] - before[start])
    above = (before[end] - before[cross]) - level * (end - cross)
    result: Float64 = below + above
    return result
