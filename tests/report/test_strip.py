import xml.etree.ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from assay.report.strip import HEIGHT, WIDTH, bound_strip

figures = st.floats(-1e12, 1e12)
SVG = "{http://www.w3.org/2000/svg}"


@given(figures, st.none() | figures, st.none() | figures, st.none() | figures, st.none() | figures)
def test_everything_lies_inside_the_picture(value, lower, upper, at_least, at_most) -> None:
    picture = bound_strip(value, lower=lower, upper=upper, at_least=at_least, at_most=at_most)
    root = ET.fromstring(picture)
    dot = root.find(f"{SVG}circle")
    assert dot is not None
    assert 0 <= float(dot.attrib["cx"]) <= WIDTH
    for band in root.iter(f"{SVG}rect"):
        assert 0 <= float(band.attrib["x"]) <= WIDTH
        assert 0 <= float(band.attrib["width"]) <= WIDTH
    assert root.attrib["viewBox"] == f"0 0 {WIDTH} {HEIGHT}"


def test_a_value_beyond_the_limit_lies_off_the_band() -> None:
    root = ET.fromstring(bound_strip(0.5, lower=0.4, upper=0.6, at_most=0.3))
    band, dot = root.find(f"{SVG}rect"), root.find(f"{SVG}circle")
    assert band is not None
    assert dot is not None
    assert float(band.attrib["x"]) + float(band.attrib["width"]) < float(dot.attrib["cx"])


def test_without_a_limit_there_is_no_band() -> None:
    assert "<rect" not in bound_strip(1.0, lower=0.5, upper=None)


def test_an_open_end_has_no_cap() -> None:
    closed = bound_strip(1.0, lower=0.5, upper=1.5, at_most=2)
    opened = bound_strip(1.0, lower=0.5, upper=None, at_most=2)
    assert closed.count("V22") == 2
    assert opened.count("V22") == 1


def test_its_words_are_escaped() -> None:
    picture = bound_strip(1.0, lower=None, upper=None, text='<b a="1">\x1b')
    root = ET.fromstring(picture)
    assert root.attrib["aria-label"] == '<b a="1">�'
