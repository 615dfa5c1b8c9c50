"""What to search for, and for how long."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from assay.records import Record


class SearchSpec(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of one search.

    The clock never changes a result when ``max_trials`` is given: the search then makes exactly
    that many trials, however long they take, and the same seed gives the same model.

    Examples
    --------
    >>> SearchSpec(metric="mae", budget_s=20).seed
    0
    """

    metric: Annotated[str, Meta(description="Score to improve; empty: by kind")] = ""
    budget_s: Annotated[float, Meta(gt=0, description="Wall-clock seconds")] = 60.0
    families: Annotated[tuple[str, ...], Meta(description="Allow-list; empty: all installed")] = ()
    seed: Annotated[int, Meta(ge=0, lt=2**31)] = 0
    max_trials: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(description="Make exactly this many trials, whatever the clock says"),
    ] = None
    coverage: Annotated[
        float, Meta(gt=0, lt=1, description="Share of answers that intervals should cover")
    ] = 0.9
    threads: Annotated[int, Meta(ge=0, description="0: one a core")] = 0
    compute: Annotated[
        str,
        Meta(description="auto, threads, processes, or the address of a Ray cluster (ray://...)"),
    ] = "auto"
    parallel: Annotated[
        int, Meta(ge=1, description="Trials at a time; part of what makes a search repeatable")
    ] = 1
    transparent: Annotated[
        Literal["any", "glassbox"], Meta(description="glassbox: only families a person can read")
    ] = "any"
    max_megabytes: Annotated[float | None, Meta(gt=0, description="Largest graph that may win")] = (
        None
    )
    max_row_ms: Annotated[
        Annotated[float, Meta(gt=0)] | None,
        Meta(description="Longest that the winner may take for one row"),
    ] = None
    quantiles: Annotated[
        tuple[Annotated[float, Meta(gt=0, lt=1)], ...],
        Meta(description="Regression: answer these quantiles instead of one number"),
    ] = ()
    costs: Annotated[
        dict[str, dict[str, float]],
        Meta(description="Cost of each prediction by true class; unnamed pairs cost nothing"),
    ] = field(default_factory=dict)
    monotone: Annotated[
        dict[str, Literal["increasing", "decreasing"]],
        Meta(description="Columns with which the answer must not fall, or not rise"),
    ] = field(default_factory=dict)
    ordered: Annotated[
        dict[str, tuple[str, ...]],
        Meta(description="Categories with an order, lowest first"),
    ] = field(default_factory=dict)
    fairness: Annotated[
        str, Meta(description="Column whose groups are a second objective; empty: none")
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
        Meta(description="Differential privacy of the training; empty: no promise"),
    ] = None
    learning_curve: Annotated[
        bool, Meta(description="Whether to measure what more rows would bring")
    ] = False
