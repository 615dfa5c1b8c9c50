"""What any model family must pass. Inherit the exam and give it the family.

::

    class TestNearestNeighbours(FamilyExam):
        family = NearestNeighbours()
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pytest

from assay.automl.family import Answers, Family, Fitted, Task, Validation
from assay.model.plan import Float32, Float64, Input, ModelPlan, NumberEncoder, Output, TreesMember
from assay.model.reference import member_predictions
from assay.model.soundness import check_plan
from assay.question import Kind

if TYPE_CHECKING:
    from _pytest.mark.structures import ParameterSet

TOLERANCE = 1e-6
"""Of the spread of the answers in regression, absolute for probabilities."""

COLUMNS = 6

_TASKS = {
    "regression": Task(kind="regression"),
    "binary": Task(kind="binary", classes=2),
    "multiclass": Task(kind="multiclass", classes=4),
}
TASKS: list[ParameterSet] = [pytest.param(task, id=name) for name, task in _TASKS.items()]


class FamilyExam:
    """Laws of a model family: what it describes is what it predicts, and seeds decide.

    Tables have a constant column, a 0/1 column, a column of few numbers, and one of a large
    magnitude.
    """

    family: ClassVar[Family]

    @pytest.mark.parametrize("task", TASKS)
    def test_description_equals_prediction(self, task: Task) -> None:
        """On fresh rows, extreme rows, and both sides of every threshold."""
        self.skip_unless_able(task)
        X, y = sample_table(task, rows=300, seed=1)
        fitted = self.fit(X, y, task)
        same_answers(fitted, probes(fitted, seed=2), task, y)

    @pytest.mark.parametrize("task", TASKS)
    def test_every_candidate_fits_and_can_be_suggested(self, task: Task) -> None:
        """Refinement can start from the portfolio, so each candidate lies within its reach."""
        import optuna

        self.skip_unless_able(task)
        X, y = sample_table(task, rows=80, seed=3)
        candidates = self.family.candidates(task, rows=80, columns=COLUMNS)
        assert candidates
        for params in candidates:
            assert self.family.suggest(optuna.trial.FixedTrial(params), task) == params
            fitted = self.family.fit(X, y, task=task, params=params, seed=0)
            same_answers(fitted, X, task, y)

    @pytest.mark.parametrize("task", TASKS)
    def test_the_seed_decides(self, task: Task) -> None:
        """The same seed gives the same bits; the rows given are left as they were."""
        self.skip_unless_able(task)
        X, y = sample_table(task, rows=120, seed=4)
        before = X.copy()
        first, second = (self.fit(X, y, task).predict(X) for _ in range(2))
        assert np.array_equal(first, second)
        assert np.array_equal(X, before)

    @pytest.mark.parametrize("task", TASKS)
    def test_a_tiny_table_fits(self, task: Task) -> None:
        """Eight rows, and a table whose only column is constant."""
        self.skip_unless_able(task)
        X, y = sample_table(task, rows=8, seed=5)
        same_answers(self.fit(X, y, task), X, task, y)
        flat = np.ones((8, 1), dtype=np.float32)
        same_answers(self.fit(flat, y, task), flat, task, y)

    @pytest.mark.parametrize("task", TASKS)
    def test_weights_count(self, task: Task) -> None:
        """Rows of weight near 0 hardly matter: the answer follows the heavy rows."""
        self.skip_unless_able(task)
        if not getattr(self.family, "takes_weights", True):
            pytest.skip(f"{self.family.name} takes no weights")
        X, y = sample_table(task, rows=200, seed=6)
        X[:, :] = X[0]
        y[:100], y[100:] = y.min(), y.max()
        weights = np.where(np.arange(200) < 100, 1e-3, 1.0)
        fitted = self.fit(X, y, task, weights=weights)
        answer = fitted.predict(X[:1])[0]
        if task.kind == "regression":
            assert abs(answer[0] - y.max()) < 0.1 * (y.max() - y.min())
        else:
            assert answer[-1] > 0.8

    def test_a_class_may_be_absent(self) -> None:
        """A class without rows in this fold gets a probability near 0, and keeps its column."""
        task = _TASKS["multiclass"]
        self.skip_unless_able(task)
        X, y = sample_table(task, rows=200, seed=7)
        for present in ([0, 1, 3], [1, 2]):
            kept = np.isin(y, present)
            fitted = self.fit(X[kept], y[kept], task)
            same_answers(fitted, X, task, y)
            gone = [k for k in range(4) if k not in present]
            assert fitted.predict(X)[:, gone].max() < 0.05

    @pytest.mark.parametrize("task", TASKS)
    def test_it_learns(self, task: Task) -> None:
        """A plain effect is found: well ahead of the constant answer on new rows."""
        self.skip_unless_able(task)
        X, y = sample_table(task, rows=600, seed=8)
        fresh, truth = sample_table(task, rows=600, seed=9)
        answer = self.fit(X, y, task).predict(fresh)
        if task.kind == "regression":
            assert np.mean((truth - answer[:, 0]) ** 2) < 0.5 * np.var(truth)
        else:
            label = answer[:, 0] > 0.5 if task.kind == "binary" else answer.argmax(axis=1)
            most = np.bincount(y.astype(np.int64)).max() / len(y)
            assert np.mean(label == truth) > most + 0.2

    @pytest.mark.parametrize("task", TASKS)
    def test_validation_rows_choose_the_rounds(self, task: Task) -> None:
        """Families that stop early say how many rounds they used, and describe only those."""
        self.skip_unless_able(task)
        if not self.family.stops_early:
            pytest.skip("does not stop early")
        X, y = sample_table(task, rows=300, seed=10)
        held = Validation(X=X[200:], y=np.random.default_rng(0).permutation(y)[200:])
        params = self.family.candidates(task, rows=200, columns=COLUMNS)[0]
        fitted = self.family.fit(
            X[:200], y[:200], task=task, params=params, seed=0, validation=held
        )
        assert fitted.params != params
        same_answers(fitted, X, task, y)

    def fit(self, X: Float32, y: Answers, task: Task, *, weights: Float64 | None = None) -> Fitted:
        """Fit the family's default with seed 0."""
        params = self.family.candidates(task, rows=len(X), columns=X.shape[1])[0]
        return self.family.fit(X, y, task=task, params=params, seed=0, weights=weights)

    def skip_unless_able(self, task: Task) -> None:
        """Skip tasks that the family says it cannot do."""
        if task.kind not in self.family.tasks:
            pytest.skip(f"{self.family.name} does not do {task.kind}")


