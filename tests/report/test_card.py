import re

import pytest
import yaml

from assay.report.card import render_card

from .samples import HOSTILE, car_price, churn


def front_matter(card: str) -> dict:
    return yaml.safe_load(card.split("---\n")[1])


def test_the_front_matter_is_a_model_index() -> None:
    head = front_matter(render_card(car_price(struck=True)))
    assert head["pipeline_tag"] == "tabular-regression"
    (model,) = head["model-index"]
    assert model["name"] == "car-price@3"
    (result,) = model["results"]
    assert result["task"]["type"] == "tabular-regression"
    assert result["dataset"]["revision"] == car_price().dataset.digest
    values = {m["type"]: m["value"] for m in result["metrics"]}
    assert values["mae"] == 1440.0
    assert values["rel001"] == 0.21
    assert "rel004" not in values  # cross-fitted, not held out


def test_every_section_is_there() -> None:
    card = render_card(car_price(struck=True))
    assert re.findall(r"^## (.*)$", card, re.M) == [
        "Intended use",
        "Verdict",
        "Data",
        "Model",
        "Evaluation",
        "Groups",
        "What was not examined",
        "Record",
    ]
    assert "luis approved on 14 March 2026" in card


@pytest.mark.parametrize("hostile", [False, True])
def test_every_row_of_a_table_has_as_many_cells_as_its_head(hostile: bool) -> None:
    lines = render_card(car_price(struck=True, hostile=hostile)).splitlines()
    tables: list[list[str]] = [[]]
    for line in lines:
        if line.startswith("| "):
            tables[-1].append(line)
        elif tables[-1]:
            tables.append([])
    cells = [[len(re.findall(r"(?<!\\)\|", row)) for row in table] for table in tables if table]
    assert len(cells) > 4
    assert all(len(set(counts)) == 1 for counts in cells)


def test_hostile_words_are_escaped() -> None:
    card = render_card(car_price(struck=True, hostile=True))
    body = card.split("---\n", 2)[2]
    assert "<script" not in body
    assert "[l](u)" not in body
    assert HOSTILE not in body
    assert front_matter(card)["model-index"][0]["results"][0]["metrics"]


def test_a_question_with_classes_is_a_classification() -> None:
    head = front_matter(render_card(churn()))
    assert head["pipeline_tag"] == "tabular-classification"
    metric = head["model-index"][0]["results"][0]["metrics"][0]
    assert metric == {
        "type": "roc_auc",
        "name": "Area under the ROC curve, cross-validated",
        "value": 0.84,
    }
