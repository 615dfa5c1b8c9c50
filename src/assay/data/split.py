"""Split rows into a part to learn from and a part that the search never sees."""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass
from typing import Any, Self, cast

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl
from msgspec import structs

from assay.data.contract import Contract
from assay.data.kinds import label_text
from assay.errors import InvalidTable
from assay.question import Kind, Question
from assay.records import Record, canonical

HELD_OUT = 0.25
FEWEST_HELD_OUT = 30
MOST_HELD_OUT = 20_000
MOST_CELLS = 60_000_000
"""Cells of features to learn from: as doubles half a gigabyte, of which a search holds several."""
MOST_TRAIN, LEAST_TRAIN = 2_000_000, 100_000
"""Rows to learn from, whatever the number of columns: from more than these some are drawn."""
SMALL = 1_000
"""Below this many rows there are ten folds rather than five."""
_FOLDS, _FOLDS_SMALL, _FEWEST_FOLDS = 5, 10, 3
_MOST_STRATA = 10
_ROWS_A_STRATUM = 20
_REPETITIVE = 0.5
_FEWEST_KEPT = 2
_FEWEST_TIMES = 4
_FEWEST_BLOCKS = 3
_FEWEST_IN_TIME = 10
_FEWEST_OF_CLASS = 20
"""Rows that are drawn of a class at least, where it has them: some for every fold."""
_MANY_ROUNDS = 2_000
_PLAIN_ROWS = 100_000
"""Row numbers up to this many are written as a list; more are packed."""

Ints = npt.NDArray[np.int64]
Pair = tuple[Ints, Ints]


class Split(Record, frozen=True, kw_only=True):
    """Which rows are learned from, which are held out, and the folds of the former."""

    train: tuple[int, ...]
    """Row numbers of the table, ascending."""
    test: tuple[int, ...]
    """Row numbers of the held-out part, ascending."""
    folds: tuple[int, ...]
    """Fold of each training row, in the order of ``train``, from 0. Where folds are ordered,
    -1 marks the earliest rows, which are only ever learned from."""
    how: str
    """In words."""
    seed: int
    repeats: tuple[tuple[int, ...], ...] = ()
    """Further assignments to folds, for repeated cross-validation of small tables."""
    ordered: bool = False
    """Whether folds follow time: fold k is judged by what was learned from the rows before."""
    left_out: int = 0
    """Rows in neither part: older rows of held-out groups, and those of a class that could not
    be learned, because it occurs only where rows are held out."""
    not_drawn: int = 0
    """Rows in neither part: the table is large, and these were not drawn from it."""

    def to_json(self) -> bytes:
        """Canonical JSON; of long columns of numbers, the compressed differences."""
        fields = structs.asdict(self)
        for name in ("train", "folds"):
            if len(fields[name]) > _PLAIN_ROWS:
                fields[name] = _pack(fields[name])
        return canonical(fields)

    @classmethod
    def from_json(cls, body: bytes | str) -> Self:
        """Read what `to_json` wrote, now or before numbers were packed."""
        fields: dict[str, Any] = msgspec.json.decode(body)
        for name in ("train", "folds"):
            if isinstance(fields.get(name), str):
                fields[name] = _unpack(fields[name])
        return msgspec.convert(fields, cls)

    def pairs(self, repeat: int = 0) -> tuple[Pair, ...]:
        """Rows to fit on and rows to validate on, of each fold.

        Parameters
        ----------
        repeat : int
            0 for ``folds``, k for ``repeats[k - 1]``.

        Returns
        -------
        tuple of (fit, validate)
            Arrays of positions in ``train`` (not row numbers), ascending.

        Examples
        --------
        >>> split = Split(train=(2, 5, 7), test=(1,), folds=(0, 1, 0), how="", seed=0)
        >>> [(fit.tolist(), validate.tolist()) for fit, validate in split.pairs()]
        [([1], [0, 2]), ([0, 2], [1])]
        """
        fold = np.asarray(self.repeats[repeat - 1] if repeat else self.folds, dtype=np.int64)
        numbers = range(int(fold.max(initial=-1)) + 1)
        fits = [fold < k if self.ordered else fold != k for k in numbers]
        return tuple(
            (np.flatnonzero(fit), np.flatnonzero(fold == k))
            for k, fit in zip(numbers, fits, strict=True)
        )


