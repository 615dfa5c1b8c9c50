"""Which features are made of which column: encoders learned from training rows only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from assay.automl.family import Answers, Task, View
from assay.data.contract import Column
from assay.errors import InvalidTable
from assay.model.encode import encode, feature_width, name_features
from assay.model.plan import (
    DateEncoder,
    Encoder,
    Float32,
    Float64,
    LevelEncoder,
    MissingEncoder,
    NumberEncoder,
    OneHotEncoder,
    TextEncoder,
    columns_of,
)
from assay.model.text import tokens

Inputs = Mapping[str, npt.NDArray[np.generic]]

SMOOTHING = 10.0
"""Rows of the overall mean that are mixed into a level's mean (Micci-Barreca 2001)."""
INNER_FOLDS = 5
MOST_ONE_HOT = 60
"""Levels of one column that get a feature of their own."""
MANY_LEVELS = 30
"""Columns with more levels also tell how frequent a level is."""
MOST_TERMS = 50
"""Words of one text column that get a feature of their own."""
MOST_CLASSES = 10
"""Classes whose chance by level is a feature."""
LARGE = 2.0**20
"""Magnitudes above this lose digits in float32, so an offset is subtracted in double first."""
LARGEST = 1e37
ROOM = 0.25
"""How far beyond the range seen a number may reach, in ranges: linear members extrapolate so far
and no further, which keeps a slip of the keyboard from becoming an absurd answer."""
BOTH: tuple[View, ...] = ("trees", "linear")


@dataclass(frozen=True, kw_only=True)
class Feature:
    """One encoder, who reads what it makes, and the class whose chance by level it holds.

    ``answer`` is None for features that do not look at the target; 0 for the mean of a number or
    the chance of class 1; otherwise the class.
    """

    encoder: Encoder
    views: tuple[View, ...]
    label: str = ""
    answer: int | None = None


@dataclass(frozen=True, kw_only=True)
class Features:
    """All features of a table."""

    parts: tuple[Feature, ...]

    @property
    def encoders(self) -> tuple[Encoder, ...]:
        """The encoders, in order."""
        return tuple(part.encoder for part in self.parts)

    @property
    def names(self) -> tuple[str, ...]:
        """A name for each feature."""
        return tuple(
            f"{name}: {part.label}" if part.label else name
            for part in self.parts
            for name in name_features([part.encoder])
        )

    def columns(self, view: View) -> tuple[int, ...]:
        """Positions of the features that a family with this view reads."""
        positions: list[int] = []
        start = 0
        for part in self.parts:
            width = feature_width(part.encoder)
            if view in part.views:
                positions += range(start, start + width)
            start += width
        return tuple(positions)


def learn_features(
    columns: Sequence[Column], inputs: Inputs, answers: Float64, *, classes: Sequence[str] = ()
) -> Features:
    """Choose and fit encoders.

    Parameters
    ----------
    columns : sequence of Column
        Feature columns of the contract.
    inputs : mapping of str to array, shape (n_rows, 1)
        Training rows, as `assay.model.inputs.graph_inputs` gives them.
    answers : array, shape (n_rows, n_answers)
        The target as numbers: see `answers_of`.
    classes : sequence of str
        Names of the answers, where there are several.

    Raises
    ------
    InvalidTable
        No column differs between any two rows.

    Examples
    --------
    >>> columns = (Column(name="age", kind="number"), Column(name="fuel", kind="category"))
    >>> inputs = {"age": np.array([[20.0], [np.nan], [40.0], [50.0]]),
    ...           "fuel": np.array([["gas"], ["gas"], ["diesel"], ["gas"]], dtype=object)}
    >>> learn_features(columns, inputs, np.array([[1.0], [2.0], [3.0], [4.0]])).names
    ('age', 'age is missing', 'fuel: mean answer', 'fuel = gas', 'fuel = other')
    """
    parts: list[Feature] = []
    for column in columns:
        values = inputs[column.name].reshape(-1)
        if column.kind in ("category", "text"):
            parts += _category(column, values, answers, classes)
        else:
            parts += _number(column, values.astype(np.float64))
    if not parts:
        raise InvalidTable(
            "No feature column differs between the training rows.",
            hint="Add columns that vary, or give back some of those that are ignored.",
        )
    return Features(parts=tuple(parts))


