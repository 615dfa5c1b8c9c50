"""The proof that graphs, plan and fitted model give the same answers, on every engine at hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime
import polars as pl

from assay.errors import InvalidTable, ParityFailed
from assay.model.adversarial import MAX_CELLS, Rows, value_cases
from assay.model.answer import Answer
from assay.model.encode import encode
from assay.model.engines import Engine
from assay.model.inputs import graph_inputs, row_count
from assay.model.plan import Array, Bool, Float32, Float64, ModelPlan, NeighboursMember
from assay.model.plan_file import plan_to_bytes
from assay.model.reference import (
    combine,
    label_scores,
    member_predictions,
    neighbour_ties,
    thresholds,
)
from assay.model.scorer import Scorer
from assay.model.split_rows import MAX_SPLITS, split_rows
from assay.records import Record, digest

LIMIT = 1e-5
"""Allowed difference: of probabilities as it is, of values relative to their size."""

REAL_ROWS = 10_000

Native = Callable[[Float32], Sequence[Array]]
"""From the plan's features to each member's prediction by the library that fitted it, after
its link, shape (n, n_outputs), in the plan's order."""

CODED = "coded graph"


class ParityCase(Record, frozen=True, kw_only=True):
    """One kind of rows, and the largest difference among graph, plan and fitted model."""

    name: str
    rows: int
    worst: float
    limit: float
    label_changes: int
    """Rows whose label differs though their probabilities are no tie."""
    column: str = ""
    """The column that was set in the worst row; empty for rows as they came."""
    left_out: int = 0
    """Values of columns that were not tried, because the table is too wide."""
    ties: int = 0
    """Rows that were not compared: it is left to rounding which neighbour is their last."""
    unread: int = 0
    """Rows that some engine cannot be given, and so did not answer: strings with a NUL in wasm."""


class ParityReport(Record, frozen=True, kw_only=True):
    """That the graph was proved equal to the fitted model, on which rows and within what."""

    rows: int
    cases: tuple[ParityCase, ...]
    ok: bool
    limit: float
    graph: str
    """Digest of the graph."""
    coded: str = ""
    """Digest of the graph in coded form; empty where there is none."""
    plan: str = ""
    """Digest of the plan, as `plan_to_bytes` writes it."""
    engines: tuple[str, ...] = ()
    """What was compared with the graph, beside the plan and the fitted model."""
    not_examined: tuple[str, ...] = ()
    """What was not compared, and why."""
    opset: int
    ml_opset: int
    splits: int
    """Splits in all trees."""
    splits_tried: int
    """Splits with rows on both sides of them among the cases."""
    versions: dict[str, str]


