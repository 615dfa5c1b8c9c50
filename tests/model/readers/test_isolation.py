from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import IsolationForest

from assay.model.readers import predict_native

from .proof import same_answers, table


@pytest.mark.parametrize(
    "more",
    [{}, {"max_features": 2, "max_samples": 40}, {"max_samples": 1}, {"max_samples": 2}],
    ids=["plain", "some columns", "one row a tree", "two rows a tree"],
)
@pytest.mark.parametrize("missing", [False, True], ids=["whole", "missing"])
def test_scores(more: dict[str, Any], missing: bool) -> None:
    model = IsolationForest(n_estimators=30, random_state=0, **more).fit(table(missing=missing))
    assert same_answers(model, "anomaly", missing=missing).link == "exp"


def test_larger_is_stranger() -> None:
    model = IsolationForest(n_estimators=30, random_state=0).fit(table())
    rows = table(2)
    rows[1, :2] = 30.0
    usual, strange = predict_native(model, rows)[:, 0]
    assert 0 < usual < strange <= 1
    assert np.isclose(strange, -model.score_samples(rows)[1])
