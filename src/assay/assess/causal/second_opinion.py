"""The same question, asked of EconML: an independent average effect, and a causal forest.

Needs the extra ``causal``. Sources: V. Chernozhukov et al., Double/debiased machine learning
(2018); S. Athey, J. Tibshirani and S. Wager, Generalized random forests, Annals of Statistics 47
(2019).
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from assay.assess.causal.prepare import Prepared
from assay.assess.causal.record import Effect, SecondOpinion
from assay.assess.statistics import Bool, Float64
from assay.errors import MissingExtra

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
TREES = 200
SHOWN = 8
"""Columns that the forest's splits depend on most."""


def ask_econml(
    data: Prepared, kept: Bool, *, confidence: float, folds: int, seed: int
) -> SecondOpinion:
    """Average effect of the first contrast, and how effects vary, among the rows ``kept``.

    Raises
    ------
    MissingExtra
        EconML is not installed.
    """
    try:
        import econml  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name != "econml":
            raise
        raise MissingExtra("econml", extra="causal", purpose="A second opinion") from None
    rows = kept & (np.asarray(data.treatment) <= 1) if data.levels else kept
    X, y = data.design[rows], data.outcome[rows]
    given = np.asarray(data.treatment)[rows]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        name, effect = _average(data, X, y, given, confidence=confidence, folds=folds, seed=seed)
        spread, depends_on = _forest(data, X, y, given, folds=folds, seed=seed)
    return SecondOpinion(estimator=name, effect=effect, spread=spread, depends_on=depends_on)


def _average(
    data: Prepared,
    X: Float64,
    y: Float64,
    given: Any,
    *,
    confidence: float,
    folds: int,
    seed: int,
) -> tuple[str, Effect]:
    from econml.dml import LinearDML
    from econml.dr import LinearDRLearner

    common = {"cv": folds, "random_state": seed}
    held = X if X.shape[1] else None
    if data.levels:
        name = "LinearDRLearner"
        model = LinearDRLearner(
            model_propensity=_classifier(seed), model_regression=_regressor(seed), **common
        )
    else:
        name = "LinearDML"
        model = LinearDML(model_y=_regressor(seed), model_t=_regressor(seed), **common)
    model.fit(y, given, X=None, W=held)
    found = model.effect_inference(T0=0, T1=1)
    low, high = (float(np.ravel(end)[0]) for end in found.conf_int(alpha=2 * (1 - confidence)))
    value = float(np.ravel(found.point_estimate)[0])
    return name, Effect(value=value, lower=low, upper=high, rows=len(y))


def _forest(
    data: Prepared, X: Float64, y: Float64, given: Any, *, folds: int, seed: int
) -> tuple[tuple[float, ...], dict[str, float]]:
    """Quantiles of the rows' effects, and the columns that they depend on."""
    from econml.dml import CausalForestDML

    if not X.shape[1]:
        return (), {}
    model = CausalForestDML(
        model_y=_regressor(seed),
        model_t=_classifier(seed) if data.levels else _regressor(seed),
        discrete_treatment=bool(data.levels),
        n_estimators=TREES,
        cv=folds,
        random_state=seed,
        n_jobs=1,
    )
    model.fit(y, given, X=X)
    told = np.quantile(np.ravel(model.effect(X, T0=0, T1=1)), QUANTILES)
    shares: dict[str, float] = {}
    for column, share in zip(data.sources, np.ravel(model.feature_importances_), strict=True):
        shares[column] = shares.get(column, 0.0) + float(share)
    largest = sorted(shares.items(), key=lambda item: (-item[1], item[0]))[:SHOWN]
    return tuple(float(value) for value in told), dict(largest)


def _classifier(seed: int) -> Any:
    from lightgbm import LGBMClassifier

    return LGBMClassifier(**_settings(seed))


def _regressor(seed: int) -> Any:
    from lightgbm import LGBMRegressor

    return LGBMRegressor(**_settings(seed))


def _settings(seed: int) -> dict[str, Any]:
    return {
        "n_estimators": 100,
        "learning_rate": 0.05,
        "num_leaves": 12,
        "n_jobs": 1,
        "verbosity": -1,
        "random_state": seed,
    }
