"""Calibrations and target scales that scikit-learn fitted, as parts of an `Output`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from assay.errors import InputError
from assay.model.plan import Calibration, IsotonicCalibration, LogitCalibration, Output
from assay.model.soundness import LEAST_GAP

_METHODS = ("box-cox", "yeo-johnson")


def merge_knots(
    knots: Sequence[float], values: Sequence[float]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """A rising curve whose knots lie at least 1e-4 apart.

    Isotonic regression puts two knots side by side where it steps; between them the last
    digits of a probability would decide. Each run of near knots becomes its first, with the
    mean of their values, so that the curve rises over the distance to the next.

    Parameters
    ----------
    knots, values : sequence of float
        Ascending, of one length.

    Examples
    --------
    >>> merge_knots([0.1, 0.10002, 0.5], [0.0, 0.4, 1.0])
    ((0.1, 0.5), (0.2, 1.0))
    """
    kept: list[float] = []
    runs: list[list[float]] = []
    for knot, value in zip(knots, values, strict=True):
        if kept and knot - kept[-1] < LEAST_GAP:
            runs[-1].append(float(value))
        else:
            kept.append(float(knot))
            runs.append([float(value)])
    means = [float(np.clip(np.mean(run), 0.0, 1.0)) for run in runs]
    return tuple(kept), tuple(means)


def read_calibration(*fitted: Any) -> Calibration:
    """What scikit-learn fitted to calibrate, one calibrator a calibrated class.

    Parameters
    ----------
    *fitted : IsotonicRegression, or LogisticRegression of the logit
        Binary: one, of the chance of the second class. Multiclass: isotonic, one a class.

    Raises
    ------
    InputError
        It is none of these.

    Examples
    --------
    >>> from sklearn.isotonic import IsotonicRegression
    >>> curve = IsotonicRegression(out_of_bounds="clip").fit([0.1, 0.2, 0.9], [0.0, 1.0, 1.0])
    >>> read_calibration(curve).values
    ((0.0, 1.0, 1.0),)
    """
    kinds = {type(calibrator).__name__ for calibrator in fitted}
    if kinds == {"IsotonicRegression"}:
        curves = [merge_knots(f.X_thresholds_, f.y_thresholds_) for f in fitted]
        return IsotonicCalibration(
            knots=tuple(knots for knots, _ in curves), values=tuple(values for _, values in curves)
        )
    if kinds == {"LogisticRegression"} and len(fitted) == 1 and fitted[0].coef_.shape == (1, 1):
        slope, intercept = fitted[0].coef_[0, 0], fitted[0].intercept_[0]
        return LogitCalibration(slope=float(slope), intercept=float(intercept))
    raise InputError(
        f"A calibration by {', '.join(sorted(kinds)) or 'nothing'} is not known.",
        hint="Pass IsotonicRegression, one a class, or one LogisticRegression of the logit.",
    )


def with_power_scale(output: Output, transformer: Any) -> Output:
    """The output brought back from the scale of a fitted PowerTransformer of one column.

    Raises
    ------
    InputError
        It is not fitted on one column.

    Examples
    --------
    >>> from sklearn.preprocessing import PowerTransformer
    >>> scale = PowerTransformer(standardize=False).fit([[1.0], [2.0], [9.0]])
    >>> output = with_power_scale(Output(kind="regression"), scale)
    >>> output.transform, round(output.power, 3) == round(float(scale.lambdas_[0]), 3)
    ('yeo-johnson', True)
    """
    lambdas: Any = getattr(transformer, "lambdas_", [])
    if len(lambdas) != 1 or transformer.method not in _METHODS:
        raise InputError(
            "A power scale of a target must be fitted on that target alone.",
            hint="Fit PowerTransformer on one column.",
        )
    center, scale = 0.0, 1.0
    if transformer.standardize:
        inner = transformer._scaler
        center, scale = float(inner.mean_[0]), float(inner.scale_[0])
    return replace(
        output, transform=transformer.method, power=float(lambdas[0]), center=center, scale=scale
    )
