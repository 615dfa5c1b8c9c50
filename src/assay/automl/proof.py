"""The proof of parity as far as a small share of a budget allows."""

from __future__ import annotations

import time

import numpy as np
import polars as pl

from assay.automl.search import SearchResult
from assay.errors import ParityFailed
from assay.model.answer import Answer
from assay.model.encode import encode
from assay.model.inputs import graph_inputs
from assay.model.parity import LIMIT, ParityReport, prove_parity
from assay.model.plan import ModelPlan
from assay.model.reference import combine, member_predictions
from assay.model.scorer import Scorer

QUICK_ROWS = 500
"""Rows on which graph and fitted model are always compared."""
WHOLE_ROWS = 12_000
"""About how many rows the whole proof compares, most of them made to be awkward."""


def prove_within(
    seconds: float, plan: ModelPlan, graph: bytes, frame: pl.DataFrame, found: SearchResult
) -> ParityReport | None:
    """Compare graph and fitted model on rows as they came, and wholly where there is time.

    Parameters
    ----------
    seconds : float
        What the whole proof may take, as foretold from the first comparison.
    plan : ModelPlan
        The one that was compiled.
    graph : bytes
    frame : polars.DataFrame
        Training rows.
    found : SearchResult
        Its ``native`` answers by the libraries that fitted the members.

    Returns
    -------
    ParityReport or None
        None where there was no time for the whole proof.

    Raises
    ------
    ParityFailed
        Answers differ.
    """
    some = frame.sample(min(QUICK_ROWS, frame.height), seed=0)
    scorer = Scorer(graph)
    began = time.monotonic()
    inputs = graph_inputs(plan.inputs, some)
    features = encode(plan, inputs)
    fitted = combine(plan, found.native(features), features)
    member_predictions(plan, features)  # most of what the whole proof spends its time on
    _check_equal(scorer.score(inputs), fitted)
    expected_s = (time.monotonic() - began) * WHOLE_ROWS / some.height
    return prove_parity(plan, graph, some, found.native) if expected_s <= seconds else None


def _check_equal(graph: Answer, fitted: Answer) -> None:
    """`ParityFailed` where answers to rows as they came differ: relative to the typical value."""
    one, other = _numbers(graph), _numbers(fitted)
    sizes = np.abs(other[other != 0])
    typical = 1.0 if graph.probabilities is not None or not sizes.size else float(np.median(sizes))
    worst = float(np.max(np.abs(one - other) / np.maximum(np.abs(other), typical)))
    if not worst <= LIMIT:
        raise ParityFailed(
            f"The graph and the fitted model differ by {worst:.2g} on rows as they came.",
            hint="Fit again, and report this as a fault.",
        )


def _numbers(answer: Answer) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    for numbers in (answer.probabilities, answer.values):
        if numbers is not None:
            return numbers
    return answer.prediction
