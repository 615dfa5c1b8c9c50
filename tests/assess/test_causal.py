"""Effects that were planted are found; what cannot be estimated is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from assay.assess.causal import CausalReport, effect
from assay.assess.causal.estimate import score_rows
from assay.assess.causal.policy import learn_policy
from assay.assess.causal.prepare import prepare
from assay.errors import InputError, InvalidTable, MissingExtra, UnknownColumn

from .causal_tables import EFFECT, confounded, dealt, dosed

CHURN = Path(__file__).parents[2] / "examples" / "churn" / "telco_churn.csv"


def ask(table: pl.DataFrame, **changes) -> CausalReport:
    given = {"treatment": "treated", "outcome": "wellbeing", "refutations": False}
    return effect(table, **{**given, **changes})


def test_a_confounded_effect_is_found_where_the_raw_difference_misleads() -> None:
    report = ask(confounded(3000))
    (contrast,) = report.contrasts
    assert (contrast.level, contrast.control) == ("yes", "no")
    assert contrast.effect.lower < EFFECT < contrast.effect.upper
    assert contrast.effect.upper - contrast.effect.lower < 0.5
    assert contrast.raw < EFFECT - 0.5
    assert report.columns == ("age", "sex", "ward")


def test_who_benefits() -> None:
    report = ask(confounded(4000, effect=1.0), groups=["sex"])
    found = {g.group: g for g in report.contrasts[0].groups}
    assert found["f"].shown == "benefit"
    assert found["f"].effect.lower < 2.0 < found["f"].effect.upper
    assert found["m"].shown == "neither"
    turned = ask(confounded(4000, effect=1.0), groups=["sex"], better="lower")
    assert {g.group: g.shown for g in turned.contrasts[0].groups}["f"] == "harm"


def test_a_number_as_treatment() -> None:
    report = ask(dosed(3000), treatment="dose", outcome="relief")
    (contrast,) = report.contrasts
    assert contrast.effect.lower < 0.5 < contrast.effect.upper
    assert contrast.raw < 0
    assert report.overlap.spread == pytest.approx(1 / (1 + 1.44), abs=0.06)
    assert report.policy is None


def test_an_experiment_needs_nothing_held_equal() -> None:
    report = ask(dealt(6000), treatment="arm", outcome="bought")
    found = {c.level: c.effect for c in report.contrasts}
    assert all(c.control == "none" for c in report.contrasts)
    assert found["mail"].lower < 0.1 < found["mail"].upper
    assert found["call"].lower < 0.25 < found["call"].upper
    assert "share of rows whose bought is yes" in report.outcome_is
    assert any("randomised" in note for note in report.notes)
    raw = {c.level: c.raw for c in report.contrasts}
    assert found["mail"].value == pytest.approx(raw["mail"], abs=0.01)


def test_whom_to_treat_at_what_cost() -> None:
    """Women gain 2, men 0: at a cost of 1 women are treated and men are not."""
    report = ask(confounded(4000, effect=1.0), cost=1.0)
    leaves = {leaf.condition: leaf for leaf in report.policy.leaves}
    treated = {c for c, leaf in leaves.items() if leaf.treat}
    assert treated
    assert all("sex is not m" in c for c in treated)
    assert all("sex is m" in c for c in set(leaves) - treated)
    values = {v.name: v.value.value for v in report.policy.values}
    assert values["as the tree says"] == pytest.approx(0.5, abs=0.1)
    assert values["nobody"] == 0.0
    assert report.policy.gain.lower > 0.3


def test_a_policy_by_hand() -> None:
    frame = pl.DataFrame({"a": [1.0, 2.0, 3.0, 4.0] * 100, "b": ["x", "y"] * 200})
    benefit = np.tile([1.0, -1.0, 1.0, -1.0], 100) + 0.01 * np.random.default_rng(0).normal(
        size=400
    )
    policy = learn_policy(
        frame, benefit, columns=("a", "b"), cost=0.0, fold=np.arange(400) // 4 % 5, confidence=0.95
    )
    assert {(leaf.condition, leaf.treat) for leaf in policy.leaves} == {
        ("b is y", False),
        ("b is not y", True),
    }
    assert policy.gain.value == pytest.approx(0.5, abs=0.02)


def test_nothing_to_part_is_one_leaf() -> None:
    frame = pl.DataFrame({"a": np.arange(300.0)})
    policy = learn_policy(
        frame, np.full(300, 1.0), columns=("a",), cost=0.0, fold=np.arange(300) % 3, confidence=0.95
    )
    assert [leaf.condition for leaf in policy.leaves] == ["all rows"]
    assert policy.leaves[0].treat


def test_rows_without_overlap_are_left_out_and_counted() -> None:
    rng = np.random.default_rng(0)
    age = rng.normal(size=3000)
    treated = np.where(age > 1, 1, np.where(age < -1, 0, rng.integers(0, 2, 3000)))
    table = pl.DataFrame({"age": age, "treated": treated, "wellbeing": age + treated})
    report = ask(table)
    assert report.overlap.trimmed_share == pytest.approx(0.32, abs=0.05)
    assert report.overlap.lowest < 0.02
    assert report.contrasts[0].effect.rows == report.rows - report.overlap.trimmed
    assert f"{report.overlap.trimmed:,}" in report.overlap.words
    apart = pl.DataFrame({"age": age, "treated": (age > 0) * 1, "wellbeing": age})
    with pytest.raises(InvalidTable, match="nobody to compare"):
        ask(apart)


def test_a_sound_estimate_passes_its_tests() -> None:
    report = ask(confounded(1500), refutations=True)
    assert [r.name for r in report.refutations] == [
        "placebo treatment",
        "random common cause",
        "random subsets",
    ]
    assert all(r.passed for r in report.refutations), report.refutations
    placebo = report.refutations[0]
    assert abs(placebo.value) < 0.3 < report.contrasts[0].effect.value


def test_effects_by_hand() -> None:
    """Known chances and means: the score's formula, and the slope of residuals."""
    data = prepare(confounded(400), treatment="treated", outcome="wellbeing")
    scores = score_rows(data, folds=4, seed=0, trim=0.02)
    found, error = scores.effect(0.95)
    gain = (scores.scores[:, 1] - scores.scores[:, 0])[scores.kept]
    assert found.value == pytest.approx(gain.mean())
    assert error == pytest.approx(gain.std(ddof=1) / np.sqrt(len(gain)))
    data = prepare(dosed(400), treatment="dose", outcome="relief")
    scores = score_rows(data, folds=4, seed=0, trim=0.02)
    slope = (scores.dose @ scores.response) / (scores.dose @ scores.dose)
    assert scores.effect(0.95)[0].value == pytest.approx(slope)


