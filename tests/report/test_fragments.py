import re
import subprocess
import sys

import pytest

from assay.progress import Standing
from assay.report import (
    html_assessment,
    html_decision,
    html_leaderboard,
    html_profile,
    html_standings,
)

from .boards import churn_board
from .samples import car_price


def fragments(hostile: bool = False) -> dict[str, str]:
    dossier = car_price(hostile=hostile)
    return {
        "leaderboard": html_leaderboard(dossier.leaderboard),
        "decision": html_decision(dossier.decision),
        "assessment": html_assessment(dossier.assessment),
        "profile": html_profile(dossier.profile),
    }


@pytest.mark.parametrize("name", ["leaderboard", "decision", "assessment", "profile"])
def test_a_fragment_is_one_small_element_without_scripts(name: str) -> None:
    body = fragments()[name]
    assert body.startswith("<div")
    assert body.endswith("</div>")
    assert len(body) < (150_000 if name == "leaderboard" else 40_000)  # it has pictures
    assert "<script" not in body
    assert not re.search(r"(src|href)=", body)
    assert '<th scope="col"' in body


def test_hostile_words_are_escaped() -> None:
    assert not any("<script" in body for body in fragments(hostile=True).values())


def test_a_decision_shows_status_reason_and_picture() -> None:
    body = fragments()["decision"]
    assert "◐ undecided" in body
    assert "Allowed" in body
    assert "<svg" in body


def test_an_assessment_says_what_was_not_examined() -> None:
    assert "Prices after 1985" in fragments()["assessment"]


def test_fragments_start_no_rendering_engine() -> None:
    probe = (
        "import sys; import assay.report.fragments; "
        "print(*({'altair', 'vl_convert', 'typst', 'jinja2'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == ""


def test_a_leaderboard_shows_its_best_trials_and_every_picture() -> None:
    body = html_leaderboard(churn_board())
    assert body.count("<figure ") == 8
    assert "15 more are not shown" in body
    assert "forest #14" in body
    assert "542 kB" in body
    assert "country, currency" in body


def test_standings_tell_the_best_so_far() -> None:
    best = [Standing(number=3, family="<linear>", score=0.84831, took_s=1.25)]
    body = html_standings("Searching", "trial 4; about 12 s left", best, fraction=0.4)
    assert "&lt;linear&gt; #3" in body
    assert "0.8483" in body
    assert 'value="0.400"' in body
    assert "<table" not in html_standings("Searching", "", [])