def sample_table(task: Task, *, rows: int, seed: int) -> tuple[Float32, Answers]:
    """A table of `COLUMNS` columns and its answers; every class occurs."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, COLUMNS)).astype(np.float32)
    X[:, 1] = 1.0
    X[:, 2] = rng.integers(0, 2, rows)
    X[:, 3] = rng.integers(0, 5, rows) / np.float32(10)
    X[:, 4] = X[:, 4] * 1e5 + 3e5
    signal = 2 * X[:, 0] + X[:, 2] + 5 * X[:, 3] + X[:, 0] * X[:, 5]
    if task.kind == "regression":
        return X, (1000 + 100 * signal + 10 * rng.normal(size=rows)).astype(np.float64)
    ranks = np.argsort(np.argsort(signal + 0.2 * rng.normal(size=rows)))
    return X, (ranks * task.classes // rows).astype(np.int64)


def probes(fitted: Fitted, *, seed: int) -> Float32:
    """Fresh and extreme rows, and rows on and beside every threshold (4000 at most)."""
    rng = np.random.default_rng(seed)
    kind: Kind = "regression"
    fresh, _ = sample_table(Task(kind=kind), rows=500, seed=seed)
    extreme = np.array([[1e30] * COLUMNS, [-1e30] * COLUMNS, [0.0] * COLUMNS], dtype=np.float32)
    member = fitted.describe(tuple(range(COLUMNS)))
    if not isinstance(member, TreesMember):
        return np.concatenate([fresh, extreme[2:]])
    split = (member.left >= 0) & np.isfinite(member.threshold)
    inner = rng.permutation(np.flatnonzero(split))[:1300]
    at = member.threshold[inner]
    sides = [np.nextafter(at, np.float32(-np.inf)), at, np.nextafter(at, np.float32(np.inf))]
    beside = fresh[rng.integers(0, len(fresh), 3 * len(inner))]
    beside[np.arange(3 * len(inner)), np.tile(member.feature[inner], 3)] = np.concatenate(sides)
    return np.concatenate([fresh, extreme, beside])


def same_answers(fitted: Fitted, X: Float32, task: Task, y: Answers) -> None:
    """Assert that description and library agree on ``X`` within `TOLERANCE`."""
    columns = tuple(range(X.shape[1]))
    plan = ModelPlan(
        inputs=tuple(Input(name=f"c{i}", kind="number") for i in columns),
        encoders=tuple(
            NumberEncoder(column=f"c{i}", fill=0.0, low=-np.inf, high=np.inf) for i in columns
        ),
        members=(fitted.describe(columns),),
        weights=(1.0,),
        output=Output(kind=task.kind, classes=tuple(str(k) for k in range(task.classes))),
    )
    check_plan(plan)
    native = fitted.predict(X)
    assert native.shape == (len(X), task.width)
    scale = max(1.0, float(np.std(y)), float(np.abs(y).max())) if task.kind == "regression" else 1.0
    described = member_predictions(plan, X)[0]
    worst = float(np.abs(described - native).max()) / scale
    assert worst <= TOLERANCE, f"description and prediction differ by {worst:.2g}"
