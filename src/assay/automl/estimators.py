"""AutoML alone, as scikit-learn estimators: `AssayClassifier` and `AssayRegressor`.

``fit`` runs the search on all rows, compiles the winner to one ONNX graph and proves the graph
equal to it. From then on the graph answers: what is saved, deployed or copied into another
process is the very function that ``predict`` asks. No pickle is needed to keep it.
"""

from __future__ import annotations

import html
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from numbers import Integral, Real
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import Tags, assert_all_finite, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    check_is_fitted,
    validate_data,
)

from assay.automl.folds import deal_folds
from assay.automl.leaderboard import Leaderboard
from assay.automl.parity import EVENTS, Parity
from assay.automl.proof import prove_within
from assay.automl.rows import (
    frame_of_array,
    is_frame,
    read_frame,
    typed,
)
from assay.automl.saved import Description, Saved, read_saved, write_saved
from assay.automl.search import search
from assay.automl.spec import SearchSpec
from assay.automl.training import (
    Answers,
    Training,
    answers_given,
    class_names,
    pose_training,
    question_of,
)
from assay.data.contract import Contract
from assay.data.kinds import infer_kind, label_text
from assay.data.source import read_table
from assay.errors import InputError, InvalidTable, NotApplicable, UnknownColumn
from assay.model.answer import Answer
from assay.model.compile import compile_plan
from assay.model.explain import contributions, reference_row
from assay.model.inputs import graph_inputs
from assay.model.plan import Array, ClassLabel, Float64
from assay.model.scorer import Scorer
from assay.progress import Progress, Silent, Standing
from assay.question import Kind

