"""What any model family must pass. Inherit the exam and give it the family.

::

    class TestNearestNeighbours(FamilyExam):
        family = NearestNeighbours()
"""

from __future__ import annotations

import inspect
import time
from typing import TYPE_CHECKING, Any, ClassVar, get_args

import numpy as np
import pytest

from assay.automl.families.fitted import known_losses
from assay.automl.family import Answers, Family, Fitted, Loss, Params, Task, Validation
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
LOSSES: tuple[Loss, ...] = get_args(Loss)
COUNTED = ("rounds", "trees")
"""Parameters that say how long a fit goes on."""


class FamilyExam:
    """Laws of a model family: what it describes is what it predicts, and seeds decide.

    Tables have a constant column, a 0/1 column, a column of few numbers, and one of a large
    magnitude. What only some families have (losses, monotone demands, a bound on time) is
    examined where the family says that it has it.
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

    def test_what_it_says_of_itself(self) -> None:
        """Attributes that may be left out are what the search takes them for."""
        losses = getattr(self.family, "losses", frozenset({"squared"}))
        assert losses <= frozenset(LOSSES)
        assert getattr(self.family, "monotone_losses", losses) <= losses
        assert getattr(self.family, "most_rows", 1) > 0
        takes_time = "seconds" in inspect.signature(self.family.fit).parameters
        assert takes_time == getattr(self.family, "keeps_time", False)

    @pytest.mark.parametrize("loss", LOSSES)
    def test_losses_are_minimised(self, loss: Loss) -> None:
        """Each that it knows: well ahead of the best constant on new rows, described exactly."""
        task = self.task_of(loss, quantile=0.8)
        X, y = _measured(task, rows=600, seed=11)
        fresh, truth = _measured(task, rows=600, seed=12)
        fitted = self.fit(X, y, task)
        assert fitted.params.get("loss", "squared") == loss
        same_answers(fitted, fresh, task, y)
        constant = {"absolute": np.median(y), "quantile": np.quantile(y, 0.8)}.get(loss, y.mean())
        cost = mean_cost(loss, truth, fitted.predict(fresh)[:, 0], quantile=0.8)
        assert cost < 0.75 * mean_cost(loss, truth, np.full(len(truth), constant), quantile=0.8)

    @pytest.mark.parametrize("quantile", [0.1, 0.9])
    def test_quantiles_cover(self, quantile: float) -> None:
        """About the share of new rows that the quantile says lies below the answer."""
        task = self.task_of("quantile", quantile=quantile)
        X, y = _noisy(rows=1500, seed=13)
        held = Validation(X=X[1200:], y=y[1200:])
        params = self.family.candidates(task, rows=1200, columns=COLUMNS)[0]
        fitted = self.family.fit(
            X[:1200],
            y[:1200],
            task=task,
            params=params,
            seed=0,
            validation=held if self.family.stops_early else None,
        )
        fresh, truth = _noisy(rows=3000, seed=14)
        assert abs(np.mean(truth <= fitted.predict(fresh)[:, 0]) - quantile) < 0.1

    @pytest.mark.parametrize("loss", LOSSES)
    def test_monotone_demands_on_numbers(self, loss: Loss) -> None:
        """The answer never goes against a demand, though the rows at hand do in places."""
        demands = (-1, 0, 1, 0, 0, 0)
        task = self.task_of(loss, quantile=0.8, monotone=demands)
        self.obeys(task, *_measured(task, rows=500, seed=15))

    def test_monotone_demands_on_chances(self) -> None:
        """The chance of class 1 never goes against a demand."""
        task = Task(kind="binary", classes=2, monotone=(-1, 0, 1, 0, 0, 0))
        self.skip_unless_able(task)
        if not getattr(self.family, "monotone", False):
            pytest.skip(f"{self.family.name} keeps no monotone demands")
        self.obeys(task, *sample_table(task, rows=500, seed=16))

    @pytest.mark.parametrize("task", TASKS)
    def test_time_is_kept(self, task: Task) -> None:
        """A bound not reached changes nothing; one that is leaves a part, described exactly."""
        self.skip_unless_able(task)
        if not getattr(self.family, "keeps_time", False):
            pytest.skip(f"{self.family.name} keeps no time")
        X, y = sample_table(task, rows=400, seed=17)
        params = self.family.candidates(task, rows=400, columns=COLUMNS)[0]
        whole, bounded = (
            self.bounded(X, y, task, params, seconds=seconds) for seconds in (None, 3600.0)
        )
        assert np.array_equal(whole.predict(X), bounded.predict(X))
        assert whole.params == bounded.params
        long = {**params, **{key: 100_000 for key in COUNTED if key in params}}
        for seconds in (0.0, 0.2):
            begin = time.monotonic()
            part = self.bounded(X, y, task, long, seconds=seconds)
            assert time.monotonic() - begin < seconds + 3.0  # machines are busy
            assert all(1 <= part.params[key] < 100_000 for key in COUNTED if key in params)
            same_answers(part, X, task, y)

    @pytest.mark.parametrize("kind", ["far", "huge"])
    def test_wild_answers_are_survived(self, kind: str) -> None:
        """One answer of 10^12, or all of them beyond 10^9: still finite, described exactly."""
        task = _TASKS["regression"]
        self.skip_unless_able(task)
        X, y = sample_table(task, rows=200, seed=18)
        if kind == "far":
            y[7] = 1e12
        else:
            y = np.asarray(y + 1e9, dtype=np.float64)
        fitted = self.fit(X, y, task)
        assert np.isfinite(fitted.predict(X)).all()
        same_answers(fitted, X, task, y)

    def fit(self, X: Float32, y: Answers, task: Task, *, weights: Float64 | None = None) -> Fitted:
        """Fit the family's default with seed 0."""
        params = self.family.candidates(task, rows=len(X), columns=X.shape[1])[0]
        return self.family.fit(X, y, task=task, params=params, seed=0, weights=weights)

    def bounded(
        self, X: Float32, y: Answers, task: Task, params: Params, *, seconds: float | None
    ) -> Fitted:
        """Fit with a bound on time; the protocol leaves ``seconds`` to those that keep it."""
        fit: Any = self.family.fit
        fitted: Fitted = fit(X, y, task=task, params=params, seed=0, seconds=seconds)
        return fitted

    def obeys(self, task: Task, X: Float32, y: Answers) -> None:
        """Assert that each demand of ``task`` is kept while only its column changes."""
        fitted = self.fit(X, y, task)
        same_answers(fitted, X, task, y)
        for column, sign in enumerate(task.monotone):
            grid = np.unique(X[:, column])
            rows = np.repeat(X[:60], len(grid), axis=0)
            rows[:, column] = np.tile(grid, 60)
            steps = np.diff(fitted.predict(rows).reshape(60, len(grid)), axis=1)
            assert sign == 0 or (sign * steps).min() >= -1e-9 * np.abs(y).max()

    def task_of(self, loss: Loss, *, quantile: float, monotone: tuple[int, ...] = ()) -> Task:
        """A regression with one loss; skips where the family does not know it."""
        task = Task(kind="regression", losses=(loss,), quantile=quantile, monotone=monotone)
        self.skip_unless_able(task)
        if any(monotone) and not getattr(self.family, "monotone", False):
            pytest.skip(f"{self.family.name} keeps no monotone demands")
        if not known_losses(self.family, task):
            pytest.skip(f"{self.family.name} does not minimise {loss} loss here")
        return task

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


