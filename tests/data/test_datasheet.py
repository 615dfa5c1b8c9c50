"""The datasheet says what is on record, and what is not."""

from __future__ import annotations

from pathlib import Path

from assay.data.dataset import add_dataset
from assay.data.datasheet import render_datasheet
from assay.data.derivation import derive_contract
from assay.data.profile import profile_table
from assay.data.split import split_rows
from assay.data.suitability import check_table
from assay.question import read_question
from assay.store.artifacts import FolderStore

EXAMPLES = Path(__file__).parents[2] / "examples"


def sheet(frame, question, tmp_path, kind):
    dataset = add_dataset(FolderStore(tmp_path), frame)
    usable = check_table(frame, question).frame
    profile = profile_table(usable, target=question.target)
    contract = derive_contract(usable, question, profile)
    split = split_rows(usable, question, kind=kind, seed=7, contract=contract)
    return dataset, render_datasheet(
        dataset, question=question, profile=profile, contract=contract, split=split
    )


def test_the_car_datasheet(automobile, tmp_path):
    question = read_question(EXAMPLES / "car-price")
    dataset, text = sheet(automobile, question, tmp_path, "regression")
    assert text.startswith("# Datasheet: car-price\n")
    assert dataset.digest in text
    assert "- **Licence**: CC BY 4.0" in text
    assert "- **Rows**: 201\n" in text
    assert "- **Missing cells**: 51\n" in text
    assert "| make | category | feature | 0 | 22 | toyota (32), nissan (18), mazda (17) |" in text
    assert "| price | integer | target | 0 | 186 | 5118 to 45400, median 10295 |" in text
    assert "No column was flagged" in text
    assert "- **Rows held out**: 50\n" in text
    assert "Seed 7." in text
    assert text.index("## Not on record") > text.index("## Columns")
    for word in ("fair ", "safe ", "compliant"):
        assert word not in text.lower()


def test_the_churn_datasheet(telco, tmp_path):
    question = read_question(EXAMPLES / "churn")
    _, text = sheet(telco, question, tmp_path, "binary")
    assert "- **Rows that repeat another**: 22\n" in text
    assert "| churn | category | target | 0 | 2 | No (5174), Yes (1869) |" in text


def test_flags_are_told_and_values_of_people_are_not(ask, people, tmp_path):
    frame = people.rename({"town": "to|wn"}).with_columns(
        left=people["left"].set(people["age"] < 30, None)
    )
    question = ask("left", ignore=("constant",))
    _, text = sheet(frame, question, tmp_path, "binary")
    assert "lack the target" in text
    assert "**mail**: personal: e-mail" in text
    assert "**id**: identifier" in text
    assert "to\\|wn" in text
    assert "example.org" not in text.replace("owner@example.org", "")
    assert "K00" not in text
