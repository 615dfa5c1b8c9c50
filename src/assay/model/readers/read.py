"""The door to the readers: a model's class decides which of them reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import Any, Protocol

import numpy as np

from assay.errors import NotCompilable
from assay.model.plan import Float64, Member
from assay.model.readers.outputs import beside
from assay.model.readers.settings import Numbers

READERS: dict[str, tuple[str, ...]] = {
    "lightgbm": ("lightgbm.Booster", "lightgbm.LGBMClassifier", "lightgbm.LGBMRegressor"),
    "xgboost": ("xgboost.Booster", "xgboost.XGBClassifier", "xgboost.XGBRegressor"),
    "catboost": (
        "catboost.CatBoost",
        "catboost.CatBoostClassifier",
        "catboost.CatBoostRegressor",
    ),
    "ebm": (
        "interpret.ExplainableBoostingClassifier",
        "interpret.ExplainableBoostingRegressor",
    ),
    "sklearn_trees": (
        "sklearn.DecisionTreeClassifier",
        "sklearn.DecisionTreeRegressor",
        "sklearn.RandomForestClassifier",
        "sklearn.RandomForestRegressor",
        "sklearn.ExtraTreesClassifier",
        "sklearn.ExtraTreesRegressor",
    ),
    "sklearn_boosting": (
        "sklearn.GradientBoostingClassifier",
        "sklearn.GradientBoostingRegressor",
    ),
    "sklearn_histograms": (
        "sklearn.HistGradientBoostingClassifier",
        "sklearn.HistGradientBoostingRegressor",
    ),
    "isolation": ("sklearn.IsolationForest",),
    "sklearn_linear": (
        "sklearn.LinearRegression",
        "sklearn.Ridge",
        "sklearn.RidgeCV",
        "sklearn.ElasticNet",
        "sklearn.ElasticNetCV",
        "sklearn.Lasso",
        "sklearn.LassoCV",
        "sklearn.Lars",
        "sklearn.LassoLars",
        "sklearn.OrthogonalMatchingPursuit",
        "sklearn.BayesianRidge",
        "sklearn.ARDRegression",
        "sklearn.HuberRegressor",
        "sklearn.QuantileRegressor",
        "sklearn.TheilSenRegressor",
        "sklearn.SGDRegressor",
        "sklearn.LinearSVR",
        "sklearn.PoissonRegressor",
        "sklearn.GammaRegressor",
        "sklearn.TweedieRegressor",
        "sklearn.LogisticRegression",
        "sklearn.LogisticRegressionCV",
        "sklearn.SGDClassifier",
    ),
    "projection": ("sklearn.PCA", "sklearn.IncrementalPCA", "sklearn.TruncatedSVD"),
    "network": ("sklearn.MLPClassifier", "sklearn.MLPRegressor"),
    "torch": ("torch.Sequential",),
    "neighbours": ("sklearn.KNeighborsClassifier", "sklearn.KNeighborsRegressor"),
    "clusters": (
        "sklearn.KMeans",
        "sklearn.MiniBatchKMeans",
        "sklearn.GaussianMixture",
        "sklearn.BayesianGaussianMixture",
    ),
    "wrappers": (
        "sklearn.Pipeline",
        "sklearn.TransformedTargetRegressor",
        "sklearn.MultiOutputRegressor",
    ),
}
"""Class names, with the library's own name before them, by the module that reads them."""

_MODULES = {name: module for module, names in READERS.items() for name in names}
_ANSWERS = ("predict", "predict_proba", "transform", "score_samples", "decision_function")


class Reader(Protocol):
    """What each module of the readers offers."""

    def check(self, model: Any, *, classes: int) -> None:
        """Refuse what cannot be read; ``classes`` is 0 where their number is not known."""

    def read(self, model: Any, *, columns: tuple[int, ...], family: str) -> Member:
        """The member."""

    def answer(self, model: Any, X: Numbers) -> Float64:
        """The library's own prediction, as `predict_native` gives it."""


