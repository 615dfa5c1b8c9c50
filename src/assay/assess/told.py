"""The answers of a model made elsewhere, read as numbers; refused where they cannot be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

import numpy as np
import polars as pl

from assay.assess.meaning import Meaning, Told, class_named, whole
from assay.assess.scored import Bool, Float64, Int64, outside_unit
from assay.data.kinds import label_text
from assay.errors import InputError, InvalidTable

ROUNDING = 0.01
"""How far the probabilities of a row may add up to something else than 1."""


class Unanswered(InvalidTable):
    """The model gave no answer to some rows: a cell is empty or is no finite number."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Answers:
    """Answers in the form of `assay.model.Answer`; NaN where the model gave none."""

    prediction: Float64
    probabilities: Float64 | None = None
    label: Int64 | None = None
    lower: Float64 | None = None
    upper: Float64 | None = None
    sets: Bool | None = None


def read_answers(told: Told, meaning: Meaning, *, strict: bool = True) -> Answers:
    """Read answers as numbers.

    Parameters
    ----------
    told : Told
    meaning : Meaning
    strict : bool
        Whether unsound answers are refused. Else they are given as they are, and those that are
        missing or of no known class as NaN.

    Raises
    ------
    Unanswered
        ``strict``, and some rows have no answer.
    InvalidTable
        A prediction is no class; a probability lies outside [0, 1], or the probabilities of a
        row do not add up to 1; columns cannot be told apart by class.
    """
    if not told.columns:
        raise InputError("No column holds answers.", hint="Name the predictions, or the scores.")
    absent = np.zeros(len(told.columns[0]), np.bool_)
    for series in told.columns:
        absent |= _absent(series)
    if strict and absent.any():
        raise Unanswered(
            f"{np.count_nonzero(absent)} of {absent.size} rows have a prediction that is missing "
            "or not a finite number.",
            hint="Look for overflow or missing values in the model; every row needs an answer.",
        )
    read = {"regression": _values, "binary": _binary, "multiclass": _multiclass}[meaning.kind]
    if strict:
        return read(told, meaning, absent)
    return _with_gaps(read(told, meaning, np.ones_like(absent)), absent | _unknown(told, meaning))


def _values(told: Told, meaning: Meaning, absent: Bool) -> Answers:
    """Numbers, with their intervals."""
    del meaning
    if told.scores:
        raise InputError("Scores belong to classes.", hint="Give the prediction alone.")
    if told.prediction is None or not told.prediction.dtype.is_numeric():
        raise InvalidTable(
            "The prediction of a regression is not a number.", hint="Name another column."
        )
    ends = [None if end is None else _numbers(end) for end in (told.lower, told.upper)]
    if (ends[0] is None) != (ends[1] is None):
        raise InputError("An interval has two ends.", hint="Name both lower and upper.")
    if ends[0] is not None and ends[1] is not None:
        _refuse(
            (ends[0] > ends[1]) & ~absent,
            "an interval whose lower end lies above its upper",
            "Swap the two columns.",
        )
    return Answers(prediction=_numbers(told.prediction), lower=ends[0], upper=ends[1])


def _binary(told: Told, meaning: Meaning, absent: Bool) -> Answers:
    """A probability, a label, or both."""
    probability = _positive_score(told, meaning, absent)
    label: Int64 | None = None
    if told.prediction is not None:
        label = _positions(told.prediction, meaning, absent)
        if label is None and probability is not None:
            _no_class(told.prediction, meaning)
        if label is None:
            probability = _unit(told.prediction, absent)
    if probability is None:
        assert label is not None
        return Answers(prediction=label.astype(np.float64), label=label)
    if label is None:
        label = (np.nan_to_num(probability) >= meaning.threshold).astype(np.int64)
    both = np.stack([1 - probability, probability], axis=1)
    return Answers(prediction=probability, probabilities=both, label=label)


def _positive_score(told: Told, meaning: Meaning, absent: Bool) -> Float64 | None:
    """The probability of the positive class, where scores were given."""
    if not told.scores:
        return None
    if len(told.scores) == 1:
        chance = _unit(_single(told.scores), absent)
        return 1 - chance if told.classes == meaning.classes[:1] else chance
    return _matrix(told, meaning, absent)[:, 1]


def _multiclass(told: Told, meaning: Meaning, absent: Bool) -> Answers:
    """A label, the probabilities of all classes, or both."""
    shares = _matrix(told, meaning, absent) if told.scores else None
    label: Int64 | None = None
    if told.prediction is not None:
        label = _positions(told.prediction, meaning, absent)
        if label is None:
            _no_class(told.prediction, meaning)
    if label is None:
        assert shares is not None
        label = np.nan_to_num(shares).argmax(axis=1).astype(np.int64)
    return Answers(prediction=label.astype(np.float64), probabilities=shares, label=label)


