"""What both estimators share: reading rows, searching, answering by the graph, being kept."""

from __future__ import annotations

import html
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from numbers import Integral, Real
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
import polars as pl
from sklearn.base import BaseEstimator
from sklearn.utils import Tags, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import (
    check_is_fitted,
    validate_data,
)

from assay.automl.duration import budget_seconds
from assay.automl.folds import deal_folds
from assay.automl.leaderboard import Leaderboard
from assay.automl.proof import prove_within
from assay.automl.rows import (
    frame_of_array,
    is_frame,
    read_frame,
    typed,
)
from assay.automl.saved import Description, Saved, read_saved, write_saved
from assay.automl.search import search
from assay.automl.shown import html_leaderboard, progress_of
from assay.automl.spec import SearchSpec
from assay.automl.training import (
    Answers,
    Training,
    answers_given,
    pose_training,
)
from assay.data.contract import Contract
from assay.errors import InputError
from assay.model.answer import Answer
from assay.model.compile import compile_plan
from assay.model.explain import contributions, reference_row
from assay.model.inputs import graph_inputs
from assay.model.plan import Array, ClassLabel
from assay.model.scorer import Scorer
from assay.progress import Progress
from assay.question import Kind

_LEAST_SHARE = 0.1
"""Share of the budget that the search gets, however long it took to read the rows."""
_PROOF_SHARE = 0.05
"""Share of the budget that the whole proof of parity may take."""
_SHOWN = 8
"""Missing columns that a message names."""


class UnusableInput(InputError, ValueError):
    """An `InputError` that code written for scikit-learn can catch as a ``ValueError``."""

    def __init__(self, error: InputError) -> None:
        super().__init__(error.message, hint=error.hint, where=error.where)
        self.code = error.code


class AssayEstimator(BaseEstimator):  # type: ignore[misc]
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
        return head + (html_leaderboard(self.leaderboard_) if hasattr(self, "graph_") else "")

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
        progress = progress_of(self.verbose)
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


def _seed(random_state: Any) -> int:
    if isinstance(random_state, int | np.integer):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))


def _threads(n_jobs: int | None) -> int:
    """Threads as a search counts them: 0 is one a core."""
    return 0 if n_jobs is None or n_jobs < 0 else n_jobs


def _array_names(columns: int) -> list[str]:
    return [f"x{i}" for i in range(columns)]


@contextmanager
def _value_errors() -> Iterator[None]:
    """Let code written for scikit-learn catch Assay's refusals as it catches others."""
    try:
        yield
    except ValueError:
        raise
    except InputError as error:
        raise UnusableInput(error) from error


def _summary(board: Leaderboard) -> str:
    finished = sum(trial.status == "finished" for trial in board.trials)
    return (
        f"{finished} trials; {board.metric} {board.ensemble_score:,.4g} cross-validated, the same "
        f"answer for everyone {board.baseline:,.4g}"
    )