def test_the_report_survives_json_and_is_repeatable() -> None:
    one, other = (ask(confounded(600), groups=["ward"]) for _ in range(2))
    assert one == other
    assert CausalReport.from_json(one.to_json()) == one


def test_personal_data_are_neither_held_equal_nor_shown() -> None:
    table = confounded(600).with_columns(
        mail=pl.Series([f"person{i}@mail.example" for i in range(600)])
    )
    report = ask(table, groups=["mail"])
    assert "mail" in report.left_out
    assert "@mail.example" not in report.to_json().decode()
    assert any("personal" in note for note in report.notes)


def test_missing_cells_are_dropped_or_held_equal() -> None:
    table = confounded(800).with_columns(
        age=pl.when(pl.int_range(800) % 9 == 0).then(None).otherwise(pl.col("age")),
        treated=pl.when(pl.int_range(800) % 10 == 0).then(None).otherwise(pl.col("treated")),
    )
    report = ask(table)
    assert (report.rows, report.dropped) == (720, 80)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"treatment": "ward", "control": "east"}, "no level"),
        ({"outcome": "ward"}, "neither a number nor of two classes"),
        ({"treatment": "wellbeing"}, "one column"),
        ({"treatment": "age", "control": "50"}, "no control"),
        ({"confidence": 1.0}, "between 0.5 and 1"),
        ({"folds": 1}, "2 to 50"),
        ({"trim": 0.6}, r"\[0, 0.5\)"),
    ],
)
def test_what_has_no_answer_is_refused(changes: dict, words: str) -> None:
    with pytest.raises(InputError, match=words) as error:
        ask(confounded(300), **changes)
    assert error.value.hint


