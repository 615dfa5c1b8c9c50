"""The sharp question: what is asked, of which table, for which decision, how well."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from math import isfinite
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, field

from assay.configuration import read_yaml
from assay.records import Record

Kind = Literal["regression", "binary", "multiclass"]

Name = Annotated[
    str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="Letters, digits, hyphens.")
]
Words = Annotated[str, Meta(min_length=1)]

CROSS = " & "
"""Between two columns or groups: ``sex & race`` are the groups formed by both."""


class SuccessMeasure(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How success is measured, and against what."""

    metric: Annotated[
        str, Meta(description="e.g. mae, rmse, roc_auc, log_loss; default by kind")
    ] = ""
    baseline: Annotated[
        str, Meta(description="What is done today, in words; measured as the constant answer")
    ] = "the same answer for everyone"
    target: Annotated[float | None, Meta(description="The value the business needs")] = None


class Groups(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Groups of affected people or things: a column's values, its bins, or a condition.

    Examples
    --------
    >>> Groups(column="age", bins=(25, 60)).key
    'age'
    >>> Groups(name="young women", where="age < 30 AND sex = 'F'").key
    'young women'
    """

    column: Annotated[str, Meta(description="Column of the table")] = ""
    name: Annotated[
        str, Meta(description="What rules and reports call these groups; default: the column")
    ] = ""
    bins: Annotated[
        tuple[float, ...],
        Meta(description="Cuts of a column of numbers, rising; each group includes its upper cut"),
    ] = ()
    where: Annotated[
        str,
        Meta(description="In place of a column: a condition in SQL; rows are in the group or not"),
    ] = ""
    given: Annotated[
        tuple[str, ...],
        Meta(description="Columns that may rightly explain a gap: groups are compared within them"),
    ] = ()
    why: Annotated[str, Meta(description="Why these groups matter")] = ""
    sensitive: Annotated[
        bool, Meta(description="Whether the column is about a trait of people that law protects")
    ] = False
    reference: Annotated[
        dict[str, float],
        Meta(description="Share of each group among the people whom the model will be used for"),
    ] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what names no groups; in a file the error says the line."""
        if bool(self.column) == bool(self.where):
            raise ValueError("Groups need either a column or a condition (where)")
        if self.where and not self.name:
            raise ValueError("Groups by a condition (where) need a name")
        if self.where and self.bins:
            raise ValueError("Bins cut a column; a condition (where) takes none")
        if CROSS in self.name:
            raise ValueError(f"A name of groups does not hold {CROSS!r}, which crosses two")
        rising = all(low < high for low, high in pairwise(self.bins))
        if not rising or not all(map(isfinite, self.bins)):
            raise ValueError("Bins are finite numbers, each above the one before it")

    @property
    def key(self) -> str:
        """What rules, findings and reports call these groups."""
        return self.name or self.column


class Actions(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Constraints on what a person or thing can do about an answer."""

    immutable: Annotated[tuple[str, ...], Meta(description="Columns that cannot change")] = ()
    only_up: Annotated[
        tuple[str, ...], Meta(description="Numbers and dates that can only rise, e.g. age")
    ] = ()
    only_down: Annotated[
        tuple[str, ...], Meta(description="Numbers and dates that can only fall")
    ] = ()
    ranges: Annotated[
        dict[str, tuple[float, float]],
        Meta(description="Least and largest number that a column can be changed to"),
    ] = field(default_factory=dict)
    linked: Annotated[
        tuple[tuple[str, ...], ...],
        Meta(description="Columns that can only change together, e.g. a job and its pay"),
    ] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that is named."""
        linked = (name for group in self.linked for name in group)
        return (*self.immutable, *self.only_up, *self.only_down, *self.ranges, *linked)

    def with_immutable(self, columns: Iterable[str]) -> Actions:
        """The same with more columns that cannot change."""
        both = dict.fromkeys((*self.immutable, *columns))
        return Actions(
            immutable=tuple(both),
            only_up=self.only_up,
            only_down=self.only_down,
            ranges=self.ranges,
            linked=self.linked,
        )

    def of_columns(self, columns: Iterable[str]) -> Actions:
        """What of this speaks of some columns only."""
        kept = set(columns)
        return Actions(
            immutable=tuple(c for c in self.immutable if c in kept),
            only_up=tuple(c for c in self.only_up if c in kept),
            only_down=tuple(c for c in self.only_down if c in kept),
            ranges={c: ends for c, ends in self.ranges.items() if c in kept},
            linked=tuple(tuple(c for c in group if c in kept) for group in self.linked),
        )


class Budget(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the search may spend and use."""

    seconds: Annotated[float, Meta(gt=0, description="Wall-clock seconds for the search")] = 60.0
    trials: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(description="Exactly this many trials, whatever the clock says: repeatable"),
    ] = None
    families: Annotated[tuple[str, ...], Meta(description="Allow-list; empty: all installed")] = ()
    seed: Annotated[int, Meta(ge=0, lt=2**31, description="Of the split and the search")] = 0
    transparent: Annotated[
        Literal["any", "glassbox"], Meta(description="glassbox: only models a person can read")
    ] = "any"
    max_megabytes: Annotated[
        Annotated[float, Meta(gt=0)] | None, Meta(description="Largest model that may win")
    ] = None
    max_row_ms: Annotated[
        Annotated[float, Meta(gt=0)] | None,
        Meta(description="Longest that the winner may take for one row"),
    ] = None
    compute: Annotated[
        str, Meta(description="auto, threads, processes, or a Ray cluster's address: ray://...")
    ] = "auto"
    parallel: Annotated[int, Meta(ge=1, description="Trials at a time")] = 1
    fairness: Annotated[
        str, Meta(description="Column whose groups are a second objective of the search")
    ] = ""
    mitigate: Annotated[
        Literal["", "reweighing", "thresholds", "constrained"],
        Meta(description="How groups of the fairness column are made more alike; empty: not"),
    ] = ""
    parity: Annotated[
        Literal["demographic_parity", "equal_opportunity", "equalised_odds"],
        Meta(description="Which rates thresholds or constraints make alike"),
    ] = "demographic_parity"
    epsilon: Annotated[
        Annotated[float, Meta(gt=0)] | None,
        Meta(description="Train under differential privacy with this epsilon; empty: do not"),
    ] = None
    learning_curve: Annotated[bool, Meta(description="Measure what more rows would bring")] = False
    warm_start: Annotated[
        bool, Meta(description="Begin with what won in the latest finished run")
    ] = False


class Question(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of ``assay.yaml``."""

    name: Annotated[Name, Meta(description="Name of the project and of its models")]
    question: Annotated[Words, Meta(description="The question in plain words, ending with '?'")]
    data: Annotated[Words, Meta(description="Table: path relative to assay.yaml")]
    target: Annotated[Words, Meta(description="Column that holds the answer")]
    decision: Annotated[Words, Meta(description="The decision that the answer supports")]
    owner: Annotated[Words, Meta(description="Who answers for the model: a name or a mail address")]
    kind: Annotated[Kind | None, Meta(description="Inferred from the target when absent")] = None
    positive: Annotated[str | None, Meta(description="Binary: the class that is asked for")] = None
    unit: Annotated[str, Meta(description="Unit of the answer, e.g. USD")] = ""
    affected_groups: Annotated[
        tuple[Groups, ...],
        Meta(description="Columns whose groups the answer may treat differently"),
    ] = ()
    success: Annotated[
        SuccessMeasure, Meta(description="How success is measured, and against what")
    ] = SuccessMeasure()
    intended_use: Annotated[str, Meta(description="Who uses the answer, and for what")] = ""
    out_of_scope: Annotated[str, Meta(description="Uses that this model is not made for")] = ""
    time_column: Annotated[
        str | None, Meta(description="Split so that the future stays unseen")
    ] = None
    group_column: Annotated[
        str | None, Meta(description="Rows of one group never straddle the split")
    ] = None
    ignore: Annotated[tuple[str, ...], Meta(description="Columns the model must not see")] = ()
    keep: Annotated[
        tuple[str, ...],
        Meta(description="Columns to learn from although they look like identifiers or constants"),
    ] = ()
    kinds: Annotated[
        dict[str, Literal["number", "category", "text"]],
        Meta(description="What a column holds, where it was taken for something else"),
    ] = field(default_factory=dict)
    weight_column: Annotated[
        str | None, Meta(description="What each row counts: numbers from 0 on; never learned from")
    ] = None
    costs: Annotated[
        dict[str, dict[str, float]],
        Meta(description="Cost of each prediction by true class; unnamed pairs cost nothing"),
    ] = field(default_factory=dict)
    monotone: Annotated[
        dict[str, Literal["increasing", "decreasing"]],
        Meta(description="Columns with which the answer must not fall, or not rise"),
    ] = field(default_factory=dict)
    ordered: Annotated[
        dict[str, Annotated[tuple[str, ...], Meta(min_length=2)]],
        Meta(description="Categories with an order, lowest first"),
    ] = field(default_factory=dict)
    unlabelled: Annotated[
        bool, Meta(description="Learn from rows without a target too, where that helps")
    ] = False
    actions: Annotated[
        Actions, Meta(description="What can be done about an answer: limits of counterfactuals")
    ] = Actions()
    data_source: Annotated[str, Meta(description="Where the table comes from")] = ""
    data_licence: Annotated[str, Meta(description="Licence of the table")] = ""
    budget: Annotated[Budget, Meta(description="What the search may spend and use")] = Budget()


def read_question(folder: Path) -> Question:
    """Read ``assay.yaml`` of a project folder; `InvalidConfig` says what is wrong and where."""
    return read_yaml(folder / "assay.yaml", Question)