def _pack(numbers: tuple[int, ...]) -> str:
    """Base64 of the zlib-compressed differences, the first from 0, little-endian 32-bit."""
    steps = np.diff(np.asarray(numbers, dtype=np.int64), prepend=0).astype("<i4")
    return base64.b64encode(zlib.compress(steps.tobytes(), level=6)).decode("ascii")


def _unpack(packed: str) -> tuple[int, ...]:
    steps = np.frombuffer(zlib.decompress(base64.b64decode(packed)), dtype="<i4")
    return tuple(np.cumsum(steps, dtype=np.int64).tolist())


@dataclass(frozen=True)
class _Units:
    """Sets of rows that stay together: groups, or else rows that are the same in every cell."""

    of_row: Ints
    """Unit of each row, from 0."""
    rows: Ints
    """Rows of each unit."""
    strata: Ints
    """Stratum of each unit: what all parts get the same share of."""


def split_rows(
    frame: pl.DataFrame,
    question: Question,
    *,
    kind: Kind,
    seed: int,
    contract: Contract | None = None,
) -> Split:
    """Split rows into training and held-out rows, and training rows into folds.

    A quarter is held out: at least 30 rows if that leaves two thirds to learn from, at most
    20,000. There are five folds, ten below 1,000 rows: there a fit on nine tenths of the rows
    is much closer to the final one, and cheap. Classes, or quantiles of a number, have the same
    share in every part. With a group column no group is on both sides. With a time column the
    held-out rows are the latest, and each fold is judged by what was learned from earlier rows.
    Held-out rows of a class that no training row has are left out, and `Split.how` says so.
    Rows that are the same in every cell stay together, so that memory does not count as skill;
    except where most rows are such repeats, which then are coincidence.

    Of a table with more than `MOST_CELLS` cells of features, or `MOST_TRAIN` rows, beside the
    held-out ones, rows are first drawn at random, classes in the table's shares but at least
    20 rows of each; the others are in neither part, and `Split.how` says so.

    Parameters
    ----------
    frame : pl.DataFrame
        The usable rows, as `check_table` gives them.
    question : Question
        Names target, group column and time column.
    kind : {"regression", "binary", "multiclass"}
        From `infer_kind`.
    seed : int
        The same seed and rows give the same split.
    contract : Contract, optional
        Its identifiers and ignored columns do not count when rows are compared.

    Raises
    ------
    InvalidTable
        There are too few groups, or too few distinct times; or the training rows are of one
        class.
    """
    wide = frame.width if contract is None else len(contract.features)
    wanted = int(np.clip(MOST_CELLS // wide, LEAST_TRAIN, MOST_TRAIN)) + MOST_HELD_OUT
    if frame.height <= wanted:
        return _split(frame, question, kind=kind, seed=seed, contract=contract)
    rows, more = _draw(frame[question.target], kind, wanted, seed)
    split = _split(frame[rows], question, kind=kind, seed=seed, contract=contract)
    return structs.replace(
        split,
        train=tuple(rows[np.asarray(split.train)].tolist()),
        test=tuple(rows[np.asarray(split.test)].tolist()),
        how=f"{rows.size:,} of {frame.height:,} rows drawn at random, the others not used{more}; "
        f"of these: {split.how}",
        not_drawn=frame.height - rows.size,
    )


def _draw(target: pl.Series, kind: Kind, wanted: int, seed: int) -> tuple[Ints, str]:
    """About ``wanted`` rows at random, ascending; and what to know about their classes."""
    rng = np.random.default_rng([seed, 1])  # another stream than the split's
    if kind == "regression":
        return np.sort(rng.choice(len(target), wanted, replace=False, shuffle=False)), ""
    labels = label_text(target)
    members = [np.flatnonzero((labels == label).to_numpy()) for label in sorted(labels.unique())]
    sizes = np.array([rows.size for rows in members])
    exact = sizes * (wanted / len(target))
    quotas = _rounded(exact, wanted, at_most=sizes.tolist())
    raised = np.maximum(quotas, np.minimum(sizes, _FEWEST_OF_CLASS))
    drawn = [
        rng.choice(rows, quota, replace=False, shuffle=False)
        for rows, quota in zip(members, raised.tolist(), strict=True)
    ]
    rare = int((raised > quotas).sum())
    more = f", but {_classes(rare)} more rows than their share, to be seen at all" if rare else ""
    return np.sort(np.concatenate(drawn)), more


def _classes(count: int) -> str:
    return "of one rare class" if count == 1 else f"of {count} rare classes"


def _split(
    frame: pl.DataFrame,
    question: Question,
    *,
    kind: Kind,
    seed: int,
    contract: Contract | None,
) -> Split:
    """Split all rows of a table; see `split_rows`."""
    if question.time_column is not None:
        split = _by_time(frame, question, seed)
    else:
        split = _at_random(frame, question, kind=kind, seed=seed, contract=contract)
    return split if kind == "regression" else _with_known_classes(split, frame[question.target])


def _with_known_classes(split: Split, target: pl.Series) -> Split:
    """The split without held-out rows of classes that no training row has."""
    labels = label_text(target)
    known = labels[np.asarray(split.train)].unique()
    test = np.asarray(split.test)
    held = labels[test]
    answerable = held.is_in(known.implode()).to_numpy()
    if len(known) == 1 or not answerable.any():
        which = "one class" if len(known) == 1 else "other classes than all held-out rows"
        raise InvalidTable(
            f"The rows to learn from are of {which} of {target.name!r}: time or groups leave no "
            "other split.",
            hint="Split at random, without time_column and group_column, or add rows.",
            where="assay.yaml: target",
        )
    if answerable.all():
        return split
    gone = int((~answerable).sum())
    return structs.replace(
        split,
        test=tuple(test[answerable].tolist()),
        left_out=split.left_out + gone,
        how=f"{split.how.removesuffix('.')}; {gone:,} of the held-out rows left out: no row to "
        "learn from has their class.",
    )


def _at_random(
    frame: pl.DataFrame,
    question: Question,
    *,
    kind: Kind,
    seed: int,
    contract: Contract | None,
) -> Split:
    units = _units(frame, question, kind, contract)
    rng = np.random.default_rng(seed)
    held_out = _hold_out(units, _held_out_rows(frame.height), rng)
    in_test = held_out[units.of_row]
    train, test = np.flatnonzero(~in_test), np.flatnonzero(in_test)
    count = _fold_count(frame, question, kind, units, train)
    assigned = [
        _deal(units, ~held_out, count, rng)[units.of_row][train]
        for _ in range(3 if frame.height < SMALL else 1)
    ]
    return Split(
        train=tuple(train.tolist()),
        test=tuple(test.tolist()),
        folds=tuple(assigned[0].tolist()),
        repeats=tuple(tuple(fold.tolist()) for fold in assigned[1:]),
        how=_how(frame, question, kind, units, held_out=len(test), folds=count),
        seed=seed,
    )


def _held_out_rows(rows: int) -> int:
    least = min(FEWEST_HELD_OUT, rows // 3)
    return min(max(round(HELD_OUT * rows), least), MOST_HELD_OUT)


def _units(
    frame: pl.DataFrame, question: Question, kind: Kind, contract: Contract | None
) -> _Units:
    if question.group_column is not None:
        of_row = _group_codes(frame[question.group_column])
        if int(of_row.max()) + 1 < _FEWEST_FOLDS:
            raise InvalidTable(
                f"The group column {question.group_column!r} has fewer than three groups.",
                hint="Groups are kept whole, so at least three are needed to learn and to test.",
                where="assay.yaml: group_column",
            )
    else:
        of_row = _repeats(frame, question, contract)
    rows = np.bincount(of_row)
    if kind == "regression" and question.group_column is not None:
        return _Units(of_row, rows, np.zeros(rows.size, dtype=np.int64))
    return _Units(of_row, rows, _strata(frame[question.target], of_row, rows, kind))


def _group_codes(groups: pl.Series) -> Ints:
    """A code from 0 for each group; rows without a group are one group each."""
    codes = groups.rank("dense").cast(pl.Int64).fill_null(0).to_numpy().copy()
    alone = np.flatnonzero(codes == 0)
    codes[alone] = codes.max(initial=0) + 1 + np.arange(alone.size)
    return _packed(codes)


def _repeats(frame: pl.DataFrame, question: Question, contract: Contract | None) -> Ints:
    """A code from 0 for each distinct row."""
    apart = set(question.ignore)
    if contract is not None:
        apart |= {c.name for c in contract.columns if c.role in {"identifier", "ignored"}}
    compared = frame.select(name for name in frame.columns if name not in apart)
    codes = _packed(compared.hash_rows().to_numpy())
    repetitive = int(codes.max()) + 1 < _REPETITIVE * frame.height
    return np.arange(frame.height) if repetitive else codes


def _packed(codes: npt.NDArray[np.int64] | npt.NDArray[np.uint64]) -> Ints:
    """The same partition, numbered from 0 by first appearance."""
    _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    order = np.empty(first.size, dtype=np.int64)
    order[np.argsort(first)] = np.arange(first.size)
    return np.asarray(order[inverse], dtype=np.int64)


def _strata(target: pl.Series, of_row: Ints, rows: Ints, kind: Kind) -> Ints:
    """Stratum of each unit: its most frequent class, or the quantile bin of its mean target."""
    if kind == "regression":
        means = np.bincount(of_row, weights=target.cast(pl.Float64).to_numpy()) / rows
        bins = int(np.clip(rows.size // _ROWS_A_STRATUM, 1, _MOST_STRATA))
        ranks = np.argsort(np.argsort(means, kind="stable"), kind="stable")
        return np.asarray(ranks * bins // rows.size, dtype=np.int64)
    classes = label_text(target).rank("dense").cast(pl.Int64).to_numpy() - 1
    width = int(classes.max()) + 1
    counts = np.zeros((rows.size, width), dtype=np.int64)
    np.add.at(counts, (of_row, classes), 1)
    # The rarest class a unit holds names it, so that rare classes are spread first.
    rarity = np.bincount(classes, minlength=width)
    return np.asarray(np.where(counts > 0, rarity, rarity.max() + 1).argmin(axis=1), dtype=np.int64)


def _hold_out(units: _Units, wanted: int, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Which units are held out: of each stratum its share of rows, at random."""
    chosen = np.zeros(units.rows.size, dtype=bool)
    total = int(units.rows.sum())
    strata = [np.flatnonzero(units.strata == s) for s in range(int(units.strata.max()) + 1)]
    exact = np.array([units.rows[members].sum() * wanted / total for members in strata])
    quotas = _rounded(exact, wanted, at_most=[_spare(units.rows[members]) for members in strata])
    for members, quota in zip(strata, quotas.tolist(), strict=True):
        shuffled = rng.permutation(members)
        fitting = shuffled[units.rows[shuffled] <= max(quota, 1)]
        before = np.cumsum(units.rows[fitting]) - units.rows[fitting]
        chosen[fitting[before + units.rows[fitting] / 2 <= quota]] = True
    if not chosen.any():
        chosen[units.rows.argmin()] = True
    while (~chosen).sum() < _FEWEST_KEPT and chosen.sum() > 1:
        held = np.flatnonzero(chosen)
        chosen[held[units.rows[held].argmax()]] = False
    return chosen


def _spare(rows: Ints) -> int:
    """Rows that a stratum can give away while one unit of it stays."""
    return int(rows.sum() - rows.max()) if rows.size else 0


def _rounded(exact: npt.NDArray[np.float64], wanted: int, *, at_most: list[int]) -> Ints:
    """Whole quotas near the exact ones that add up (method of largest remainders)."""
    quotas = np.minimum(np.floor(exact).astype(np.int64), at_most)
    room = np.asarray(at_most) > quotas
    order = np.argsort(-(exact - quotas), kind="stable")
    order = order[room[order]][: max(0, wanted - int(quotas.sum()))]
    quotas[order] += 1
    return quotas


def _fold_count(
    frame: pl.DataFrame, question: Question, kind: Kind, units: _Units, train: Ints
) -> int:
    most = _FOLDS_SMALL if frame.height < SMALL else _FOLDS
    left = np.unique(units.of_row[train]).size
    if kind == "binary":
        rarer = min(
            label_text(frame[question.target])[train].alias("label").value_counts()["count"]
        )
        most = min(most, max(rarer, _FEWEST_FOLDS))
    return max(2, min(most, left))


def _deal(units: _Units, kept: npt.NDArray[np.bool_], folds: int, rng: np.random.Generator) -> Ints:
    """Fold of each kept unit; the other units get 0 and are not looked at.

    The units of a stratum, large ones first and equal ones at random, are dealt in rounds to
    the folds that have the fewest of its rows. A fold that is ahead of the others by more than
    the largest unit of the round sits it out. Of a large stratum of single rows, all but the
    last rounds are dealt at once.
    """
    dealt = np.zeros(units.rows.size, dtype=np.int64)
    total = np.zeros(folds, dtype=np.int64)
    for stratum in range(int(units.strata.max()) + 1):
        members = np.flatnonzero(kept & (units.strata == stratum))
        members = members[np.lexsort((rng.random(members.size), -units.rows[members]))]
        sizes = np.zeros(folds, dtype=np.int64)
        start = 0
        rounds = members.size // folds
        if rounds > _MANY_ROUNDS and units.rows[members[0]] == 1:  # in this order, all are single
            start = (rounds - 1) * folds
            dealt[members[:start]] = np.arange(start) % folds
            sizes += rounds - 1
            total += rounds - 1
        while start < members.size:
            order = np.lexsort((rng.random(folds), total, sizes))
            order = order[sizes[order] < sizes[order[0]] + units.rows[members[start]]]
            hand = members[start : start + order.size]
            dealt[hand] = order[: hand.size]
            sizes[order[: hand.size]] += units.rows[hand]
            total[order[: hand.size]] += units.rows[hand]
            start += hand.size
    return dealt


def _how(
    frame: pl.DataFrame,
    question: Question,
    kind: Kind,
    units: _Units,
    *,
    held_out: int,
    folds: int,
) -> str:
    parts = [f"{held_out:,} of {frame.height:,} rows held out at random"]
    if kind != "regression":
        parts[0] += ", classes in equal shares"
    elif question.group_column is None:
        parts[0] += ", quantiles of the target in equal shares"
    parts.append(f"{folds} folds")
    if question.group_column is not None:
        parts.append(f"groups of {question.group_column!r} kept whole")
    elif units.rows.size < frame.height:
        parts.append("rows that repeat another kept together with it")
    if kind != "regression":
        counts = label_text(frame[question.target]).alias("label").value_counts()["count"]
        if rare := int((counts < folds).sum()):
            parts.append(
                f"{rare} {'class has' if rare == 1 else 'classes have'} fewer rows than folds"
            )
    return "; ".join(parts) + "."


def _by_time(frame: pl.DataFrame, question: Question, seed: int) -> Split:
    """Held-out rows are the latest; folds follow each other in time."""
    moments = _moments(frame[str(question.time_column)])
    test_rows = _latest(moments, _held_out_rows(frame.height))
    if test_rows is None:
        raise InvalidTable(
            f"The time column {question.time_column!r} has too few distinct times.",
            hint="At least four are needed: rows of one time stay on one side.",
            where="assay.yaml: time_column",
        )
    groups = None
    train_rows = np.flatnonzero(~test_rows)
    if question.group_column is not None:
        groups = _group_codes(frame[question.group_column])
        train_rows = train_rows[~np.isin(groups[train_rows], groups[test_rows])]
    order = _last(moments, groups, train_rows)
    _check_left(order, question)
    wanted = _FOLDS_SMALL if frame.height < SMALL else _FOLDS
    folds = _blocks(order, wanted + 1) - 1
    left_out = int((~test_rows).sum()) - train_rows.size
    return Split(
        train=tuple(train_rows.tolist()),
        test=tuple(np.flatnonzero(test_rows).tolist()),
        folds=tuple(folds.tolist()),
        how=_how_in_time(frame, question, int(test_rows.sum()), folds, left_out),
        seed=seed,
        ordered=True,
        left_out=left_out,
    )


def _moments(times: pl.Series) -> Ints:
    """Rank of each row's time from 1; 0, the earliest, where it is missing."""
    return cast("Ints", times.rank("dense").cast(pl.Int64).fill_null(0).to_numpy())


def _latest(moments: Ints, wanted: int) -> npt.NDArray[np.bool_] | None:
    """The latest rows, cut between two times, as near to ``wanted`` rows as that allows."""
    times, counts = np.unique(moments, return_counts=True)
    if times.size < _FEWEST_TIMES:
        return None
    after = np.cumsum(counts[::-1])[::-1]
    cut = _FEWEST_BLOCKS + int(np.abs(after[_FEWEST_BLOCKS:] - wanted).argmin())
    return np.asarray(moments >= times[cut], dtype=bool)


def _check_left(order: Ints, question: Question) -> None:
    if order.size < _FEWEST_IN_TIME or np.unique(order).size < _FEWEST_BLOCKS:
        raise InvalidTable(
            f"Nearly every group of {question.group_column!r} has rows among the latest.",
            hint="Split by time or by group, not by both.",
            where="assay.yaml: group_column",
        )


def _last(moments: Ints, groups: Ints | None, train: Ints) -> Ints:
    """What orders each training row: its time, or the last time of its group."""
    if groups is None:
        return moments[train]
    codes = _packed(groups[train])
    last = np.zeros(int(codes.max(initial=-1)) + 1, dtype=np.int64)
    np.maximum.at(last, codes, moments[train])
    # Ties between groups are broken by the group, so that none is cut in two.
    return np.asarray(last[codes] * last.size + codes, dtype=np.int64)


def _blocks(order: Ints, wanted: int) -> Ints:
    """Consecutive blocks from 0 of about equal size, cut only between distinct values."""
    values, inverse, counts = np.unique(order, return_inverse=True, return_counts=True)
    wanted = min(wanted, values.size)
    block = (np.cumsum(counts) - counts) * wanted // order.size
    if np.unique(block).size < _FEWEST_BLOCKS:  # one value holds most of the rows
        block = np.arange(values.size) * wanted // values.size
    _, packed = np.unique(block, return_inverse=True)
    return np.asarray(packed[inverse], dtype=np.int64)


def _how_in_time(
    frame: pl.DataFrame, question: Question, held_out: int, folds: Ints, left_out: int
) -> str:
    parts = [
        f"The latest {held_out:,} of {frame.height:,} rows by {question.time_column!r} held out",
        f"{int(folds.max()) + 1} folds in order of time, each judged by what came before it",
    ]
    if question.group_column is not None:
        parts.append(
            f"groups of {question.group_column!r} kept whole, in the order of their last row, "
            f"and {left_out} older rows of held-out groups left out"
        )
    missing = frame[str(question.time_column)].null_count()
    if missing:
        parts.append(f"{missing} rows without a time counted as earliest")
    return "; ".join(parts) + "."
