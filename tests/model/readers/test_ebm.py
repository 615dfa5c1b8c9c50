from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from interpret.glassbox import ExplainableBoostingClassifier, ExplainableBoostingRegressor

from assay.errors import NotCompilable
from assay.model.readers import check_compilable, read_member

from .proof import COLUMNS, classes, same_answers, signal, table

FEW: dict[str, Any] = {
    "feature_types": ["continuous"] * COLUMNS,
    "outer_bags": 2,
    "max_rounds": 60,
    "n_jobs": 1,
}
pytestmark = pytest.mark.filterwarnings("ignore:Missing values detected")


@pytest.mark.parametrize("missing", [False, True], ids=["whole", "missing"])
@pytest.mark.parametrize("many", [0, 2, 3], ids=["regression", "binary", "multiclass"])
def test_member_graph_and_library_agree(many: int, missing: bool) -> None:
    X = table(missing=missing)
    if many:
        model = ExplainableBoostingClassifier(interactions=3 if many == 2 else 0, **FEW)
        model.fit(X, classes(X, many))
    else:
        model = ExplainableBoostingRegressor(interactions=3, **FEW).fit(X, signal(X))
    kind = {0: "regression", 2: "binary", 3: "multiclass"}[many]
    same_answers(model, kind, missing=True)  # type: ignore[arg-type]


def test_counts_have_a_log_link() -> None:
    X = table()
    model = ExplainableBoostingRegressor(objective="poisson_deviance", **FEW)
    member = same_answers(model.fit(X, np.round(np.abs(signal(X)))), "regression", missing=True)
    assert member.link == "exp"


def test_missing_cells_have_a_value_of_their_own() -> None:
    X = table(missing=True)
    model = ExplainableBoostingRegressor(interactions=2, **FEW).fit(X, signal(X))
    member = read_member(model, columns=tuple(range(COLUMNS)))
    apart = np.isposinf(member.threshold)  # type: ignore[union-attr]
    assert apart.any()
    assert not member.missing_left[apart].any()  # type: ignore[index, union-attr]


def test_columns_of_categories_are_refused() -> None:
    model = ExplainableBoostingClassifier(feature_types=["continuous", "nominal"])
    with pytest.raises(NotCompilable, match="some of its columns are categories") as caught:
        check_compilable(model)
    assert 'feature_types=["continuous", ...]' in caught.value.hint
