"""PRI008: it fires, it stays silent, it does not apply."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assay.assess.attribute_inference import AttributeInference, _bounds, _in_order_seen
from assay.assess.subject import no_model
from assay.errors import NotApplicable
from assay.question import Groups
from assay.testing.check import asking, example_subject


def telling(subject):
    """The same rows, but the answer is by 100 higher for rear-driven ones."""
    held_out = subject.held_out
    rear = (held_out.frame["drive"] == "rear").to_numpy()
    return replace(subject, held_out=replace(held_out, prediction=held_out.prediction + 100 * rear))


def test_answers_that_tell_the_group_are_found():
    finding = AttributeInference(column="drive").run(telling(example_subject()))
    assert finding.lower > 0.35
    assert finding.details["with_answers"] > 0.95
    assert finding.details["without_answers"] < 0.65
    assert finding.details["model_reads_it"]


@pytest.mark.parametrize("kind", ["regression", "binary", "multiclass"])
def test_answers_that_do_not_depend_on_it_give_nothing_away(kind):
    finding = AttributeInference(column="drive", confidence=0.999).run(example_subject(kind))
    assert finding.lower < 0 < finding.upper


def test_what_the_other_columns_tell_already_is_not_counted():
    """The answer knows the make, and so does a column beside it."""
    subject = example_subject()
    frame = subject.held_out.frame.with_columns(doors=subject.held_out.frame["make"].rank("dense"))
    subject = replace(subject, held_out=replace(subject.held_out, frame=frame))
    finding = AttributeInference(column="make").run(subject)
    assert finding.details["without_answers"] > 0.8
    assert finding.upper < 0.2


def test_whoever_can_ask_the_model_finds_a_column_that_it_reads():
    finding = AttributeInference(column="make").run(example_subject())
    assert finding.details["by_asking"] > 0.95  # each make has a price of its own
    assert finding.details["largest_group"] < 0.5
    alike = AttributeInference(column="drive").run(example_subject())
    assert alike.details["by_asking"] < 0.6  # the price does not depend on it


def test_nobody_asks_a_model_that_is_not_there():
    subject = example_subject(score=no_model)
    assert AttributeInference(column="make").run(subject).details["by_asking"] is None


def test_no_spread_is_no_proof():
    bounds = _bounds(np.zeros(59), 0.95)
    assert bounds.value == 0
    assert bounds.upper == pytest.approx(0.0495, abs=1e-4)


def test_groups_are_numbered_as_they_are_seen():
    assert _in_order_seen(np.array([3, 3, 0, 1, 0])).tolist() == [0, 0, 1, 2, 1]


def test_it_does_not_apply_without_groups():
    with pytest.raises(NotApplicable, match="names no affected groups"):
        AttributeInference().run(asking(example_subject(), affected_groups=()))


def test_it_does_not_apply_to_small_groups():
    with pytest.raises(NotApplicable, match="have 30 rows or more"):
        AttributeInference(column="drive").run(example_subject(rows=20))


def test_an_attribute_that_nothing_tells_is_seldom_accused(even_binaries):
    found = [AttributeInference(column="drive").run(subject) for subject in even_binaries[:25]]
    assert sum(finding.lower > 0 for finding in found) <= 4  # 5 % each; chance 1 in 150 of more


@pytest.mark.parametrize(
    "groups",
    [Groups(name="light", where="weight < 50"), Groups(column="weight", bins=(45.0, 55.0))],
    ids=["condition", "bins"],
)
def test_columns_that_form_the_groups_are_not_known_to_the_guesser(groups):
    subject = asking(example_subject(), affected_groups=(groups,))
    finding = AttributeInference(column=groups.key).run(subject)
    assert finding.details["without_answers"] < 0.7
    assert finding.details["model_reads_it"]
