from __future__ import annotations

import subprocess
import sys

import pytest

from assay.automl.family import Family, average, find_families
from assay.errors import UnknownName


def test_families_come_in_the_order_of_first_tries() -> None:
    assert list(find_families()) == [
        "linear",
        "lightgbm",
        "catboost",
        "forest",
        "xgboost",
        "random_forest",
        "network",
        "ebm",
        "neighbours",
    ]
    assert all(isinstance(family, Family) for family in find_families().values())


def test_a_family_whose_extra_is_missing_is_its_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "catboost", None)
    for module in [m for m in sys.modules if m.startswith("assay.automl.families.")]:
        monkeypatch.delitem(sys.modules, module)
    found = find_families(("catboost", "linear"))
    assert list(found) == ["linear", "catboost"]
    assert isinstance(found["catboost"], ModuleNotFoundError)
    assert "catboost" in str(found["catboost"])


def test_an_allow_list() -> None:
    assert list(find_families(("xgboost", "linear"))) == ["linear", "xgboost"]
    with pytest.raises(UnknownName, match="No model family is called 'forrest'") as caught:
        find_families(("forrest",))
    assert "'forest'" in caught.value.hint


def test_averages_of_folds() -> None:
    folds = [
        {"rounds": 10, "rate": 0.1, "cuts": True, "depth": 3},
        {"rounds": 13, "rate": 0.2, "cuts": True, "depth": 3},
    ]
    assert average(folds) == {"rounds": 12, "rate": pytest.approx(0.15), "cuts": True, "depth": 3}


def test_naming_a_family_does_not_import_it() -> None:
    probe = (
        "import sys; import assay.automl, assay.automl.family, assay.plugins as p; "
        "p.plugin_names(p.FAMILIES); "
        "heavy = {'sklearn', 'lightgbm', 'xgboost', 'catboost', 'interpret', 'torch', 'optuna'}; "
        "print(heavy & set(sys.modules))"
    )
    out = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"
