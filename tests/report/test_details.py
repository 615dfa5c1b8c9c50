from pathlib import Path

import pytest

from assay.assess.finding import Finding
from assay.report import details
from assay.report.picture import Picture

HISTOGRAM = {"edges": [-1.0, 0.0, 2.0], "counts": [3, 9]}
DOCS = Path(__file__).parents[2] / "docs"

DETAILS = {
    "points": {"actual": [1.0, 2.0, 3.0], "predicted": [1.5, 2.0, 2.0]},
    "bins": [{"forecast": 0.1, "observed": 0.2, "lower": 0.1, "upper": 0.4, "rows": 30}],
    "importance": [{"column": "make", "value": 3.0, "lower": 2.0, "upper": 4.0}],
    "contributions": {"columns": [{"column": "make", "value": -2.0}], "answer": 8, "reference": 10},
    "residuals": HISTOGRAM,
    "histogram": HISTOGRAM,
    "confusion": {"classes": ["no", "yes"], "counts": [[8, 2], [1, 9]]},
    "tree": [
        {
            "path": path,
            "leaf": path != "",
            "rows": 40,
            "error": error,
            "lower": error - 0.1,
            "upper": error + 0.1,
            "error_coverage": 0.5,
            "confirmed": error > 0.3,
        }
        for path, error in (("", 0.3), ("age up to 30", 0.4), ("age over 30", 0.2))
    ],
    "maps": [
        {"columns": ["age"], "levels": [["young", "old"]], "rows": [20, 30], "error": [0.2, 0.1]},
        {
            "columns": ["age", "sex"],
            "levels": [["young", "old"], ["F", "M"]],
            "rows": [[20, 30], [None, 12]],
            "error": [[0.2, 0.1], [None, 0.4]],
        },
    ],
    "dependence": [
        {
            "column": "age",
            "points": ["20", "30", "40"],
            "ale": [-0.1, 0.0, 0.2],
            "lower": [-0.2, -0.1, 0.1],
            "upper": [0.0, 0.1, 0.3],
            "pdp": [0.4, 0.5, 0.6],
        }
    ],
    "curve": {"coverage": [0.5, 1.0], "risk": [0.1, 0.2]},
}


def detail_pictures(held: dict, *, unit: str = "", rows: int = 0) -> tuple[Picture, ...]:
    finding = Finding(
        check="REL001",
        title="Error",
        principle="reliability-safety",
        measure="error",
        value=0.2,
        rows=rows,
        details=held,
    )
    return details.detail_pictures(finding, unit=unit)


@pytest.mark.parametrize("key", DETAILS)
def test_every_kind_of_detail_gives_pictures_with_words_and_figures(key: str) -> None:
    pictures = detail_pictures({key: DETAILS[key]}, unit="USD")
    assert pictures
    for picture in pictures:
        assert picture.text.endswith(".")
        assert picture.rows
        assert all(len(row) == len(picture.columns) for row in picture.rows)
        assert picture.svg.startswith("<svg")


def test_a_scatter_is_told_in_fifths_not_row_by_row() -> None:
    points = {"actual": list(range(1, 101)), "predicted": list(range(1, 101))}
    first, _ = detail_pictures({"points": points})
    assert len(first.rows) == 5
    assert {row[1] for row in first.rows} == {"20"}


@pytest.mark.parametrize("key", DETAILS)
@pytest.mark.parametrize("odd", [None, 3, "text", [], {}, {"columns": []}, [[1, 2]]])
def test_a_detail_of_another_shape_draws_nothing(key: str, odd: object) -> None:
    assert detail_pictures({key: odd}) == ()


def test_missing_answers_are_left_out() -> None:
    points = {"actual": [1.0, None, 3.0], "predicted": [1.0, 2.0, None]}
    first, _ = detail_pictures({"points": points})
    assert first.text.startswith("1 row.")
    assert detail_pictures({"points": {"actual": [None], "predicted": [1.0]}}) == ()


def test_a_confusion_table_that_is_not_square_draws_nothing() -> None:
    assert detail_pictures({"confusion": {"classes": ["a", "b"], "counts": [[1, 2]]}}) == ()


def test_the_docs_name_every_kind() -> None:
    page = (DOCS / "charts.md").read_text(encoding="utf-8")
    assert all(f"`{key}`" in page for key in details._KINDS)


def test_residuals_are_a_histogram_only_where_no_points_are_shown() -> None:
    both = {"points": DETAILS["points"], "residuals": HISTOGRAM}
    assert len(detail_pictures(both)) == 2
    (picture,) = detail_pictures({"residuals": HISTOGRAM}, unit="USD")
    assert picture.text == "12 rows, from −1 USD to 2 USD. Most, 9, lie between 0 USD and 2 USD."


def test_a_sample_says_of_how_many() -> None:
    first, _ = detail_pictures({"points": DETAILS["points"]}, rows=7000)
    assert first.text.startswith("A sample of 3 of 7,000 rows.")