def answers_of(y: Answers, task: Task) -> Float64:
    """The target as columns to average by level: (n_rows, n_answers).

    The number itself; 0/1 for class 1; 0/1 for each of the first `MOST_CLASSES` classes.
    """
    if task.kind == "multiclass":
        shown = np.arange(min(task.classes, MOST_CLASSES))
        return np.asarray(y[:, None] == shown, dtype=np.float64)
    return np.asarray(y, dtype=np.float64)[:, None]


def fitting_matrix(features: Features, inputs: Inputs, answers: Float64, *, seed: int) -> Float32:
    """The features of the very rows that the encoders were learned from, fit to train on.

    A level's mean answer holds the row's own answer; training on it would teach trust in means
    of few rows. Each row therefore gets the mean over the rows of other inner folds, as
    scikit-learn's ``TargetEncoder`` does.
    """
    X = encode(features.encoders, inputs)
    rows = len(X)
    inner = np.random.default_rng(seed).permutation(rows) % min(INNER_FOLDS, rows)
    start = 0
    for part in features.parts:
        if part.answer is not None:
            values = inputs[columns_of(part.encoder)[0]].reshape(-1)
            codes, _ = _codes(values)
            X[:, start] = _cross_means(codes, answers[:, part.answer], inner)
        start += feature_width(part.encoder)
    return X


def _number(column: Column, values: Float64) -> list[Feature]:
    """A number, a boolean or a date; whether it is missing, where it ever is."""
    seen = values[np.isfinite(values)]
    parts: list[Feature] = []
    if len(seen) and seen.min() < seen.max():
        parts.append(Feature(encoder=_number_encoder(column, seen), views=BOTH))
        if column.kind == "date":
            fill = float(np.median(seen))
            parts.append(Feature(encoder=DateEncoder(column=column.name, fill=fill), views=BOTH))
    missing = int(np.isnan(values).sum())
    if 0 < missing < len(values):
        parts.append(Feature(encoder=MissingEncoder(column=column.name), views=BOTH))
    return parts


def _number_encoder(column: Column, seen: Float64) -> NumberEncoder:
    """Filled with the median, bounded at the range seen, widened by `ROOM` on both sides."""
    low, middle, high = float(seen.min()), float(np.median(seen)), float(seen.max())
    if column.kind == "boolean":
        return NumberEncoder(column=column.name, fill=float(middle >= 0.5), low=0.0, high=1.0)
    width = high - low
    largest = max(abs(low), abs(high))
    far = largest > LARGE or largest > 64 * width or column.kind == "date"
    return NumberEncoder(
        column=column.name,
        fill=float(np.clip(middle, -LARGEST, LARGEST)),
        low=max(low - ROOM * width, -LARGEST),
        high=min(high + ROOM * width, LARGEST),
        offset=float(np.round(np.clip(middle, -LARGEST, LARGEST))) if far else 0.0,
    )


def _category(
    column: Column,
    values: npt.NDArray[np.generic],
    answers: Float64,
    classes: Sequence[str],
) -> list[Feature]:
    """Mean answers by level for trees, one-hot for linear models, frequency where levels abound."""
    counts = Counter(values.tolist())
    if len(counts) < 2:
        return []
    missing = counts.pop("", 0)
    levels = tuple(sorted(counts))
    parts: list[Feature] = []
    if column.kind == "category" and len(levels) > 1:
        codes, order = _codes(values)
        parts += _means(column.name, codes, order, answers, classes)
    if column.kind == "text" or len(levels) > MANY_LEVELS:
        parts.append(_frequency(column.name, counts, missing))
    if column.kind == "text":
        parts += _terms(column.name, values)
    own = _frequent(counts, rows=len(values)) if column.kind == "category" else ()
    if own:
        encoder = OneHotEncoder(column=column.name, levels=own)
        parts.append(Feature(encoder=encoder, views=("linear",)))
    if missing:
        parts.append(Feature(encoder=MissingEncoder(column=column.name), views=BOTH))
    return parts


