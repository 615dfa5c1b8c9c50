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
Bool = npt.NDArray[np.bool_]
Array = npt.NDArray[Any]

Link = Literal["identity", "sigmoid", "softmax", "exp"]
"""What turns a member's raw score into its prediction; `exp` serves counts, amounts, scores."""
DatePart = Literal["year", "month", "day", "weekday", "day_of_year", "hour"]
Arithmetic = Literal["add", "subtract", "multiply", "divide"]
Analyzer = Literal["word", "char"]
OutputKind = Literal["regression", "binary", "multiclass", "vector", "clusters", "anomaly"]
ClassLabel = str | int | float | bool


@dataclass(frozen=True, kw_only=True)
class NumberEncoder:
    """A number as one float32 feature: fill where missing, bound, subtract, cast.

    ``feature = float32(clip(x, low, high) - offset)``, in double before the cast; a missing
    value becomes ``fill`` first. ``low`` and ``high`` bound extrapolation and tame infinities.
    Booleans are numbers 0 and 1; dates are days since 1970-01-01 as a double. A ``fill`` of
    NaN keeps missing values missing, for trees that send them a way of their own.
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
    empty string. A value of NaN is a missing feature, for trees that send it a way of its own.
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
class HashEncoder:
    """A category as ``buckets`` features, 1.0 in the bucket of its hash; missing: all 0.

    The bucket is MurmurHash3 (32 bits, A. Appleby) of the UTF-8 bytes modulo ``buckets``.
    """

    column: str
    buckets: int
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class CrossEncoder:
    """Two categories together as one float32 feature by look-up.

    ``levels`` are distinct pairs; the empty string stands for a missing cell and may be part
    of a pair. Any other pair has the value ``unseen``.
    """

    columns: tuple[str, str]
    levels: tuple[tuple[str, str], ...]
    values: tuple[float, ...]
    unseen: float


@dataclass(frozen=True, kw_only=True)
class PairEncoder:
    """Two numbers as one float32 feature: sum, difference, product or quotient, in double.

    What has no result (a missing cell, 0 / 0) becomes ``fill``; then ``low`` and ``high``
    bound it, infinities included.
    """

    columns: tuple[str, str]
    operation: Arithmetic
    fill: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class DateEncoder:
    """A date (days since 1970-01-01, double) as parts of the calendar and the clock.

    Year, month (1-12), day (1-31), weekday (0 = Monday), day of the year (1-366), hour (0-23).
    A missing value becomes ``fill``; days outside the years 1 to 9999 are brought to the
    nearest end of them.
    """

    column: str
    fill: float
    parts: tuple[DatePart, ...] = ("month", "weekday")


@dataclass(frozen=True, kw_only=True)
class TextEncoder:
    """A short text as one feature a term: how often the term occurs, times its weight.

    ``terms`` are n-grams, each a tuple of tokens. Tokens of ``word``: runs of ASCII letters,
    digits, underscores and characters beyond ASCII; of ``char``: single characters. Tokens of
    ASCII alone are in lower case (the locale "C"), others as written. With ``unit_length``
    each row's features are divided by their Euclidean length, as in TF-IDF.
    """

    column: str
    analyzer: Analyzer
    terms: tuple[tuple[str, ...], ...]
    weights: tuple[float, ...]
    unit_length: bool = True


@dataclass(frozen=True, kw_only=True)
class HashedTextEncoder:
    """A short text as ``buckets`` features: how many of its n-grams hash into each.

    Tokens as in `TextEncoder`; an n-gram is its tokens with a blank between (``word``) or
    nothing (``char``), for each n from ``shortest`` to ``longest``; hashed as in `HashEncoder`.
    """

    column: str
    analyzer: Analyzer
    buckets: int
    shortest: int = 1
    longest: int = 1
    unit_length: bool = True
    seed: int = 0


Encoder = (
    NumberEncoder
    | MissingEncoder
    | LevelEncoder
    | OneHotEncoder
    | HashEncoder
    | CrossEncoder
    | PairEncoder
    | DateEncoder
    | TextEncoder
    | HashedTextEncoder
)


@dataclass(frozen=True, kw_only=True)
class LinearMember:
    """``(x - center) / scale @ weights + intercept``, in double.

    ``center``, ``scale``: (n_features,); ``weights``: (n_features, n_outputs);
    ``intercept``: (n_outputs,). The features are the plan's ``features`` at ``columns``.
    Serves linear, logistic and quantile regression, PCA and truncated SVD.
    """

    family: str
    columns: tuple[int, ...]
    center: Float64
    scale: Float64
    weights: Float64
    intercept: Float64
    link: Link = "identity"


@dataclass(frozen=True, kw_only=True)
class TreesMember:
    """A sum of trees: go left where ``feature <= threshold`` (both float32), sum the leaves.

    All trees lie in one set of node arrays. ``left[i] == -1`` marks a leaf. ``feature`` counts
    within ``columns``. ``values``: (n_nodes, n_outputs), zero off the leaves. ``base``:
    (n_outputs,), added in double.

    Missing features go left where ``missing_left`` says so, else right; without it encoders
    must fill every feature. Node i goes left where its feature is one of the whole numbers
    ``sets[set_of[i]]`` instead, where ``set_of`` is given and ``set_of[i] >= 0``.
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
    link: Link = "identity"
    missing_left: Bool | None = None
    set_of: Int32 | None = None
    sets: tuple[Float32, ...] = ()


