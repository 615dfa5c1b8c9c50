import re
import xml.etree.ElementTree as ET

import pytest

from assay.report import charts
from assay.report.charts import Bar, Bin, Reference

from .samples import HOSTILE

TEXT = "{http://www.w3.org/2000/svg}text"
PALETTE = {
    charts.INK,
    charts.MUTED,
    charts.LINE,
    charts.BLUE,
    charts.VERMILLION,
    charts.GREEN,
    charts.ORANGE,
    "none",
}
GROUPS = [Bar("a.b[0]", 0.1, 0.05, 0.2, 30), Bar("b", 0.2, None, 0.4, 1200), Bar("c", None)]
ALL = {
    "interval dots": charts.interval_dots(
        GROUPS, measure="Error", reference=Reference(0.25, "limit"), share=True
    ),
    "predicted against true": charts.predicted_against_true([1, 2, 3], [1.5, 2, 2.5], unit="USD"),
    "residuals": charts.residuals([1, 2, 3], [1.5, 2, 2.5], unit="USD"),
    "calibration": charts.calibration([Bin(0.1, 0.2, 0.1, 0.3, 40), Bin(0.8, 0.7)]),
    "bars": charts.bars([Bar("up", 2.0), Bar("down", -1.0)], measure="Part", signed=True),
    "histogram": charts.histogram([0, 1, 2, 4], [5, 9, 2], measure="Error"),
    "confusion": charts.shares_by_class([[8, 2], [1, 9]], ["no", "yes"]),
}


def words(svg: str) -> list[str]:
    return ["".join(node.itertext()) for node in ET.fromstring(svg).iter(TEXT)]


@pytest.mark.parametrize("name", ALL)
def test_a_chart_is_text_and_shapes_in_the_palette(name: str) -> None:
    svg = charts.to_svg(ALL[name])
    assert words(svg)
    assert "http" not in svg.replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not re.search(r"\sid=|<script|<style|url\(", svg)
    used = set(re.findall(r'(?:fill|stroke)="([^"]+)"', svg))
    assert used <= PALETTE


def test_drawing_twice_gives_the_same_bytes() -> None:
    first = charts.to_svg(ALL["calibration"])
    charts._draw.cache_clear()
    assert charts.to_svg(ALL["calibration"]) == first


def test_names_stay_text_whatever_they_hold() -> None:
    svg = charts.to_svg(
        charts.interval_dots(
            [Bar("<i>&'\"", 1.0), Bar("a.b[0]", 2.0), Bar("", 3.0), Bar("x\x1by", 4.0)], measure="m"
        )
    )
    assert {"<i>&'\"", "a.b[0]", "(empty)", "x�y"} <= set(words(svg))
    assert "<script" not in charts.to_svg(charts.bars([Bar(HOSTILE, 1.0)], measure=HOSTILE))


def test_groups_show_their_rows_and_unknown_values_are_left_out() -> None:
    shown = words(charts.to_svg(ALL["interval dots"]))
    assert "b (1,200)" in shown
    assert not any(word.startswith("c") for word in shown)
    assert "limit" in shown


def test_the_dot_lies_where_its_value_is() -> None:
    """Positions along the axis are in proportion: 0, 1 and 4 keep their distances."""
    svg = charts.to_svg(charts.interval_dots([Bar("a", 0), Bar("b", 1), Bar("c", 4)], measure="m"))
    places = [float(x) for x in re.findall(r'<path transform="translate\(([\d.]+),', svg)]
    assert (places[2] - places[0]) / (places[1] - places[0]) == pytest.approx(4, rel=0.01)


def test_a_large_scatter_is_thinned() -> None:
    many = [float(i) for i in range(5000)]
    drawn = charts.predicted_against_true(many, many).to_dict()
    assert max(map(len, drawn["datasets"].values())) <= charts.MOST_POINTS


def test_signed_bars_write_their_sign() -> None:
    assert {"+2", "−1"} <= set(words(charts.to_svg(ALL["bars"])))
