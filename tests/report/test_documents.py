import msgspec
import pytest

from assay.report.documents import render_documents

from .samples import car_price


@pytest.fixture(scope="module")
def documents() -> dict[str, str]:
    return render_documents(car_price(struck=True))


def test_the_five_documents_of_the_lifecycle(documents: dict[str, str]) -> None:
    assert list(documents) == [
        "charter.md",
        "data-dictionary.md",
        "data-quality-report.md",
        "model-report.md",
        "exit-report.md",
    ]
    for body in documents.values():
        assert body.startswith("# ")
        assert body.endswith("\n")
        assert "car-price@3" in body


def test_what_nobody_wrote_is_an_empty_slot_that_names_who_can(documents: dict[str, str]) -> None:
    assert "☐ **Not written yet.** What it changed for the business" in documents["exit-report.md"]
    assert "*For: the owner.*" in documents["charter.md"]


def test_what_somebody_wrote_is_there(documents: dict[str, str]) -> None:
    assert "What price to ask, or to offer, for a car." in documents["charter.md"]
    assert "Rare makes get a second look by a person." in documents["exit-report.md"]


def test_the_dictionary_lists_every_column_of_the_contract(documents: dict[str, str]) -> None:
    for column in car_price().contract.columns:
        assert f"| {column.name} |" in documents["data-dictionary.md"]


def test_the_quality_report_tells_missing_cells_and_the_target(documents: dict[str, str]) -> None:
    body = documents["data-quality-report.md"]
    assert "43 missing cells" in body
    assert "37 (18.4%)" in body
    assert "median" in body


def test_a_class_as_target_is_told_by_its_levels() -> None:
    dossier = car_price()
    columns = tuple(
        msgspec.structs.replace(c, quantiles=(), top=(("yes", 30), ("no", 171)))
        if c.name == "price"
        else c
        for c in dossier.profile.columns
    )
    profile = msgspec.structs.replace(dossier.profile, columns=columns)
    body = render_documents(msgspec.structs.replace(dossier, profile=profile))
    assert "| yes | 30 |" in body["data-quality-report.md"]


def test_hostile_words_are_escaped() -> None:
    for body in render_documents(car_price(struck=True, hostile=True)).values():
        assert "<script" not in body
        assert "[l](u)" not in body
