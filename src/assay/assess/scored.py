"""Rows with their true and their predicted answers, and a random order that is their own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from assay.errors import InvalidTable

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]
UInt64 = npt.NDArray[np.uint64]


class Answered(Protocol):
    """What a scoring function returns for ``n`` rows; `assay.model.Answer` is one."""

    @property
    def prediction(self) -> Float64:
        """Value, probability of ``classes[1]``, or position of the label; shape (n,)."""

    @property
    def probabilities(self) -> Float64 | None:
        """Shape (n, n_classes); None for regression."""

    @property
    def lower(self) -> Float64 | None:
        """Lower end of the prediction interval, shape (n,)."""

    @property
    def upper(self) -> Float64 | None:
        """Upper end of the prediction interval, shape (n,)."""

    @property
    def label(self) -> Int64 | None:
        """Position in ``classes``, shape (n,); None for regression."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Scored:
    """Rows with their true and their predicted answers.

    Attributes
    ----------
    frame : pl.DataFrame
        The rows, with all columns of the table, the target included.
    truth : ndarray, shape (n,)
        The value, or the position of the class.
    prediction : ndarray of float64, shape (n,)
        The value, the probability of ``classes[1]``, or the position of the label.
    baseline : ndarray, shape (n,)
        The constant answer, in the form of ``prediction``.
    probabilities, label, lower, upper : ndarray or None
        As in `assay.model.Answer`.
    sets : ndarray of bool, shape (n, n_classes), or None
        Prediction sets of a classification.
    weight : ndarray of float64, shape (n,), or None
        What each row counts, at least 0; None: one each.

    Where a binary model told only labels, ``prediction`` is 0 or 1 and ``probabilities`` None.

    Raises
    ------
    InvalidTable
        Lengths differ; a truth or a prediction is not a finite number (a model that gives such
        an answer to a real row is not assessed further); a probability lies outside [0, 1]; or
        a weight is no number from 0 on, or all are 0.
    """

    frame: pl.DataFrame
    truth: npt.NDArray[Any]
    prediction: Float64
    baseline: npt.NDArray[Any]
    probabilities: Float64 | None = None
    label: Int64 | None = None
    lower: Float64 | None = None
    upper: Float64 | None = None
    sets: Bool | None = None
    weight: Float64 | None = None

    def __post_init__(self) -> None:
        parts = (self.truth, self.prediction, self.baseline, self.probabilities, self.label)
        ends = (self.lower, self.upper, self.sets, self.weight)
        if any(p is not None and len(p) != self.frame.height for p in (*parts, *ends)):
            raise InvalidTable(
                "Rows and answers differ in number.", hint="Score exactly the rows given."
            )
        for name, values in (("true answer", self.truth), ("prediction", self.prediction)):
            self._refuse(
                ~np.isfinite(np.asarray(values, np.float64)),
                f"a {name} that is not a finite number",
                "Drop rows without an answer; look for overflow in the model.",
            )
        if self.probabilities is not None:
            self._refuse(
                np.asarray(outside_unit(self.probabilities).any(axis=1)),
                "a probability that does not lie between 0 and 1",
                "Give probabilities, not scores of another scale.",
            )
        if self.weight is not None:
            self._check_weight(self.weight)

    def _check_weight(self, weight: Float64) -> None:
        self._refuse(
            ~(np.isfinite(weight) & (weight >= 0)),
            "a weight that is no number from 0 on",
            "Correct these cells, or leave the weights out.",
        )
        if self.rows and not weight.sum() > 0:
            raise InvalidTable("The weight is 0 in every row.", hint="Leave the weights out.")

    def _refuse(self, bad: Bool, what: str, hint: str) -> None:
        """Raise, where there are bad rows, with their number."""
        count = int(np.count_nonzero(bad))
        if count:
            raise InvalidTable(f"{count} of {self.rows} rows have {what}.", hint=hint)

    @classmethod
    def of(
        cls,
        frame: pl.DataFrame,
        answer: Answered,
        *,
        truth: npt.NDArray[Any],
        baseline: npt.NDArray[Any],
        weight: Float64 | None = None,
    ) -> Scored:
        """Rows with what a model answered for them."""
        return cls(
            frame=frame,
            truth=truth,
            baseline=baseline,
            prediction=answer.prediction,
            probabilities=answer.probabilities,
            label=answer.label,
            lower=answer.lower,
            upper=answer.upper,
            sets=getattr(answer, "sets", None),
            weight=weight,
        )

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.frame.height

    @cached_property
    def keys(self) -> UInt64:
        """A number of each row that looks random, but depends on its content only."""
        return row_keys(self.frame, self.prediction, self.truth)

    @cached_property
    def order(self) -> Int64:
        """Positions of the rows in an order that depends on their content only."""
        return np.argsort(self.keys, kind="stable")

    def sample(self, rows: int, *, seed: int) -> Int64:
        """Positions of a random sample without repetition, the same whatever the row order.

        The work is linear in the rows: those with the smallest keys are chosen, after ``seed``
        was mixed in.
        """
        if rows >= self.rows:
            return self.order
        keys = mixed(self.keys + np.uint64(seed + 1))
        chosen = np.argpartition(keys, rows)[:rows]
        return chosen[np.argsort(keys[chosen], kind="stable")]


