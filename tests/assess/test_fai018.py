"""FAI018: it fires, it stays silent, it does not apply; among candidates of the leaderboard."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assay.assess.alternatives import LessDiscriminatoryAlternative, _highest
from assay.assess.subject import Candidate, Scored
from assay.errors import NotApplicable
from assay.testing.check import KINDS, CheckExam, example_subject, reordered


def candidate(number: int, answers: Scored, **changes) -> Candidate:
    given = {"family": "linear", "transparent": True, "weight": 0.0, **changes}
    return Candidate(number=number, answers=answers, **given)


def noisy(scored: Scored, seed: int, size: float = 0.3) -> Scored:
    """The same model, a little off; label left for the check to cut."""
    rng = np.random.default_rng(seed)
    if scored.probabilities is None:
        return replace(scored, prediction=scored.prediction + rng.normal(0, size, scored.rows))
    logs = np.log(scored.probabilities) + rng.normal(0, size, scored.probabilities.shape)
    odds = np.exp(logs)
    p = odds / odds.sum(axis=1, keepdims=True)
    binary = p.shape[1] == 2
    label = p.argmax(axis=1)
    return replace(
        scored,
        probabilities=p,
        prediction=p[:, 1] if binary else label.astype(float),
        label=None if binary else label,
    )


def with_candidates(kind="binary", *, rows=600, seed=0):
    subject = example_subject(kind, rows=rows, seed=seed)
    others = [candidate(i, noisy(subject.cross_fitted, 10 * seed + i)) for i in range(1, 4)]
    return replace(subject, candidates=tuple(others))


def made(group, chosen, other, truth):
    """A binary subject whose chosen model and one candidate label rows as given."""
    subject = example_subject("binary", rows=len(truth))
    frame = subject.cross_fitted.frame.with_columns(drive=np.where(group == 1, "front", "rear"))
    base = {"frame": frame, "truth": truth, "baseline": np.full(len(truth), 0.5)}
    answers = [
        Scored(prediction=p.astype(float), label=label, **base)
        for p, label in ((chosen, chosen), (other, None))
    ]
    return replace(
        subject, cross_fitted=answers[0], candidates=(candidate(7, answers[1], family="forest"),)
    )


def two_halves(rows=2000, seed=0):
    """Both models are wrong on a tenth of the rows; the chosen one's mistakes favour fronts."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 2, rows)
    truth = rng.integers(0, 2, rows)
    wrong = rng.random(rows) < 0.2
    chosen = np.where(wrong, group, truth)
    other = np.where(rng.random(rows) < 0.1, 1 - truth, truth) + 0.01 * rng.random(rows)
    return group, chosen, other, truth


class TestLessDiscriminatoryAlternative(CheckExam):
    check = LessDiscriminatoryAlternative

    @pytest.fixture(params=KINDS)
    def subject(self, request):
        return with_candidates(request.param, rows=300)

    def test_it_ignores_row_order(self, subject):
        """The rows in another order, and the candidates' answers with them."""
        order = np.random.default_rng(5).permutation(subject.cross_fitted.rows)

        def mixed(scored):
            arrays = ("truth", "prediction", "baseline", "probabilities", "label")
            taken = {n: getattr(scored, n) for n in arrays}
            return Scored(
                frame=scored.frame[order],
                **{n: None if a is None else a[order] for n, a in taken.items()},
            )

        other = replace(
            reordered(subject),
            cross_fitted=mixed(subject.cross_fitted),
            candidates=tuple(replace(c, answers=mixed(c.answers)) for c in subject.candidates),
        )
        one, two = (LessDiscriminatoryAlternative(column="make").run(s) for s in (subject, other))
        for a, b in zip(
            (one.value, one.lower, one.upper), (two.value, two.lower, two.upper), strict=True
        ):
            assert a == pytest.approx(b, abs=1e-9)


def test_a_model_as_good_with_a_smaller_gap_is_named():
    finding = LessDiscriminatoryAlternative(column="drive").run(made(*two_halves()))
    assert finding.details["alternative"]["number"] == 7
    assert finding.details["alternative"]["family"] == "forest"
    assert finding.lower > 0.1
    assert finding.evidence == "cross-fitted"


def test_the_value_is_that_of_the_hand():
    group, chosen, other, truth = two_halves()
    finding = LessDiscriminatoryAlternative(column="drive").run(made(group, chosen, other, truth))
    count = chosen.sum()
    cut = np.sort(other)[::-1][count - 1]
    labels = (other >= cut).astype(int)
    gaps = [abs(x[group == 1].mean() - x[group == 0].mean()) for x in (chosen, labels)]
    assert finding.value == pytest.approx(gaps[0] - gaps[1])
    assert finding.details["chosen"]["gap"] == pytest.approx(gaps[0])
    rates = {g.group: g.value for g in finding.groups}
    assert rates["front"] == pytest.approx(chosen[group == 1].mean())


