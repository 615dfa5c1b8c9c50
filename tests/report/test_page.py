import re
import time
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from assay.report.page import render_html

from .browser import chromium_page
from .samples import HOSTILE, car_price, churn

CASES = {
    "waiting": {},
    "struck": {"struck": True},
    "refused": {"refused": True},
    "hostile": {"struck": True, "hostile": True},
}


ORDER = ("verdict", "rules", "evidence", "not-examined", "record")


class Reader(HTMLParser):
    """Collects what the tests ask about."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data) -> None:
        self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture(scope="module", params=[*CASES, "classes"])
def page(request) -> str:
    if request.param == "classes":
        return render_html(churn())
    return render_html(car_price(**CASES[request.param]))


@pytest.fixture(scope="module")
def read(page) -> Reader:
    return Reader(page)


def test_it_refers_to_nothing_outside_itself(page: str, read: Reader) -> None:
    for _, attrs in read.tags:
        for name in ("src", "href", "action", "data", "poster", "srcset", "xlink:href"):
            assert (attrs.get(name) or "#").startswith("#")
    assert not re.search(r"url\(|@import", page)
    outside = page.replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not re.search(r'=\s*"?https?:', outside)


def test_it_needs_no_script(read: Reader) -> None:
    assert not read.all("script")
    assert not any(name.startswith("on") for _, attrs in read.tags for name in attrs)


def test_language_title_and_landmarks(read: Reader) -> None:
    assert read.all("html")[0]["lang"] == "en"
    assert read.all("title")
    for landmark in ("header", "main", "nav", "footer"):
        assert len(read.all(landmark)) == 1
    assert any(a.get("class") == "skip" and a.get("href") == "#main" for a in read.all("a"))


def test_headings_are_in_order(read: Reader) -> None:
    levels = [int(tag[1]) for tag, _ in read.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_ids_are_unique_and_links_arrive(read: Reader) -> None:
    ids = [attrs["id"] for _, attrs in read.tags if attrs.get("id")]
    assert len(ids) == len(set(ids))
    assert all((a["href"] or "")[1:] in ids for a in read.all("a"))
    named = {attrs["aria-labelledby"] for _, attrs in read.tags if "aria-labelledby" in attrs}
    assert named <= set(ids)


def test_every_picture_has_words(read: Reader) -> None:
    pictures = read.all("svg")
    assert len(pictures) > 8
    for attrs in pictures:
        assert attrs["role"] == "img"
        assert len(attrs["aria-label"] or "") > 8


def test_every_figure_has_its_table_and_every_table_a_caption(read: Reader) -> None:
    assert len(read.all("figure")) == len(read.all("figcaption"))
    assert len(read.all("table")) == len(read.all("caption")) >= len(read.all("figure"))
    assert all(attrs.get("scope") in {"col", "row"} for attrs in read.all("th"))


def test_status_is_a_word_and_a_shape(read: Reader) -> None:
    text = " ".join(read.words)
    for shape, word in (("◐", "undecided"), ("●", "met"), ("◇", "waived")):
        assert re.search(rf"{shape}\s+(\d+ )?{word}", text)


def test_it_never_over_promises(read: Reader) -> None:
    text = " ".join(read.words).lower()
    assert not re.search(r"\b(fair|unfair|safe|compliant|unbiased)\b", text)


def test_the_order_is_verdict_rules_evidence_gaps_record(page: str) -> None:
    places = [page.index(f'id="{i}"') for i in ORDER]
    assert places == sorted(places)


def test_hostile_words_stay_words() -> None:
    page = render_html(car_price(struck=True, hostile=True))
    read = Reader(page)
    assert HOSTILE in "".join(read.words)
    assert "<script>" not in page
    assert "{{" in page


def test_classes_have_their_pictures() -> None:
    page = render_html(churn())
    assert "1,144 of 1,409 rows are answered as they are" in page
    assert "Farthest from it: forecast 80%, observed 72%" in page


def test_the_stamp_is_struck_only_with_a_hallmark() -> None:
    assert "stamp struck" not in render_html(car_price())
    assert "stamp struck" in render_html(car_price(struck=True))
    assert "no scorer loads this model" in render_html(car_price())


def test_the_same_dossier_gives_the_same_page_quickly() -> None:
    dossier = car_price(struck=True)
    first = render_html(dossier)
    started = time.process_time()
    assert render_html(dossier) == first
    assert time.process_time() - started < 3


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_contrast_of_text_is_at_least_4_5(theme: int) -> None:
    css = re.search(r"<style>(.*?)</style>", render_html(car_price()), re.S)
    assert css is not None
    block = re.findall(r":root \{(.*?)\}", css[1], re.S)[theme]
    full = dict(re.findall(r"--([\w-]+): (#\w{6})", block))
    for paper in ("paper", "card"):
        for ink in ("ink", "muted", "blue", "vermillion", "focus"):
            assert contrast(full[ink], full[paper]) >= 4.5, (ink, paper)
    for tint in ("tint-met", "tint-not", "tint-und", "tint-none"):
        assert contrast(full["ink"], full[tint]) >= 4.5, tint
    for shape, tint in (("green", "met"), ("vermillion", "not"), ("orange", "und")):
        assert contrast(full[shape], full[f"tint-{tint}"]) >= 3, shape


@pytest.mark.browser
@pytest.mark.slow
def test_a_browser_opens_it_without_network_and_without_scrolling_sideways(tmp_path) -> None:
    file = tmp_path / "report.html"
    file.write_text(render_html(car_price(struck=True, hostile=True)), encoding="utf-8")
    with chromium_page() as (page, seen):
        page.goto(file.as_uri())
        for width in (1200, 390, 320):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert seen.axe(page) == []
        assert seen.requests == [file.as_uri()]
        assert seen.problems == []