def prove_parity(
    plan: ModelPlan,
    graph: bytes,
    frame: pl.DataFrame,
    native: Native,
    *,
    held_out: pl.DataFrame | None = None,
    coded: bytes = b"",
    engines: Mapping[str, Engine] | None = None,
    not_examined: Sequence[str] = (),
    seed: int = 0,
) -> ParityReport:
    """Compare the graph, the plan evaluated in NumPy, the fitted model itself, and engines.

    Parameters
    ----------
    plan : ModelPlan
    graph : bytes
        From `compile_plan`.
    frame : polars.DataFrame
        Real rows, at least one, typed as the contract types them. Of more than `REAL_ROWS`, a
        sample is compared.
    native : callable
        From features to the members' own predictions; see `Native`.
    held_out : polars.DataFrame, optional
        Further real rows, which nothing was fitted on; a sample of many.
    coded : bytes, optional
        The same plan in coded form.
    engines : mapping of str to Engine, optional
        Whatever else answers rows and must agree, by name.
    not_examined : sequence of str
        What could not be compared here, and why; kept in the report.
    seed : int
        Chooses the real rows into which special values are set.

    Returns
    -------
    ParityReport
        Always ``ok``.

    Raises
    ------
    ParityFailed
        Some answer differs by more than `LIMIT`, or is not a finite number, or a label
        differs off a tie. Says in which case and column, and by how much.
    InvalidTable
        There are no real rows.

    Notes
    -----
    Cases: the real rows, and those held out; missing and empty cells, unseen categories, every
    category, texts, extreme numbers, bounds and days, in each column; two columns at once where
    an encoder reads two; and both sides of the splits of trees. Values are compared relative to
    themselves, or to the typical value on the real rows where that is larger.
    """
    if frame.is_empty():
        raise InvalidTable("Parity needs at least one real row.", hint="Pass training rows.")
    scorer = Scorer(graph)
    real = graph_inputs(plan.inputs, _some(frame, seed))
    splits = split_rows(plan, real, seed=seed, most=_splits_that_fit(len(real)))
    cases = [_as_they_came("real rows", real), *value_cases(plan, real, seed=seed)]
    if held_out is not None and not held_out.is_empty():
        fresh = graph_inputs(plan.inputs, _some(held_out, seed))
        cases.insert(1, _as_they_came("held-out rows", fresh))
    if splits.tried:
        cases.append(splits.rows)
    others = {CODED: Engine(Scorer(coded).score)} if coded else {}
    others |= engines or {}
    judge = _Judge(plan, scorer, native, others, _typical(scorer.score(real)))
    results = tuple(judge.compare(case) for case in cases)
    opsets = {o.domain: o.version for o in onnx.load_model_from_string(graph).opset_import}
    return ParityReport(
        rows=sum(case.rows for case in results),
        cases=results,
        ok=True,
        limit=LIMIT,
        graph=digest(graph),
        coded=digest(coded) if coded else "",
        plan=digest(plan_to_bytes(plan)),
        engines=tuple(others),
        not_examined=tuple(not_examined),
        opset=opsets[""],
        ml_opset=opsets["ai.onnx.ml"],
        splits=splits.splits,
        splits_tried=splits.tried,
        versions={
            "numpy": np.__version__,
            "onnx": onnx.__version__,
            "onnxruntime": onnxruntime.__version__,
        },
    )


