"""AutoML alone, as scikit-learn estimators: `AssayClassifier` and `AssayRegressor`.

``fit`` runs the search on all rows, compiles the winner to one ONNX graph and proves the graph
equal to it. From then on the graph answers: what is saved, deployed or copied into another
process is the very function that ``predict`` asks. No pickle is needed to keep it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils import assert_all_finite
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.multiclass import check_classification_targets

from assay.automl.estimator_base import AssayEstimator
from assay.automl.parity import EVENTS, Parity
from assay.automl.saved import Description
from assay.automl.training import (
    class_names,
)
from assay.errors import InvalidTable, NotApplicable
from assay.model.plan import Array, ClassLabel, Float64
from assay.progress import Progress
from assay.question import Kind


class AssayClassifier(ClassifierMixin, AssayEstimator):  # type: ignore[misc]
    """Classify rows by the best model that a budget can find, compiled to one ONNX graph.

    Parameters
    ----------
    budget : str or float
        Wall-clock time of ``fit``: ``"60s"``, ``"5min"``, ``"2h"``, or seconds.
    metric : str
        Score to improve: a name of `assay.automl.METRICS`; empty: ROC AUC for two classes,
        log-loss for more.
    random_state : int, RandomState or None
        The same number and ``max_trials`` give the same model.
    families : sequence of str
        Allow-list of model families; empty: all installed.
    transparent : {"any", "glassbox"}
        ``glassbox``: only families that a person can read.
    max_trials : int, optional
        Make exactly this many trials, whatever the clock says.
    n_jobs : int, optional
        Threads of the search; None or -1: one a core.
    compute : str
        Where trials run: ``auto``, ``threads``, ``processes`` or the address of a Ray cluster.
    parallel : int
        Trials at a time.
    costs : dict, optional
        ``{actual: {predicted: cost}}`` by class; pairs that are not named cost nothing.
    monotone : dict, optional
        Columns with which the answer must not fall or rise: ``increasing`` or ``decreasing``.
    ordered : dict, optional
        Levels of ordered categories, lowest first.
    ignore : sequence of str
        Columns that the model must not see.
    time : str, optional
        Column by which folds follow each other in time; it is no feature.
    coverage : float
        Share of answers that prediction sets should cover, in (0, 1).
    max_megabytes, max_row_ms : float, optional
        Largest graph, and longest answer to one row, that may win.
    fairness : str
        Column whose groups are a second objective; empty: none.
    mitigate : {"", "reweighing", "thresholds", "constrained"}
        How these groups are made more alike; ``leaderboard_.mitigation`` tells before and after.
    parity : {"demographic_parity", "equal_opportunity", "equalised_odds"}
        Which rates thresholds or constraints make alike.
    learning_curve : bool
        Whether to measure what more rows would bring.
    semi_supervised : bool
        Whether rows whose answer is missing may be learned from too.
    verbose : bool or Progress
        Whether to tell the terminal, or whom else, how the search goes.

    Attributes
    ----------
    classes_ : ndarray, shape (n_classes,)
        Sorted, as they were given.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only where the rows had named columns.
    leaderboard_ : Leaderboard
    why_ : str
        Why the winner won.
    graph_ : bytes
        The ONNX graph that answers.
    plan_ : ModelPlan
    contract_ : Contract
        What each column may hold, and why some are no features.
    out_of_fold_ : polars.DataFrame
        See `assay.automl.SearchResult`; ``row`` is the position among the rows given to ``fit``.
    parity_ : ParityReport or None
        The whole proof of parity; None where it would have taken more than a twentieth of the
        budget, and graph and model were compared on rows as they came only.
    reference_ : dict
        The row of typical values that `explain` compares with.
    notes_ : tuple of str
        Columns that were set aside and why, and what to know about the search.
    """

    _parameter_constraints = AssayEstimator._parameter_constraints | {
        "costs": [Mapping, None],
        "mitigate": [StrOptions({"", "reweighing", "thresholds", "constrained"})],
        "parity": [StrOptions(set(EVENTS))],
    }

    def __init__(
        self,
        *,
        budget: str | float = "60s",
        metric: str = "",
        random_state: Any = 0,
        families: Sequence[str] = (),
        transparent: Literal["any", "glassbox"] = "any",
        max_trials: int | None = None,
        n_jobs: int | None = None,
        compute: str = "auto",
        parallel: int = 1,
        costs: Mapping[Any, Mapping[Any, float]] | None = None,
        monotone: Mapping[str, Literal["increasing", "decreasing"]] | None = None,
        ordered: Mapping[str, Sequence[str]] | None = None,
        ignore: Sequence[str] = (),
        time: str | None = None,
        coverage: float = 0.9,
        max_megabytes: float | None = None,
        max_row_ms: float | None = None,
        fairness: str = "",
        mitigate: Literal["", "reweighing", "thresholds", "constrained"] = "",
        parity: Parity = "demographic_parity",
        learning_curve: bool = False,
        semi_supervised: bool = False,
        verbose: bool | Progress = False,
    ) -> None:
        self.budget = budget
        self.metric = metric
        self.random_state = random_state
        self.families = families
        self.transparent = transparent
        self.max_trials = max_trials
        self.n_jobs = n_jobs
        self.compute = compute
        self.parallel = parallel
        self.costs = costs
        self.monotone = monotone
        self.ordered = ordered
        self.ignore = ignore
        self.time = time
        self.coverage = coverage
        self.max_megabytes = max_megabytes
        self.max_row_ms = max_row_ms
        self.fairness = fairness
        self.mitigate = mitigate
        self.parity = parity
        self.learning_curve = learning_curve
        self.semi_supervised = semi_supervised
        self.verbose = verbose

    def predict(self, X: Any) -> Array:
        """Label of each row, shape (n_rows,), of the dtype of ``classes_``."""
        answer = self._answer(X)
        return np.asarray(self.classes_[answer.label])

    def predict_proba(self, X: Any) -> Float64:
        """Calibrated probabilities, shape (n_rows, n_classes), in the order of ``classes_``."""
        answer = self._answer(X)
        assert answer.probabilities is not None
        return np.asarray(answer.probabilities, dtype=np.float64)

    def predict_set(self, X: Any) -> npt.NDArray[np.bool_]:
        """Which classes each row may be of, at the coverage asked for (split conformal).

        Returns
        -------
        ndarray of bool, shape (n_rows, n_classes)

        Raises
        ------
        NotApplicable
            There were too few rows to calibrate sets.
        """
        sets = self._answer(X).sets
        if sets is None:
            raise _too_few("prediction sets")
        return sets

    def _target(self, answers: Array) -> tuple[Kind, tuple[str, ...], pl.Series]:
        check_classification_targets(answers)
        if answers.dtype.kind == "f":
            assert_all_finite(answers, input_name="y")
        classes, codes = np.unique(answers, return_inverse=True)
        if len(classes) < 2:
            raise InvalidTable(
                "All rows to learn from are of one class.",
                hint="A classifier needs rows of two classes or more.",
            )
        self.classes_ = classes
        names = class_names(classes)
        series = pl.Series([names[code] for code in codes.tolist()])
        return "binary" if len(classes) == 2 else "multiclass", names, series

    def _labels(self) -> tuple[ClassLabel, ...]:
        plain = self.classes_.dtype.kind in "biuf"
        return tuple(self.classes_.tolist()) if plain else ()

    def _further_settings(self, names: tuple[str, ...]) -> dict[str, Any]:
        """Costs by the names of classes, whichever way their keys were written."""
        written = dict(zip(self.classes_.tolist(), names, strict=True))
        costs = {
            written.get(actual, str(actual)): {
                written.get(said, str(said)): float(cost) for said, cost in row.items()
            }
            for actual, row in (self.costs or {}).items()
        }
        return {"costs": costs, "mitigate": self.mitigate, "parity": self.parity}

    def _description(self) -> Description:
        costs = [[actual, list(row.items())] for actual, row in (self.costs or {}).items()]
        description = super()._description()
        return msgspec.structs.replace(
            description,
            params=description.params | {"costs": costs or None},
            classes=tuple(self.classes_.tolist()),
            classes_dtype=self.classes_.dtype.str,
        )

    def _restore(self, description: Description) -> None:
        self.classes_ = np.array(description.classes, dtype=description.classes_dtype)
        pairs = description.params["costs"]
        self.costs = {actual: dict(row) for actual, row in pairs} if pairs else None


class AssayRegressor(RegressorMixin, AssayEstimator):  # type: ignore[misc]
    """Predict numbers by the best model that a budget can find, compiled to one ONNX graph.

    Parameters
    ----------
    quantiles : sequence of float
        Answer these quantiles, each in (0, 1): `predict_quantiles` gives all of them, and
        ``predict`` the one nearest to the median.

    Notes
    -----
    All other parameters and attributes are those of `AssayClassifier`, but for ``costs``,
    ``mitigate``, ``parity`` and ``classes_``. ``metric`` is by default the mean absolute error.
    """

    _parameter_constraints = AssayEstimator._parameter_constraints | {"quantiles": ["array-like"]}

    def __init__(
        self,
        *,
        budget: str | float = "60s",
        metric: str = "",
        random_state: Any = 0,
        families: Sequence[str] = (),
        transparent: Literal["any", "glassbox"] = "any",
        max_trials: int | None = None,
        n_jobs: int | None = None,
        compute: str = "auto",
        parallel: int = 1,
        quantiles: Sequence[float] = (),
        monotone: Mapping[str, Literal["increasing", "decreasing"]] | None = None,
        ordered: Mapping[str, Sequence[str]] | None = None,
        ignore: Sequence[str] = (),
        time: str | None = None,
        coverage: float = 0.9,
        max_megabytes: float | None = None,
        max_row_ms: float | None = None,
        fairness: str = "",
        learning_curve: bool = False,
        semi_supervised: bool = False,
        verbose: bool | Progress = False,
    ) -> None:
        self.budget = budget
        self.metric = metric
        self.random_state = random_state
        self.families = families
        self.transparent = transparent
        self.max_trials = max_trials
        self.n_jobs = n_jobs
        self.compute = compute
        self.parallel = parallel
        self.quantiles = quantiles
        self.monotone = monotone
        self.ordered = ordered
        self.ignore = ignore
        self.time = time
        self.coverage = coverage
        self.max_megabytes = max_megabytes
        self.max_row_ms = max_row_ms
        self.fairness = fairness
        self.learning_curve = learning_curve
        self.semi_supervised = semi_supervised
        self.verbose = verbose

    def predict(self, X: Any) -> Float64:
        """The value of each row, shape (n_rows,), in the unit of ``y``."""
        answer = self._answer(X)
        if answer.values is None:
            return answer.prediction
        middle = int(np.abs(np.sort(self.quantiles) - 0.5).argmin())
        return np.asarray(answer.values[:, middle])

    def predict_quantiles(self, X: Any) -> Float64:
        """The quantiles asked for, shape (n_rows, n_quantiles), in ascending order.

        Raises
        ------
        NotApplicable
            The estimator was fitted without ``quantiles``.
        """
        answer = self._answer(X)
        if answer.values is None:
            raise NotApplicable(
                "This regressor was fitted to answer one number a row.",
                hint="Set `quantiles`, for example (0.1, 0.5, 0.9), and fit again.",
            )
        return answer.values

    def predict_interval(self, X: Any) -> Float64:
        """Lower and upper bound at the coverage asked for (split conformal).

        Returns
        -------
        ndarray of float64, shape (n_rows, 2)

        Raises
        ------
        NotApplicable
            There were too few rows to calibrate an interval.
        """
        answer = self._answer(X)
        if answer.lower is None or answer.upper is None or answer.lower.ndim > 1:
            raise _too_few("an interval")
        return np.column_stack([answer.lower, answer.upper])

    def _target(self, answers: Array) -> tuple[Kind, tuple[str, ...], pl.Series]:
        if answers.dtype.kind == "c":
            raise ValueError("Complex data not supported: y holds complex numbers.")
        values = answers.astype(np.float64)
        assert_all_finite(values, input_name="y")
        return "regression", (), pl.Series(values)

    def _further_settings(self, names: tuple[str, ...]) -> dict[str, Any]:  # noqa: ARG002
        return {"quantiles": tuple(sorted(map(float, self.quantiles)))}


def _too_few(what: str) -> NotApplicable:
    return NotApplicable(
        f"There were too few rows to calibrate {what} at the coverage asked for.",
        hint="Lower `coverage`, or give more rows.",
    )
