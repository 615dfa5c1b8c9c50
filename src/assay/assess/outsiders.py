"""Reliability and safety: whether serving can tell rows that do not belong from rows that do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import polars as pl

from assay.assess.check import BaseCheck
from assay.assess.damage import NUMBERS, WORDS, columns_of
from assay.assess.fairness.group_check import of_weights
from assay.assess.finding import Evidence, Finding, Principle
from assay.assess.novelty import Novelty, fit_novelty
from assay.assess.reliability import require_rows
from assay.assess.robustness import UNSEEN
from assay.assess.statistics import Bool, Bounds, auc, clopper_pearson
from assay.assess.subject import Subject, canonical_order
from assay.errors import NotApplicable
from assay.model.inputs import graph_inputs, plan_inputs

Inputs = dict[str, npt.NDArray[Any]]
Damaging = Callable[[Inputs, np.random.Generator], Inputs]

ALARM_RATE = 0.01
"""Share of ordinary rows that may raise an alarm."""


@dataclass(frozen=True, kw_only=True)
class OutsiderDetection(BaseCheck):
    """Can rows that do not belong be told from rows that do?"""

    code: ClassVar[str] = "REL019"
    title: ClassVar[str] = "Detection of rows that do not belong"
    principle: ClassVar[Principle] = "reliability-safety"
    sources: ClassVar[tuple[Evidence, ...]] = ("held-out",)

    fewest: ClassVar[int] = 100
    most_rows: int = 20_000

    def run(self, subject: Subject) -> Finding:
        """Chance that a damaged row scores as stranger than a held-out row."""
        if subject.train.height:
            require_rows(subject.train.height, self.fewest)
        scored = subject.held_out
        require_rows(scored.rows, self.fewest)
        novelty = novelty_of(subject, most_rows=self.most_rows)
        chosen = scored.sample(self.most_rows, seed=0)
        mixed = np.random.default_rng(1).permutation(chosen.size)
        inputs = inputs_of(subject, scored.frame[chosen[mixed]])
        middle = chosen.size // 2
        ordinary = novelty.score(_taken(inputs, np.arange(chosen.size) < middle))
        strange, kinds = _damaged_scores(
            subject, novelty, _taken(inputs, np.arange(chosen.size) >= middle)
        )
        if min(ordinary.size, strange.size) < 2:
            raise NotApplicable("No row could be damaged.")
        alarms = int(np.sum(ordinary > novelty.threshold))
        return self.finding(
            auc(strange, ordinary, self.confidence),
            measure="area under the ROC curve of telling damaged rows from held-out rows",
            method="Each row's score adds up the squares of how surprising its cells are given the "
            "column that each depends on (Chow and Liu 1968), learned from training rows. Half "
            "of the rows "
            "were damaged: put together from cells of several rows, one number ten times too "
            "large, a category never seen, or columns shifted by one. The wider of DeLong's bounds "
            "on the logit scale and Hanley and McNeil's (Newcombe 2006)."
            + of_weights(scored, used=False),
            rows=chosen.size,
            higher_is_better=True,
            details={
                "kinds": self._by_kind(novelty, strange, kinds, ordinary),
                "false_alarms": {
                    "allowed": novelty.alarm_rate,
                    **_parts(clopper_pearson(alarms, ordinary.size, self.confidence)),
                },
                "tree": _tree(novelty),
                "training_rows": novelty.rows,
            },
        )

    def _by_kind(
        self,
        novelty: Novelty,
        strange: npt.NDArray[np.float64],
        kinds: npt.NDArray[Any],
        ordinary: npt.NDArray[np.float64],
    ) -> list[dict[str, Any]]:
        """Area and share of alarms for each kind of damage."""
        found = []
        for kind in sorted(set(kinds)):
            scores = strange[kinds == kind]
            if scores.size < 2:
                continue
            caught = clopper_pearson(
                np.sum(scores > novelty.threshold), scores.size, self.confidence
            )
            found.append(
                {
                    "kind": kind,
                    "rows": scores.size,
                    **_parts(auc(scores, ordinary, self.confidence)),
                    "alarms": _parts(caught),
                }
            )
        return found


def novelty_of(
    subject: Subject, *, most_rows: int = 20_000, alarm_rate: float = ALARM_RATE
) -> Novelty:
    """The model of a subject's training rows that serving can carry.

    Parameters
    ----------
    subject : Subject
        With training rows.
    most_rows : int
        Training rows that are used, drawn by chance.
    alarm_rate : float
        Share of ordinary rows that may raise an alarm, in (0, 1).

    Raises
    ------
    NotApplicable
        There are no training rows, or no columns that are not personal.
    """
    if not subject.train.height:
        raise NotApplicable("There are no training rows.")
    names = [c.name for c in subject.contract.features if c.name not in subject.personal_columns]
    names = [name for name in names if name in subject.train.columns]
    if not names:
        raise NotApplicable("The model reads no column that can be shown.")
    order = np.random.default_rng(0).permutation(canonical_order(subject.train))[:most_rows]
    return fit_novelty(inputs_of(subject, subject.train[order]), names, alarm_rate=alarm_rate)


def inputs_of(subject: Subject, frame: pl.DataFrame) -> Inputs:
    """The columns that the model reads, as a graph takes them."""
    wanted = [item for item in plan_inputs(subject.contract) if item.name in frame.columns]
    return graph_inputs(wanted, frame)


def _damaged_scores(
    subject: Subject, novelty: Novelty, inputs: Inputs
) -> tuple[npt.NDArray[np.float64], npt.NDArray[Any]]:
    """Scores of damaged rows and what was done to each; rows that stayed the same are left out."""
    kept = {column.name: inputs[column.name] for column in novelty.columns}
    rows = len(next(iter(kept.values())))
    numbers = [name for name in columns_of(subject, *NUMBERS) if name in kept]
    words = [name for name in columns_of(subject, *WORDS) if name in kept]
    damagings = _damagings(list(kept), numbers, words)
    turn = np.arange(rows) % max(len(damagings), 1)
    scores, kinds = [np.zeros(0)], [np.zeros(0, dtype=object)]
    for place, (kind, damage) in enumerate(damagings.items()):
        before = _taken(kept, turn == place)
        after = damage(before, np.random.default_rng(place))
        changed = _differs(before, after)
        scores.append(novelty.score(_taken(after, changed)))
        kinds.append(np.full(int(changed.sum()), kind, dtype=object))
    return np.concatenate(scores), np.concatenate(kinds)


def _damagings(names: list[str], numbers: list[str], words: list[str]) -> dict[str, Damaging]:
    """The ways of damage that these columns allow, by name."""
    ways: dict[str, Damaging] = {}
    if len(names) > 1:
        ways["cells of several rows"] = _recombined
    if numbers:
        ways["a number ten times too large"] = lambda rows, rng: _one_cell(
            rows, numbers, rng, _tenfold
        )
    if words:
        ways["a category never seen"] = lambda rows, rng: _one_cell(rows, words, rng, _never_seen)
    if len(numbers) > 1 or len(words) > 1:
        ways["columns shifted by one"] = lambda rows, _: _rotated(rows, numbers, words)
    return ways


def _recombined(rows: Inputs, rng: np.random.Generator) -> Inputs:
    """Each column's cells in an order of their own."""
    return {name: cells[rng.permutation(len(cells))] for name, cells in rows.items()}


