"""Scores of answers: one weighted, vectorised definition each, used for points and bootstraps.

Every measure takes a matrix of row weights, shape (n_samples, n_rows), and gives one score a
sample: the plain score is the sample of all ones, a bootstrap replicate counts its draws, and
rows that weigh differently have their weights times that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import xlogy

from assay.automl.family import Answers
from assay.errors import InputError, InvalidConfig, InvalidTable, UnknownName, nearest
from assay.model.plan import Bool, Float64
from assay.question import Kind

Measure = Callable[[Answers, Float64, Float64], Float64]
Costs = Mapping[str, Mapping[str, float]]
"""Cost of each prediction by true class."""

_CELLS_A_CHUNK = 4_000_000
_TINY = float(np.finfo(np.float64).eps)
_TOP = 5
"""Among how many of the likeliest classes `top_k_accuracy` looks for the true one."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A score of answers against the truth.

    Answers are values (n,) in regression, or quantiles (n, n_quantiles) where those are asked
    for; probabilities of class 1 (n,) in binary tasks, and probabilities (n, n_classes) in
    multiclass tasks; truth is values or class numbers.
    """

    name: str
    title: str
    better: Literal["lower", "higher"]
    kinds: frozenset[Kind]
    measure: Measure
    constant: Literal["mean", "median"] = "mean"
    """The constant answer that is best under it, in regression."""
    labels: bool = False
    """Whether it judges labels: binary answers are then cut at a threshold first."""
    cut: float = 0.5
    """Where binary answers are cut when no threshold is given."""
    least: float = -math.inf
    """Regression: no true value may be smaller."""
    quantiles: tuple[float, ...] = ()
    """Which quantiles it scores; empty for other answers."""

    def score(
        self,
        truth: Answers,
        answer: Float64,
        *,
        threshold: float | None = None,
        weights: Float64 | None = None,
    ) -> float:
        """The score of all rows.

        Parameters
        ----------
        truth, answer : array
            See the class.
        threshold : float, optional
            Where a binary label metric cuts probabilities; the default is `cut`.
        weights : array, shape (n,), optional
            Of the rows, at least 0; each counts once by default.

        Raises
        ------
        InvalidTable
            A true value is smaller than the metric can score.

        Examples
        --------
        >>> find_metric("mae", "regression").score(np.array([1.0, 2.0]), np.array([1.0, 4.0]))
        1.0
        """
        self._check(truth)
        rows = np.ones((1, len(truth))) if weights is None else weights[None, :]
        return float(self.measure(truth, self._cut(answer, threshold), rows)[0])

    def loss(self, score: float) -> float:
        """The score, signed so that lower is better."""
        return score if self.better == "lower" else -score

    def interval(
        self,
        truth: Answers,
        answer: Float64,
        *,
        seed: int,
        threshold: float | None = None,
        weights: Float64 | None = None,
        confidence: float = 0.9,
        samples: int = 400,
    ) -> tuple[float, float]:
        """Percentile bootstrap interval over rows (Efron 1979), two-sided at ``confidence``.

        Rows are drawn alike, whatever they weigh; a row drawn twice counts its weight twice.
        """
        self._check(truth)
        rng = np.random.default_rng(seed)
        answer = self._cut(answer, threshold)
        rows = len(truth)
        chunk = max(1, _CELLS_A_CHUNK // rows)
        even = np.full(rows, 1 / rows)
        one = np.ones(rows) if weights is None else weights
        scores = [
            self.measure(truth, answer, rng.multinomial(rows, even, size=size) * one)
            for size in np.diff([*range(0, samples, chunk), samples])
        ]
        tails = [(1 - confidence) / 2, (1 + confidence) / 2]
        low, high = np.nanquantile(np.concatenate(scores), tails)
        return float(low), float(high)

    def _cut(self, answer: Float64, threshold: float | None) -> Float64:
        if not self.labels or answer.ndim == 2:
            return answer
        return (answer >= (self.cut if threshold is None else threshold)).astype(np.float64)

    def _check(self, truth: Answers) -> None:
        if self.least > -math.inf and truth.min() < self.least:
            raise InvalidTable(
                f"The metric {self.name!r} scores values from {self.least:g} on, and the target "
                "has smaller ones.",
                hint="Choose another metric, such as mae or rmse.",
            )


def find_metric(
    name: str,
    kind: Kind,
    *,
    costs: Costs | None = None,
    classes: Sequence[str] = (),
    quantiles: tuple[float, ...] = (),
) -> Metric:
    """The metric called ``name``, or the default where the name is empty.

    Parameters
    ----------
    name : str
        One of `METRICS`, scikit-learn's name of one (`ALIASES`), ``cost`` or ``pinball``.
    kind : {"regression", "binary", "multiclass"}
    costs : mapping, optional
        Cost of each prediction by true class; makes ``cost`` the default.
    classes : sequence of str
        In the order of the answers; needed with ``costs``.
    quantiles : tuple of float
        Regression: what is answered instead of one number; ``pinball`` scores it.

    Raises
    ------
    UnknownName
        There is no such metric; the hint gives the nearest one.
    InputError
        It does not score this kind of answer, or has no costs to count.

    Examples
    --------
    >>> find_metric("neg_log_loss", "binary").name
    'log_loss'
    >>> credit = {"bad": {"good": 5.0}, "good": {"bad": 1.0}}
    >>> round(find_metric("", "binary", costs=credit, classes=("good", "bad")).cut, 4)
    0.1667
    """
    name = ALIASES.get(name, name) or _default(kind, costs=costs, quantiles=quantiles)
    if name not in (*METRICS, "cost", "pinball"):
        raise UnknownName("metric", name, (*METRICS, *ALIASES, "cost", "pinball"))
    if quantiles or name == "pinball":
        return _quantile_metric(name, kind, quantiles)
    if name == "cost":
        return _cost_metric(kind, costs, classes)
    metric = METRICS[name]
    if kind not in metric.kinds:
        able = ", ".join(m.name for m in METRICS.values() if kind in m.kinds)
        raise InputError(
            f"The metric {name!r} does not score {kind} answers.", hint=f"Use: {able}."
        )
    return metric


def default_metric(kind: Kind) -> str:
    """Mean absolute error; ranking (ROC AUC) for two classes; log-loss for more."""
    return {"regression": "mae", "binary": "roc_auc", "multiclass": "log_loss"}[kind]


def _default(kind: Kind, *, costs: Costs | None, quantiles: tuple[float, ...]) -> str:
    """What was asked for beside the metric says what counts."""
    if quantiles:
        return "pinball"
    return "cost" if costs else default_metric(kind)


def _quantile_metric(name: str, kind: Kind, quantiles: tuple[float, ...]) -> Metric:
    if kind != "regression" or name != "pinball" or not quantiles:
        raise InputError(
            f"The metric {name!r} and the quantiles {list(quantiles)} of a {kind} question do "
            "not go together.",
            hint="Quantiles belong to regression and are scored by pinball; "
            "pinball needs `quantiles`.",
        )
    return Metric(
        name="pinball",
        title="mean pinball loss",
        better="lower",
        kinds=_NUMBERS,
        measure=partial(_pinball, quantiles=np.array(quantiles)),
        quantiles=quantiles,
    )


def _cost_metric(kind: Kind, costs: Costs | None, classes: Sequence[str]) -> Metric:
    if kind == "regression" or not costs:
        raise InputError(
            f"The metric 'cost' of a {kind} question has no costs to count.",
            hint="Give `costs`: for each true class, what each wrong answer costs.",
        )
    matrix = cost_matrix(costs, classes)
    return Metric(
        name="cost",
        title="mean cost of the decision",
        better="lower",
        kinds=_CLASSES,
        measure=partial(_cost, costs=matrix),
        labels=True,
        cut=least_cost_threshold(matrix) if kind == "binary" else 0.5,
    )


def cost_matrix(costs: Costs, classes: Sequence[str]) -> Float64:
    """Costs by true class (rows) and answer (columns), in the order of ``classes``.

    Pairs that are not named cost nothing. Negative costs are gains.

    Raises
    ------
    InvalidConfig
        A class does not occur, a cost is not finite, a right answer costs more than a wrong
        one, or all answers cost the same.

    Examples
    --------
    >>> cost_matrix({"bad": {"good": 5}, "good": {"bad": 1}}, ("good", "bad")).tolist()
    [[0.0, 1.0], [5.0, 0.0]]
    """
    where = "assay.yaml: costs"
    place = {name: i for i, name in enumerate(classes)}
    matrix = np.zeros((len(classes), len(classes)))
    for actual, row in costs.items():
        for name in (actual, *row):
            if name not in place:
                raise InvalidConfig(
                    f"`costs` names the class {name!r}, which the target does not have.",
                    hint=nearest(name, classes),
                    where=where,
                )
        for predicted, cost in row.items():
            matrix[place[actual], place[predicted]] = cost
    if not np.isfinite(matrix).all():
        raise InvalidConfig("A cost is not finite.", hint="Costs are plain numbers.", where=where)
    wrong_way = np.flatnonzero((np.diag(matrix)[:, None] > matrix).any(axis=1))
    if len(wrong_way):
        raise InvalidConfig(
            f"For class {classes[wrong_way[0]]!r} the right answer costs more than a wrong one.",
            hint="Costs are by true class first, then by prediction; a right answer costs least.",
            where=where,
        )
    if np.ptp(matrix, axis=1).max() == 0:
        raise InvalidConfig(
            "All answers cost the same.",
            hint="Give wrong answers a cost above that of the right one.",
            where=where,
        )
    return matrix


def least_cost_threshold(costs: Float64) -> float:
    """The probability of class 1 from which naming it costs no more than naming class 0.

    ``c_fp / (c_fp + c_fn)``, with costs over those of right answers (Elkan 2001).

    Examples
    --------
    >>> least_cost_threshold(np.array([[0.0, 1.0], [4.0, 0.0]]))
    0.2
    """
    false_alarm = costs[0, 1] - costs[0, 0]
    miss = costs[1, 0] - costs[1, 1]
    return float(false_alarm / (false_alarm + miss))


def _mean(values: Float64, weights: Float64) -> Float64:
    return np.asarray(weights @ values / weights.sum(axis=1))


def _mae(truth: Answers, answer: Float64, weights: Float64) -> Float64:
    return _mean(np.abs(truth - answer), weights)


def _mse(truth: Answers, answer: Float64, weights: Float64) -> Float64:
    return _mean((truth - answer) ** 2, weights)


def _rmse(truth: Answers, answer: Float64, weights: Float64) -> Float64:
    return np.sqrt(_mse(truth, answer, weights))


def _msle(truth: Answers, answer: Float64, weights: Float64) -> Float64:
    """Answers below 0 count as 0: what is counted is never less."""
    return _mse(np.log1p(truth), np.log1p(np.maximum(answer, 0.0)), weights)


def _rmsle(truth: Answers, answer: Float64, weights: Float64) -> Float64:
    return np.sqrt(_msle(truth, answer, weights))


def _variance(values: Answers, weights: Float64) -> Float64:
    """Around the weighted mean; values are moved first, so that little is lost to rounding."""
    moved = values - np.mean(values)
    return np.asarray(_mean(moved**2, weights) - _mean(moved, weights) ** 2)


def _r2(truth: Answers, answer: Float64, weights: Float64) -> Float64:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(1 - _mse(truth, answer, weights) / _variance(truth, weights))


def _explained_variance(truth: Answers, answer: Float64, weights: Float64) -> Float64:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(1 - _variance(truth - answer, weights) / _variance(truth, weights))


def _mape(truth: Answers, answer: Float64, weights: Float64) -> Float64:
    return _mean(np.abs(truth - answer) / np.maximum(np.abs(truth), _TINY), weights)


def _poisson_deviance(truth: Answers, answer: Float64, weights: Float64) -> Float64:
    """``2 (y log(y / a) - y + a)``; answers are kept above 0, where it is defined."""
    kept = np.maximum(answer, _TINY)
    return _mean(2 * (xlogy(truth, truth / kept) - truth + kept), weights)


def _max_error(truth: Answers, answer: Float64, weights: Float64) -> Float64:
    """Over the rows that weigh anything."""
    return np.asarray(np.where(weights > 0, np.abs(truth - answer), 0.0).max(axis=1))


def _median_ae(truth: Answers, answer: Float64, weights: Float64) -> Float64:
    """Weighted median of absolute errors; the mean of the two middle ones at an even split."""
    errors = np.abs(truth - answer)
    order = np.argsort(errors)
    reached = np.cumsum(weights[:, order], axis=1)
    half = reached[:, -1:] / 2
    lower = (reached >= half).argmax(axis=1)
    upper = (reached > half).argmax(axis=1)
    return np.asarray((errors[order[lower]] + errors[order[upper]]) / 2)


def _pinball(truth: Answers, answer: Float64, weights: Float64, *, quantiles: Float64) -> Float64:
    """Mean over quantiles (Koenker and Bassett 1978); answers (n, n_quantiles)."""
    gap = truth[:, None] - answer
    return _mean(np.maximum(quantiles * gap, (quantiles - 1) * gap).mean(axis=1), weights)


def _one_against_rest(
    truth: Answers, answer: Float64, weights: Float64, *, measure: Measure
) -> Float64:
    """Binary measure as it is; for more classes the mean over one class against the rest."""
    if answer.ndim == 1:
        return measure(truth, answer, weights)
    columns = np.ascontiguousarray(answer.T)  # sorted a column at a time: in one piece is quicker
    parts = [measure(truth == k, column, weights) for k, column in enumerate(columns)]
    return np.asarray(np.mean(parts, axis=0))


def _one_against_one(truth: Answers, answer: Float64, weights: Float64) -> Float64:
    """Mean ROC AUC over pairs of classes, both ways round (Hand and Till 2001)."""
    if answer.ndim == 1:
        return _roc_auc(truth, answer, weights)
    rows_of = [np.flatnonzero(truth == k) for k in range(answer.shape[1])]
    parts = []
    for a, b in combinations(range(answer.shape[1]), 2):
        rows = np.concatenate([rows_of[a], rows_of[b]])
        is_a, own = truth[rows] == a, weights[:, rows]
        forth = _roc_auc(is_a, answer[rows, a], own)
        parts.append((forth + _roc_auc(~is_a, answer[rows, b], own)) / 2)
    return np.asarray(np.mean(parts, axis=0))


def _roc_auc(truth: Answers | Bool, answer: Float64, weights: Float64) -> Float64:
    """Share of pairs ranked right, ties half (Mann and Whitney 1947)."""
    if len(weights) == 1 and weights.min() == weights.max():
        return _roc_auc_of_ranks(truth, answer)
    hits, misses = _by_score(truth, answer, weights)
    earlier = np.cumsum(misses, axis=1) - misses
    wrong = (hits * (earlier + misses / 2)).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(1 - wrong / (hits.sum(axis=1) * misses.sum(axis=1)))


def _roc_auc_of_ranks(truth: Answers | Bool, answer: Float64) -> Float64:
    """The same where all rows count alike, from the sum of the positives' ranks: much quicker."""
    order = np.argsort(answer)
    ranked, positive = answer[order], np.asarray(truth == 1)[order]
    rows, hits = len(truth), int(np.count_nonzero(positive))
    starts = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))
    if len(starts) == rows:
        ranks = float(np.flatnonzero(positive).sum() + hits)
    else:
        tied = np.diff(starts, append=rows)
        ranks = float(
            np.add.reduceat(positive, starts, dtype=np.float64) @ (starts + (tied + 1) / 2)
        )
    pairs = hits * (rows - hits)
    return np.array([(ranks - hits * (hits + 1) / 2) / pairs if pairs else np.nan])


