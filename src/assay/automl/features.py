"""Which features are made of which column: encoders learned from training rows only."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import polars as pl

from assay.automl.averages import Averages
from assay.automl.encoding import encode_table, observed_pairs, words
from assay.automl.family import Answers, Task, View
from assay.automl.table import Category, Rows, Table
from assay.data.contract import Column
from assay.errors import InvalidTable
from assay.model.encode import calendar, feature_width, name_features
from assay.model.plan import (
    Arithmetic,
    CrossEncoder,
    DateEncoder,
    DatePart,
    Encoder,
    Float32,
    Float64,
    LevelEncoder,
    MissingEncoder,
    NumberEncoder,
    OneHotEncoder,
    PairEncoder,
    TextEncoder,
    columns_of,
)

INNER_FOLDS = 5
LEAST_ROWS = 2
"""A level of fewer rows has no mean of its own; all such levels share one, as does any level
that the training rows do not hold."""
MOST_LEVELS = 5000
"""Levels, or pairs of levels, of one look-up; rarer ones share one value. A graph stays small."""
MOST_ONE_HOT, MOST_ONE_HOT_ALL = 60, 600
"""Levels that get a feature of their own: of one column, of all columns together."""
MANY_LEVELS = 30
"""Columns with more levels also tell how frequent a level is."""
MOST_TERMS = 50
"""Words of one text column that get a feature of their own."""
MOST_TEXTS = 100_000
"""Distinct texts of a column that its words are counted in."""
MOST_CLASSES, MOST_MEANS = 10, 120
"""Classes whose chance by level is a feature; such features of all category columns together."""
LARGE = 2.0**20
"""Magnitudes above this lose digits in float32, so an offset is subtracted in double first."""
LARGEST = 1e37
ROOM = 0.25
"""How far beyond the range seen a number may reach, in ranges: linear members extrapolate so far
and no further, which keeps a slip of the keyboard from becoming an absurd answer."""
TAIL = 0.001
"""Share of rows, on either side, beyond which a pair of numbers is bounded: quotients by nearly
nothing have no range worth the name."""
BOTH: tuple[View, ...] = ("trees", "linear")
DATE_PARTS: tuple[DatePart, ...] = ("month", "weekday", "hour")


@dataclass(frozen=True, kw_only=True)
class Extra:
    """A feature of two columns that is made where it was found to help.

    Attributes
    ----------
    kind : {"pair", "cross"}
        ``pair``: two numbers, by ``operation``. ``cross``: the mean answer of two categories
        together.
    columns : (str, str)
    operation : {"add", "subtract", "multiply", "divide"}
        Of a pair; a cross has none.
    """

    kind: Literal["pair", "cross"]
    columns: tuple[str, str]
    operation: Arithmetic | None = None

    @property
    def name(self) -> str:
        """As its feature is called.

        Examples
        --------
        >>> Extra(kind="pair", columns=("debt", "income"), operation="divide").name
        'debt / income'
        """
        return name_features([self.blank()])[0]

    @classmethod
    def of(cls, encoder: PairEncoder | CrossEncoder) -> Extra:
        """The extra that asked for an encoder."""
        if isinstance(encoder, CrossEncoder):
            return cls(kind="cross", columns=encoder.columns)
        return cls(kind="pair", columns=encoder.columns, operation=encoder.operation)

    def blank(self) -> PairEncoder | CrossEncoder:
        """Its encoder before anything is learned."""
        if self.operation is None:
            return CrossEncoder(columns=self.columns, levels=(), values=(), unseen=0.0)
        return PairEncoder(
            columns=self.columns,
            operation=self.operation,
            fill=np.nan,
            low=-LARGEST,
            high=LARGEST,
        )


@dataclass(frozen=True, kw_only=True)
class Feature:
    """What one encoder makes, and who reads it.

    Attributes
    ----------
    encoder : Encoder
    views : tuple of View
    label : str
        Added to the encoder's own names.
    answer : int or None
        None for features that do not look at the target; else the column of the answers whose
        mean by level it holds.
    rises : bool
        Whether it rises with its column and tells nothing else of it.
    engineered : bool
        Whether an `Extra` asked for it.
    """

    encoder: Encoder
    views: tuple[View, ...]
    label: str = ""
    answer: int | None = None
    rises: bool = False
    engineered: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """A name for each feature."""
        own = name_features([self.encoder])
        return tuple(f"{name}: {self.label}" for name in own) if self.label else own


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
        return tuple(name for part in self.parts for name in part.names)

    def placed(self) -> Iterator[tuple[range, Feature]]:
        """Each part with the positions of what it makes."""
        start = 0
        for part in self.parts:
            positions = range(start, start + feature_width(part.encoder))
            yield positions, part
            start = positions.stop

    def columns(self, view: View, engineered: bool = False) -> tuple[int, ...]:
        """Positions of the features that a family with this view reads.

        ``engineered``: whether it reads those that an `Extra` asked for as well.
        """
        return tuple(
            position
            for positions, part in self.placed()
            if view in part.views and (engineered or not part.engineered)
            for position in positions
        )

    def monotone(
        self, names: Mapping[str, int], view: View, engineered: bool = False
    ) -> tuple[int, ...]:
        """The demand on each feature of `columns`, as `Task.monotone` takes it.

        Parameters
        ----------
        names : mapping of str to int
            1 for columns with which the answer must not fall, -1 for those with which it must
            not rise.

        Examples
        --------
        >>> x = NumberEncoder(column="x", fill=0.0, low=0.0, high=1.0)
        >>> part = Feature(encoder=x, views=("trees",), rises=True)
        >>> Features(parts=(part,)).monotone({"x": -1}, "trees")
        (-1,)
        """
        sign = {
            position: names.get(columns_of(part.encoder)[0], 0)
            for positions, part in self.placed()
            if part.rises
            for position in positions
        }
        return tuple(sign.get(position, 0) for position in self.columns(view, engineered))


def learn_features(
    columns: Sequence[Column],
    table: Table,
    answers: Float64,
    *,
    classes: Sequence[str] = (),
    ordered: Mapping[str, tuple[str, ...]] | None = None,
    extras: Sequence[Extra] = (),
    monotone: Collection[str] = (),
    weights: Float64 | None = None,
) -> Features:
    """Choose and fit encoders.

    Parameters
    ----------
    columns : sequence of Column
        Feature columns of the contract.
    table : Table
        Training rows.
    answers : array, shape (n_rows, n_answers)
        The target as numbers: see `answers_of`.
    classes : sequence of str
        Names of the answers, where there are several: those of `shown_classes`.
    ordered : mapping of str to tuple of str
        Categories with an order, lowest level first: one feature 0, 1, 2, ...; a level that is
        not named, or missing, counts as the middle one of the rows.
    extras : sequence of Extra
        Further features of two columns; one that says nothing in these rows is left out.
    monotone : collection of str
        Columns of which only what rises with them may be told (and whether they are missing).
    weights : array, shape (n_rows,), optional
        Of the rows, in means of answers.

    Raises
    ------
    InvalidTable
        No column differs between any two rows, or a monotone column has no order.

    Examples
    --------
    >>> from assay.model.plan import Input
    >>> columns = (Column(name="age", kind="number"), Column(name="fuel", kind="category"))
    >>> kinds = (Input(name="age", kind="number"), Input(name="fuel", kind="category"))
    >>> frame = pl.DataFrame({"age": [20.0, None, 40.0, 50.0],
    ...                       "fuel": ["gas", "gas", "diesel", "gas"]})
    >>> table = Table.from_frame(kinds, frame)
    >>> learn_features(columns, table, np.array([[1.0], [2.0], [3.0], [4.0]])).names
    ('age', 'age is missing', 'fuel: mean answer', 'fuel = gas', 'fuel = other')
    """
    order = ordered or {}
    averages = _averages(answers, classes, weights)
    categories = sum(c.kind == "category" and c.name not in order for c in columns)
    parts: list[Feature] = []
    for column in columns:
        alone = column.name in monotone
        if column.name in order:
            parts += _ordered(column.name, table.categories[column.name], order[column.name])
        elif column.kind in ("category", "text"):
            if alone:
                raise _no_order(column)
            parts += _category(column, table, averages, categories)
        else:
            parts += _number(column, table.numbers[column.name], alone=alone)
    for extra in extras:
        parts += _extra(extra, table, averages)
    if not parts:
        raise InvalidTable(
            "No feature column differs between the training rows.",
            hint="Add columns that vary, or give back some of those that are ignored.",
        )
    return Features(parts=tuple(parts))


def shown_classes(y: Answers, task: Task) -> tuple[int, ...]:
    """The classes whose chance by level is a feature: the `MOST_CLASSES` commonest, ascending.

    Empty where the target is one number or there are two classes.

    Examples
    --------
    >>> shown_classes(np.array([0, 1, 2, 1]), Task(kind="multiclass", classes=3))
    (0, 1, 2)
    """
    if task.kind != "multiclass":
        return ()
    counts = np.bincount(np.asarray(y, dtype=np.int64), minlength=task.classes)
    common = np.argsort(-counts, kind="stable")[:MOST_CLASSES]
    return tuple(int(k) for k in np.sort(common))


def answers_of(y: Answers, task: Task) -> Float64:
    """The target as columns to average by level: (n_rows, n_answers).

    The number itself; 0/1 for class 1; 0/1 for each of `shown_classes`.
    """
    if task.kind == "multiclass":
        return np.asarray(y[:, None] == np.array(shown_classes(y, task)), dtype=np.float64)
    return np.asarray(y, dtype=np.float64)[:, None]


def fitting_matrix(
    features: Features,
    table: Table,
    answers: Float64,
    *,
    seed: int,
    weights: Float64 | None = None,
) -> Float32:
    """The features of the very rows that the encoders were learned from, fit to train on.

    A level's mean answer holds the row's own answer; training on it would teach trust in means
    of few rows. Each row therefore gets the mean over the rows of other inner folds, as
    scikit-learn's ``TargetEncoder`` does. So it is with pairs of levels.
    """
    X = encode_table(features.encoders, table)
    inner = np.random.default_rng(seed).permutation(table.rows) % min(INNER_FOLDS, table.rows)
    averages = _averages(answers, (), weights)
    means: dict[tuple[str, ...], Float64] = {}
    for positions, part in features.placed():
        if part.answer is None or not isinstance(part.encoder, (LevelEncoder, CrossEncoder)):
            continue
        names = columns_of(part.encoder)
        if names not in means:
            groups, size = _groups(part.encoder, table)
            means[names] = averages.fitting_means(groups, size, inner)
        X[:, positions[0]] = means[names][:, part.answer]
    return X


def prune(
    features: Features, used: Collection[int]
) -> tuple[tuple[Encoder, ...], tuple[str, ...], dict[int, int]]:
    """Only the encoders of which some feature is used.

    Returns
    -------
    encoders : tuple of Encoder
    names : tuple of str
        Of the features that these encoders make.
    places : dict of int to int
        From the old position of each such feature to the new one.
    """
    kept = [(old, part) for old, part in features.placed() if not set(used).isdisjoint(old)]
    old_positions = [position for positions, _ in kept for position in positions]
    return (
        tuple(part.encoder for _, part in kept),
        tuple(name for _, part in kept for name in part.names),
        {old: new for new, old in enumerate(old_positions)},
    )


def _averages(answers: Float64, classes: Sequence[str], weights: Float64 | None) -> Averages:
    rows, width = answers.shape
    labels = tuple(f"chance of {c}" for c in classes) if width > 1 else ("mean answer",)
    even = np.ones(rows)
    return Averages(
        values=answers,
        weights=even if weights is None else weights / weights.mean(),
        labels=labels,
    )


def _no_order(column: Column) -> InvalidTable:
    return InvalidTable(
        f"The answer cannot rise or fall with {column.name!r}: its levels have no order.",
        hint=f"Name the levels of {column.name!r} under `ordered`, lowest first.",
        where=column.name,
    )


def _number(column: Column, values: Float64, *, alone: bool) -> list[Feature]:
    """A number, a boolean or a date; whether it is missing, where it ever is.

    ``alone``: nothing of it but what rises with it.
    """
    seen = values[np.isfinite(values)]
    parts: list[Feature] = []
    if len(seen) and seen.min() < seen.max():
        parts.append(Feature(encoder=_number_encoder(column, seen), views=BOTH, rises=True))
        if column.kind == "date" and not alone:
            parts += _calendar(column.name, seen)
    return parts + _missing(column.name, int(np.isnan(values).sum()), len(values))


def _missing(name: str, missing: int, rows: int) -> list[Feature]:
    if 0 < missing < rows:
        return [Feature(encoder=MissingEncoder(column=name), views=BOTH)]
    return []


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


def _calendar(name: str, days: Float64) -> list[Feature]:
    """Those parts of the calendar and the clock that vary; seasons where they come again."""
    seasons: tuple[DatePart, ...] = ("day_of_year",) if np.ptp(days) > 366 else ()
    found = calendar(days)
    parts = tuple(part for part in (*DATE_PARTS, *seasons) if np.ptp(found[part]) > 0)
    if not parts:
        return []
    encoder = DateEncoder(column=name, fill=float(np.median(days)), parts=parts)
    return [Feature(encoder=encoder, views=BOTH)]


def _ordered(name: str, category: Category, levels: tuple[str, ...]) -> list[Feature]:
    """The rank of the level."""
    rank = {level: float(i) for i, level in enumerate(levels)}
    counts = category.counts()
    ranks = np.array([rank.get(level, -1.0) for level in category.levels])
    seen = np.repeat(ranks[ranks >= 0], counts[ranks >= 0])
    parts: list[Feature] = []
    if len(seen) and seen.min() < seen.max():
        middle = float(np.sort(seen)[(len(seen) - 1) // 2])
        encoder = LevelEncoder(
            column=name, levels=levels, values=tuple(rank.values()), missing=middle, unseen=middle
        )
        parts.append(Feature(encoder=encoder, views=BOTH, rises=True))
    return parts + _missing(name, _missing_rows(category, counts), len(category.codes))


def _missing_rows(category: Category, counts: Rows) -> int:
    return int(counts[category.missing]) if category.missing >= 0 else 0


def _category(column: Column, table: Table, averages: Averages, categories: int) -> list[Feature]:
    """Mean answers by level for trees, one-hot for linear models, frequency where levels abound.

    ``categories``: columns of this kind in the table, which share the room there is.
    """
    category = table.categories[column.name]
    counts = category.counts()
    missing = _missing_rows(category, counts)
    if np.count_nonzero(counts) < 2:
        return []
    named = counts.copy()
    if category.missing >= 0:
        named[category.missing] = 0
    kept = _commonest(named, least=LEAST_ROWS, most=MOST_LEVELS)
    distinct = int(np.count_nonzero(named))
    parts: list[Feature] = []
    if len(kept) and column.kind == "category" and distinct > 1:
        blank = _blank(column.name, category, kept)
        parts += _means(blank, table, averages, most=max(1, MOST_MEANS // categories))
    if len(kept) and (column.kind == "text" or distinct > MANY_LEVELS):
        parts.append(_frequency(column.name, category, named, kept))
    if column.kind == "text":
        parts += _terms(column.name, category.texts, counts)
    else:
        parts += _one_hot(column.name, category, named, categories)
    return parts + _missing(column.name, missing, table.rows)


def _commonest(counts: Rows, *, least: int, most: int) -> Rows:
    """Levels of at least so many rows, no more than ``most``, ascending; ties by name."""
    kept = np.flatnonzero(counts >= max(1, least))
    common = kept[np.argsort(-counts[kept], kind="stable")[:most]]
    return np.sort(common).astype(np.int64)


def _named(category: Category, levels: Rows) -> tuple[str, ...]:
    return tuple(category.texts.gather(levels).to_list())


def _blank(name: str, category: Category, kept: Rows) -> LevelEncoder:
    """An encoder of these levels whose values are still to be learned."""
    return LevelEncoder(
        column=name,
        levels=_named(category, kept),
        values=(0.0,) * len(kept),
        missing=0.0,
        unseen=0.0,
    )


def _groups(encoder: LevelEncoder | CrossEncoder, table: Table) -> tuple[Rows, int]:
    """For each row the place of its level in the encoder, and how many groups there are.

    The rest comes last; before it, where levels are single, missing cells.
    """
    size = len(encoder.levels)
    places = tuple(float(place) for place in range(size))
    counting: LevelEncoder | CrossEncoder
    if isinstance(encoder, LevelEncoder):
        counting = replace(encoder, values=places, missing=size, unseen=size + 1.0)
        size += 1
    else:
        counting = replace(encoder, values=places, unseen=size)
    return encode_table([counting], table)[:, 0].astype(np.int64), size + 1


def _means(blank: LevelEncoder, table: Table, averages: Averages, *, most: int) -> list[Feature]:
    """Mean answer of each level, smoothed towards the overall mean."""
    means = averages.means(*_groups(blank, table))
    levels = len(blank.levels)
    return [
        Feature(
            encoder=replace(
                blank,
                values=tuple(means[:levels, answer].tolist()),
                missing=float(means[levels, answer]),
                unseen=float(means[levels + 1, answer]),
            ),
            views=("trees",),
            label=averages.labels[answer],
            answer=answer,
        )
        for answer in range(min(most, means.shape[1]))
    ]


def _frequency(name: str, category: Category, named: Rows, kept: Rows) -> Feature:
    """Share of rows of a level; levels without a value of their own have their mean share."""
    rows = len(category.codes)
    rest = np.delete(named, kept)
    rest = rest[rest > 0]
    encoder = LevelEncoder(
        column=name,
        levels=_named(category, kept),
        values=tuple((named[kept] / rows).tolist()),
        missing=(rows - int(named.sum())) / rows,
        unseen=float(rest.mean()) / rows if len(rest) else 0.0,
    )
    return Feature(encoder=encoder, views=BOTH, label="share of rows")


def _one_hot(name: str, category: Category, named: Rows, categories: int) -> list[Feature]:
    """The most frequent levels, each in at least 3 rows and 1 in 500."""
    most = max(2, min(MOST_ONE_HOT, MOST_ONE_HOT_ALL // categories))
    own = _commonest(named, least=max(3, len(category.codes) // 500), most=most)
    if not len(own):
        return []
    encoder = OneHotEncoder(column=name, levels=_named(category, own))
    return [Feature(encoder=encoder, views=("linear",))]


def _terms(name: str, texts: pl.Series, counts: Rows) -> list[Feature]:
    """TF-IDF of the words that most texts hold, where they hold any in common.

    The weight of a word is ``ln((1 + rows) / (1 + rows that hold it)) + 1``, as scikit-learn's
    ``TfidfVectorizer`` has it. Of very many texts every so many-th is read.
    """
    held = np.flatnonzero(counts)
    some = held[:: max(1, -(-len(held) // MOST_TEXTS))]
    rows = int(counts[some].sum())
    least = max(3, rows // 200)
    held_by = words(texts.gather(some)).unique()
    found = (
        held_by.with_columns(rows=pl.Series(counts[some]).gather(held_by["text"]))
        .group_by("word")
        .agg(pl.col("rows").sum())
        .filter((pl.col("rows") >= least) & (pl.col("rows") < rows))
        .sort(["rows", "word"], descending=[True, False])
        .head(MOST_TERMS)
    )
    if not len(found):
        return []
    weights = np.log((1 + rows) / (1 + found["rows"].to_numpy())) + 1.0
    encoder = TextEncoder(
        column=name,
        analyzer="word",
        terms=tuple((word,) for word in found["word"].to_list()),
        weights=tuple(weights.tolist()),
    )
    return [Feature(encoder=encoder, views=BOTH)]


def _extra(extra: Extra, table: Table, averages: Averages) -> list[Feature]:
    """A feature of two columns; nothing where it does not vary."""
    blank = extra.blank()
    if isinstance(blank, PairEncoder):
        return _pair(blank, table)
    one, other = (table.categories[name] for name in extra.columns)
    pairs, places = observed_pairs(one, other)
    counts = np.bincount(places, minlength=len(pairs))
    kept = pairs[_commonest(counts, least=LEAST_ROWS, most=MOST_LEVELS)]
    if len(kept) < 2:
        return []
    first, second = np.divmod(kept, len(other.texts))
    levels = tuple(zip(_named(one, first), _named(other, second), strict=True))
    crossed = replace(blank, levels=levels, values=(0.0,) * len(levels))
    means = averages.means(*_groups(crossed, table))
    return [
        Feature(
            encoder=replace(
                crossed,
                values=tuple(means[:-1, answer].tolist()),
                unseen=float(means[-1, answer]),
            ),
            views=BOTH,
            label=averages.labels[answer],
            answer=answer,
            engineered=True,
        )
        for answer in range(means.shape[1])
    ]


def _pair(blank: PairEncoder, table: Table) -> list[Feature]:
    """Filled with the median, bounded where all but a `TAIL` of the rows lie."""
    values = encode_table([blank], table)[:, 0].astype(np.float64)
    seen = values[np.abs(values) < LARGEST]
    if not len(seen):
        return []
    low, middle, high = (float(v) for v in np.quantile(seen, [TAIL, 0.5, 1 - TAIL]))
    if low == high:
        return []
    encoder = replace(blank, fill=middle, low=low, high=high)
    return [Feature(encoder=encoder, views=BOTH, engineered=True)]
