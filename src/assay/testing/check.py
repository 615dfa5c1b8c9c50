"""What any check must pass, and a subject to try it on. Inherit the exam and give it the check.

::

    class TestMyCheck(CheckExam):
        check = MyCheck
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, ClassVar

import msgspec
import numpy as np
import polars as pl
import pytest

from assay.assess.accountability import DOCUMENTS
from assay.assess.assess import assess
from assay.assess.check import Check
from assay.assess.finding import Finding
from assay.assess.request import Request
from assay.assess.statistics import Bool, Float64, Int64
from assay.assess.subject import Contributions, Scored, Subject, explained_number
from assay.data.derivation import derive_contract
from assay.data.profile import profile_table
from assay.question import Groups, Kind, Question, SuccessMeasure

KINDS: tuple[Kind, ...] = ("regression", "binary", "multiclass")
MAKES = ("avis", "bonte", "corvo", "dromo", "elk")
CLASSES: dict[Kind, tuple[str, ...]] = {
    "regression": (),
    "binary": ("no", "yes"),
    "multiclass": ("high", "low", "middle"),
}
_DIGEST = "sha256:" + "0" * 64


@dataclass(frozen=True, eq=False, kw_only=True)
class ExampleAnswer:
    """What `ExampleModel` answers; see `assay.model.Answer`."""

    prediction: Float64
    probabilities: Float64 | None = None
    lower: Float64 | None = None
    upper: Float64 | None = None
    label: Int64 | None = None
    sets: Bool | None = None


@dataclass(frozen=True, kw_only=True)
class ExampleModel:
    """A small model in closed form, sound on any input.

    Parameters
    ----------
    kind : {"regression", "binary", "multiclass"}
    half_width : float
        Of the prediction interval of a regression.
    least : float
        Probability from which a class belongs to the prediction set.
    """

    kind: Kind
    half_width: float = 3.3
    least: float = 0.15

    def __call__(self, frame: pl.DataFrame) -> ExampleAnswer:
        """Answer a table that has the columns of `example_table`."""
        level = self.level(frame)
        if self.kind == "regression":
            return ExampleAnswer(
                prediction=level, lower=level - self.half_width, upper=level + self.half_width
            )
        scores = {
            "binary": [0 * level, (level - 20) / 4],
            "multiclass": [(level - 22) / 4, (18 - level) / 4, 0 * level],
        }[self.kind]
        odds = np.exp(np.stack(scores, axis=1))
        p = odds / odds.sum(axis=1, keepdims=True)
        label = p.argmax(axis=1).astype(np.int64)
        prediction = p[:, 1] if self.kind == "binary" else label.astype(np.float64)
        return ExampleAnswer(
            prediction=prediction, probabilities=p, label=label, sets=p >= self.least
        )

    @staticmethod
    def level(frame: pl.DataFrame) -> Float64:
        """The expected answer; a missing value counts as a middling one."""
        size = np.clip(_numbers(frame, "size", 5.0), 0, 10)
        weight = np.clip(_numbers(frame, "weight", 50.0), 20, 80)
        turbo = _numbers(frame, "turbo", 0.0)
        place = {make: float(i) for i, make in enumerate(MAKES)}
        make = np.array([place.get(m, 2.0) for m in frame["make"].to_list()])
        return 2.0 * size + 0.1 * weight + 3.0 * turbo + 1.0 * make


def example_table(rows: int, *, seed: int = 0) -> pl.DataFrame:
    """A table of invented machines, with every kind of column, gaps and mail addresses."""
    rng = np.random.default_rng(seed)
    size = rng.uniform(0, 10, rows).round(3)
    return pl.DataFrame(
        {
            "make": rng.choice(MAKES, rows, p=[0.4, 0.3, 0.2, 0.09, 0.01]),
            "drive": rng.choice(["front", "rear"], rows),
            "size": pl.Series(
                [
                    None if g else float(s)
                    for s, g in zip(size, rng.random(rows) < 0.05, strict=True)
                ]
            ),
            "weight": rng.normal(50, 10, rows).round(2),
            "doors": rng.integers(2, 6, rows).astype(float),
            "turbo": rng.random(rows) < 0.3,
            "mail": [f"person{i}.{seed}@mail.example" for i in rng.permutation(rows)],
        }
    ).with_columns(
        sold=pl.date(2020, 1, 1) + pl.duration(days=pl.lit(pl.Series(rng.integers(0, 900, rows))))
    )


def example_subject(
    kind: Kind = "regression",
    *,
    rows: int = 600,
    seed: int = 0,
    noise: Callable[[pl.DataFrame], Float64] | None = None,
    **changes: Any,
) -> Subject:
    """A subject in which the model is right but for noise.

    Parameters
    ----------
    kind : {"regression", "binary", "multiclass"}
    rows : int
        Held-out rows; the training part has as many.
    noise : callable
        Regression: from the rows to what is added to the truth; default normal with standard
        deviation 2. Classes: what is added to the level before a class is drawn.
    **changes
        Fields of `Subject` to set otherwise.
    """
    model = ExampleModel(kind=kind)
    rng = np.random.default_rng([seed, 1])
    table = example_table(2 * rows, seed=seed)
    added = noise(table) if noise else (2.0 * rng.normal(size=2 * rows)) * (kind == "regression")
    table = table.with_columns(worth=pl.Series(_truth(model, table, added, rng)))
    question = example_question(kind)
    profile = profile_table(table, target="worth")
    contract = derive_contract(table, question, profile)
    table = contract.conform(table, require_target=True)
    train, test = table[:rows], table[rows:]
    shell = Subject(
        kind=kind,
        question=question,
        contract=contract,
        profile=profile,
        held_out=_placeholder(test),
        train=train,
        score=model,
        record=example_record(),
        classes=CLASSES[kind],
        explain=explain_by_steps(model),
        graph=_DIGEST,
    )
    constant = np.median if kind != "binary" else np.mean
    baseline = np.full(rows, float(constant(shell.truth_of(train))))
    whole = replace(
        shell,
        held_out=Scored.of(test, model(test), truth=shell.truth_of(test), baseline=baseline),
        cross_fitted=Scored.of(train, model(train), truth=shell.truth_of(train), baseline=baseline),
    )
    return replace(whole, **changes)


def example_question(kind: Kind) -> Question:
    """The question that the example table carries."""
    return Question(
        name="machines",
        question="What is this machine worth?",
        data="machines.csv",
        target="worth",
        decision="What to offer for it.",
        owner="owner@firm.example",
        kind=kind,
        positive="yes" if kind == "binary" else None,
        unit="USD" if kind == "regression" else "",
        affected_groups=(Groups(column="make"), Groups(column="drive")),
        success=SuccessMeasure(metric="mae" if kind == "regression" else "log_loss"),
        intended_use="A first offer.",
        out_of_scope="Ships.",
        ignore=("mail",),
        data_source="Invented.",
        data_licence="CC0",
    )


def example_record() -> dict[str, Any]:
    """A record that lacks nothing."""
    names = ("dataset", "contract", "split", "policy", "code", "environment", "parity")
    case = {"name": "real rows", "rows": 10, "worst": 1e-7, "limit": 1e-5, "label_changes": 0}
    return {
        "policy_entry": 3,
        "training_entry": 5,
        "lineage": dict.fromkeys(names, _DIGEST),
        "parity": {"rows": 10, "ok": True, "cases": [case]},
        "trained_by": "ana@firm.example",
        "approvals": [{"by": "ben@firm.example", "at": "2026-01-01T00:00:00Z"}],
        "incidents": [],
        "documents": dict.fromkeys(DOCUMENTS, _DIGEST),
        "reproduced": {"model": {"digest": _DIGEST, "again": _DIGEST}},
        "components": [{"name": "numpy", "version": "2.2.0"}],
        "differential_privacy": {"epsilon": 1.0, "delta": 1e-6},
    }


def asking(subject: Subject, **changes: Any) -> Subject:
    """The same subject with some fields of its question changed."""
    return replace(subject, question=msgspec.structs.replace(subject.question, **changes))


def explain_by_steps(
    model: Callable[[pl.DataFrame], Any],
) -> Callable[[pl.DataFrame], Contributions]:
    """Explanations that add up: columns go from a typical row to the row one after another."""
    typical = {
        "make": "avis",
        "drive": "front",
        "size": 5.0,
        "weight": 50.0,
        "doors": 3.0,
        "turbo": False,
    }

    def explain(frame: pl.DataFrame) -> Contributions:
        columns = tuple(n for n in frame.columns if n not in ("mail", "worth"))
        answer = model(frame)
        current = frame.with_columns(
            pl.lit(typical.get(n), frame.schema[n]).alias(n) for n in columns
        )
        steps = [_as_explained(model(current), answer)]
        for name in columns:
            current = current.with_columns(frame[name])
            steps.append(_as_explained(model(current), answer))
        return Contributions(
            columns=columns,
            values=np.diff(np.stack(steps, axis=1), axis=1),
            answer=explained_number(answer),
            base=steps[0],
        )

    return explain


def reordered(subject: Subject, *, seed: int = 1) -> Subject:
    """The same subject with its rows in another order."""
    rng = np.random.default_rng(seed)

    def shuffled(scored: Scored) -> Scored:
        return _taken(scored, rng.permutation(scored.rows))

    return replace(
        subject,
        held_out=shuffled(subject.held_out),
        cross_fitted=subject.cross_fitted and shuffled(subject.cross_fitted),
        train=subject.train[rng.permutation(subject.train.height)],
    )


def renamed(subject: Subject, column: str, names: Mapping[str, str]) -> Subject:
    """The same subject with other names for the groups of a column."""
    back = {new: old for old, new in names.items()}

    def forth(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.with_columns(pl.col(column).replace(names))

    def undo(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.with_columns(pl.col(column).replace(back))

    def rows(scored: Scored) -> Scored:
        return replace(scored, frame=forth(scored.frame))

    explain = subject.explain
    return replace(
        subject,
        held_out=rows(subject.held_out),
        cross_fitted=subject.cross_fitted and rows(subject.cross_fitted),
        train=forth(subject.train),
        score=lambda frame: subject.score(undo(frame)),
        explain=None if explain is None else lambda frame: explain(undo(frame)),
    )


def findings_of(check: type[Check], subject: Subject) -> tuple[Finding, ...]:
    """Every finding of one check about a subject."""
    return assess(subject, checks=[check]).findings


class CheckExam:
    """Laws of a check: what it finds depends on the content of the rows, and on nothing else."""

    check: ClassVar[type[Check]]

    @pytest.fixture(params=KINDS)
    def subject(self, request: pytest.FixtureRequest) -> Subject:
        """An example subject of each kind."""
        return _small_subject(request.param)

    def test_it_says_what_it_is(self) -> None:
        """Code, title, question, principle, sources."""
        check = self.check
        assert len(check.code) == 6
        assert check.code[:3].isupper()
        assert check.code[3:].isdigit()
        assert check.title
        assert (check.__doc__ or "").partition("\n")[0].endswith("?")
        assert check.sources

    def test_it_ignores_row_order(self, subject: Subject) -> None:
        """The rows in another order give the same finding."""
        for a, b in zip(
            findings_of(self.check, subject),
            findings_of(self.check, reordered(subject)),
            strict=True,
        ):
            _same_numbers(a, b)

    def test_it_ignores_group_names(self, subject: Subject) -> None:
        """Other names for groups give the same numbers under the other names."""
        names = dict(zip(MAKES, ("zeta", "ypsilon", "xi", "wau", "vau"), strict=True))
        other = findings_of(self.check, renamed(subject, "make", names))
        for a, b in zip(findings_of(self.check, subject), other, strict=True):
            _same_numbers(a, b)
            for old, new in names.items():
                assert _of_group(a, old) == _of_group(b, new)

    def test_it_leaves_its_input_untouched(self, subject: Subject) -> None:
        """Frames, arrays and the record are as before."""
        frame, train = subject.held_out.frame.clone(), subject.train.clone()
        truth, record = subject.held_out.truth.copy(), copy.deepcopy(dict(subject.record))
        findings_of(self.check, subject)
        assert subject.held_out.frame.equals(frame)
        assert subject.train.equals(train)
        assert np.array_equal(subject.held_out.truth, truth)
        assert dict(subject.record) == record

    def test_its_finding_survives_json(self, subject: Subject) -> None:
        """Written and read back, a finding is the same."""
        for finding in findings_of(self.check, subject):
            assert Finding.from_json(finding.to_json()) == finding

    def test_its_bounds_hold_the_value(self, subject: Subject) -> None:
        """Lower bound, value, upper bound, in this order; or a reason and no value."""
        for finding in findings_of(self.check, subject):
            if finding.value is None:
                assert finding.reason
                continue
            assert finding.measure
            assert finding.method
            assert finding.lower is not None
            assert finding.upper is not None
            slack = 1e-9 * max(1.0, abs(finding.value))
            assert finding.lower <= finding.value + slack
            assert finding.value <= finding.upper + slack

    def test_more_confidence_widens_its_bounds(self, subject: Subject) -> None:
        """At 99 % neither bound is nearer than at 90 %."""
        wide, narrow = (
            assess(subject, [Request(check=self.check.code, confidence=c)], checks=[self.check])
            for c in (0.99, 0.90)
        )
        for a, b in zip(wide.findings, narrow.findings, strict=True):
            assert a.value == b.value
            if a.lower is not None and b.lower is not None:
                assert a.lower <= b.lower
            if a.upper is not None and b.upper is not None:
                assert a.upper >= b.upper

    def test_it_shows_no_personal_value(self, subject: Subject) -> None:
        """No mail address appears, even where the column is named as an affected group."""
        asked = _with_groups(subject, "mail", "make")
        for finding in findings_of(self.check, asked):
            assert "@mail.example" not in finding.to_json().decode()


@lru_cache
def _small_subject(kind: Kind) -> Subject:
    return example_subject(kind, rows=300)


def _with_groups(subject: Subject, *columns: str) -> Subject:
    groups = tuple(Groups(column=c) for c in columns)
    return asking(subject, affected_groups=groups)


def _same_numbers(a: Finding, b: Finding) -> None:
    assert (a.key, a.rows, a.reason) == (b.key, b.rows, b.reason)
    for x, y in ((a.value, b.value), (a.lower, b.lower), (a.upper, b.upper)):
        assert (x is None) == (y is None)
        if x is not None and y is not None:
            assert x == pytest.approx(y, rel=1e-6, abs=1e-9)


def _of_group(finding: Finding, name: str) -> list[tuple[int, float | None]]:
    return [
        (g.rows, None if g.value is None else round(g.value, 6))
        for g in finding.groups
        if g.group == name
    ]


def _taken(scored: Scored, rows: Int64) -> Scored:
    arrays = (
        "truth",
        "prediction",
        "baseline",
        "probabilities",
        "label",
        "lower",
        "upper",
        "sets",
        "weight",
    )
    found = {name: getattr(scored, name) for name in arrays}
    taken: dict[str, Any] = {name: None if a is None else a[rows] for name, a in found.items()}
    return Scored(frame=scored.frame[rows], **taken)


def _placeholder(frame: pl.DataFrame) -> Scored:
    zeros = np.zeros(frame.height)
    return Scored(frame=frame, truth=zeros, prediction=zeros, baseline=zeros)


def _numbers(frame: pl.DataFrame, name: str, missing: float) -> Float64:
    column = frame[name].cast(pl.Float64).fill_null(missing).fill_nan(missing)
    return column.to_numpy()


def _as_explained(answer: Any, row_answer: Any) -> Float64:
    """The number that is explained, for the class that ``row_answer`` gives."""
    if answer.probabilities is None or answer.probabilities.shape[1] == 2:
        return np.asarray(answer.prediction)
    return np.asarray(answer.probabilities[np.arange(len(row_answer.label)), row_answer.label])


def _truth(
    model: ExampleModel, table: pl.DataFrame, added: Float64, rng: np.random.Generator
) -> list[Any]:
    if model.kind == "regression":
        return list(model.level(table) + added)
    odds = model(table.with_columns(size=pl.Series(_numbers(table, "size", 5.0) + added / 2)))
    assert odds.probabilities is not None
    drawn = rng.random((table.height, 1)) > np.cumsum(odds.probabilities, axis=1)
    places = np.minimum(drawn.sum(axis=1), odds.probabilities.shape[1] - 1)
    return [CLASSES[model.kind][p] for p in places]
