"""The door: which reader takes a model, and what is refused at it."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from sklearn.decomposition import NMF
from sklearn.ensemble import AdaBoostClassifier, BaggingRegressor, RandomForestClassifier
from sklearn.svm import LinearSVC

from assay.errors import NotCompilable
from assay.model.readers import check_compilable, known_models, read_member
from assay.model.readers.read import READERS

from .proof import classes, table

PAGE = (Path(__file__).parents[3] / "docs" / "compilable.md").read_text()


@pytest.mark.parametrize("module", READERS)
def test_every_reader_has_its_three_functions(module: str) -> None:
    reader = import_module(f"assay.model.readers.{module}")
    assert all(callable(getattr(reader, name)) for name in ("check", "read", "answer"))


@pytest.mark.parametrize("name", known_models())
def test_every_known_model_is_on_the_page(name: str) -> None:
    label = name.rsplit(".", maxsplit=1)[-1]
    assert f"`{label}`" in PAGE, f"docs/compilable.md lacks {name}"


def test_asking_imports_no_library() -> None:
    probe = (
        "import sys; from assay.model.readers import *; from assay.errors import NotCompilable\n"
        "try: check_compilable(object())\n"
        "except NotCompilable as error: print(error)\n"
        "print({'sklearn', 'lightgbm', 'xgboost', 'catboost', 'interpret'} & set(sys.modules))"
    )
    out = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert out.stdout.splitlines() == [
        "The compiler cannot take object: no reader knows this class.",
        "set()",
    ]


@pytest.mark.parametrize(
    ("model", "near"),
    [
        (AdaBoostClassifier(), "Classifier"),
        (BaggingRegressor(), "Regressor"),
        (LinearSVC(), "LinearSVR"),
        (NMF(), "docs"),
    ],
)
def test_unknown_classes_are_refused_with_the_closest_known_ones(model: object, near: str) -> None:
    with pytest.raises(NotCompilable, match=f"cannot take {type(model).__name__}: no reader") as e:
        check_compilable(model)
    assert e.value.hint.endswith("docs/compilable.md lists all that can be read.")
    assert near in e.value.hint
    assert e.value.code == "not-compilable"


class Timid(RandomForestClassifier):
    """Never quite sure."""

    def predict_proba(self, X):
        return super().predict_proba(X) * 0.5 + 0.25


class Larger(RandomForestClassifier):
    """Another default, and nothing else."""

    def __init__(self, n_estimators=12):
        super().__init__(n_estimators)


def test_a_subclass_is_read_as_its_parent_unless_it_answers_in_a_way_of_its_own() -> None:
    X = table()
    member = read_member(Larger().fit(X, classes(X, 2)), columns=tuple(range(5)))
    assert member.family == "Larger"
    with pytest.raises(NotCompilable, match="cannot take Timid: it has a predict_proba of its own"):
        check_compilable(Timid())
