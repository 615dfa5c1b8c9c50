"""The sharp question: what is asked, of which table, for which decision, how well."""

from __future__ import annotations

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
    """A column whose values are groups of affected people or things."""

    column: Annotated[Words, Meta(description="Column of the table")]
    why: Annotated[str, Meta(description="Why these groups matter")] = ""
    sensitive: Annotated[
        bool, Meta(description="Whether the column is about a trait of people that law protects")
    ] = False
    reference: Annotated[
        dict[str, float],
        Meta(description="Share of each group among the people whom the model will be used for"),
    ] = field(default_factory=dict)


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
    data_source: Annotated[str, Meta(description="Where the table comes from")] = ""
    data_licence: Annotated[str, Meta(description="Licence of the table")] = ""
    budget: Annotated[Budget, Meta(description="What the search may spend and use")] = Budget()


def read_question(folder: Path) -> Question:
    """Read ``assay.yaml`` of a project folder; `InvalidConfig` says what is wrong and where."""
    return read_yaml(folder / "assay.yaml", Question)