def _positions(prediction: pl.Series, meaning: Meaning, absent: Bool) -> Int64 | None:
    """Position of each label; None where some are no labels."""
    places = {name: place for place, name in enumerate(meaning.classes)}
    numeric = prediction.dtype.is_numeric()
    if numeric and not whole(prediction):
        return None
    if numeric and meaning.kind == "binary" and not places.keys() & {"0", "1"}:
        places |= {"0": 0, "1": 1}  # 1 stands for the class that is asked for
    found = label_text(prediction).replace_strict(places, default=None, return_dtype=pl.Int64)
    if np.any(found.is_null().to_numpy() & ~absent):
        return None
    return found.fill_null(0).to_numpy()


def _no_class(prediction: pl.Series, meaning: Meaning) -> NoReturn:
    """Refuse predictions that are none of the classes."""
    unknown = ~label_text(prediction).is_in(list(meaning.classes))
    raise InvalidTable(
        f"{int(unknown.sum())} of {len(prediction)} rows have a prediction that is none of the "
        f"{len(meaning.classes)} classes.",
        hint="Give labels as the truth writes them; give probabilities as scores.",
    )


def _matrix(told: Told, meaning: Meaning, absent: Bool) -> Float64:
    """Probabilities by class, shape (n, n_classes); 0 of a class without a column."""
    columns = dict(_by_class(told, meaning.classes))
    nothing = np.zeros(absent.size)
    parts = [_unit(columns[c], absent) if c in columns else nothing for c in meaning.classes]
    shares = np.stack(parts, axis=1)
    slack = max(ROUNDING, 0.005 * len(meaning.classes))
    _refuse(
        ~absent & (np.abs(shares.sum(axis=1) - 1) > slack),
        "probabilities that do not add up to 1",
        "Give the probability of every class.",
    )
    return shares


def _by_class(told: Told, classes: Sequence[str]) -> Iterator[tuple[str, pl.Series]]:
    """Class and column; columns without names stand in the order of the classes."""
    scores = told.scores
    if not isinstance(scores, Mapping):
        order = told.classes or _in_order(classes)
        if len(scores) != len(order):
            raise InvalidTable(
                f"There are {len(scores)} scores a row and {len(order)} classes.",
                hint="Name the classes in the order of the scores.",
            )
        yield from zip(order, scores, strict=True)
        return
    seen: dict[str, str] = {}
    for name, series in scores.items():
        found = class_named(name, classes)
        if found is None or found in seen:
            raise InvalidTable(
                f"It is not clear which class the scores {name!r} are of.",
                hint="Write class=column, or let the column's name end with the class.",
            )
        seen[found] = name
        yield found, series


def _in_order(classes: Sequence[str]) -> list[str]:
    """Classes as scikit-learn orders them: numbers by size, else texts by letters."""
    try:
        return sorted(classes, key=float)
    except ValueError:
        return sorted(classes)


def _single(scores: Mapping[str, pl.Series] | Sequence[pl.Series]) -> pl.Series:
    return next(iter(scores.values() if isinstance(scores, Mapping) else scores))


def _unit(series: pl.Series, absent: Bool) -> Float64:
    """Probabilities; refused with their number where any lies outside [0, 1]."""
    if not series.dtype.is_numeric():
        raise InvalidTable(
            f"Column {series.name!r} holds neither the classes of the truth nor probabilities.",
            hint="Give labels as the truth writes them, or probabilities between 0 and 1.",
        )
    values = _numbers(series)
    _refuse(
        outside_unit(values) & ~absent,
        f"a score in {series.name!r} that does not lie between 0 and 1",
        "Give probabilities (margins and logits are not clipped); for numbers ask for regression.",
    )
    return values


def _refuse(bad: Bool, what: str, hint: str) -> None:
    count = int(np.count_nonzero(bad))
    if count:
        raise InvalidTable(f"{count} of {bad.size} rows have {what}.", hint=hint)


def _numbers(series: pl.Series) -> Float64:
    return np.asarray(series.cast(pl.Float64).fill_null(np.nan).to_numpy(), np.float64)


def _absent(series: pl.Series) -> Bool:
    """Which cells are empty, or no finite numbers."""
    missing = series.is_null()
    if series.dtype.is_float():
        missing = missing | ~series.is_finite().fill_null(value=True)
    return missing.to_numpy()


def _unknown(told: Told, meaning: Meaning) -> Bool:
    """Which labels are none of the classes."""
    if told.prediction is None or told.prediction.dtype.is_numeric():
        return np.zeros(len(told.columns[0]), np.bool_)
    known = label_text(told.prediction).is_in(list(meaning.classes)).fill_null(value=False)
    return ~known.to_numpy()


def _with_gaps(answers: Answers, absent: Bool) -> Answers:
    """The answers with NaN where there was none."""
    if not absent.any():
        return answers
    shares = answers.probabilities
    return replace(
        answers,
        prediction=np.where(absent, np.nan, answers.prediction),
        probabilities=None if shares is None else np.where(absent[:, None], np.nan, shares),
    )