@dataclass(frozen=True, kw_only=True)
class NetworkMember:
    """A feed-forward network on standardised features, in double.

    ``h = activation(h @ weights[i] + biases[i])`` for every layer but the last, which has no
    activation.
    """

    family: str
    columns: tuple[int, ...]
    center: Float64
    scale: Float64
    weights: tuple[Float64, ...]
    biases: tuple[Float64, ...]
    activation: Literal["identity", "relu", "tanh", "logistic"]
    link: Link = "identity"


@dataclass(frozen=True, kw_only=True)
class NeighboursMember:
    """The mean answer of the ``k`` nearest training rows, by Euclidean distance in double.

    ``rows``: (n_rows, n_features), standardised by ``center`` and ``scale`` as features are;
    ``values``: (n_rows, n_outputs). ``by_distance`` weighs a row by the inverse of its
    distance; where some are 0, only those count. Equal distances are settled by the order of
    ``rows``.
    """

    family: str
    columns: tuple[int, ...]
    center: Float64
    scale: Float64
    rows: Float64
    values: Float64
    k: int
    by_distance: bool = False
    link: Link = "identity"


@dataclass(frozen=True, kw_only=True)
class QuadraticMember:
    """A bias less a sum of squares for each output, in double: k-means, Gaussian mixtures.

    ``score[k] = bias[k] - sum((z @ directions - offsets)[group == k] ** 2)`` with the
    standardised features z. ``directions``: (n_features, n_squares); ``offsets`` and ``group``:
    (n_squares,); ``bias``: (n_outputs,).
    """

    family: str
    columns: tuple[int, ...]
    center: Float64
    scale: Float64
    directions: Float64
    offsets: Float64
    group: Int32
    bias: Float64
    link: Link = "identity"


Member = LinearMember | TreesMember | NetworkMember | NeighboursMember | QuadraticMember


@dataclass(frozen=True, kw_only=True)
class LogitCalibration:
    """Binary: ``sigmoid(slope * logit(p) + intercept)``, Platt scaling of the mean's logit.

    Multiclass: ``softmax(slope * log p)``, temperature scaling by 1 / slope.
    """

    slope: float = 1.0
    intercept: float = 0.0


@dataclass(frozen=True, kw_only=True)
class BetaCalibration:
    """``sigmoid(a * log(p) - b * log(1 - p) + c)``; a, b, c: one number a calibrated class.

    Binary: one. Multiclass: each class against the rest, then divided by their sum. Source:
    M. Kull, T. Silva Filho and P. Flach, Beta calibration, AISTATS 2017.
    """

    a: tuple[float, ...]
    b: tuple[float, ...]
    c: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class IsotonicCalibration:
    """Straight lines between knots ``(p, value)``, flat beyond the first and the last.

    One tuple of knots a calibrated class, as in `BetaCalibration`. Knots are at least 1e-4
    apart: nearer ones would turn the last digits of a probability into a step.
    """

    knots: tuple[tuple[float, ...], ...]
    values: tuple[tuple[float, ...], ...]


Calibration = LogitCalibration | BetaCalibration | IsotonicCalibration


@dataclass(frozen=True, kw_only=True)
class Output:
    """From the members' mean (or the stack's answer) to the answer.

    Regression and vector: the mean is in a transformed scale; ``transform`` brings it back
    (``log``: exp; ``log1p``: exp - 1; ``box-cox`` and ``yeo-johnson``: their inverses at
    ``power``) after ``center + scale * mean``. ``interval`` is the conformal quantile of
    absolute residuals in the transformed scale, at ``coverage``; None where there were too
    few rows. A vector has several numbers a row, called ``names``: targets, quantiles
    (``sorted_names``: put in ascending order, so that they never cross) or components.

    Classification: members give probabilities (binary: of ``classes[1]``; width 1); the mean
    is calibrated; ``threshold`` decides the binary label; ``interval`` is the conformal
    threshold q on 1 - p of the true class, for prediction sets. ``labels`` are the classes as
    the user's own values, where they are no strings. With ``costs`` (multiclass: a row a true
    class, a column a label, both in the order of ``classes``) the label is the one whose
    expected cost is least, and the first of those that tie; without, the likeliest class.

    Clusters: one score a cluster of ``names``; the label is the largest. Anomaly: one score,
    larger is stranger; the label is 1 from ``threshold`` on.
    """

    kind: OutputKind
    transform: Literal["identity", "log", "log1p", "box-cox", "yeo-johnson"] = "identity"
    power: float = 1.0
    center: float = 0.0
    scale: float = 1.0
    classes: tuple[str, ...] = ()
    labels: tuple[ClassLabel, ...] = ()
    names: tuple[str, ...] = ()
    sorted_names: bool = False
    calibration: Calibration | None = None
    costs: tuple[tuple[float, ...], ...] = ()
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
    """A whole model, preparation included.

    The members' predictions are averaged by ``weights``; or, with ``stack``, laid side by side
    in order (n_members x n_outputs, double) and read by that linear member instead, in which
    case there are no weights.

    Binary: ``cut``, a linear member of one output without a link, gives each row a threshold of
    its own from the plan's features, and then stands for ``output.threshold``: the same
    probability may lead to another label in another group.
    """

    inputs: tuple[Input, ...]
    encoders: tuple[Encoder, ...]
    members: tuple[Member, ...]
    weights: tuple[float, ...]
    output: Output
    stack: LinearMember | None = None
    cut: LinearMember | None = None
    feature_names: tuple[str, ...] = field(default=())
    """Name of each feature that the encoders make, in order; engineered ones say from what."""


def columns_of(encoder: Encoder) -> tuple[str, ...]:
    """The columns that an encoder reads."""
    if isinstance(encoder, (CrossEncoder, PairEncoder)):
        return encoder.columns
    return (encoder.column,)
