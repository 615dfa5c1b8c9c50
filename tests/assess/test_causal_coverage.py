"""Planted effects on many tables: each bound holds about as often as it says."""

from __future__ import annotations

import numpy as np
import pytest

from assay.assess.causal.estimate import score_rows
from assay.assess.causal.prepare import prepare

from .causal_tables import EFFECT, confounded, dosed

TABLES = 60


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "names", "truth"),
    [
        (confounded, ("treated", "wellbeing"), EFFECT),
        (dosed, ("dose", "relief"), 0.5),
    ],
    ids=["levels", "numbers"],
)
def test_bounds_hold(make, names, truth: float) -> None:
    below = above = 0
    for seed in range(TABLES):
        data = prepare(make(600, seed=seed), treatment=names[0], outcome=names[1])
        found, _ = score_rows(data, folds=5, seed=seed, trim=0.02).effect(0.95)
        below += truth < found.lower
        above += truth > found.upper
    most = 0.05 * TABLES + 2.6 * np.sqrt(0.05 * 0.95 * TABLES)
    assert below <= most, below
    assert above <= most, above
