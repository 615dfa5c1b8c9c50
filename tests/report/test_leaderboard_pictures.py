"""A search in pictures: each says in words and figures what it draws, and none breaks."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import msgspec
import pytest

from assay.automl.leaderboard import CurvePoint, Leaderboard, Trial
from assay.errors import InvalidFile
from assay.report.leaderboard_pictures import leaderboard_pictures, scores_picture
from assay.report.leaderboard_words import more_data
from assay.report.sheet import sheet, write_pictures

from .boards import churn_board
from .samples import HOSTILE, car_price
from .test_charts import PALETTE, words

BARE = Leaderboard(
    metric="mae",
    better="lower",
    baseline=9.0,
    trials=(Trial(number=1, family="linear", score=2.0),),
    ensemble_score=2.0,
)
TITLES = [
    "What the search tried",
    "What the model is made of",
    "What each feature brought",
    "Best score over time",
    "Would more data help?",
    "Score against the time of an answer",
    "Score against size",
    "Score against the gap between groups",
]
PICTURES = {p.title: p for p in leaderboard_pictures(churn_board())}
replace = msgspec.structs.replace


def test_a_full_leaderboard_has_every_picture() -> None:
    assert list(PICTURES) == TITLES


@pytest.mark.parametrize("title", TITLES)
def test_a_picture_is_text_and_shapes_in_the_palette(title: str) -> None:
    svg = PICTURES[title].svg
    assert words(svg)
    assert set(re.findall(r'(?:fill|stroke)="([^"]+)"', svg)) <= PALETTE | {"transparent"}
    assert not re.search(r"\sid=|<script|<style|url\(", svg)


@pytest.mark.parametrize("title", TITLES)
def test_its_table_has_a_cell_for_every_column(title: str) -> None:
    picture = PICTURES[title]
    assert picture.rows
    assert {len(row) for row in picture.rows} == {len(picture.columns)}


def test_an_older_record_shows_less() -> None:
    assert [p.title for p in leaderboard_pictures(BARE)] == ["What the search tried"]
    titles = [p.title for p in leaderboard_pictures(car_price().leaderboard, unit="USD")]
    assert titles == [TITLES[0], TITLES[1], TITLES[5]]


def test_a_search_without_a_score_has_no_picture() -> None:
    failed = (Trial(number=1, family="linear", status="failed", note="no"),)
    assert leaderboard_pictures(replace(BARE, trials=failed)) == ()
    endless = (Trial(number=1, family="linear", score=float("inf")),)
    assert leaderboard_pictures(replace(BARE, trials=endless)) == ()


def test_the_scores_tell_every_finished_trial() -> None:
    picture = scores_picture(car_price().leaderboard, unit="USD")
    assert picture is not None
    assert len(picture.rows) == 9
    assert "constant answer 5,900 USD" in picture.text


def test_what_is_in_the_model_is_drawn_however_far_behind_it_is() -> None:
    trials = [Trial(number=n, family="forest", score=float(n)) for n in range(1, 16)]
    last = Trial(number=16, family="linear", score=16.0, weight=0.2)
    picture = scores_picture(replace(BARE, trials=(*trials, last)))
    assert picture is not None
    assert "linear #16" in words(picture.svg)


def test_the_best_so_far_never_gets_worse_and_ends_at_the_best() -> None:
    best = [float(row[3]) for row in PICTURES["Best score over time"].rows]
    assert best == sorted(best)
    assert best[-1] == pytest.approx(0.8483)


def test_the_best_so_far_by_hand() -> None:
    """Known after 3, 2 and 5 s with 4, 6 and 3: the best so far is 6, 4, 3."""
    timed = tuple(
        Trial(number=n, family="f", score=s, began_s=b, took_s=t)
        for n, s, b, t in ((3, 3.0, 4.0, 1.0), (1, 4.0, 0.0, 3.0), (2, 6.0, 0.5, 1.5))
    )
    (picture,) = [
        p for p in leaderboard_pictures(replace(BARE, trials=timed)) if "over time" in p.title
    ]
    assert [row[3] for row in picture.rows] == ["6", "4", "3"]


def test_engineered_features_are_named_so() -> None:
    picture = PICTURES["What each feature brought"]
    assert "13.3%, engineered" in words(picture.svg)
    assert "2 engineered features: 22.7% together" in picture.text


@pytest.mark.parametrize(
    ("before", "last", "said"),
    [(0.80, 0.85, "still improving"), (0.845, 0.85, "cannot be told"), (0.86, 0.85, "no longer")],
)
def test_the_curve_says_whether_more_rows_would_help(before: float, last: float, said: str) -> None:
    points = [
        CurvePoint(rows=rows, score=s, low=s - 0.01, high=s + 0.01)
        for rows, s in ((100, before), (200, last))
    ]
    assert said in more_data(replace(BARE, better="higher", curve=tuple(points)))
    assert more_data(BARE) == ""


def test_a_sheet_holds_every_title_and_escapes_names() -> None:
    board = replace(BARE, trials=(Trial(number=1, family=HOSTILE, score=1.0),))
    svg = sheet(HOSTILE, [*PICTURES.values(), *leaderboard_pictures(board)])
    ET.fromstring(svg)
    assert set(TITLES) <= set(words(svg))
    assert "<script" not in svg


@pytest.mark.parametrize(
    ("ending", "begins"), [(".svg", b"<svg"), (".png", b"\x89PNG"), (".html", b"<!doctype html>")]
)
def test_pictures_are_written_as_asked(tmp_path: Path, ending: str, begins: bytes) -> None:
    file = tmp_path / f"board{ending}"
    write_pictures("Leaderboard", list(PICTURES.values())[:2], file)
    assert file.read_bytes().startswith(begins)


def test_another_ending_or_no_folder_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidFile, match=r"as \.pdf"):
        write_pictures("Leaderboard", [], tmp_path / "board.pdf")
    with pytest.raises(InvalidFile, match="cannot be written"):
        write_pictures("Leaderboard", [], tmp_path / "nowhere" / "board.svg")