def canonical_order(frame: pl.DataFrame, *numbers: npt.NDArray[Any]) -> Int64:
    """Positions of rows in an order that depends neither on their order nor on names.

    Rows that `row_keys` leaves equal are interchangeable for any statistic of these.
    """
    return np.argsort(row_keys(frame, *numbers), kind="stable")


def row_keys(frame: pl.DataFrame, *numbers: npt.NDArray[Any]) -> UInt64:
    """A number of each row that looks random, but depends on its content only.

    It mixes every numeric column, how frequent each category is (not its name), and
    ``numbers``, which may come from a model: these at single precision, so that the last digits,
    which differ between machines, hardly ever count.

    Parameters
    ----------
    frame : pl.DataFrame
    *numbers : ndarray, shape (n,)

    Returns
    -------
    ndarray of uint64, shape (n,)
    """
    keys = np.zeros(frame.height, np.uint64)
    with np.errstate(over="ignore"):
        for values in numbers:
            single = np.asarray(values, np.float64).astype(np.float32).astype(np.float64)
            keys = mixed(keys + _bits(single))
        for column in sorted(frame.columns):
            series = frame[column]
            if series.dtype == pl.String:
                keys = mixed(keys + _frequency(series))
            elif (
                series.dtype.is_numeric()
                or series.dtype.is_temporal()
                or series.dtype == pl.Boolean
            ):
                cells = series.to_physical().cast(pl.Float64).fill_null(np.nan).to_numpy()
                keys = mixed(keys + _bits(cells))
    return keys


def mixed(bits: UInt64) -> UInt64:
    """Bits stirred well: the finaliser of SplitMix64 (Steele, Lea and Flood 2014)."""
    bits = bits + np.uint64(0x9E3779B97F4A7C15)
    bits ^= bits >> np.uint64(30)
    bits *= np.uint64(0xBF58476D1CE4E5B9)
    bits ^= bits >> np.uint64(27)
    bits *= np.uint64(0x94D049BB133111EB)
    bits ^= bits >> np.uint64(31)
    return bits


def _bits(values: Float64) -> UInt64:
    """The bits of doubles; both zeros are one, and all that is no number is one."""
    plain = np.where(np.isnan(values), np.nan, values + 0.0)
    return plain.view(np.uint64)


def _frequency(series: pl.Series) -> UInt64:
    """In how many rows each row's category is found."""
    counts = series.to_frame("level").select(pl.len().over("level"))
    return counts.to_series().cast(pl.UInt64).to_numpy()


def outside_unit(values: Float64) -> Bool:
    """Which numbers are no probability; rounding of single precision is let pass."""
    return ~((values >= -1e-6) & (values <= 1 + 1e-6))


def sample_of(order: Int64, rows: int, *, seed: int) -> Int64:
    """A random choice of ``rows`` positions from a canonical order, or all of them."""
    if rows >= order.size:
        return order
    chosen = np.random.default_rng(seed).choice(order.size, rows, replace=False)
    return order[np.sort(chosen)]
