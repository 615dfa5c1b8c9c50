"""What to search for, and for how long."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

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
        int | None, Meta(ge=1, description="Make exactly this many trials, whatever the clock says")
    ] = None
    coverage: Annotated[
        float, Meta(gt=0, lt=1, description="Share of answers that intervals should cover")
    ] = 0.9
    threads: Annotated[int, Meta(ge=0, description="0: one a core")] = 0
