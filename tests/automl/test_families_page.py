"""The family on the page is whole: it takes the exam."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

from assay.testing import FamilyExam

PAGE = Path(__file__).parents[2] / "docs" / "families.md"


def module_on_the_page() -> ModuleType:
    module = ModuleType("family_on_the_page")
    sys.modules[module.__name__] = module
    code = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)[0]
    exec(code, module.__dict__)  # our own page
    return module


class TestTheFamilyOnThePage(FamilyExam):
    family = module_on_the_page().Huber()


def test_every_built_in_family_is_on_the_page() -> None:
    from assay.automl.family import find_families

    text = PAGE.read_text()
    for name in find_families():
        assert f"| `{name}` |" in text


def test_every_metric_is_on_the_leaderboards_page() -> None:
    from assay.automl.metrics import METRICS

    text = (PAGE.parent / "leaderboard.md").read_text()
    assert [name for name in METRICS if f"`{name}`" not in text] == []
