"""Explainable boosting: a sum of one- and two-column effects (Lou et al. 2013; Nori et al. 2019).

Every effect is a step function, so it is written out as one tree over its cuts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from interpret.glassbox import ExplainableBoostingClassifier, ExplainableBoostingRegressor

from assay.automl.families.linear import ABSENT
from assay.automl.family import Answers, Params, Task, Validation
from assay.automl.trees import Tree, below, plant
from assay.model.plan import Float32, Float64, TreesMember
from assay.question import Kind

if TYPE_CHECKING:
    import optuna


class ExplainableBoosting:
    """A glass box: what each column adds can be drawn, and the answer is the sum."""

    name = "ebm"
    transparent = True
    tasks: frozenset[Kind] = frozenset({"regression", "binary", "multiclass"})
    needs = "trees"
    place = 50
    stops_early = False

    def candidates(self, task: Task, *, rows: int, columns: int) -> tuple[Params, ...]:  # noqa: ARG002
        """Few bags and large steps first: quick; then finer steps and more pairs."""
        pairs = 0 if task.kind == "multiclass" else 5
        default: Params = {"learning_rate": 0.1, "bins": 32, "pairs": pairs, "bags": 2, "leaf": 4}
        return (
            default,
            {**default, "learning_rate": 0.04, "bins": 64, "pairs": 2 * pairs, "bags": 4},
        )

    def suggest(self, trial: optuna.trial.BaseTrial, task: Task) -> Params:
        """Step, bins, pairs and bags."""
        many = 0 if task.kind == "multiclass" else 20
        return {
            "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.2, log=True),
            "bins": trial.suggest_int("bins", 8, 128, log=True),
            "pairs": trial.suggest_int("pairs", 0, many),
            "bags": trial.suggest_int("bags", 1, 6),
            "leaf": trial.suggest_int("leaf", 2, 30, log=True),
        }

    def fit(
        self,
        X: Float32,
        y: Answers,
        *,
        task: Task,
        params: Params,
        seed: int,
        weights: Float64 | None = None,
        validation: Validation | None = None,  # noqa: ARG002 - it holds out rows of its own
        threads: int = 1,  # noqa: ARG002 - more would start processes
    ) -> FittedEBM:
        """Boost bag by bag in this process."""
        regression = task.kind == "regression"
        kind = ExplainableBoostingRegressor if regression else ExplainableBoostingClassifier
        unit = (float(np.mean(y)), float(np.std(y)) or 1.0) if regression else (0.0, 1.0)
        model = kind(
            feature_types=["continuous"] * X.shape[1],
            learning_rate=params["learning_rate"],
            max_bins=params["bins"],
            max_interaction_bins=max(4, params["bins"] // 4),
            interactions=params["pairs"] if X.shape[1] > 1 else 0,
            outer_bags=params["bags"],
            min_samples_leaf=params["leaf"],
            early_stopping_rounds=20,
            smoothing_rounds=0,
            interaction_smoothing_rounds=0,
            max_rounds=5000,
            n_jobs=1,
            random_state=seed,
        )
        model.fit(X, (y - unit[0]) / unit[1] if regression else y, sample_weight=weights)
        return FittedEBM(params=dict(params), task=task, model=model, unit=unit)


@dataclass(frozen=True, kw_only=True)
class FittedEBM:
    """A fitted explainable boosting machine; ``unit`` is the center and scale of the answers."""

    params: Params
    task: Task
    model: Any
    unit: tuple[float, float]

    def predict(self, X: Float32) -> Float64:
        """Answer rows by InterpretML."""
        if self.task.kind == "regression":
            raw = np.asarray(self.model.predict(X), dtype=np.float64)
            return (raw * self.unit[1] + self.unit[0])[:, None]
        probabilities = np.zeros((len(X), self.task.classes))
        probabilities[:, self.model.classes_] = self.model.predict_proba(X)
        return probabilities[:, 1:] if self.task.kind == "binary" else probabilities

    def describe(self, columns: tuple[int, ...]) -> TreesMember:
        """A tree a term: balanced over the cuts of its column, nested for a pair."""
        trees = [
            self._tree(term, np.asarray(scores, dtype=np.float64))
            for term, scores in zip(self.model.term_features_, self.model.term_scores_, strict=True)
        ]
        start = np.atleast_1d(np.asarray(self.model.intercept_, dtype=np.float64))
        link = {"regression": "identity", "binary": "sigmoid", "multiclass": "softmax"}
        return plant(
            trees,
            family="ebm",
            columns=columns,
            base=self._outputs(start[None, :], absent=ABSENT)[0] * self.unit[1] + self.unit[0],
            link=link[self.task.kind],  # type: ignore[arg-type]
        )

    def _tree(self, term: tuple[int, ...], scores: Float64) -> Tree:
        """The step function of one term; its first and last bins (missing, unknown) never occur."""
        inner = scores[(slice(1, -1),) * len(term)]
        values = self._outputs(inner.reshape(*inner.shape[: len(term)], -1)) * self.unit[1]
        cuts = [self._cuts(feature, order=len(term)) for feature in term]
        return steps(list(term), cuts, values)

    def _cuts(self, feature: int, *, order: int) -> Float64:
        """Cuts of a column: as many levels are kept as there are kinds of terms it is in."""
        levels = self.model.bins_[feature]
        return np.asarray(levels[min(len(levels), order) - 1], dtype=np.float64)

    def _outputs(self, scores: Float64, absent: float = 0.0) -> Float64:
        """Scores (..., classes present or 1) as (..., width)."""
        if self.task.kind != "multiclass":
            return scores
        present = self.model.classes_
        if scores.shape[-1] == 1:  # two of the classes are present: the first has logit 0
            scores = np.concatenate([np.zeros_like(scores), scores], axis=-1)
        full = np.full((*scores.shape[:-1], self.task.classes), absent)
        full[..., present] = scores
        return full


def steps(features: list[int], cuts: list[Float64], values: Float64) -> Tree:
    """A step function of one or more columns as a tree, balanced over each column's cuts.

    Parameters
    ----------
    features : list of int
        The columns.
    cuts : list of array
        Ascending cuts of each; ``x < cut`` lies on the left.
    values : array, shape (len(cuts[0]) + 1, ..., n_outputs)
        The value of each cell.

    Examples
    --------
    >>> tree = steps([0], [np.array([1.0, 2.0])], np.array([[5.0], [6.0], [7.0]]))
    >>> tree.threshold.astype(float).round(3).tolist(), tree.values[:, 0].tolist()
    ([2.0, 1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 5.0, 6.0, 7.0])
    """
    grower = _Grower(features, [below(c) for c in cuts], values)
    grower.grow([(0, len(c)) for c in cuts])
    return grower.tree()


class _Grower:
    """Collects nodes, depth first; boxes of cells with one value become one leaf."""

    def __init__(self, features: list[int], thresholds: list[Float32], values: Float64) -> None:
        self.features = features
        self.thresholds = thresholds
        self.values = values
        self.nodes: list[tuple[int, float, int, int]] = []
        self.leaves: list[Float64] = []

    def grow(self, box: list[tuple[int, int]]) -> int:
        """Grow the tree of the cells ``first..last`` (inclusive) a column; gives its root."""
        here = len(self.nodes)
        cells = self.values[tuple(slice(first, last + 1) for first, last in box)]
        flat = cells.reshape(-1, cells.shape[-1])
        if (flat == flat[0]).all():
            self.nodes.append((0, 0.0, -1, -1))
            self.leaves.append(flat[0])
            return here
        axis = next(i for i, (first, last) in enumerate(box) if last > first)
        first, last = box[axis]
        cut = (first + last) // 2
        self.nodes.append((self.features[axis], float(self.thresholds[axis][cut]), -1, -1))
        self.leaves.append(np.zeros_like(flat[0]))
        left = self.grow([*box[:axis], (first, cut), *box[axis + 1 :]])
        right = self.grow([*box[:axis], (cut + 1, last), *box[axis + 1 :]])
        self.nodes[here] = (*self.nodes[here][:2], left, right)
        return here

    def tree(self) -> Tree:
        """The nodes as arrays."""
        feature, threshold, left, right = zip(*self.nodes, strict=True)
        return Tree(
            feature=np.array(feature, dtype=np.int32),
            threshold=np.array(threshold, dtype=np.float32),
            left=np.array(left, dtype=np.int32),
            right=np.array(right, dtype=np.int32),
            values=np.array(self.leaves, dtype=np.float64),
        )
