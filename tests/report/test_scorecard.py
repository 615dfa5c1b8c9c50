import io

import pypdf
import pytest

from assay.report.scorecard import render_pdf

from .samples import car_price


@pytest.fixture(scope="module")
def card() -> pypdf.PdfReader:
    return pypdf.PdfReader(io.BytesIO(render_pdf(car_price(struck=True))))


def words(pdf: pypdf.PdfReader) -> str:
    return " ".join(" ".join(page.extract_text() for page in pdf.pages).split())


def test_it_has_two_to_four_pages(card: pypdf.PdfReader) -> None:
    assert 2 <= len(card.pages) <= 4


def test_it_is_tagged_and_says_language_and_title(card: pypdf.PdfReader) -> None:
    root = card.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert "/StructTreeRoot" in root
    assert str(root["/Lang"]).startswith("en")
    assert card.metadata is not None
    assert card.metadata.title == "car-price@3: Allowed, and the hallmark is struck"
    assert b"pdfuaid:part>1" in root["/Metadata"].get_data()


def test_it_tells_verdict_targets_limits_approvals_and_digests(card: pypdf.PdfReader) -> None:
    text = words(card)
    for part in (
        "Allowed, and the hallmark is struck",
        "undecided Error by group: make",
        "18%",
        "at most 25%",
        "Not made for: Cars built after 1985",
        "What was not examined",
        "luis",
        car_price().dataset.digest,
    ):
        assert part in text


def test_the_same_dossier_gives_the_same_bytes() -> None:
    assert render_pdf(car_price()) == render_pdf(car_price())


def test_hostile_words_stay_words() -> None:
    text = words(pypdf.PdfReader(io.BytesIO(render_pdf(car_price(struck=True, hostile=True)))))
    for part in ("<script>alert", "#set [l](u) $m$", "{{7*7}}", "*b* _i_"):
        assert part in text


def test_a_refusal_has_no_hallmark() -> None:
    text = words(pypdf.PdfReader(io.BytesIO(render_pdf(car_price(refused=True)))))
    assert "Refused" in text
    assert "No hallmark is struck" in text
