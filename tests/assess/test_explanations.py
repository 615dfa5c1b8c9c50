"""Explanations that checks share: from a plan's parts or by asking, asked in few calls, kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from assay.assess import asking, transparency
from assay.assess.asking import affordable_rows, ask_all
from assay.assess.subject import explainer_of
from assay.model.explain import reference_row
from assay.model.scorer import Scorer
from assay.testing.check import ExampleModel, example_subject

from ..model.fitted import INPUTS, fit_cars


@pytest.mark.parametrize("kind", ["regression", "binary", "multiclass"])
def test_with_the_plan_explanations_are_exact_where_they_can_be(kind):
    cars = fit_cars(kind)
    scorer, reference = Scorer(cars.graph), reference_row(INPUTS, cars.frame)
    rows = cars.frame.head(30)
    exact, asked = (explainer_of(scorer, reference, plan)(rows) for plan in (cars.plan, None))
    assert exact.exact
    assert not asked.exact
    assert exact.columns == asked.columns
    assert exact.answer == pytest.approx(asked.answer)
    assert exact.base == pytest.approx(asked.base)
    assert exact.values.sum(axis=1) == pytest.approx(exact.answer - exact.base, abs=1e-7)
    assert np.corrcoef(exact.values.ravel(), asked.values.ravel())[0, 1] > 0.95


def test_frames_are_asked_together_and_answered_apart(monkeypatch):
    frames = [example_subject(rows=40 + i).held_out.frame for i in range(5)]
    calls = []

    def score(frame):
        calls.append(frame.height)
        return ExampleModel(kind="regression")(frame)

    alone = [score(f).prediction for f in frames]
    calls.clear()
    together = ask_all(score, iter(frames), lambda a: a.prediction)
    assert calls == [sum(f.height for f in frames)]
    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))
    monkeypatch.setattr(asking, "CELLS_A_CALL", 90 * frames[0].width)
    calls.clear()
    assert len(ask_all(score, iter(frames), lambda a: a.prediction)) == 5
    assert max(calls) <= 90
    assert ask_all(score, [], lambda a: a.prediction) == []


def test_wide_tables_are_looked_at_in_fewer_rows(monkeypatch):
    subject = example_subject(rows=40)
    assert affordable_rows(subject, 2_000, variants=3) == 2_000
    monkeypatch.setattr(asking, "CELLS_A_CHECK", 3 * len(subject.feature_names) * 500)
    assert affordable_rows(subject, 2_000, variants=3) == 500
    assert affordable_rows(subject, 2_000, variants=3_000) == asking.FEWEST_ROWS


def test_a_sample_is_explained_once():
    calls = []
    subject = example_subject(rows=60)
    explain = subject.explain

    def counted(frame):
        calls.append(frame.height)
        return explain(frame)

    subject = replace(subject, explain=counted)
    one, again = (transparency.explained_sample(subject, 50) for _ in range(2))
    assert calls == [50]
    assert one[1] is again[1]
    assert isinstance(one[0], pl.DataFrame)
