"""The neutral description of a fitted model: columns → encoders → members → weights → output.

A plan holds plain numbers and names. The search writes it, `compile_plan` turns it into one
ONNX graph, and nothing of the libraries that fitted it is left.

Every member reads float32 features that the plan's own encoders compute, so that what was
fitted and what the graph computes are the same numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int32 = npt.NDArray[np.int32]
Array = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class NumberEncoder:
    """A number as one float32 feature: fill where missing, bound, subtract, cast.

    ``feature = float32(clip(x, low, high) - offset)``, in double before the cast; a missing
    value becomes ``fill`` first. ``low`` and ``high`` bound extrapolation and tame infinities.
    Booleans are numbers 0 and 1; dates are days since 1970-01-01 as a double.
    """

    column: str
    fill: float
    low: float
    high: float
    offset: float = 0.0


@dataclass(frozen=True, kw_only=True)
class MissingEncoder:
    """1.0 where the column is missing, else 0.0 (category columns: the empty string)."""

    column: str


@dataclass(frozen=True, kw_only=True)
class LevelEncoder:
    """A category as one float32 feature by look-up; ``missing`` is the empty string's value.

    Serves ordinal, frequency and target encoding alike. ``levels`` are distinct and hold no
    empty string.
    """

    column: str
    levels: tuple[str, ...]
    values: tuple[float, ...]
    missing: float
    unseen: float


@dataclass(frozen=True, kw_only=True)
class OneHotEncoder:
    """A category as ``len(levels) + 1`` features: one a level, the last for all the rest."""

    column: str
    levels: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class DateEncoder:
    """A date (days since 1970-01-01, double) as month (1-12) and weekday (0 = Monday).

    A missing value becomes ``fill``; days outside the years 1 to 9999 are brought to the
    nearest end of them.
    """

    column: str
    fill: float


Encoder = NumberEncoder | MissingEncoder | LevelEncoder | OneHotEncoder | DateEncoder


@dataclass(frozen=True, kw_only=True)
class LinearMember:
    """``(x - center) / scale @ weights + intercept``, in double.

    ``center``, ``scale``: (n_features,); ``weights``: (n_features, n_outputs);
    ``intercept``: (n_outputs,). The features are the plan's ``features`` at ``columns``.
    """

    family: str
    columns: tuple[int, ...]
    center: Float64
    scale: Float64
    weights: Float64
    intercept: Float64
    link: Literal["identity", "sigmoid", "softmax"] = "identity"


@dataclass(frozen=True, kw_only=True)
class TreesMember:
    """A sum of trees: go left where ``feature <= threshold`` (both float32), sum the leaves.

    All trees lie in one set of node arrays. ``left[i] == -1`` marks a leaf. ``feature`` counts
    within ``columns``. ``values``: (n_nodes, n_outputs), zero off the leaves. ``base``:
    (n_outputs,), added in double. Missing features never occur: encoders fill them.
    """

    family: str
    columns: tuple[int, ...]
    roots: Int32
    feature: Int32
    threshold: Float32
    left: Int32
    right: Int32
    values: Float64
    base: Float64
    link: Literal["identity", "sigmoid", "softmax"] = "identity"


Member = LinearMember | TreesMember


@dataclass(frozen=True, kw_only=True)
class Output:
    """From the members' weighted mean to the answer.

    Regression: the mean is in the transformed scale; ``transform`` brings it back
    (``log``: exp). ``interval`` is the conformal quantile of absolute residuals in the
    transformed scale, at ``coverage``; None where there were too few rows.

    Classification: members give probabilities (binary: of ``classes[1]``; width 1); the mean
    is calibrated on the logit as ``slope * logit + intercept`` (multiclass: temperature,
    ``softmax(slope * log p)``); ``threshold`` decides the binary label; ``interval`` is the
    conformal threshold q on 1 - p of the true class, for prediction sets.
    """

    kind: Literal["regression", "binary", "multiclass"]
    transform: Literal["identity", "log"] = "identity"
    classes: tuple[str, ...] = ()
    slope: float = 1.0
    intercept: float = 0.0
    threshold: float = 0.5
    interval: float | None = None
    coverage: float = 0.9


@dataclass(frozen=True, kw_only=True)
class Input:
    """One column the graph takes.

    ``number``: double, NaN where missing. ``category``: string, empty where missing.
    """

    name: str
    kind: Literal["number", "category"]


@dataclass(frozen=True, kw_only=True)
class ModelPlan:
    """A whole model, preparation included."""

    inputs: tuple[Input, ...]
    encoders: tuple[Encoder, ...]
    members: tuple[Member, ...]
    weights: tuple[float, ...]
    output: Output
    feature_names: tuple[str, ...] = field(default=())
    """Name of each feature that the encoders make, in order; engineered ones say from what."""
