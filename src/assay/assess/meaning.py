"""What kind of answers a model made elsewhere gives, and which classes it speaks of.

Nothing is guessed in silence: where a reading is a choice, a sentence says which was made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from assay.data.kinds import FEW_NUMBERS, MOST_CLASSES, label_text
from assay.data.words import PAIRS, TRUE_WORDS
from assay.errors import InvalidTable
from assay.question import Kind

_SEPARATORS = ("_", "-", ".", " ", "=", ":")


@dataclass(frozen=True, eq=False, kw_only=True)
class Told:
    """Answers as they came.

    Attributes
    ----------
    prediction : pl.Series or None
        A label, a value, or the probability of the positive class.
    scores : mapping of str to pl.Series, or sequence of pl.Series
        Probabilities: of one column, of the positive class; of several, by class (or by a name
        that ends with it), or in the order of the sorted classes.
    lower, upper : pl.Series or None
        Ends of an interval around a value.
    classes : tuple of str
        Classes that are known by name, whether a row is of them or not; the order of scores
        without names.
    """

    prediction: pl.Series | None = None
    scores: Mapping[str, pl.Series] | Sequence[pl.Series] = ()
    lower: pl.Series | None = None
    upper: pl.Series | None = None
    classes: tuple[str, ...] = ()

    @property
    def columns(self) -> list[pl.Series]:
        """All that was told."""
        scores = self.scores.values() if isinstance(self.scores, Mapping) else self.scores
        return [s for s in (self.prediction, *scores, self.lower, self.upper) if s is not None]


@dataclass(frozen=True, kw_only=True)
class Meaning:
    """How answers are to be read.

    Attributes
    ----------
    kind : {"regression", "binary", "multiclass"}
    classes : tuple of str
        In the order of their positions; the one asked for comes last of two.
    threshold : float
        Binary: the probability from which the label is ``classes[1]``.
    notes : tuple of str
        Choices that were made, in sentences.
    """

    kind: Kind
    classes: tuple[str, ...] = ()
    threshold: float = 0.5
    notes: tuple[str, ...] = ()


def understand(
    truth: pl.Series,
    told: Told,
    *,
    kind: Kind | None = None,
    positive: str | None = None,
    threshold: float = 0.5,
) -> Meaning:
    """Find out what kind of answers these are, and the classes that they speak of.

    Two distinct answers make it binary. Texts, and at most `FEW_NUMBERS` distinct whole numbers
    that occur five times or more on average, make it multiclass, unless the predictions have
    fractions. Other numbers make it regression.

    Parameters
    ----------
    truth : pl.Series
        Without missing cells.
    told : Told
    kind, positive : optional
        Said rather than inferred.

    Raises
    ------
    InvalidTable
        The truth cannot be of this kind; has too many classes; or has one class only, and
        nothing tells the other.
    """
    named = _labels_told(truth, told)
    kind = kind or _kind(truth, told, named)
    if kind == "regression":
        if not truth.dtype.is_numeric():
            raise InvalidTable(
                f"The truth {truth.name!r} is not a number.", hint="Ask for binary or multiclass."
            )
        return Meaning(kind=kind)
    labels = sorted(classes_of(truth) | named)
    if len(labels) > MOST_CLASSES:
        raise InvalidTable(
            f"The truth {truth.name!r} has {len(labels)} distinct values.",
            hint=f"At most {MOST_CLASSES} classes are supported; for numbers, ask for regression.",
        )
    if kind == "multiclass":
        return Meaning(kind=kind, classes=tuple(labels))
    return _two_classes(truth, labels, positive, threshold)


def _labels_told(truth: pl.Series, told: Told) -> set[str]:
    """Classes that the predictions name: those of texts, and numbers that the truth has too."""
    named, prediction = set(told.classes), told.prediction
    if prediction is None or _is_measure(truth):
        return named
    known = classes_of(truth)
    if not prediction.dtype.is_numeric():
        labels = classes_of(prediction)
        if labels and len(known) > 1 and not labels & known:
            raise InvalidTable(
                f"No prediction in {prediction.name!r} is a class of the truth.",
                hint="Write the labels of both columns alike.",
            )
        return named | labels
    if truth.dtype.is_numeric() and whole(prediction) and prediction.n_unique() <= FEW_NUMBERS:
        return named | classes_of(prediction)
    return named


def _kind(truth: pl.Series, told: Told, named: set[str]) -> Kind:
    """What kind of answer the truth and the predictions look like."""
    if len(told.scores) > 2:
        return "multiclass"
    if not truth.dtype.is_numeric():
        return "binary" if len(classes_of(truth) | named) <= 2 else "multiclass"
    distinct = truth.n_unique()
    if distinct > FEW_NUMBERS or (distinct == 1 and not _may_be_binary(truth, told)):
        return "regression"
    together = len(classes_of(truth) | named)
    if distinct <= 2:
        return "binary" if together <= 2 else "multiclass"
    labels = told.prediction is None or whole(told.prediction)
    often = together <= FEW_NUMBERS and len(truth) >= 5 * distinct
    return "multiclass" if labels and often and whole(truth) else "regression"


def _may_be_binary(truth: pl.Series, told: Told) -> bool:
    """Whether the same outcome everywhere, 0 or 1, is one of two classes."""
    if not classes_of(truth) <= {"0", "1"}:
        return False
    prediction = told.prediction
    if prediction is None or not prediction.dtype.is_numeric():
        return True
    return bool(told.scores) or bool(prediction.drop_nulls().is_between(0, 1).all())


def _is_measure(truth: pl.Series) -> bool:
    """Whether a truth has too many different numbers to be classes."""
    return truth.dtype.is_numeric() and truth.n_unique() > MOST_CLASSES


def classes_of(series: pl.Series) -> set[str]:
    """The distinct labels of a column, as text."""
    levels = series.unique().drop_nulls()
    return set(label_text(levels).drop_nulls().to_list())


def whole(series: pl.Series) -> bool:
    """Whether a column holds whole numbers only."""
    if not series.dtype.is_numeric():
        return False
    numbers = series.drop_nulls()
    return series.dtype.is_integer() or bool((numbers == numbers.round()).all())


def _two_classes(
    truth: pl.Series, labels: list[str], positive: str | None, threshold: float
) -> Meaning:
    """The two classes, the one asked for last, and how it was chosen."""
    if len(labels) > 2:
        raise InvalidTable(
            f"Truth and predictions have {len(labels)} distinct values together.",
            hint="A binary question has two; ask for multiclass.",
        )
    if len(labels) == 1:
        labels = _with_other(labels[0], positive)
    if positive is not None and positive not in labels:
        raise InvalidTable(
            f"No row has the positive class {positive!r}.",
            hint=f"The classes are {labels[0]!r} and {labels[1]!r}.",
        )
    notes: tuple[str, ...] = ()
    if positive is None:
        positive, why = _asked(truth, labels)
        notes = (f"{positive!r} counts as the positive class, {why}.",)
    classes = tuple(sorted(labels, key=lambda label: label == positive))
    return Meaning(kind="binary", classes=classes, threshold=threshold, notes=notes)


def _asked(truth: pl.Series, labels: Sequence[str]) -> tuple[str, str]:
    """The class that is asked for, as a project would choose it, and why."""
    written = [label for label in labels if label.lower() in TRUE_WORDS]
    if len(written) == 1:
        return written[0], "being the written yes of the two"
    texts = label_text(truth)
    counts = {label: int((texts == label).sum()) for label in labels}
    return min(labels, key=lambda label: (counts[label], label)), "being the rarer of the two"


def _with_other(label: str, positive: str | None) -> list[str]:
    """Both classes, where every row has the same."""
    if positive is not None and positive != label:
        return sorted([label, positive])
    for pair in (("1", "0"), *PAIRS):
        if label.lower() in pair:
            other = next(word for word in pair if word != label.lower())
            return sorted([label, other.capitalize() if label[0].isupper() else other])
    raise InvalidTable(
        "Truth and predictions are the same class in every row.",
        hint="Name the class that is asked for, with positive, if it is another.",
    )


def class_named(name: str, classes: Sequence[str]) -> str | None:
    """The class that a name is or ends with, the longest; None where there is none."""
    ends = [c for c in classes if name == c or any(name.endswith(s + c) for s in _SEPARATORS)]
    return max(ends, key=len) if ends else None