_UNITS = {"": 1.0, "s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_LEAST_SHARE = 0.1
"""Share of the budget that the search gets, however long it took to read the rows."""
_PROOF_SHARE = 0.05
"""Share of the budget that the whole proof of parity may take."""
_SHOWN = 8
"""Missing columns that a message names."""
_MOST_ROWS = 15
"""Trials that a notebook shows."""


class UnusableInput(InputError, ValueError):
    """An `InputError` that code written for scikit-learn can catch as a ``ValueError``."""

    def __init__(self, error: InputError) -> None:
        super().__init__(error.message, hint=error.hint, where=error.where)
        self.code = error.code


class _AssayEstimator(BaseEstimator):  # type: ignore[misc]
    """What both estimators share; the parameters are told in each of them."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "budget": [str, Interval(Real, 0, None, closed="neither")],
        "metric": [str],
        "random_state": ["random_state"],
        "families": ["array-like"],
        "transparent": [StrOptions({"any", "glassbox"})],
        "max_trials": [Interval(Integral, 1, None, closed="left"), None],
        "n_jobs": [Integral, None],
        "compute": [str],
        "parallel": [Interval(Integral, 1, None, closed="left")],
        "monotone": [Mapping, None],
        "ordered": [Mapping, None],
        "ignore": ["array-like"],
        "time": [str, None],
        "coverage": [Interval(Real, 0, 1, closed="neither")],
        "max_megabytes": [Interval(Real, 0, None, closed="neither"), None],
        "max_row_ms": [Interval(Real, 0, None, closed="neither"), None],
        "fairness": [str],
        "learning_curve": ["boolean"],
        "semi_supervised": ["boolean"],
    }

    budget: str | float
    metric: str
    random_state: Any
    families: Sequence[str]
    transparent: Literal["any", "glassbox"]
    max_trials: int | None
    n_jobs: int | None
    compute: str
    parallel: int
    monotone: Mapping[str, Literal["increasing", "decreasing"]] | None
    ordered: Mapping[str, Sequence[str]] | None
    ignore: Sequence[str]
    time: str | None
    coverage: float
    max_megabytes: float | None
    max_row_ms: float | None
    fairness: str
    learning_curve: bool
    semi_supervised: bool
    verbose: bool | Progress

    def fit(self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None) -> Self:
        """Search, compile, prove.

        Parameters
        ----------
        X : array or frame, shape (n_rows, n_columns)
            NumPy, pandas, Polars, Arrow or anything with the Arrow capsule interface, a dict of
            columns, or a list of rows. Missing cells and infinities are accepted.
        y : array, shape (n_rows,)
            The answers.
        sample_weight : array, shape (n_rows,), optional
            Rows of weight 0 are left out.
        groups : array, shape (n_rows,), optional
            Rows of one group are never on both sides of a fold.

        Raises
        ------
        ValueError
            The rows or a parameter cannot be used; where Assay itself refuses them, the error is
            an `assay.errors.InputError` too, with a hint.
        ParityFailed
            Graph and Python model disagree.
        """
        began = time.monotonic()
        self._validate_params()
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None."
            )
        with _value_errors():
            training, answers, unlabelled = self._read(X, y, sample_weight, groups)
            spec = self._spec(training.names, spent_s=time.monotonic() - began)
            self._search(training, answers, unlabelled, spec)
        return self

    def save(self, path: str | Path) -> None:
        """Write the fitted estimator as a folder, without any pickle.

        The folder holds ``model.onnx`` (the whole model, for any ONNX runtime),
        ``contract.json``, ``leaderboard.json`` and ``estimator.json``. It appears whole or not
        at all; an older folder of this sort is replaced.

        Raises
        ------
        InvalidFile
            The place holds something else, or cannot be written.
        """
        check_is_fitted(self)
        saved = Saved(
            description=self._description(),
            graph=self.graph_,
            contract=self.contract_,
            leaderboard=self.leaderboard_,
        )
        write_saved(saved, Path(path))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` wrote; ``plan_`` and ``out_of_fold_`` are not among it.

        Raises
        ------
        InvalidFile
            The folder holds no estimator of this class.
        """
        saved = read_saved(Path(path), cls.__name__)
        told = saved.description
        params = {n: tuple(v) if isinstance(v, list) else v for n, v in told.params.items()}
        estimator = cls(**params)
        estimator._take(saved.graph, saved.contract, saved.leaderboard, told.reference)
        estimator.n_features_in_ = len(told.features)
        if told.named:
            estimator.feature_names_in_ = np.array(told.features, dtype=object)
        estimator._restore(told)
        return estimator

    def explain(self, X: Any) -> pl.DataFrame:
        """What each column brought to each answer, against a row of typical values.

        Shapley values of the graph itself: a row adds up to the difference between its answer
        and that of the typical row, ``reference_``. Answers are as in
        `assay.model.explain.contributions`: the prediction, the probability of ``classes_[1]``,
        or that of the label among more classes.

        Returns
        -------
        polars.DataFrame, one row a row of ``X``, one column a column that the model reads

        Raises
        ------
        NotApplicable
            The model reads more than 400 columns.
        """
        check_is_fitted(self)
        with _value_errors():
            inputs = self._inputs(X)
        shares = contributions(self._scorer, inputs, self.reference_)
        return pl.DataFrame(shares, schema=[i.name for i in self._scorer.inputs], orient="row")

    @property
    def why_(self) -> str:
        """Why the winner won."""
        check_is_fitted(self)
        return self.leaderboard_.why

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.target_tags.required = True
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "graph_")

    def __getstate__(self) -> dict[str, Any]:
        """Without the open session, which is made again from the graph."""
        state = dict(super().__getstate__())
        state.pop("_scorer", None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "graph_" in state:
            self._scorer = Scorer(self.graph_)

    def _repr_html_(self) -> str:
        """Parameters and, once fitted, the leaderboard."""
        head = f"<p><code>{html.escape(repr(self))}</code></p>"
        return head + (_html_leaderboard(self.leaderboard_) if hasattr(self, "graph_") else "")

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}

    def _read(
        self, X: Any, y: Any, sample_weight: Any, groups: Any
    ) -> tuple[Training, Answers, pl.DataFrame]:
        """The question that the rows ask, what belongs to them, and rows without an answer."""
        frame = self._read_rows(X)
        answers = answers_given(frame, y, sample_weight=sample_weight, groups=groups)
        if not answers.known.all() and not self.semi_supervised:
            raise ValueError(
                "Input y contains NaN. Leave these rows out, or set semi_supervised=True to learn "
                "from rows without an answer too."
            )
        kind, names, target = self._target(answers.values[answers.rows])
        training = pose_training(
            frame,
            answers,
            target,
            kind=kind,
            names=names,
            time_column=self.time,
            ignore=tuple(self.ignore),
        )
        return training, answers, frame.filter(~answers.known)

    def _read_rows(self, X: Any) -> pl.DataFrame:
        if not is_frame(X):
            array = validate_data(
                self, X, dtype=None, ensure_all_finite=False, ensure_min_samples=2
            )
            return frame_of_array(array)
        frame = read_frame(X)
        self.n_features_in_ = frame.width
        self.feature_names_in_ = np.array(frame.columns, dtype=object)
        return frame

    def _target(self, answers: Array) -> tuple[Kind, tuple[str, ...], pl.Series]:
        """Kind of question, names of the classes, and the answers as the search reads them."""
        raise NotImplementedError

    def _labels(self) -> tuple[ClassLabel, ...]:
        """Classes as the user's own values, where they are no strings."""
        return ()

    def _further_settings(self, names: tuple[str, ...]) -> dict[str, Any]:  # noqa: ARG002
        """Settings of the search that only one of the estimators has."""
        return {}

    def _search(
        self, training: Training, answers: Answers, unlabelled: pl.DataFrame, spec: SearchSpec
    ) -> None:
        question, contract = training.question, training.contract
        features = typed(contract, training.frame)
        usable = features.hstack(training.frame.drop(features.columns))
        further: dict[str, Any] = {}
        if answers.weights is not None:
            further["weights"] = answers.weights
        if unlabelled.height:
            further["unlabelled"] = typed(contract, unlabelled)
        progress = _progress(self.verbose)
        progress.start("Searching", about_s=None if spec.max_trials else spec.budget_s)
        found = search(
            usable,
            contract=contract,
            kind=training.kind,
            target=question.target,
            folds=deal_folds(
                training.frame, question, kind=training.kind, seed=spec.seed, contract=contract
            ),
            spec=spec,
            progress=progress,
            **further,
        )
        plan = replace(found.plan, output=replace(found.plan.output, labels=self._labels()))
        graph = compile_plan(plan)
        self.parity_ = prove_within(_PROOF_SHARE * spec.budget_s, plan, graph, usable, found)
        self._take(graph, contract, found.leaderboard, reference_row(plan.inputs, usable))
        self.plan_ = plan
        self.notes_ = (*training.notes, *found.leaderboard.notes)
        at = pl.Series("row", answers.rows[found.out_of_fold["row"].to_numpy()])
        self.out_of_fold_ = found.out_of_fold.with_columns(at)
        progress.finish("search", _summary(found.leaderboard))

    def _spec(self, names: tuple[str, ...], *, spent_s: float) -> SearchSpec:
        """What to search for, in what is left of the budget after the rows were read."""
        budget_s = budget_seconds(self.budget)
        settings: dict[str, Any] = {
            "metric": self.metric,
            "budget_s": max((1 - _PROOF_SHARE) * budget_s - spent_s, _LEAST_SHARE * budget_s),
            "families": tuple(self.families),
            "seed": _seed(self.random_state),
            "max_trials": self.max_trials,
            "coverage": self.coverage,
            "threads": _threads(self.n_jobs),
            "compute": self.compute,
            "parallel": self.parallel,
            "transparent": self.transparent,
            "max_megabytes": self.max_megabytes,
            "max_row_ms": self.max_row_ms,
            "monotone": dict(self.monotone or {}),
            "ordered": {name: tuple(levels) for name, levels in (self.ordered or {}).items()},
            "fairness": self.fairness,
            "learning_curve": self.learning_curve,
            **self._further_settings(names),
        }
        return SearchSpec(**settings)

    def _take(
        self,
        graph: bytes,
        contract: Contract,
        leaderboard: Leaderboard,
        reference: dict[str, float | str | None],
    ) -> None:
        """What a fitted estimator needs to answer."""
        self.graph_ = graph
        self.contract_ = contract
        self.leaderboard_ = leaderboard
        self.reference_ = reference
        self._scorer = Scorer(graph)

    def _restore(self, description: Description) -> None:
        """What only one of the estimators keeps."""

    def _description(self) -> Description:
        named = hasattr(self, "feature_names_in_")
        names = self.feature_names_in_ if named else _array_names(self.n_features_in_)
        params = self.get_params(deep=False) | {"verbose": False}
        if not isinstance(self.random_state, int | None):
            params["random_state"] = self.leaderboard_.seed
        return Description(
            estimator=type(self).__name__,
            params=params,
            features=tuple(map(str, names)),
            named=named,
            reference=self.reference_,
        )

    def _answer(self, X: Any) -> Answer:
        check_is_fitted(self)
        with _value_errors():
            return self._scorer.score(self._inputs(X))

    def _inputs(self, X: Any) -> dict[str, Array]:
        """The columns that the graph takes."""
        if is_frame(X):
            return self._inputs_of_frame(read_frame(X))
        array = validate_data(self, X, reset=False, dtype=None, ensure_all_finite=False)
        names = self._names()
        if array.dtype.kind in "biuf" and all(i.kind == "number" for i in self._scorer.inputs):
            matrix = np.asfortranarray(array, dtype=np.float64)
            place = {name: i for i, name in enumerate(names)}
            at = [(item.name, place[item.name]) for item in self._scorer.inputs]
            return {name: matrix[:, i : i + 1] for name, i in at}
        frame = frame_of_array(array)
        return self._typed_inputs(frame.rename(dict(zip(frame.columns, names, strict=True))))

    def _inputs_of_frame(self, frame: pl.DataFrame) -> dict[str, Array]:
        """By name where names were seen in training, else by position as for an array."""
        if not hasattr(self, "feature_names_in_"):
            validate_data(self, frame, reset=False, skip_check_array=True)
            frame = frame.rename(
                dict(zip(frame.columns, _array_names(self.n_features_in_), strict=True))
            )
        needed = [column.name for column in self.contract_.features]
        missing = sorted(set(needed) - set(frame.columns))
        if missing:
            raise ValueError(
                "The feature names should match those that were passed during fit.\n"
                "Feature names seen at fit time, yet now missing:\n"
                + "".join(f"- {name}\n" for name in missing[:_SHOWN])
                + ("- ...\n" if len(missing) > _SHOWN else "")
            )
        return self._typed_inputs(frame)

    def _typed_inputs(self, frame: pl.DataFrame) -> dict[str, Array]:
        return graph_inputs(self._scorer.inputs, typed(self.contract_, frame))

    def _names(self) -> Sequence[str]:
        named: Sequence[str] | None = getattr(self, "feature_names_in_", None)
        return _array_names(self.n_features_in_) if named is None else named


