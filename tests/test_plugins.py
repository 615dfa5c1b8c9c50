from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from assay import plugins
from assay.errors import InvalidConfig, UnknownName
from assay.plugins import FAMILIES, load_plugin, plugin_names


def installed(monkeypatch: pytest.MonkeyPatch, *lines: tuple[str, str]) -> None:
    points = [EntryPoint(name=name, value=value, group="assay.tests") for name, value in lines]
    monkeypatch.setattr(plugins, "entry_points", lambda *, group: points)


def test_built_in_families_come_through_the_same_door() -> None:
    assert set(plugin_names(FAMILIES)) >= {"linear", "forest", "lightgbm", "xgboost", "ebm"}
    assert load_plugin(FAMILIES, "linear", kind="model family").name == "linear"


def test_an_unknown_name_gives_the_nearest() -> None:
    with pytest.raises(UnknownName, match="No model family is called 'liner'") as caught:
        load_plugin(FAMILIES, "liner", kind="model family")
    assert "'linear'" in caught.value.hint


def test_the_same_line_twice_is_one_part(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, ("a", "math:sqrt"), ("a", "math:sqrt"))
    assert plugin_names("assay.tests") == ("a",)
    assert load_plugin("assay.tests", "a", kind="part")(4) == 2


def test_two_parts_of_one_name(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, ("a", "math:sqrt"), ("a", "math:cos"))
    with pytest.raises(InvalidConfig, match="Two packages register 'a'"):
        plugin_names("assay.tests")