def _one_cell(
    rows: Inputs,
    names: list[str],
    rng: np.random.Generator,
    change: Callable[[npt.NDArray[Any]], npt.NDArray[Any]],
) -> Inputs:
    """One cell of each row changed, in a column drawn by chance."""
    drawn = rng.integers(len(names), size=len(rows[names[0]]))
    changed = dict(rows)
    for place, name in enumerate(names):
        hit = drawn == place
        cells = rows[name].copy()
        cells[hit] = change(cells[hit])
        changed[name] = cells
    return changed


def _tenfold(cells: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return cells * 10


def _never_seen(cells: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.full(cells.shape, UNSEEN, dtype=object)


def _rotated(rows: Inputs, numbers: list[str], words: list[str]) -> Inputs:
    """Each column with the next one's cells, among numbers and among categories."""
    changed = dict(rows)
    for names in (numbers, words):
        for place, name in enumerate(names):
            changed[name] = rows[names[(place + 1) % len(names)]]
    return changed


def _differs(before: Mapping[str, npt.NDArray[Any]], after: Inputs) -> Bool:
    """Whether any cell of each row is another one."""
    rows = len(next(iter(before.values())))
    changed = np.zeros(rows, bool)
    for name, cells in before.items():
        same = cells.ravel() == after[name].ravel()
        if cells.dtype != object:
            same |= np.isnan(cells.ravel()) & np.isnan(after[name].ravel())
        changed |= ~same
    return changed


def _taken(inputs: Inputs, where: Bool) -> Inputs:
    return {name: cells[where] for name, cells in inputs.items()}


def _parts(bounds: Bounds) -> dict[str, float]:
    return {
        "value": float(bounds.value),
        "lower": float(bounds.lower),
        "upper": float(bounds.upper),
    }


def _tree(novelty: Novelty) -> list[dict[str, str | None]]:
    """Which column each column's chances depend on."""
    names = [column.name for column in novelty.columns]
    return [
        {"column": c.name, "given": None if c.parent is None else names[c.parent]}
        for c in novelty.columns
    ]
