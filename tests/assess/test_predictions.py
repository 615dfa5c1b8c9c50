"""Any table of predictions becomes a subject, or one clear error that names what is wrong."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from assay.assess.assess import assess, failed
from assay.assess.check import all_checks
from assay.assess.meaning import Told, understand
from assay.assess.predictions import (
    PredictionColumns,
    Reading,
    constant_answer,
    subject_of_model,
    subject_of_predictions,
)
from assay.assess.told import Unanswered, read_answers
from assay.data.source import read_table
from assay.errors import InputError, InvalidTable, NotApplicable, UnknownColumn


def table(rows: int = 200, seed: int = 0, **changes) -> pl.DataFrame:
    """Truth, probability, label, three classes, a value, groups, a weight."""
    rng = np.random.default_rng(seed)
    chance = rng.uniform(0.05, 0.95, rows)
    shares = rng.dirichlet([1, 1, 1], rows)
    frame = pl.DataFrame(
        {
            "y": np.where(rng.random(rows) < chance, "yes", "no"),
            "p": chance,
            "label": np.where(chance >= 0.5, "yes", "no"),
            "kind": np.array(["a", "b", "c"])[(rng.random((rows, 1)) > shares.cumsum(1)).sum(1)],
            "p_a": shares[:, 0],
            "p_b": shares[:, 1],
            "p_c": shares[:, 2],
            "value": rng.normal(10, 2, rows),
            "guess": rng.normal(10, 2, rows),
            "sex": rng.choice(["f", "m"], rows),
            "race": rng.choice(["a", "b", "c"], rows),
            "hours": rng.integers(1, 60, rows),
            "w": rng.integers(1, 5, rows),
        }
    )
    return frame.with_columns(**changes) if changes else frame


def subject(frame: pl.DataFrame | None = None, reading: Reading | None = None, **columns):
    named = {"truth": "y", "prediction": "p"} | columns
    source = read_table(table() if frame is None else frame)
    return subject_of_predictions(source, PredictionColumns(**named), reading)


SORTS = {
    "probability": ({}, "binary"),
    "label": ({"prediction": "label"}, "binary"),
    "both": ({"prediction": "label", "scores": ["p"]}, "binary"),
    "score": ({"prediction": "", "scores": ["p"]}, "binary"),
    "shares": ({"truth": "kind", "prediction": "", "scores": ["p_a", "p_b", "p_c"]}, "multiclass"),
    "classes": ({"truth": "kind", "prediction": "race"}, "multiclass"),
    "value": ({"truth": "value", "prediction": "guess"}, "regression"),
}


@pytest.mark.parametrize("sort", SORTS)
def test_the_kind_is_inferred(sort):
    columns, kind = SORTS[sort]
    assert subject(**columns).kind == kind


@pytest.mark.parametrize("sort", SORTS)
def test_every_check_answers_or_says_why_not(sort):
    """No check falls over for lack of a model, of training rows, or of a record."""
    columns, _ = SORTS[sort]
    found = assess(subject(**columns, groups=["sex", "hours"]))
    assert {f.check for f in found.findings} == {check.code for check in all_checks()}
    for finding in found.findings:
        assert not failed(finding), finding
        assert finding.value is not None or finding.reason or finding.check.startswith("ACC")
    assert any("Only predictions were given" in sentence for sentence in found.not_examined)


def test_values_are_those_of_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    frame = table()
    found = {f.key: f for f in assess(subject(frame, groups=["sex"])).findings}
    area = metrics.roc_auc_score(frame["y"] == "yes", frame["p"])
    assert found["REL002/held-out"].value == pytest.approx(area)
    rates = frame.group_by("sex").agg((pl.col("p") >= 0.5).mean())["p"]
    assert found["FAI003/sex/held-out"].value == pytest.approx(rates.max() - rates.min())


def test_values_are_those_of_fairlearn():
    fairlearn = pytest.importorskip("fairlearn.metrics")
    frame = table()
    found = {f.key: f for f in assess(subject(frame, groups=["race"])).findings}
    truth, answer = frame["y"] == "yes", frame["p"] >= 0.5
    gap = fairlearn.demographic_parity_difference(
        truth.to_numpy(), answer.to_numpy(), sensitive_features=frame["race"].to_numpy()
    )
    assert found["FAI003/race/held-out"].value == pytest.approx(gap)


def test_label_and_probability_agree_about_the_label():
    by_label, by_chance = subject(prediction="label", scores=["p"]), subject()
    assert np.array_equal(by_label.held_out.label, by_chance.held_out.label)
    assert np.array_equal(by_label.held_out.prediction, by_chance.held_out.prediction)


def test_labels_alone_have_no_probabilities():
    only = subject(prediction="label")
    assert only.held_out.probabilities is None
    assert set(np.unique(only.held_out.prediction)) == {0.0, 1.0}
    assert any("Only labels" in note for note in only.notes)


def test_the_threshold_counts_where_no_label_is_given():
    strict = subject(reading=Reading(threshold=0.9))
    assert np.array_equal(strict.held_out.label == 1, table()["p"].to_numpy() >= 0.9)


def test_the_positive_class_is_the_yes_or_the_rarer_or_the_one_named():
    assert subject().classes == ("no", "yes")
    assert subject(reading=Reading(positive="no")).classes == ("yes", "no")
    frame = table(y=pl.Series(["much"] * 150 + ["little"] * 50))
    rarer = subject(frame)
    assert rarer.classes == ("much", "little")
    assert any("'little' counts as the positive class" in note for note in rarer.notes)
    with pytest.raises(InvalidTable, match="No row has the positive class 'some'"):
        subject(frame, reading=Reading(positive="some"))


@pytest.mark.parametrize("coding", [[0, 1], [False, True], ["0", "1"], [0.0, 1.0]])
def test_any_coding_of_two_classes_is_read(coding):
    yes = table()["y"] == "yes"
    frame = table(
        y=pl.Series([coding[int(v)] for v in yes]),
        label=pl.Series([int(v) for v in table()["label"] == "yes"]),
    )
    read = subject(frame, prediction="label")
    assert read.kind == "binary"
    assert np.array_equal(read.held_out.truth, yes.to_numpy())
    assert np.array_equal(read.held_out.label, (table()["label"] == "yes").to_numpy())


def test_few_whole_numbers_are_classes_unless_the_predictions_have_fractions():
    stars = pl.Series(np.arange(200) % 5)
    assert subject(table(y=stars, p=stars)).kind == "multiclass"
    assert subject(table(y=stars, p=stars + 0.5)).kind == "regression"
    asked = subject(table(y=stars, p=stars), reading=Reading(kind="regression"))
    assert asked.kind == "regression"


def test_scores_find_their_class_by_name_or_as_said():
    mixed = {"c": "p_a", "a": "p_b", "b": "p_c"}
    read = subject(truth="kind", prediction="", scores=mixed)
    assert read.classes == ("a", "b", "c")
    assert np.array_equal(read.held_out.probabilities[:, 2], table()["p_a"])
    with pytest.raises(InvalidTable, match="not clear which class the scores 'w' are of"):
        subject(truth="kind", prediction="", scores=["p_a", "p_b", "w"])


def test_one_score_may_be_said_to_be_of_the_other_class():
    chance = subject(prediction="", scores={"no": "p"}).held_out.prediction
    assert chance == pytest.approx(1 - table()["p"].to_numpy())


def test_a_class_without_scores_has_none():
    frame = table(
        p_a=pl.col("p_a") + pl.col("p_c"),
    )
    read = subject(frame, truth="kind", prediction="", scores=["p_a", "p_b"])
    assert read.classes == ("a", "b", "c")
    assert not read.held_out.probabilities[:, 2].any()


def test_a_class_never_predicted_or_never_true_is_a_class():
    frame = table(race=pl.Series(["a", "d"] * 100))
    assert subject(frame, truth="kind", prediction="race").classes == ("a", "b", "c", "d")


# Bad input, each with its answer.


def test_rows_without_a_truth_are_set_aside_and_counted():
    y = table()["y"].to_list()
    y[3] = y[7] = None
    read = subject(table(y=pl.Series(y)))
    assert read.held_out.rows == 198
    assert "2 rows were set aside: without a truth." in read.notes
    with pytest.raises(InvalidTable, match="missing in every row"):
        subject(table(y=pl.Series([None] * 200, dtype=pl.String)))


@pytest.mark.parametrize("hole", [None, float("nan"), float("inf")])
def test_a_row_without_a_prediction_is_counted(hole):
    p = table()["p"].to_list()
    p[0] = hole
    with pytest.raises(Unanswered, match="1 of 200 rows have a prediction that is missing"):
        subject(table(p=pl.Series(p)))


def test_scores_outside_the_unit_interval_are_refused_with_their_number():
    p = table()["p"].to_list()
    p[0], p[1] = -0.1, 1.7
    with pytest.raises(InvalidTable, match="2 of 200 rows have a score in 'p'"):
        subject(table(p=pl.Series(p)))
    with pytest.raises(InvalidTable, match="190 of 200 rows have probabilities that do not"):
        subject(table(p_a=pl.col("p_a") / 3), truth="kind", prediction="",
                scores=["p_a", "p_b", "p_c"])  # fmt: skip


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([-1.0] * 3 + [1.0] * 197, "3 of 200 rows have a weight that is no number from 0 on"),
        ([None] + [1.0] * 199, "1 of 200 rows have a weight"),
        ([0.0] * 200, "The weight is 0 in every row"),
        (["heavy"] * 200, "200 of 200 rows have a weight"),
    ],
)
def test_weights_that_cannot_count_are_refused(weights, message):
    with pytest.raises(InvalidTable, match=message):
        subject(table(w=pl.Series(weights)), weight="w")


def test_weights_are_kept_and_zero_is_a_weight():
    read = subject(table(w=pl.Series([0.0] * 100 + [2.0] * 100)), weight="w")
    assert read.held_out.weight.sum() == 200
    assert "w" not in read.held_out.frame.columns


@pytest.mark.parametrize(
    ("columns", "error", "message"),
    [
        ({"truth": "z"}, UnknownColumn, "no column 'z'"),
        ({"groups": ["sexx"]}, UnknownColumn, "no column 'sexx'"),
        ({"groups": ["sex & rase"]}, UnknownColumn, "no column 'rase'"),
        ({"prediction": "y"}, InputError, "named for two things"),
        ({"prediction": ""}, InputError, "No column holds answers"),
        ({"prediction": "sex"}, InvalidTable, "No prediction in 'sex' is a class"),
        ({"prediction": "label", "truth": "value"}, InvalidTable, "No prediction in 'label'"),
        ({"truth": "value", "prediction": "guess", "lower": "w"}, InputError, "two ends"),
        ({"truth": "value", "prediction": "guess", "scores": ["p"]}, InputError, "Scores belong"),
    ],
)
def test_columns_that_do_not_fit_are_one_clear_error(columns, error, message):
    with pytest.raises(error, match=message):
        subject(**columns)


def test_an_interval_must_stand_the_right_way_round():
    frame = table(low=pl.col("guess") - 1, high=pl.col("guess") + 1)
    columns = {"truth": "value", "prediction": "guess"}
    read = subject(frame, lower="low", upper="high", **columns)
    assert read.held_out.upper is not None
    with pytest.raises(InvalidTable, match="200 of 200 rows have an interval"):
        subject(frame, lower="high", upper="low", **columns)


@pytest.mark.parametrize("outcome", [0, 1])
def test_one_outcome_everywhere_is_still_a_binary_question(outcome):
    read = subject(table(y=pl.Series([outcome] * 200)))
    assert (read.kind, read.classes) == ("binary", ("0", "1"))
    assert assess(read).findings


def test_one_outcome_without_a_name_for_the_other_is_refused():
    frame = table(y=pl.Series(["ok"] * 200))
    with pytest.raises(InvalidTable, match="the same class in every row"):
        subject(frame)
    assert subject(frame, reading=Reading(positive="bad")).classes == ("ok", "bad")


def test_one_outcome_of_several_classes_needs_their_names():
    frame = table(kind=pl.lit("a"))
    with pytest.raises(InvalidTable, match="not clear which class the scores 'p_b' are of"):
        subject(frame, truth="kind", prediction="", scores=["p_a", "p_b", "p_c"])
    named = {"a": "p_a", "b": "p_b", "c": "p_c"}
    assert subject(frame, truth="kind", prediction="", scores=named).classes == ("a", "b", "c")


def test_a_column_of_groups_may_be_the_truth_or_a_prediction():
    read = subject(table(), truth="kind", prediction="race", groups=["race", "kind"])
    assert {"race", "kind"} <= set(read.held_out.frame.columns)


def test_a_constant_prediction_is_assessed_and_named():
    read = subject(table(p=pl.Series([0.3] * 200)), groups=["sex"])
    assert any("Every prediction is the same" in note for note in read.notes)
    found = {f.key: f for f in assess(read).findings}
    assert found["FAI003/sex/held-out"].value == 0
    assert found["REL002/held-out"].value == pytest.approx(0.5)


GROUPINGS = {
    "one group": ["a"] * 200,
    "groups of one member": ["a"] * 150 + [f"g{i}" for i in range(50)],
    "two hundred groups": [f"g{i}" for i in range(200)],
    "missing groups": ["a"] * 80 + ["b"] * 80 + [None] * 40,
    "all missing": pl.Series([None] * 200, dtype=pl.String),
    "blank": [" "] * 100 + ["a"] * 100,
}


@pytest.mark.parametrize("name", GROUPINGS)
@pytest.mark.parametrize("sort", ["probability", "shares", "value"])
def test_odd_groups_have_an_answer(name, sort):
    frame = table(sex=pl.Series(GROUPINGS[name]))
    columns, _ = SORTS[sort]
    found = assess(subject(frame, **columns, groups=["sex"]))
    for finding in found.findings:
        if finding.column == "sex" and finding.value is None:
            assert finding.reason
    if name == "missing groups":
        gap = next(f for f in found.findings if f.check == "FAI001")
        assert "(missing)" in {g.group for g in gap.groups}


def test_one_row_is_a_table():
    assert assess(subject(table(1), reading=Reading(positive="yes"))).findings


def test_without_a_model_nothing_can_be_asked():
    read = subject()
    assert not read.has_model
    with pytest.raises(NotApplicable, match="Only predictions were given"):
        read.score(read.held_out.frame)


# A model that is asked.


def asked(frame: pl.DataFrame) -> Told:
    """Longer hours, likelier yes; a missing cell gets no answer."""
    chance = frame["hours"].cast(pl.Float64) / 60
    return Told(prediction=chance.alias("prediction"))


def test_a_model_that_is_asked_is_scored_and_asked_again():
    likely = pl.when(pl.col("hours") + 30 * pl.col("p") > 45).then(pl.lit("yes"))
    rows = table(y=likely.otherwise(pl.lit("no"))).select("y", "hours", "sex", "w")
    frame = read_table(rows)
    columns = PredictionColumns(truth="y", groups=["sex"], weight="w")
    read = subject_of_model(frame, columns, asked)
    assert read.has_model
    assert read.feature_names == ("hours", "sex")
    more = read.score(frame.with_columns(hours=pl.lit(60)))
    assert np.all(more.prediction == 1.0)
    emptied = read.score(frame.with_columns(hours=pl.lit(None, pl.Int64)))
    assert np.isnan(emptied.prediction).all()
    found = {f.check: f for f in assess(read).findings}
    assert found["TRA003"].applies
    assert found["REL006"].details["unsound"]


def test_only_the_columns_to_send_are_sent():
    seen = []

    def ask(frame: pl.DataFrame) -> Told:
        seen.append(frame.columns)
        return asked(frame)

    frame = read_table(table())
    subject_of_model(frame, PredictionColumns(truth="y"), ask, send=["hours"])
    assert seen == [["hours"]]
    with pytest.raises(UnknownColumn):
        subject_of_model(frame, PredictionColumns(truth="y"), ask, send=["ours"])


def test_unsound_answers_to_hostile_rows_are_given_as_they_are():
    truth = pl.Series("y", ["no", "yes"])
    meaning = understand(truth, Told(prediction=pl.Series("p", ["no", "yes"])))
    hostile = read_answers(Told(prediction=pl.Series("p", ["no", "what"])), meaning, strict=False)
    assert np.isnan(hostile.prediction).tolist() == [False, True]
    far = read_answers(Told(prediction=pl.Series("p", [0.2, 7.0])), meaning, strict=False)
    assert far.prediction.tolist() == [0.2, 7.0]


def test_the_best_constant_is_the_median_the_rate_or_the_commonest():
    truth = np.array([1.0, 2.0, 9.0])
    assert constant_answer("regression", truth, None) == 2.0
    assert constant_answer("regression", truth, np.array([0.0, 0.0, 1.0])) == 9.0
    assert constant_answer("binary", np.array([0, 1, 1, 1]), None) == 0.75
    assert constant_answer("multiclass", np.array([2, 2, 0]), np.array([1.0, 1.0, 3.0])) == 0.0
