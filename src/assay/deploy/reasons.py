"""Why one answer is what it is, in sentences: each column against a typical value."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import numpy as np

from assay.data.contract import ColumnKind, Contract
from assay.errors import InvalidFile
from assay.model.explain import Reference, contributions
from assay.model.plan import Array, Float64
from assay.model.scorer import Scorer

Reason = dict[str, Any]
_EPOCH = date(1970, 1, 1)
_NOTHING = 1e-9


class Reasoner:
    """Explains rows by their columns' Shapley values against one reference row.

    Parameters
    ----------
    scorer : Scorer
    contract : Contract
        Says which kind each column is, so that dates read as dates.
    reference : mapping
        The typical row.
    unit : str
        Unit of a regression's answer.

    Raises
    ------
    InvalidFile
        The graph reads a column that the contract or the reference row lacks.
    """

    def __init__(
        self, scorer: Scorer, *, contract: Contract, reference: Reference, unit: str
    ) -> None:
        self._scorer = scorer
        self._reference = reference
        self._unit = unit
        kinds = {column.name: column.kind for column in contract.features}
        lacking = [i.name for i in scorer.inputs if i.name not in kinds or i.name not in reference]
        if lacking:
            raise InvalidFile(
                f"The graph reads {lacking[0]!r}, which contract or reference row lacks.",
                hint="Graph, contract and reference row must come from one run.",
                where="contract.json",
            )
        self._columns = [(item.name, kinds[item.name]) for item in scorer.inputs]

    def __call__(
        self, inputs: Mapping[str, Array], labels: list[str], count: int
    ) -> list[list[Reason]]:
        """The ``count`` strongest reasons of each row, strongest first.

        Parameters
        ----------
        inputs : mapping of str to ndarray, shape (n, 1)
            As the graph takes them.
        labels : list of str
            The class whose probability is explained, a row; empty for regression.
        count : int
        """
        effects = contributions(self._scorer, inputs, self._reference)
        return [
            self._reasons(inputs, row, effects[row], labels[row] if labels else "", count)
            for row in range(len(effects))
        ]

    def _reasons(
        self, inputs: Mapping[str, Array], row: int, effects: Float64, label: str, count: int
    ) -> list[Reason]:
        strongest = np.argsort(-np.abs(effects), kind="stable")[:count]
        reasons = []
        for position in strongest.tolist():
            effect = float(effects[position])
            if abs(effect) > _NOTHING:
                name, kind = self._columns[position]
                own = spell(inputs[name][row, 0], kind)
                typical = spell(self._reference[name], kind)
                text = f"{_compare(name, own, typical)} {self._consequence(effect, label)}"
                reasons.append({"column": name, "effect": effect, "text": text})
        return reasons

    def _consequence(self, effect: float, label: str) -> str:
        verb = "raises" if effect > 0 else "lowers"
        if label:
            points = round_for_people(abs(effect) * 100)
            return f"{verb} the probability of {label!r} by {points} percentage points"
        amount = f"{round_for_people(abs(effect))} {self._unit}".rstrip()
        return f"{verb} the answer by {amount}"


def spell(value: Any, kind: ColumnKind) -> str:
    """A cell as the graph takes it, written as a person would; empty where missing.

    Examples
    --------
    >>> spell(2548.0, "number"), spell(19723.0, "date"), spell(1.0, "boolean"), spell("", "text")
    ('2548', '2024-01-01', 'true', '')
    """
    if value is None or value != value or value == "":  # noqa: PLR0124 - NaN is missing
        return ""
    if isinstance(value, str):
        return value
    if kind == "boolean":
        return "true" if value else "false"
    if kind == "date":
        return _spell_date(float(value))
    return f"{float(value):.10g}"


def round_for_people(amount: float) -> str:
    """A positive amount with as many digits as help.

    Examples
    --------
    >>> round_for_people(1234.5), round_for_people(12.345), round_for_people(0.001234)
    ('1,234', '12.3', '0.00123')
    """
    return f"{amount:,.0f}" if amount >= 100 else f"{amount:.3g}"


def _spell_date(days: float) -> str:
    try:
        return (_EPOCH + timedelta(days=days)).isoformat()
    except OverflowError:
        return f"day {days:.0f}"


def _compare(name: str, own: str, typical: str) -> str:
    if not own:
        return f"{name} missing against a typical {typical}"
    if not typical:
        return f"{name} {own}, which is typically missing,"
    return f"{name} {own} against a typical {typical}"


def explained_labels(classes: tuple[str, ...], labels: list[str]) -> list[str]:
    """The class whose probability `contributions` explains, a row.

    Examples
    --------
    >>> explained_labels(("no", "yes"), ["no", "yes"]), explained_labels(("a", "b", "c"), ["c"])
    (['yes', 'yes'], ['c'])
    """
    return [classes[1]] * len(labels) if len(classes) == 2 else labels
