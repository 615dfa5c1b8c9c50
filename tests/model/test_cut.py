"""A threshold a row, inside the graph: the plan's reference, both graphs, C, and the file."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from assay.errors import InputError
from assay.model.c.source import c_source
from assay.model.compile import compile_plan
from assay.model.encode import feature_count
from assay.model.plan import (
    Array,
    Input,
    LinearMember,
    MissingEncoder,
    ModelPlan,
    NumberEncoder,
    OneHotEncoder,
    Output,
)
from assay.model.plan_file import plan_from_bytes, plan_to_bytes
from assay.model.reference import predict_plan
from assay.model.scorer import Scorer
from assay.model.soundness import check_plan


def line(columns: tuple[int, ...], weights: list[float], intercept: float = 0.0, **how: str):
    return LinearMember(
        family="linear",
        columns=columns,
        center=np.zeros(len(columns)),
        scale=np.ones(len(columns)),
        weights=np.array(weights)[:, None],
        intercept=np.array([intercept]),
        **how,
    )


def by_town() -> ModelPlan:
    """Thresholds 0.2, 0.8, and 0.5 for all other towns."""
    return ModelPlan(
        inputs=(Input(name="x", kind="number"), Input(name="town", kind="category")),
        encoders=(
            NumberEncoder(column="x", fill=0.0, low=-9.0, high=9.0),
            OneHotEncoder(column="town", levels=("ado", "bex")),
        ),
        members=(line((0,), [1.0], link="sigmoid"),),
        weights=(1.0,),
        output=Output(kind="binary", classes=("no", "yes"), threshold=0.5, interval=0.7),
        cut=line((1, 2, 3), [0.2, 0.8, 0.5]),
    )


def rows() -> dict[str, Array]:
    x = np.tile(np.linspace(-4, 4, 41), 4)
    towns = np.repeat(np.array(["ado", "bex", "nowhere", ""], dtype=object), 41)
    return {"x": x[:, None], "town": towns[:, None]}


def expected(inputs: dict[str, Array]) -> tuple[Array, Array]:
    chance = 1 / (1 + np.exp(-inputs["x"][:, 0]))
    cut = [{"ado": 0.2, "bex": 0.8}.get(town, 0.5) for town in inputs["town"][:, 0]]
    return chance, (chance >= np.array(cut)).astype(int)


@pytest.mark.parametrize("form", ["columns", "codes"])
def test_reference_and_graphs_agree_with_the_hand(form: str) -> None:
    inputs = rows()
    chance, label = expected(inputs)
    scorer = Scorer(compile_plan(by_town(), form))
    for answer in (predict_plan(by_town(), inputs), scorer.score(inputs)):
        np.testing.assert_allclose(answer.prediction, chance)
        assert (answer.label == label).all()
    assert scorer.cut_by == ("town",)
    assert scorer.threshold == 0.5


def test_the_class_is_that_of_the_label() -> None:
    import onnxruntime as ort

    inputs = rows()
    session = ort.InferenceSession(compile_plan(by_town()))
    label, named = session.run(["label", "class"], inputs)
    assert named.tolist() == [("no", "yes")[place] for place in label]


def test_a_plan_comes_back_with_its_thresholds() -> None:
    body = plan_to_bytes(by_town())
    assert plan_to_bytes(plan_from_bytes(body)) == body
    assert plan_from_bytes(body).cut is not None


def test_a_plan_of_an_earlier_format_still_opens(tmp_path: Path) -> None:
    """It knew no thresholds of single rows."""
    plan = dataclasses.replace(by_town(), cut=None)
    with np.load(_file(plan_to_bytes(plan), tmp_path)) as file:
        arrays = {name: file[name] for name in file.files}
    tree = json.loads(arrays.pop("plan").tobytes())
    assert tree["plan"].pop("cut") is None
    tree["format"] = 3
    text = np.frombuffer(json.dumps(tree).encode(), dtype=np.uint8)
    np.savez(tmp_path / "old.npz", allow_pickle=False, plan=text, **arrays)
    assert plan_from_bytes((tmp_path / "old.npz").read_bytes()).cut is None


def _file(body: bytes, folder: Path) -> Path:
    (folder / "new.npz").write_bytes(body)
    return folder / "new.npz"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cut": line((9,), [1.0])}, "features that the encoders do not make"),
        ({"cut": line((1,), [1.0], link="sigmoid")}, "no link"),
        ({"output": Output(kind="regression")}, "Only two classes"),
    ],
)
def test_unsound_thresholds_are_refused(changes: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        check_plan(dataclasses.replace(by_town(), **changes))


def test_c_gives_the_same_labels(tmp_path: Path) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler")
    made = c_source(by_town(), name="m", version="m@1", digest="sha256:0")
    (tmp_path / "model.h").write_text(made.header)
    (tmp_path / "model.c").write_text(made.source)
    inputs = rows()
    cases = ",\n".join(
        f'{{.x = {x!r}, .town = "{town}"}}'
        for x, town in zip(inputs["x"][:, 0].tolist(), inputs["town"][:, 0], strict=True)
    )
    (tmp_path / "main.c").write_text(
        '#include <stdio.h>\n#include "model.h"\n'
        f"static const m_row rows[] = {{{cases}}};\n"
        "int main(void) { for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {\n"
        '  m_answer a; m_score(&rows[i], &a); printf("%d\\n", a.label); } return 0; }\n'
    )
    subprocess.run(
        [
            compiler,
            "-std=c99",
            "-Wall",
            "-Wextra",
            "-Werror",
            "main.c",
            "model.c",
            "-lm",
            "-o",
            "m",
        ],
        cwd=tmp_path,
        check=True,
    )
    told = subprocess.run([tmp_path / "m"], capture_output=True, text=True, check=True).stdout
    assert [int(x) for x in told.split()] == expected(inputs)[1].tolist()


def test_two_numbers_have_a_line_through_both_thresholds() -> None:
    """Flat beyond them, and another threshold where the cell is missing."""
    encoders = (
        NumberEncoder(column="x", fill=0.0, low=-9.0, high=9.0),
        NumberEncoder(column="flag", fill=0.0, low=0.0, high=1.0),
        MissingEncoder(column="flag"),
    )
    plan = dataclasses.replace(
        by_town(),
        inputs=(Input(name="x", kind="number"), Input(name="flag", kind="number")),
        encoders=encoders,
        cut=line((1, 2), [0.6, 0.3], 0.2),
    )
    assert feature_count(encoders) == 3
    inputs = {
        "x": np.zeros((5, 1)),
        "flag": np.array([[0.0], [1.0], [7.0], [-7.0], [np.nan]]),
    }
    told = Scorer(compile_plan(plan)).score(inputs)
    assert told.label.tolist() == [1, 0, 0, 1, 1]  # 0.5 against 0.2, 0.8, 0.8, 0.2, 0.5