def mean_cost(loss: Loss, truth: Answers, answer: Float64, *, quantile: float) -> float:
    """What answers cost by a loss, on average; Poisson: half the deviance."""
    short = truth - answer
    if loss == "squared":
        return float(np.mean(short**2))
    if loss == "absolute":
        return float(np.mean(np.abs(short)))
    if loss == "quantile":
        return float(np.mean(np.maximum(quantile * short, (quantile - 1.0) * short)))
    ratio = np.where(truth > 0, truth, 1.0) / answer
    return float(np.mean(truth * np.log(ratio) - short))


def _measured(task: Task, *, rows: int, seed: int) -> tuple[Float32, Answers]:
    """A table with answers that suit the loss: counts from 0 on for Poisson, else numbers."""
    X, y = sample_table(task, rows=rows, seed=seed)
    return X, np.maximum(np.round((y - 700.0) / 100.0), 0.0) if task.losses == ("poisson",) else y


def _noisy(*, rows: int, seed: int) -> tuple[Float32, Float64]:
    """A table whose answers have as much noise as signal."""
    X, _ = sample_table(_TASKS["regression"], rows=rows, seed=seed)
    noise = np.random.default_rng(seed + 1000).normal(size=rows)
    return X, np.asarray(50.0 + 10.0 * X[:, 0] + 10.0 * noise, dtype=np.float64)


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
