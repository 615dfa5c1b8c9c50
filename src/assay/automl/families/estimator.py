"""Any estimator of one's own as a family of the search, if the compiler can take it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from assay.automl.families.fitted import FittedModel, numbered
from assay.automl.family import Answers, Params, Task, Validation, View
from assay.errors import InputError, NotCompilable
from assay.model.plan import Float32, Float64
from assay.model.readers import check_compilable
from assay.model.readers.wrappers import holds_trees
from assay.question import Kind

if TYPE_CHECKING:
    import optuna

Choice = str | int | float | bool | None

SEEDS = ("random_state", "random_seed")
THREADS = ("n_jobs", "thread_count", "nthread")


class EstimatorFamily:
    """A clonable estimator in the style of scikit-learn as a family.

    Trees read the features as they are. Any other model reads features that are brought to mean
    0 and deviation 1 first, unless it is a `Pipeline`, which is left to scale as it likes.

    Parameters
    ----------
    estimator : object
        Not fitted; it is cloned before every fit. Its random state and threads are set by the
        search.
    name : str
        By default its class in lower case.
    transparent : bool
        Whether a person can read it as a sum of one- or two-column effects.
    tasks : collection of {"regression", "binary", "multiclass"}, optional
        By default all that it can do.
    needs : {"linear", "trees"}, optional
        Which features it reads; by default ``trees`` for trees, else ``linear``.
    choices : mapping of str to sequence, optional
        Values that the search may set a parameter to, the default first:
        ``{"max_depth": (None, 4, 8)}``.

    Raises
    ------
    NotCompilable
        The compiler cannot take it. Nothing has been trained by then.

    Examples
    --------
    >>> from sklearn.ensemble import RandomForestRegressor
    >>> family = EstimatorFamily(RandomForestRegressor(200), choices={"max_features": (1.0, 0.3)})
    >>> family.name, sorted(family.tasks), family.needs
    ('randomforestregressor', ['regression'], 'trees')
    """

    place = 60
    stops_early = False

    def __init__(
        self,
        estimator: Any,
        *,
        name: str = "",
        transparent: bool = False,
        tasks: Sequence[Kind] | frozenset[Kind] | None = None,
        needs: View | None = None,
        choices: Mapping[str, Sequence[Choice]] | None = None,
    ) -> None:
        self.estimator = estimator
        self.tasks: frozenset[Kind] = _able(estimator, tasks)
        self.name = name or type(_innermost(estimator)).__name__.lower()
        self.transparent = transparent
        self.needs: View = needs or ("trees" if holds_trees(estimator) else "linear")
        self.choices = {key: tuple(values) for key, values in (choices or {}).items()}
        self.takes_weights = _takes_weights(estimator)

    def candidates(self, task: Task, *, rows: int, columns: int) -> tuple[Params, ...]:  # noqa: ARG002
        """The first choice of every parameter; then each with its second, one at a time."""
        default: Params = {key: values[0] for key, values in self.choices.items()}
        others = [
            {**default, key: values[1]} for key, values in self.choices.items() if len(values) > 1
        ]
        return (default, *others)

    def suggest(self, trial: optuna.trial.BaseTrial, task: Task) -> Params:  # noqa: ARG002
        """One of its choices for each parameter."""
        return {key: trial.suggest_categorical(key, values) for key, values in self.choices.items()}

    def fit(
        self,
        X: Float32,
        y: Answers,
        *,
        task: Task,
        params: Params,
        seed: int,
        weights: Float64 | None = None,
        validation: Validation | None = None,  # noqa: ARG002 - no rounds to choose
        threads: int = 1,
    ) -> FittedModel:
        """Fit a clone; classes are numbered anew where some are absent.

        Raises
        ------
        InputError
            There are weights, and the estimator takes none.
        """
        model = self._prepared(params, seed=seed, threads=threads)
        present, answers = numbered(y, task)
        model.fit(X, answers, **self._weights(model, weights))
        return FittedModel(
            family=self.name, params=dict(params), task=task, model=model, present=present
        )

    def _prepared(self, params: Params, *, seed: int, threads: int) -> Any:
        from sklearn.base import clone

        model = clone(self.estimator).set_params(**params)
        own = model.get_params()
        settings = dict.fromkeys((key for key in own if _last(key) in SEEDS), seed)
        settings |= dict.fromkeys((key for key in own if _last(key) in THREADS), threads)
        model.set_params(**settings)
        return model if holds_trees(model) or hasattr(model, "steps") else _scaled(model)

    def _weights(self, model: Any, weights: Float64 | None) -> dict[str, Any]:
        if weights is None:
            return {}
        if not self.takes_weights:
            raise InputError(
                f"Family {self.name!r} takes no weights.",
                hint="Choose an estimator whose fit has sample_weight.",
            )
        steps = getattr(model, "steps", None)
        return {f"{steps[-1][0]}__sample_weight" if steps else "sample_weight": weights}


def _able(estimator: Any, tasks: Sequence[Kind] | frozenset[Kind] | None) -> frozenset[Kind]:
    """Tasks that it can do and the compiler can take; an error where there are none."""
    check_compilable(estimator)
    able: set[Kind] = set()
    refused: NotCompilable | None = None
    for kind, classes in _suited(estimator).items():
        if tasks is not None and kind not in tasks:
            continue
        try:
            check_compilable(estimator, classes=classes)
        except NotCompilable as reason:
            refused = reason
        else:
            able.add(kind)
    if refused is not None and (tasks is not None or not able):
        raise refused
    if not able:
        raise NotCompilable(
            type(estimator).__name__,
            "it does none of the tasks it is meant for",
            hint="Give a classifier for classes, a regressor for numbers.",
        )
    return frozenset(able)


def _suited(estimator: Any) -> dict[Kind, int]:
    """Tasks of its kind, and the fewest classes that each has."""
    from sklearn.base import is_classifier, is_regressor

    if is_classifier(estimator):
        return {"binary": 2, "multiclass": 3}
    return {"regression": 0} if is_regressor(estimator) else {}


def _scaled(model: Any) -> Any:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), model)


def _innermost(estimator: Any) -> Any:
    return estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator


def _takes_weights(estimator: Any) -> bool:
    from sklearn.utils.validation import has_fit_parameter

    return bool(has_fit_parameter(_innermost(estimator), "sample_weight"))


def _last(key: str) -> str:
    return key.rpartition("__")[2]