def _average_precision(truth: Answers, answer: Float64, weights: Float64) -> Float64:
    """Sum over thresholds of precision times the recall gained."""
    hits, misses = _by_score(truth, answer, weights)
    found = np.cumsum(hits, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.nan_to_num(found / (found + np.cumsum(misses, axis=1)))
        return np.asarray((precision * hits).sum(axis=1) / found[:, -1])


def _by_score(truth: Answers | Bool, answer: Float64, weights: Float64) -> tuple[Float64, Float64]:
    """Weight of positives and negatives at each distinct score, highest score first."""
    order = np.argsort(-answer)
    starts = np.flatnonzero(np.diff(answer[order], prepend=np.inf))
    sorted_weights = weights[:, order]
    positive = np.asarray(truth == 1)[order]
    hits = np.add.reduceat(sorted_weights * positive, starts, axis=1)
    return hits, np.add.reduceat(sorted_weights, starts, axis=1) - hits


def _log_loss(truth: Answers, answer: Float64, weights: Float64) -> Float64:
    if answer.ndim == 1:
        chance = np.where(truth == 1, answer, 1 - answer)
    else:
        chance = answer[np.arange(len(truth)), truth.astype(np.int64)]
    return _mean(-np.log(np.clip(chance, _TINY, 1 - _TINY)), weights)


def _brier(truth: Answers, answer: Float64, weights: Float64) -> Float64:
    """Two classes: mean of (p - y)²; more: the sum over classes (Brier 1950)."""
    if answer.ndim == 1:
        return _mean((answer - truth) ** 2, weights)
    hot = truth[:, None] == np.arange(answer.shape[1])
    return _mean(((answer - hot) ** 2).sum(axis=1), weights)


def _accuracy(truth: Answers, answer: Float64, weights: Float64) -> Float64:
    return _mean((_label(answer) == truth).astype(np.float64), weights)


def _top_k_accuracy(truth: Answers, answer: Float64, weights: Float64) -> Float64:
    """Share of rows whose class is among the `_TOP` likeliest; of ties, later classes first."""
    own = answer[np.arange(len(truth)), truth.astype(np.int64)][:, None]
    later = np.arange(answer.shape[1]) > truth[:, None]
    ahead = (answer > own) | ((answer == own) & later)
    return _mean((ahead.sum(axis=1) < _TOP).astype(np.float64), weights)


def _cost(truth: Answers, answer: Float64, weights: Float64, *, costs: Float64) -> Float64:
    """Mean cost of the labels (two classes), or of the labels of the least expected cost."""
    label = _label(answer) if answer.ndim == 1 else (answer @ costs).argmin(axis=1)
    return _mean(costs[truth.astype(np.int64), label], weights)


def _balanced_accuracy(truth: Answers, answer: Float64, weights: Float64) -> Float64:
    """Mean recall over the classes that occur."""
    counts = _confusion(truth, answer, weights)
    recalls = _share(_diagonal(counts), counts.sum(axis=2), empty=np.nan)
    return np.asarray(np.nanmean(recalls, axis=1))


Average = Literal["", "macro", "weighted"]
"""Over classes: plain; by how often each occurs; or, empty, class 1 of two and else plain."""


def _over_classes(
    truth: Answers,
    answer: Float64,
    weights: Float64,
    *,
    precision: float,
    average: Average = "",
) -> Float64:
    """Precision, recall or a harmonic mean of them, of each class; then the mean.

    ``precision`` is its share in the harmonic mean: 1 for precision alone, 0 for recall alone,
    a half for F1. Classes that neither occur nor are answered do not count.
    """
    counts = _confusion(truth, answer, weights)
    answered, present = counts.sum(axis=1), counts.sum(axis=2)
    scores = _share(_diagonal(counts), precision * answered + (1 - precision) * present)
    if answer.ndim == 1 and not average:
        return np.asarray(scores[:, 1])
    shares = present if average == "weighted" else (answered + present > 0).astype(np.float64)
    return np.asarray((scores * shares).sum(axis=1) / shares.sum(axis=1))


def _matthews(truth: Answers, answer: Float64, weights: Float64) -> Float64:
    """Matthews correlation coefficient for any number of classes (Gorodkin 2004)."""
    counts = _confusion(truth, answer, weights)
    answered, present = counts.sum(axis=1), counts.sum(axis=2)
    total = present.sum(axis=1)
    together = _diagonal(counts).sum(axis=1) * total - (answered * present).sum(axis=1)
    spread = [total**2 - (part**2).sum(axis=1) for part in (answered, present)]
    return _share(together, np.sqrt(np.maximum(spread[0] * spread[1], 0.0)))


def _kappa(truth: Answers, answer: Float64, weights: Float64) -> Float64:
    """Agreement beyond chance (Cohen 1960); 0 where chance alone agrees wholly."""
    counts = _confusion(truth, answer, weights)
    total = counts.sum(axis=(1, 2))
    by_chance = (counts.sum(axis=1) * counts.sum(axis=2)).sum(axis=1) / total
    return _share(_diagonal(counts).sum(axis=1) - by_chance, total - by_chance)


def _confusion(truth: Answers, answer: Float64, weights: Float64) -> Float64:
    """Weight of the rows by true class and label, (n_samples, n_classes, n_classes)."""
    classes = 2 if answer.ndim == 1 else answer.shape[1]
    cell = truth.astype(np.int64) * classes + _label(answer)
    counts = [np.bincount(cell, weights=row, minlength=classes**2) for row in weights]
    return np.reshape(counts, (len(weights), classes, classes))


def _diagonal(counts: Float64) -> Float64:
    return np.asarray(np.diagonal(counts, axis1=1, axis2=2))


def _share(part: Float64, whole: Float64, *, empty: float = 0.0) -> Float64:
    """``part / whole``; ``empty`` where there is nothing to divide by."""
    return np.divide(part, whole, out=np.full_like(part, empty), where=whole > 0)


def _label(answer: Float64) -> npt.NDArray[np.int64]:
    return answer.astype(np.int64) if answer.ndim == 1 else answer.argmax(axis=1)


_NUMBERS: frozenset[Kind] = frozenset({"regression"})
_CLASSES: frozenset[Kind] = frozenset({"binary", "multiclass"})


def _of_numbers(name: str, title: str, measure: Measure) -> Metric:
    return Metric(name=name, title=title, better="lower", kinds=_NUMBERS, measure=measure)


def _of_labels(name: str, title: str, measure: Measure) -> Metric:
    return Metric(
        name=name, title=title, better="higher", kinds=_CLASSES, measure=measure, labels=True
    )


def _of_chances(name: str, title: str, measure: Measure) -> Metric:
    return Metric(name=name, title=title, better="higher", kinds=_CLASSES, measure=measure)


def _averages(name: str, title: str, precision: float) -> Iterable[Metric]:
    """A label metric that is a mean over classes, in its three forms."""
    measure = partial(_over_classes, precision=precision)
    yield _of_labels(name, title, measure)
    yield _of_labels(
        f"{name}_macro", f"{title}, mean over classes", partial(measure, average="macro")
    )
    yield _of_labels(
        f"{name}_weighted",
        f"{title}, mean over classes by their size",
        partial(measure, average="weighted"),
    )


METRICS = {
    metric.name: metric
    for metric in (
        replace(_of_numbers("mae", "mean absolute error", _mae), constant="median"),
        _of_numbers("rmse", "root mean squared error", _rmse),
        _of_numbers("mse", "mean squared error", _mse),
        replace(_of_numbers("r2", "coefficient of determination", _r2), better="higher"),
        replace(_of_numbers("mape", "mean absolute relative error", _mape), constant="median"),
        replace(_of_numbers("median_ae", "median absolute error", _median_ae), constant="median"),
        replace(_of_numbers("rmsle", "root mean squared logarithmic error", _rmsle), least=0.0),
        replace(_of_numbers("msle", "mean squared logarithmic error", _msle), least=0.0),
        replace(
            _of_numbers("poisson_deviance", "mean Poisson deviance", _poisson_deviance), least=0.0
        ),
        replace(
            _of_numbers("explained_variance", "explained variance", _explained_variance),
            better="higher",
        ),
        _of_numbers("max_error", "largest error", _max_error),
        _of_chances(
            "roc_auc", "area under the ROC curve", partial(_one_against_rest, measure=_roc_auc)
        ),
        _of_chances(
            "roc_auc_ovo", "area under the ROC curve, over pairs of classes", _one_against_one
        ),
        _of_chances(
            "average_precision",
            "average precision",
            partial(_one_against_rest, measure=_average_precision),
        ),
        replace(_of_chances("log_loss", "log-loss", _log_loss), better="lower"),
        replace(_of_chances("brier", "Brier score", _brier), better="lower"),
        _of_labels("accuracy", "accuracy", _accuracy),
        replace(
            _of_chances("top_k_accuracy", f"accuracy of the {_TOP} likeliest", _top_k_accuracy),
            kinds=frozenset({"multiclass"}),
        ),
        _of_labels("balanced_accuracy", "balanced accuracy", _balanced_accuracy),
        *_averages("f1", "F1 score", 0.5),
        *_averages("precision", "precision", 1.0),
        *_averages("recall", "recall", 0.0),
        _of_labels("matthews_corrcoef", "Matthews correlation coefficient", _matthews),
        _of_labels("cohen_kappa", "Cohen's kappa", _kappa),
    )
}
"""Every metric by name, but ``cost`` and ``pinball``, which `find_metric` makes."""

ALIASES = {
    "neg_mean_absolute_error": "mae",
    "neg_root_mean_squared_error": "rmse",
    "neg_mean_squared_error": "mse",
    "neg_mean_absolute_percentage_error": "mape",
    "neg_median_absolute_error": "median_ae",
    "neg_root_mean_squared_log_error": "rmsle",
    "neg_mean_squared_log_error": "msle",
    "neg_mean_poisson_deviance": "poisson_deviance",
    "neg_max_error": "max_error",
    "neg_mean_pinball_loss": "pinball",
    "roc_auc_ovr": "roc_auc",
    "neg_log_loss": "log_loss",
    "neg_brier_score": "brier",
}
"""scikit-learn's names of metrics that have another one here."""
