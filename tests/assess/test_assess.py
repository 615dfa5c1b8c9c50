"""An assessment: what runs, at which confidence, on which evidence, and what is said about it."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from assay.assess.assess import assess, assess_nothing, failed
from assay.assess.check import all_checks
from assay.assess.finding import Assessment, Principle
from assay.assess.request import Request, requests_of
from assay.errors import InputError, UnknownColumn, UnknownName
from assay.policy.gate import decide
from assay.policy.policy import Policy, Rule
from assay.question import Groups
from assay.testing.check import KINDS, asking, example_subject


@pytest.fixture(scope="module")
def assessment():
    return assess(example_subject(rows=200))


@pytest.mark.parametrize("kind", KINDS)
def test_every_principle_has_two_findings_with_values(kind):
    found = assess(example_subject(kind, rows=200)).findings
    for principle in get_args(Principle):
        assert len({f.check for f in found if f.principle == principle and f.applies}) >= 2


def test_a_check_runs_once_a_column_and_evidence(assessment):
    keys = [finding.key for finding in assessment.findings]
    assert len(keys) == len(set(keys))
    assert {"FAI001/make/held-out", "FAI001/drive/cross-fitted", "REL001/held-out"} <= set(keys)
    assert {f.check for f in assessment.findings} == {c.code for c in all_checks()}


def test_without_cross_fitted_rows_there_are_no_such_findings():
    found = assess(example_subject(rows=100, cross_fitted=None))
    assert {f.evidence for f in found.findings if f.applies} == {"held-out", "table", "record"}
    assert any("no cross-fitted rows" in sentence for sentence in found.not_examined)


def test_requests_set_confidence_column_and_evidence():
    requests = [
        Request(check="REL001", confidence=0.8),
        Request(check="REL001", confidence=0.9, evidence="held-out"),
        Request(check="FAI001", confidence=0.99, column="turbo"),
    ]
    found = {f.key: f for f in assess(example_subject(rows=200), requests).findings}
    assert found["REL001/held-out"].confidence == 0.9  # the larger of two
    assert found["REL001/cross-fitted"].confidence == 0.8
    assert found["FAI001/turbo/held-out"].confidence == 0.99
    assert found["FAI001/make/held-out"].confidence == 0.95


def test_a_request_without_a_column_means_every_affected_group_and_crossing():
    found = assess(example_subject(rows=200), [Request(check="FAI001", confidence=0.9)]).findings
    assert {f.column for f in found if f.check == "FAI001" and f.confidence == 0.9} == {
        "make",
        "drive",
        "make & drive",
    }


def test_crossings_are_looked_at_unasked_where_they_have_the_rows():
    found = assess(example_subject("binary", rows=200))
    crossed = [f for f in found.findings if f.column == "make & drive"]
    assert {"FAI001", "FAI003", "INC002"} <= {f.check for f in crossed}
    assert {f.evidence for f in crossed} == {"held-out"}
    assert all(f.applies for f in crossed)
    assert found.examined["crossings"] == ["make & drive"]
    named = [s for s in found.not_examined if s.startswith("Groups of 'make & drive' with too few")]
    assert any(" rows for: FAI" in sentence for sentence in named)


def test_crossings_without_the_rows_are_said_to_be_missing():
    found = assess(example_subject("binary", rows=50))
    assert found.examined["crossings"] == []
    assert any("personal data): make & drive." in s for s in found.not_examined)


def test_a_rule_may_name_a_crossing_or_a_grouping_of_the_question():
    asked = (Groups(name="light", where="weight < 45"), Groups(column="drive"))
    subject = asking(example_subject("binary", rows=200), affected_groups=asked)
    requests = [Request(check="FAI003", column=c) for c in ("turbo & drive", "light")]
    keys = {f.key: f for f in assess(subject, requests).findings}
    assert keys["FAI003/turbo & drive/held-out"].applies
    assert {g.group for g in keys["FAI003/light/held-out"].groups} == {"light", "others"}


@pytest.mark.parametrize(
    ("request_", "error", "message"),
    [
        (Request(check="REL999"), UnknownName, "No check is called 'REL999'"),
        (Request(check="FAI001", column="colour"), UnknownColumn, "no column 'colour'"),
        (Request(check="FAI001", column="make & colour"), UnknownColumn, "no column 'colour'"),
        (Request(check="REL001", column="make"), InputError, "takes no column"),
        (Request(check="INC001", evidence="held-out"), InputError, "cannot use held-out"),
        (Request(check="INC001", evidence="hearsay"), InputError, "cannot use hearsay"),
    ],
)
def test_requests_that_cannot_be_met_are_refused(request_, error, message):
    with pytest.raises(error, match=message):
        assess(example_subject(rows=50), [request_])


def test_a_check_that_does_not_apply_says_why(assessment):
    silent = [f for f in assessment.findings if not f.applies]
    assert silent
    assert all(f.reason and f.title and f.lower is None for f in silent)


def test_without_affected_groups_group_checks_say_so():
    found = assess(asking(example_subject(rows=100), affected_groups=()))
    reasons = {f.reason for f in found.findings if f.check == "FAI001"}
    assert reasons == {"The question names no affected groups."}
    assert "No groups were compared: the question names none." in found.not_examined


def test_it_says_what_was_and_was_not_examined(assessment):
    assert assessment.examined["held-out"] == 200
    assert assessment.examined["cross-fitted"] == 200
    assert assessment.examined["table"] == 400
    assert assessment.examined["groups"] == ["make", "drive"]
    text = " ".join(assessment.not_examined)
    assert "Groups of 'make' with too few held-out rows to judge: elk (" in text
    assert "Columns that the model does not read: mail." in text


def test_repeated_subjects_are_warned_about():
    found = assess(asking(example_subject(rows=50), group_column="make"))
    assert any("count as independent" in sentence for sentence in found.not_examined)


def test_an_assessment_survives_json(assessment):
    assert Assessment.from_json(assessment.to_json()) == assessment


def test_the_same_subject_gives_the_same_digest(assessment):
    assert assess(example_subject(rows=200)).digest == assessment.digest


def test_progress_is_told_of_every_check():
    class Listener:
        def __init__(self):
            self.heard = []

        def update(self, fraction, note=""):
            self.heard.append((fraction, note))

    listener = Listener()
    found = assess(example_subject(rows=50), progress=listener)
    fractions = [fraction for fraction, _ in listener.heard]
    assert len(fractions) == len(found.findings)
    assert fractions == sorted(fractions)
    assert any(note.startswith("REL004") for _, note in listener.heard)


def test_the_gate_reads_what_the_assessment_writes():
    policy = Policy(
        name="release",
        rules=(
            Rule(check="REL001", at_most=0.6, confidence=0.99),
            Rule(check="FAI001", column="make", at_most=3.0),
            Rule(check="ACC001", at_least=1),
            Rule(check="ACC004", at_most=1),
            Rule(check="REL007", at_most=0.1),
        ),
    )
    subject = example_subject()
    found = assess(subject, requests_of(policy.rules))
    outcomes = decide(policy, found, today="2026-01-31").outcomes
    assert [o.status for o in outcomes] == ["met", "met", "met", "met", "not applicable"]
    unproved = replace(subject, record={**subject.record, "parity": None})
    outcomes = decide(policy, assess(unproved), today="2026-01-31").outcomes
    assert outcomes[3].status == "missing"
    assert outcomes[3].effect == "blocks"


def test_a_model_that_answers_nan_to_honest_rows_misses_its_evidence():
    """Where a check asks again and gets no number, the finding says so and the rule is not met."""
    subject = example_subject(rows=200)

    def broken(frame):
        answer = subject.score(frame)
        return replace(answer, prediction=answer.prediction * float("nan"))

    asking_again = [check for check in all_checks() if check.code == "PRI002"]
    assessment = assess(replace(subject, score=broken), checks=asking_again)
    found = next(f for f in assessment.findings if f.check == "PRI002")
    assert failed(found)
    assert "200 of 200 rows have a prediction" in found.details["failed"]
    assert any(s.startswith("PRI002/held-out was not measured") for s in assessment.not_examined)
    policy = Policy(name="release", rules=(Rule(check="PRI002", at_most=0.9),))
    outcome = decide(policy, assessment, today="2026-01-31").outcomes[0]
    assert (outcome.status, outcome.effect) == ("missing", "blocks")


def test_where_nothing_is_measured_every_rule_misses_its_evidence():
    assessment = assess_nothing("No row has an answer.", ["make"])
    assert {f.check for f in assessment.findings} == {c.code for c in all_checks()}
    assert all(failed(f) and not f.reason for f in assessment.findings)
    policy = Policy(name="release", rules=(Rule(check="FAI001", column="make", at_most=3.0),))
    assert decide(policy, assessment, today="2026-01-31").outcomes[0].status == "missing"
    assert assessment.not_examined == ("No row has an answer.",)


def test_notes_of_the_subject_are_told():
    found = assess(example_subject(rows=100, notes=("3 rows were set aside.",)))
    assert found.not_examined[-1] == "3 rows were set aside."
