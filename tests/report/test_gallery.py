import msgspec

from assay.assess.finding import Finding, GroupValue
from assay.report import gallery

from .samples import car_price


def finding(**more) -> Finding:
    return Finding(
        check="REL001",
        title="Error",
        principle="reliability-safety",
        measure="error",
        value=0.2,
        **more,
    )


def test_groups_are_drawn_and_told() -> None:
    groups = (GroupValue(group="a", rows=9, value=0.1), GroupValue(group="b", rows=4, value=0.4))
    (picture,) = gallery.finding_pictures(finding(groups=groups, column="make", unit="share"))
    assert picture.title == "By make"
    assert "Most in b: 40% (4 rows)" in picture.text
    assert [row[0] for row in picture.rows] == ["a", "b"]


def test_groups_say_what_their_figures_are_and_what_was_promised() -> None:
    groups = (GroupValue(group="a", rows=9, value=0.8), GroupValue(group="b", rows=4, value=0.9))
    details = {"group_measure": "Coverage", "target": 0.9}
    (picture,) = gallery.finding_pictures(finding(groups=groups, unit="share", details=details))
    assert ">Coverage</text>" in picture.svg
    assert ">promised</text>" in picture.svg


def test_groups_that_were_not_judged_are_counted() -> None:
    groups = (GroupValue(group="a", rows=9, value=0.8), GroupValue(group="b", rows=1, value=None))
    (picture,) = gallery.finding_pictures(finding(groups=groups))
    assert "Not judged, for lack of rows: 1 group." in picture.text
    assert picture.rows[1][2] == "not judged"


def test_what_does_not_apply_has_no_picture() -> None:
    groups = (GroupValue(group="a", rows=1, value=1), GroupValue(group="b", rows=1, value=2))
    nothing = msgspec.structs.replace(finding(groups=groups), value=None, reason="too few rows")
    assert gallery.finding_pictures(nothing) == ()


def test_unknown_details_draw_nothing() -> None:
    assert gallery.finding_pictures(finding(details={"resamples": 2000})) == ()


def test_a_table_without_holes_has_no_picture_of_them() -> None:
    profile = car_price().profile
    whole = tuple(msgspec.structs.replace(c, missing=0) for c in profile.columns)
    assert gallery.missing_picture(msgspec.structs.replace(profile, columns=whole)) is None