def test_tables_that_are_too_small_or_one_sided_are_refused() -> None:
    with pytest.raises(InvalidTable, match="50 are needed"):
        ask(confounded(40))
    alone = confounded(300).with_columns(treated=pl.lit("yes"))
    with pytest.raises(InvalidTable, match="1 levels"):
        ask(alone)
    scarce = confounded(300).with_columns(
        treated=pl.when(pl.int_range(300) < 5).then(pl.lit("no")).otherwise(pl.lit("yes"))
    )
    with pytest.raises(InvalidTable, match="fewer than 20 rows"):
        ask(scarce)


@pytest.mark.parametrize("option", ["treatment", "outcome"])
def test_an_unknown_column_is_named(option: str) -> None:
    with pytest.raises(UnknownColumn, match="nothing"):
        ask(confounded(300), **{option: "nothing"})
    with pytest.raises(UnknownColumn):
        ask(confounded(300), groups=["nothing"])


def test_without_econml_a_second_opinion_says_how_to_get_it(monkeypatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "econml", None)
    with pytest.raises(MissingExtra, match="econml"):
        ask(confounded(300), second_opinion=True)


def test_econml_agrees_on_levels() -> None:
    pytest.importorskip("econml")
    report = ask(confounded(2000), second_opinion=True)
    own, other = report.contrasts[0].effect, report.second_opinion
    error = (own.upper - own.lower) / (2 * 1.645)
    assert other.effect.value == pytest.approx(own.value, abs=1.5 * error)
    width, others = own.upper - own.lower, other.effect.upper - other.effect.lower
    assert 0.8 * width < others < 2 * width  # trees alone foretell these linear outcomes less well
    assert max(other.depends_on, key=other.depends_on.get) == "sex"
    assert other.spread[0] < other.spread[-1]


def test_econml_agrees_on_numbers() -> None:
    pytest.importorskip("econml")
    report = ask(dosed(2000), treatment="dose", outcome="relief", second_opinion=True)
    own, other = report.contrasts[0].effect, report.second_opinion.effect
    error = (own.upper - own.lower) / (2 * 1.645)
    assert other.value == pytest.approx(own.value, abs=2 * error)


def test_the_same_nuisances_give_econmls_very_number() -> None:
    """The doubly robust score itself, with chances and means that both are given."""
    pytest.importorskip("econml")
    from econml.dr import LinearDRLearner
    from sklearn.linear_model import LinearRegression, LogisticRegression

    table = confounded(1000)
    data = prepare(table, treatment="treated", outcome="wellbeing")
    X, codes, y = data.design, data.treatment, data.outcome
    model = LinearDRLearner(
        model_propensity=LogisticRegression(C=1e6), model_regression=LinearRegression(), cv=1,
        min_propensity=1e-6,
    )  # fmt: skip
    model.fit(y, codes, X=None, W=X)
    chance = LogisticRegression(C=1e6).fit(X, codes).predict_proba(X)
    both = LinearRegression().fit(np.hstack([X, codes[:, None]]), y)
    mean = [both.predict(np.hstack([X, np.full((len(y), 1), k)])) for k in (0, 1)]
    score = [mean[k] + (codes == k) * (y - mean[k]) / chance[:, k] for k in (0, 1)]
    assert float(np.ravel(model.effect(T0=0, T1=1))[0]) == pytest.approx(
        np.mean(score[1] - score[0]), abs=0.02
    )


def test_a_real_table() -> None:
    report = effect(
        CHURN,
        treatment="paperless_billing",
        outcome="churn",
        better="lower",
        groups=["senior_citizen"],
        refutations=False,
    )
    (contrast,) = report.contrasts
    assert abs(contrast.effect.value) < 0.3
    assert contrast.effect.lower < contrast.effect.value < contrast.effect.upper
    assert report.overlap.trimmed_share < 0.9
