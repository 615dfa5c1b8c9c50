"""TRA006: it fires, it stays silent, it does not apply; effects in closed form."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from assay.assess.dependence import Dependence, axis_of, local_effects
from assay.errors import NotApplicable
from assay.testing.check import KINDS, MAKES, ExampleAnswer, example_subject


def answering(function):
    """A subject whose regression answers by a function of the table."""
    return example_subject(score=lambda frame: ExampleAnswer(prediction=function(frame)))


def numbers(frame, name, fill=0.0):
    return frame[name].cast(pl.Float64).fill_null(fill).to_numpy()


def test_a_model_of_single_columns_leaves_nothing():
    finding = Dependence().run(example_subject())
    assert finding.upper < 0.02


def test_an_interaction_is_left():
    subject = answering(
        lambda f: (numbers(f, "size", 5.0) - 5) * (numbers(f, "weight") - 50) + numbers(f, "doors")
    )
    finding = Dependence().run(subject)
    assert finding.lower > 0.8


@pytest.mark.parametrize("kind", KINDS)
def test_it_measures_every_kind(kind):
    finding = Dependence().run(example_subject(kind))
    assert 0 <= finding.lower <= finding.value <= finding.upper < 0.6
    assert finding.details["dependence"][0]["column"] == "size"


def test_effects_of_an_additive_model_are_its_parts():
    """f = 2 size + (weight / 10)^2: the effect is each part less its mean."""
    subject = answering(lambda f: 2 * numbers(f, "size", 5.0) + (numbers(f, "weight") / 10) ** 2)
    frame = subject.held_out.frame.select(subject.feature_names)
    _, effects = local_effects(subject, frame, lambda a: a.prediction)
    by_name = {e.axis.name: e for e in effects}
    weight = (frame["weight"].to_numpy() / 10) ** 2
    assert by_name["weight"].at_rows == pytest.approx(weight - weight.mean(), abs=0.9)
    known = frame["size"].is_not_null().to_numpy()
    size = 2 * numbers(frame, "size")
    expected = size - size[known].mean()
    assert by_name["size"].at_rows[known] == pytest.approx(expected[known], abs=1e-9)
    assert not by_name["size"].at_rows[~known].any()
    assert by_name["doors"].at_rows == pytest.approx(np.zeros(frame.height))


def test_effects_of_categories_are_in_the_order_of_their_answers():
    place = {make: 10.0 * i for i, make in enumerate(MAKES)}
    subject = answering(
        lambda f: numbers(f, "size", 5.0) + f["make"].replace_strict(place).to_numpy()
    )
    frame = subject.held_out.frame.select(subject.feature_names)
    _, effects = local_effects(subject, frame, lambda a: a.prediction)
    make = next(e for e in effects if e.axis.name == "make")
    assert make.axis.labels() == list(MAKES)
    assert np.diff(make.ale) == pytest.approx(np.full(4, 10.0), abs=1e-9)


def test_ale_is_not_led_astray_by_columns_that_go_together():
    """With x = y, f = x * y is x^2: local effects of x are those of x * y at y = x."""
    rng = np.random.default_rng(0)
    x = rng.uniform(1, 2, 2_000)
    subject = answering(lambda f: numbers(f, "size") * numbers(f, "weight"))
    frame = subject.held_out.frame.select(subject.feature_names)[:2_000]
    x = x[: frame.height]
    frame = frame.with_columns(size=pl.Series(x), weight=pl.Series(x))
    _, effects = local_effects(subject, frame, lambda a: a.prediction)
    size = next(e for e in effects if e.axis.name == "size")
    half = x**2 / 2  # the integral of the slope, which is x
    assert size.at_rows == pytest.approx(half - half.mean(), abs=0.02)


def test_partial_dependence_is_scikit_learns():
    from sklearn.base import BaseEstimator, RegressorMixin
    from sklearn.inspection import partial_dependence

    subject = example_subject()
    finding = Dependence(most_rows=400, ice_rows=400).run(subject)
    curve = next(c for c in finding.details["dependence"] if c["column"] == "weight")
    frame = subject.held_out.frame.select(subject.feature_names)
    rows = frame[subject.held_out.sample(400, seed=0)]

    class Wrapped(RegressorMixin, BaseEstimator):
        def __sklearn_is_fitted__(self):
            return True

        def fit(self, x, y):
            return self

        def predict(self, x):
            return subject.score(rows.with_columns(weight=pl.Series(x[:, 0]))).prediction

    theirs = partial_dependence(
        Wrapped(),
        rows.select("weight").to_numpy(),
        [0],
        custom_values={0: np.array(curve["points"], float)},
        kind="average",
    )
    assert curve["pdp"] == pytest.approx(theirs["average"][0], rel=1e-9)


def test_curves_have_bands_and_show_no_extreme_person():
    finding = Dependence().run(example_subject())
    curve = finding.details["dependence"][0]
    lengths = {len(curve[k]) for k in ("points", "ale", "lower", "upper", "pdp", "ice_low")}
    assert len(lengths) == 1
    assert all(
        a <= b <= c for a, b, c in zip(curve["lower"], curve["ale"], curve["upper"], strict=True)
    )
    sizes = example_subject().held_out.frame["size"].drop_nulls()
    assert float(curve["points"][0]) > sizes.min()
    assert float(curve["points"][-1]) < sizes.max()


def test_the_report_draws_the_curves():
    from assay.report.details import detail_pictures

    finding = Dependence().run(example_subject())
    titles = [picture.title for picture in detail_pictures(finding)]
    assert "How answers follow size" in titles


def test_the_bounds_hold_the_truth():
    """Two standard normal columns, f = a + b + c a b: c^2 / (2 + c^2) is left."""
    truth, missed = 0.25 / 2.25, np.zeros(2)
    for seed in range(30):
        rng = np.random.default_rng(seed)
        subject = answering(
            lambda f: (
                numbers(f, "size")
                + numbers(f, "weight")
                + 0.5 * numbers(f, "size") * numbers(f, "weight")
            )
        )
        frame = subject.held_out.frame
        drawn = rng.normal(size=(frame.height, 2))
        frame = frame.with_columns(size=pl.Series(drawn[:, 0]), weight=pl.Series(drawn[:, 1]))
        scored = replace(subject.held_out, frame=frame)
        finding = Dependence().run(replace(subject, held_out=scored))
        missed += [finding.lower > truth * 1.15, finding.upper < truth * 0.85]
    assert (missed <= 4).all()


def test_a_constant_column_has_no_axis():
    assert axis_of(pl.Series("n", [1.0, 1.0, None]), np.zeros(3)) is None
    assert axis_of(pl.Series("n", [None, None], dtype=pl.Float64), np.zeros(2)) is None
    assert axis_of(pl.Series("c", ["a", None]), np.zeros(2)) is None


def test_it_does_not_apply_to_a_constant_answer():
    with pytest.raises(NotApplicable, match="the same"):
        Dependence().run(answering(lambda f: np.full(f.height, 20.0)))


def test_it_does_not_apply_to_very_many_columns(monkeypatch):
    monkeypatch.setattr("assay.assess.subject.MOST_CELLS", 10)
    with pytest.raises(NotApplicable, match="too many to draw"):
        Dependence().run(example_subject())


def test_it_does_not_apply_to_a_handful_of_rows():
    with pytest.raises(NotApplicable, match="10 are needed"):
        Dependence().run(example_subject(rows=6))
