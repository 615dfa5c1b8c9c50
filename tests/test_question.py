from __future__ import annotations

from pathlib import Path

import pytest

from assay.errors import InvalidConfig
from assay.question import Budget, Groups, Question, SuccessMeasure, read_question

EXAMPLES = Path(__file__).parents[1] / "examples"

LEAST = """\
name: car-price
question: How much is this car worth?
data: cars.csv
target: price
decision: The asking price.
owner: ana@dealer.example
"""


def read(folder: Path, text: str) -> Question:
    (folder / "assay.yaml").write_text(text)
    return read_question(folder)


def test_six_keys_ask_a_question(tmp_path: Path) -> None:
    question = read(tmp_path, LEAST)
    assert question.name == "car-price"
    assert question.kind is None
    assert question.success.baseline == "the same answer for everyone"
    assert question.budget == Budget(seconds=60.0, families=(), seed=0)
    assert Question.from_json(question.to_json()) == question


def test_a_full_question_is_read(tmp_path: Path) -> None:
    text = LEAST + (
        "kind: binary\npositive: Yes\nunit: USD\n"
        "affected_groups:\n  - column: make\n    why: fairness\n    sensitive: true\n"
        "success: {metric: mae, target: 2e3}\nignore: [id]\ntime_column: sold\n"
        "budget: {seconds: 30, families: [linear], seed: 7}\n"
    )
    question = read(tmp_path, text)
    assert question.positive == "Yes"
    assert question.affected_groups == (Groups(column="make", why="fairness", sensitive=True),)
    assert question.success == SuccessMeasure(metric="mae", target=2000.0)
    assert question.budget == Budget(seconds=30.0, families=("linear",), seed=7)


@pytest.mark.parametrize(
    ("text", "line", "message", "hint"),
    [
        (LEAST + "targt: x\n", 7, "Unknown key 'targt'", "Closest match: 'target'"),
        (LEAST.replace("owner: ana@dealer.example\n", ""), 1, "required field `owner`", ""),
        (LEAST.replace("car-price", "Car Price"), 1, "name: expected `str` matching regex", ""),
        (LEAST.replace("cars.csv", "''"), 3, "data: expected `str` of length >= 1", ""),
        (LEAST + "kind: ranking\n", 7, "kind: invalid enum value", ""),
        (LEAST + "positive: 1\n", 7, "positive: expected `str | null`, got `int`", ""),
        (LEAST + "budget:\n  seconds: 0\n", 8, "budget.seconds: expected `float` > 0", ""),
        (LEAST + "budget:\n  secs: 9\n", 8, "Unknown key 'secs'", "seconds"),
        (LEAST + "affected_groups:\n  - colum: make\n", 8, "Unknown key 'colum'", "'column'"),
        (LEAST + "affected_groups: make\n", 7, "affected_groups: expected `array`", ""),
    ],
)
def test_a_wrong_question_says_line_and_remedy(
    tmp_path: Path, text: str, line: int, message: str, hint: str
) -> None:
    with pytest.raises(InvalidConfig) as caught:
        read(tmp_path, text)
    assert message in str(caught.value)
    assert caught.value.where == f"{tmp_path / 'assay.yaml'}:{line}"
    assert hint in caught.value.hint


def test_a_folder_without_a_question_says_how_to_write_one(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match=r"assay\.yaml") as caught:
        read_question(tmp_path)
    assert "assay init" in caught.value.hint


@pytest.mark.parametrize("name", ["car-price", "churn"])
def test_the_examples_ask_a_question(name: str) -> None:
    question = read_question(EXAMPLES / name)
    assert question.name == name
    assert question.question.endswith("?")
    assert question.affected_groups


def test_groups_by_bins_and_by_a_condition(tmp_path: Path) -> None:
    text = LEAST + (
        "affected_groups:\n"
        "  - {column: age, bins: [25, 60], given: [hours]}\n"
        "  - {name: young women, where: \"age < 30 AND sex = 'F'\"}\n"
    )
    age, young = read(tmp_path, text).affected_groups
    assert (age.key, age.bins, age.given) == ("age", (25.0, 60.0), ("hours",))
    assert (young.key, young.column) == ("young women", "")


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ("{why: none}", "either a column or a condition"),
        ("{column: age, where: age < 3, name: young}", "either a column or a condition"),
        ("{where: age < 3}", "need a name"),
        ("{where: age < 3, name: young, bins: [3]}", "takes none"),
        ("{column: age, bins: [3, 3]}", "each above the one before it"),
        ("{column: age, bins: [3, .nan]}", "finite numbers"),
        ("{column: age, name: a & b}", "does not hold ' & '"),
    ],
)
def test_groups_that_name_nothing_are_refused(tmp_path: Path, groups: str, message: str) -> None:
    with pytest.raises(InvalidConfig, match=message) as error:
        read(tmp_path, LEAST + f"affected_groups:\n  - {groups}\n")
    assert error.value.where.endswith("assay.yaml:8")