@dataclass(frozen=True)
class _Judge:
    plan: ModelPlan
    scorer: Scorer
    native: Native
    engines: Mapping[str, Engine]
    typical: float

    def compare(self, case: Rows) -> ParityCase:
        """The case's result; `ParityFailed` where something differs."""
        features = encode(self.plan, case.inputs)
        described = member_predictions(self.plan, features)
        fitted = self._fitted(features, described)
        graph = self.scorer.score(case.inputs)
        by_plan, by_library = (
            combine(self.plan, members, features) for members in (described, fitted)
        )
        cuts = thresholds(self.plan, features)
        compared = ~self._ties(features)
        pairs = [
            ("the plan", by_plan, compared),
            ("the fitted model", by_library, compared),
            *self._by_engines(case, compared),
        ]
        worst, column, unread = 0.0, "", 0
        for name, other, rows in pairs:
            gaps, changed = self._gaps(graph, other), self._label_changes(graph, other, cuts)
            gaps, changed = np.where(rows, gaps, 0.0), changed & rows
            row = int(gaps.argmax())
            if not gaps[row] <= LIMIT:
                raise self._failed(case, name, row, float(gaps[row]))
            if changed.any():
                raise self._relabelled(case, name, int(changed.argmax()), int(changed.sum()))
            if gaps[row] > worst:
                worst, column = float(gaps[row]), case.columns[row]
            unread = max(unread, int((compared & ~rows).sum()))
        return ParityCase(
            name=case.case,
            rows=len(case.columns),
            worst=worst,
            limit=LIMIT,
            label_changes=0,
            column=column,
            left_out=case.left_out,
            ties=int((~compared).sum()),
            unread=unread,
        )

    def _by_engines(self, case: Rows, compared: Bool) -> Iterator[tuple[str, Answer, Bool]]:
        """What each engine answers; rows it cannot be given hold the answer of the first it can."""
        for name, engine in self.engines.items():
            reads = engine.reads(case.inputs)
            if reads.any():
                stand_in = np.where(reads, np.arange(len(reads)), int(reads.argmax()))
                inputs = {column: cells[stand_in] for column, cells in case.inputs.items()}
                yield f"the {name}", engine.score(inputs), compared & reads

    def _ties(self, features: Float32) -> Bool:
        near = [m for m in self.plan.members if isinstance(m, NeighboursMember)]
        found = [neighbour_ties(member, features) for member in near]
        return np.asarray(np.any([np.zeros(len(features), dtype=bool), *found], axis=0))

    def _fitted(self, features: Float32, described: list[Float64]) -> list[Array]:
        fitted = [np.asarray(p, dtype=np.float64) for p in self.native(features)]
        if [p.shape for p in fitted] != [p.shape for p in described]:
            raise ParityFailed(
                "The fitted model's predictions have other shapes than the plan's members.",
                hint="Give one array a member, of shape (rows, outputs), in the plan's order.",
            )
        return fitted

    def _gaps(self, one: Answer, other: Answer) -> Float64:
        """Largest difference of each row; infinite where an answer is no finite number."""
        if one.probabilities is not None and other.probabilities is not None:
            gaps = np.abs(one.probabilities - other.probabilities).max(axis=1)
        else:
            values = zip(_values(one), _values(other), strict=True)
            with np.errstate(invalid="ignore"):
                gaps = np.max([self._relative(a, b).max(axis=1) for a, b in values], axis=0)
        return np.where(np.isfinite(gaps), gaps, np.inf)

    def _relative(self, one: Float64, other: Float64) -> Float64:
        return np.asarray(np.abs(one - other) / np.maximum(np.abs(other), self.typical))

    def _label_changes(self, one: Answer, other: Answer, cuts: Float64) -> Bool:
        if one.label is None or other.label is None:
            return np.zeros(len(one.prediction), dtype=bool)
        return np.asarray((one.label != other.label) & ~self._is_tie(other, cuts))

    def _is_tie(self, answer: Answer, cuts: Float64) -> Bool:
        """Where the label hangs on less than the limit."""
        output = self.plan.output
        scores, room = answer.values, LIMIT * self.typical
        if answer.probabilities is not None:
            scores, room = label_scores(output, answer.probabilities), LIMIT
        if scores is None or len(answer.classes) == 2:
            return np.asarray(np.abs(answer.prediction - cuts) <= room)
        if output.costs:  # a class's probability may move by the limit, at the price of its label
            room *= 2 * np.abs(output.costs).sum(axis=0).max()
        ordered = np.sort(scores, axis=1)
        return np.asarray(ordered[:, -1] - ordered[:, -2] <= room)

    def _failed(self, case: Rows, name: str, row: int, gap: float) -> ParityFailed:
        by = f"differ by {gap:.2g}" if np.isfinite(gap) else "are not both finite numbers"
        return ParityFailed(
            f"{_place(case, row)}: the graph and {name} {by}; allowed is {LIMIT:g}.",
            hint="The model is not published. Search again, and report this as a fault.",
            where=case.columns[row],
        )

    def _relabelled(self, case: Rows, name: str, row: int, count: int) -> ParityFailed:
        return ParityFailed(
            f"{_place(case, row)}: the graph and {name} give another label on {count} rows "
            "that are no tie.",
            hint="The model is not published. Search again, and report this as a fault.",
            where=case.columns[row],
        )


def _some(frame: pl.DataFrame, seed: int) -> pl.DataFrame:
    return frame if frame.height <= REAL_ROWS else frame.sample(REAL_ROWS, seed=seed)


def _splits_that_fit(columns: int) -> int:
    """How many splits, of three rows each, the cells of one case leave room for."""
    return max(1, min(MAX_SPLITS, MAX_CELLS // (3 * columns)))


def _as_they_came(case: str, real: dict[str, Array]) -> Rows:
    return Rows(case, real, ("",) * row_count(real))


def _values(answer: Answer) -> list[Float64]:
    """The numbers of an answer, each (n, width)."""
    main = answer.prediction if answer.values is None else answer.values
    parts = (main, answer.lower, answer.upper)
    return [part.reshape(len(part), -1) for part in parts if part is not None]


def _typical(answer: Answer) -> float:
    """Median size of the predictions that are not 0; 1 where all are."""
    sizes = np.abs(answer.prediction if answer.values is None else answer.values)
    return float(np.median(sizes[sizes > 0])) if np.any(sizes > 0) else 1.0


def _place(case: Rows, row: int) -> str:
    column = case.columns[row]
    return f"Case {case.case!r}" + (f", column {column!r}" if column else "")
