"""Subjects whose rows are given: to work a case by hand, or to plant a difference."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from assay.assess.subject import Scored
from assay.question import Groups
from assay.testing.check import asking, example_subject

BY_GROUP = (Groups(column="group"),)
_BASES = {kind: example_subject(kind, rows=40) for kind in ("regression", "binary", "multiclass")}


def planted(
    kind="binary",
    *,
    group,
    truth,
    label=None,
    prediction=None,
    probabilities=None,
    weight=None,
    groups=BY_GROUP,
    **columns,
):
    """A subject with these held-out rows and nothing else; the column of groups is ``group``."""
    truth = np.asarray(truth)
    label = None if label is None else np.asarray(label, np.int64)
    if prediction is None:
        prediction = label if label is not None else truth
    rows = Scored(
        frame=pl.DataFrame({"group": list(group), **columns}),
        truth=truth,
        prediction=np.asarray(prediction, np.float64),
        baseline=np.zeros(truth.size),
        probabilities=probabilities,
        label=label,
        weight=None if weight is None else np.asarray(weight, np.float64),
    )
    subject = replace(_BASES[kind], held_out=rows, cross_fitted=None, explain=None)
    return asking(
        replace(subject, train=rows.frame.clear()), affected_groups=groups, ignore=(), keep=()
    )


def drawn_binary(rng, *, rates, rows=100):
    """Rows of groups a, b, ...: truths with chance 0.4, labels with the rate of each group.

    Parameters
    ----------
    rates : sequence of (float, float)
        Of each group: the chance of a positive answer to a true negative, to a true positive.
    """
    group = np.repeat([chr(97 + i) for i in range(len(rates))], rows)
    truth = (rng.random(group.size) < 0.4).astype(np.int64)
    chance = np.repeat(np.array(rates), rows, axis=0)[np.arange(group.size), truth]
    return planted(group=group, truth=truth, label=rng.random(group.size) < chance)


def covered(check, draw, truth, *, samples=150):
    """How often the lower and the upper bound of a check lie on the right side of the truth."""
    found = [check.run(draw(np.random.default_rng(seed))) for seed in range(samples)]
    lower = np.mean([f.lower <= truth + 1e-12 for f in found])
    return lower, np.mean([f.upper >= truth - 1e-12 for f in found])