def _means(
    name: str,
    codes: npt.NDArray[np.int64],
    order: Sequence[str],
    answers: Float64,
    classes: Sequence[str],
) -> list[Feature]:
    """Mean answer of each level, smoothed towards the overall mean."""
    parts = []
    for answer in range(answers.shape[1]):
        y = answers[:, answer]
        prior = float(y.mean())
        table = dict(zip(order, _smooth_means(codes, y, len(order), prior), strict=True))
        encoder = LevelEncoder(
            column=name,
            missing=float(table.pop("", prior)),
            unseen=prior,
            levels=tuple(table),
            values=tuple(float(v) for v in table.values()),
        )
        label = f"chance of {classes[answer]}" if answers.shape[1] > 1 else "mean answer"
        parts.append(Feature(encoder=encoder, views=("trees",), label=label, answer=answer))
    return parts


def _terms(name: str, texts: npt.NDArray[np.generic]) -> list[Feature]:
    """TF-IDF of the words that most texts hold, where they hold any in common.

    The weight of a word is ``ln((1 + rows) / (1 + rows that hold it)) + 1``, as scikit-learn's
    ``TfidfVectorizer`` has it.
    """
    rows = len(texts)
    held = Counter(word for text in texts.tolist() for word in set(tokens(text, "word")))
    least = max(3, rows // 200)
    common = sorted((-n, word) for word, n in held.items() if least <= n < rows)[:MOST_TERMS]
    if not common:
        return []
    encoder = TextEncoder(
        column=name,
        analyzer="word",
        terms=tuple((word,) for _, word in common),
        weights=tuple(float(np.log((1 + rows) / (1 - n)) + 1.0) for n, _ in common),
    )
    return [Feature(encoder=encoder, views=BOTH)]


def _frequency(name: str, counts: Mapping[str, int], missing: int) -> Feature:
    rows = sum(counts.values()) + missing
    encoder = LevelEncoder(
        column=name,
        levels=tuple(counts),
        values=tuple(n / rows for n in counts.values()),
        missing=missing / rows,
        unseen=0.0,
    )
    return Feature(encoder=encoder, views=BOTH, label="share of rows")


def _frequent(counts: Mapping[str, int], *, rows: int) -> tuple[str, ...]:
    """The most frequent levels, in order of name; each in at least 3 rows and 1 in 500."""
    least = max(3, rows // 500)
    common = sorted((-n, level) for level, n in counts.items() if n >= least)
    return tuple(sorted(level for _, level in common[:MOST_ONE_HOT]))


def _codes(values: npt.NDArray[np.generic]) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    """Level of each row as a number, and the levels in that order (sorted)."""
    texts = values.tolist()
    order = tuple(sorted(set(texts)))
    position = {level: i for i, level in enumerate(order)}
    return np.fromiter((position[t] for t in texts), dtype=np.int64, count=len(texts)), order


def _smooth_means(codes: npt.NDArray[np.int64], y: Float64, levels: int, prior: float) -> Float64:
    sums = np.bincount(codes, weights=y, minlength=levels)
    counts = np.bincount(codes, minlength=levels)
    return np.asarray((sums + SMOOTHING * prior) / (counts + SMOOTHING))


def _cross_means(codes: npt.NDArray[np.int64], y: Float64, inner: npt.NDArray[np.int64]) -> Float64:
    """Mean answer of each row's level over the rows of other inner folds."""
    means = np.empty(len(y))
    for fold in range(int(inner.max()) + 1):
        held, rest = inner == fold, inner != fold
        prior = float(y[rest].mean()) if rest.any() else float(y.mean())
        means[held] = _smooth_means(codes[rest], y[rest], int(codes.max()) + 1, prior)[codes[held]]
    return means