class AssayClassifier(ClassifierMixin, _AssayEstimator):  # type: ignore[misc]
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

    _parameter_constraints = _AssayEstimator._parameter_constraints | {
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


class AssayRegressor(RegressorMixin, _AssayEstimator):  # type: ignore[misc]
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

    _parameter_constraints = _AssayEstimator._parameter_constraints | {"quantiles": ["array-like"]}

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


def fit_table(
    table: Any, target: str, *, groups: str | None = None, **settings: Any
) -> AssayClassifier | AssayRegressor:
    """Fit the estimator that suits the target of a table.

    Parameters
    ----------
    table : path or table
        Whatever `assay.data.read_table` reads.
    target : str
        Column that holds the answers. Rows without one are left out, unless
        ``semi_supervised`` is set.
    groups : str, optional
        Column whose groups stay whole in every fold; it is no feature.
    **settings
        Parameters of `AssayClassifier` or `AssayRegressor`.

    Raises
    ------
    UnknownColumn
        A named column is not in the table.
    InvalidTable, InvalidFile
        The table cannot be read, or cannot carry the question.
    """
    frame = read_table(table)
    for name in filter(None, (target, groups)):
        if name not in frame.columns:
            raise UnknownColumn(name, frame.columns)
    known = frame.filter(pl.col(target).is_not_null())
    if known.is_empty():
        raise InvalidTable(
            f"The target {target!r} is missing in every row.",
            hint="Choose a column that holds the answers of the past.",
        )
    kind, _ = infer_kind(known, question_of(target))
    make = AssayRegressor if kind == "regression" or settings.get("quantiles") else AssayClassifier
    rows = frame if settings.get("semi_supervised") else known
    answers = _answers_of(rows, target, make)
    apart = [name for name in (target, groups) if name is not None]
    return make(**settings).fit(
        rows.drop(apart), answers, groups=None if groups is None else rows[groups]
    )


def _answers_of(rows: pl.DataFrame, target: str, make: type[_AssayEstimator]) -> pl.Series:
    """The target as the estimator takes it: fractions that are classes become text."""
    answers = rows[target]
    if make is AssayClassifier:
        return label_text(answers) if answers.dtype.is_float() else answers
    if not answers.dtype.is_numeric() or bool(answers.is_infinite().any()):
        raise InvalidTable(
            f"The target {target!r} is not a finite number in every row.",
            hint="Correct these cells, or leave `quantiles` out to ask for a class.",
        )
    return answers


def budget_seconds(budget: str | float) -> float:
    """Seconds of a budget.

    Raises
    ------
    InputError
        It is no positive duration.

    Examples
    --------
    >>> budget_seconds("60s"), budget_seconds("5min"), budget_seconds("2h"), budget_seconds(30)
    (60.0, 300.0, 7200.0, 30.0)
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", str(budget).lower())
    unit = found[2] if found else "?"
    if found is None or unit not in _UNITS or float(found[1]) == 0:
        raise InputError(
            "The budget is no positive duration.",
            hint="Write seconds, or a number with a unit: 60s, 5min, 2h.",
        )
    return float(found[1]) * _UNITS[unit]


def _seed(random_state: Any) -> int:
    if isinstance(random_state, int | np.integer):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))


def _threads(n_jobs: int | None) -> int:
    """Threads as a search counts them: 0 is one a core."""
    return 0 if n_jobs is None or n_jobs < 0 else n_jobs


def _array_names(columns: int) -> list[str]:
    return [f"x{i}" for i in range(columns)]


def _too_few(what: str) -> NotApplicable:
    return NotApplicable(
        f"There were too few rows to calibrate {what} at the coverage asked for.",
        hint="Lower `coverage`, or give more rows.",
    )


@contextmanager
def _value_errors() -> Iterator[None]:
    """Let code written for scikit-learn catch Assay's refusals as it catches others."""
    try:
        yield
    except ValueError:
        raise
    except InputError as error:
        raise UnusableInput(error) from error


def _progress(verbose: bool | Progress) -> Progress:
    if isinstance(verbose, bool):
        return _Lines() if verbose else Silent()
    return verbose


class _Lines:
    """One plain line on standard error for each piece of news."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def start(self, step: str, *, about_s: float | None = None) -> None:
        """A step begins."""
        self._say(step + (f", about {about_s:.0f} s" if about_s else ""))

    def update(self, fraction: float, note: str = "") -> None:  # noqa: ARG002
        """The current step goes on."""
        self._say(note)

    def board(self, best: Sequence[Standing]) -> None:
        """The notes say what is best."""

    def finish(self, step: str, summary: str) -> None:
        """A step ended."""
        self._say(f"{step}: {summary}")

    def _say(self, text: str) -> None:
        print(f"{time.monotonic() - self._began:7.1f} s  {text}", file=sys.stderr)


def _summary(board: Leaderboard) -> str:
    finished = sum(trial.status == "finished" for trial in board.trials)
    return (
        f"{finished} trials; {board.metric} {board.ensemble_score:,.4g} cross-validated, the same "
        f"answer for everyone {board.baseline:,.4g}"
    )


def _html_leaderboard(board: Leaderboard) -> str:
    """The best trials as an HTML table."""
    done = [t for t in board.trials if t.score is not None]
    rows = "".join(
        f"<tr><td>{t.number}</td><td>{html.escape(t.family)}</td><td>{t.score:.4g}</td>"
        f"<td>{t.weight:.0%}</td><td>{t.fit_s:.2f}</td></tr>"
        for t in done[:_MOST_ROWS]
    )
    cells = "".join(
        f"<th>{name}</th>" for name in ("trial", "family", board.metric, "weight", "fit s")
    )
    return (
        f"<p>{html.escape(board.why)}</p><table><caption>Leaderboard, {board.better} is better"
        f"</caption><thead><tr>{cells}</tr></thead><tbody>{rows}</tbody></table>"
    )