def read_member(model: Any, *, columns: tuple[int, ...], family: str = "") -> Member:
    """A fitted model as a member of a plan.

    Parameters
    ----------
    model : object
        A fitted model of a class in `known_models`, fitted on float32 features.
    columns : tuple of int
        The plan's features that it was fitted on, in its own order.
    family : str
        What to call it; by default its class.

    Returns
    -------
    Member
        Of the width that `predict_native` gives. A member whose ``missing_left`` is None takes
        no missing features.

    Raises
    ------
    NotCompilable
        The class is not known, or the model uses what has no counterpart in a plan.
    """
    check_compilable(model)
    return _reader(model).read(model, columns=columns, family=family or type(model).__name__)


def read_beside(
    models: Mapping[Any, Any] | Sequence[Any], *, columns: tuple[int, ...], family: str = ""
) -> Member:
    """Several models of one kind as one member, its outputs side by side.

    Parameters
    ----------
    models : mapping or sequence
        For quantiles a mapping ``{0.1: model, 0.9: model}``: they are put in ascending order;
        other models keep theirs.
    columns, family
        As for `read_member`.

    Raises
    ------
    NotCompilable
        One of them cannot be read.
    InputError
        They differ in kind, link, or what else a member has only once.
    """
    family = family or type(_in_order(models)[0]).__name__
    read = [read_member(m, columns=columns, family=family) for m in _in_order(models)]
    return beside(read)


def predict_native(model: Any, X: Numbers) -> Float64:
    """The library's own answer on float32 features, after the link, as members give it.

    Parameters
    ----------
    model : object, mapping or sequence
        A fitted model, or several as `read_beside` takes them.
    X : array, shape (n_rows, n_features)
        Float32, as the model was fitted on; double only where a scaler stood before the model.

    Returns
    -------
    array, shape (n_rows, width)
        Numbers: one a target. Two classes: the chance of the second. More classes: a chance
        each. K-means: less the squared distance from each centre. Mixtures: a chance a
        component. Isolation forest: its score in (0, 1], larger is stranger. Projections: a
        number a component.

    Raises
    ------
    NotCompilable
        The class of the model is not known.
    """
    if isinstance(model, (Mapping, list, tuple)):
        return np.hstack([predict_native(m, X) for m in _in_order(model)])
    return _reader(model).answer(model, X)


def check_compilable(model: Any, *, classes: int = 0) -> None:
    """Refuse a model that the compiler cannot take, by its class and parameters.

    Parameters
    ----------
    model : object
        Fitted or not. What only a fitted model shows is checked when it is read.
    classes : int
        How many classes it is to tell apart, where that is known; else 0.

    Raises
    ------
    NotCompilable
        Names the model and why; the hint says what would work.
    """
    _reader(model).check(model, classes=classes)


def known_models() -> tuple[str, ...]:
    """Names of the classes that can be read, each with its library before it."""
    return tuple(_MODULES)


def reader_name(model: Any) -> str:
    """The module that reads a model.

    Raises
    ------
    NotCompilable
        The class is not known, or is a subclass that answers in a way of its own.
    """
    for name, kind in _names(model):
        if name in _MODULES:
            return _MODULES[name]
        own = [answer for answer in _ANSWERS if answer in vars(kind)]
        if own and _known_below(model):
            raise NotCompilable(
                type(model).__name__,
                f"it has a {own[0]} of its own, which the reader of its parent would not see",
                hint="Use the library's own class.",
            )
    raise NotCompilable(
        type(model).__name__,
        "no reader knows this class",
        hint=f"{_closest(type(model).__name__)}docs/compilable.md lists all that can be read.",
    )


def _closest(name: str) -> str:
    """The known classes with the nearest names, as a sentence; nothing where none is near."""
    known = sorted({full.partition(".")[2] for full in _MODULES})
    near = get_close_matches(name, known, n=3, cutoff=0.55)
    return f"Closest known: {', '.join(near)}. " if near else ""


def _reader(model: Any) -> Reader:
    return import_module(f"{__package__}.{reader_name(model)}")


def _names(model: Any) -> Iterator[tuple[str, type]]:
    """Name and class of a model and its parents; private modules of a library may move."""
    for kind in type(model).__mro__:
        yield f"{kind.__module__.partition('.')[0]}.{kind.__qualname__}", kind


def _known_below(model: Any) -> bool:
    return any(name in _MODULES for name, _ in _names(model))


def _in_order(models: Mapping[Any, Any] | Sequence[Any]) -> list[Any]:
    if isinstance(models, Mapping):
        return [models[key] for key in sorted(models)]
    return list(models)