def test_rows_that_tie_are_selected_together():
    """Scores of two values only: of all or half of the rows, half is nearer to the chosen 40 %."""
    assert _highest(np.array([0.9] * 5 + [0.1] * 5), 4).sum() == 5
    assert _highest(np.array([0.9] * 1 + [0.1] * 9), 3).sum() == 1
    assert _highest(np.array([0.9, 0.1]), 0).sum() == 0
    assert _highest(np.array([0.9, 0.1]), 2).sum() == 2


def test_gaps_agree_with_fairlearn():
    metrics = pytest.importorskip("fairlearn.metrics")
    group, chosen, other, truth = two_halves()
    finding = LessDiscriminatoryAlternative(column="drive").run(made(group, chosen, other, truth))
    gap = metrics.demographic_parity_difference(truth, chosen, sensitive_features=group)
    assert finding.details["chosen"]["gap"] == pytest.approx(gap)


def test_a_worse_model_is_no_alternative():
    group, chosen, _, truth = two_halves()
    coin = np.random.default_rng(1).random(len(truth))
    finding = LessDiscriminatoryAlternative(column="drive").run(made(group, chosen, coin, truth))
    assert finding.details["alternatives"][0]["tied"] is False
    assert finding.details["alternative"] is None
    assert (finding.value, finding.lower, finding.upper) == (0.0, 0.0, 0.0)


def test_models_that_treat_groups_alike_are_rarely_accused():
    accused = 0
    for seed in range(40):
        subject = with_candidates(rows=300, seed=seed)
        accused += LessDiscriminatoryAlternative(column="drive").run(subject).lower > 0
    assert accused <= 4


@pytest.mark.parametrize("kind", ["regression", "multiclass"])
def test_other_answers_have_gaps_of_their_own(kind):
    subject = with_candidates(kind, rows=800)
    rows = subject.cross_fitted
    rear = (rows.frame["drive"] == "rear").to_numpy()
    if kind == "regression":
        worse = replace(rows, prediction=rows.prediction + 1.5 * rear)
    else:
        wrong = rear & (np.random.default_rng(0).random(rows.rows) < 0.5)
        label = np.where(wrong, (rows.truth + 1) % 3, rows.label)
        worse = replace(rows, label=label)
    finding = LessDiscriminatoryAlternative(column="drive").run(
        replace(subject, cross_fitted=worse)
    )
    assert finding.lower > 0
    assert finding.details["alternative"] is not None


def test_weights_count():
    group, chosen, other, truth = two_halves(rows=1200)
    subject = made(group, chosen, other, truth)
    weight = np.where(group == chosen, 0.0, 1.0) + 0.01
    heavy = replace(subject, cross_fitted=replace(subject.cross_fitted, weight=weight))
    finding = LessDiscriminatoryAlternative(column="drive").run(heavy)
    rates = [np.average(chosen[group == g], weights=weight[group == g]) for g in (1, 0)]
    assert finding.details["chosen"]["gap"] == pytest.approx(abs(rates[0] - rates[1]))


def test_it_does_not_apply_without_candidates():
    with pytest.raises(NotApplicable, match="no candidate"):
        LessDiscriminatoryAlternative(column="drive").run(example_subject("binary"))


def test_it_does_not_apply_to_small_groups():
    with pytest.raises(NotApplicable, match="have 30 rows or more"):
        LessDiscriminatoryAlternative(column="drive").run(with_candidates(rows=40))


def test_it_does_not_apply_without_cross_fitted_rows():
    subject = replace(with_candidates(), cross_fitted=None)
    with pytest.raises(NotApplicable, match="no cross-fitted rows"):
        LessDiscriminatoryAlternative(column="drive").run(subject)


def test_bounds_hold_the_true_saving():
    """Planted rates: the chosen model favours one of three groups, the other favours another."""
    true_chosen, true_other = np.array([0.5, 0.35, 0.4]), np.array([0.42, 0.5, 0.45])
    saving = np.ptp(true_chosen) - np.ptp(true_other)
    missed_low = missed_high = 0
    runs = 300
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        group = rng.integers(0, 3, 400)
        luck = rng.random(400)
        chosen = (luck < true_chosen[group]).astype(int)
        other = (luck < true_other[group]).astype(int)  # the same luck: strongly related
        low, high = _bounds(group, chosen, other)
        missed_low += saving < low
        missed_high += max(saving, 0) > high
    assert missed_low <= 0.05 * runs + 3 * np.sqrt(0.05 * 0.95 * runs)
    assert missed_high <= 0.05 * runs + 3 * np.sqrt(0.05 * 0.95 * runs)


def _bounds(group, chosen, other):
    from assay.assess.alternatives import _largest_saving, _Pair, _View
    from assay.assess.groups import Groups, judge_groups

    groups = judge_groups(Groups(("a", "b", "c"), group), min_rows=30)
    views = [
        _View(x.astype(float), np.zeros(len(x)), np.ones(len(x)), rate=True)
        for x in (chosen, other)
    ]
    bounds = _largest_saving([_Pair.of(*views, groups)], [True], 0.95)
    return float(bounds.lower), float(bounds.upper)
