from __future__ import annotations

import ctypes
import dataclasses
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.errors import NotCompilable
from assay.model.adversarial import value_cases
from assay.model.c import layout, members
from assay.model.c.features import KNOWN
from assay.model.c.layout import PartingTrees, TableTrees, WalkingTrees, lay_out
from assay.model.c.source import CSource, c_source
from assay.model.c.spelling import identifiers, text
from assay.model.encode import feature_count
from assay.model.inputs import graph_inputs
from assay.model.plan import (
    Array,
    Input,
    LevelEncoder,
    LinearMember,
    Member,
    MissingEncoder,
    ModelPlan,
    NumberEncoder,
    OneHotEncoder,
    Output,
    TreesMember,
)
from assay.model.reference import predict_plan
from assay.model.scorer import Scorer
from assay.model.soundness import check_plan
from assay.model.split_rows import split_rows

from . import made_plans
from .fitted import Fitted

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")

STRICT = ("-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O2")

# Reads a batch column by column from standard input, writes its answers to standard output.
DRIVER = """
#include <stdio.h>
#include <stdlib.h>
#include "model.h"
int main(int count, char **arguments)
{
    size_t rows = count > 1 ? (size_t)atol(arguments[1]) : 0;
    const double *columns[MODEL_COLUMNS];
    double *answers = malloc(rows * MODEL_NUMBERS * sizeof *answers);
    for (size_t c = 0; c < MODEL_COLUMNS; c++) {
        double *column = malloc(rows * sizeof *column);
        if (column == NULL || fread(column, sizeof *column, rows, stdin) != rows)
            return 1;
        columns[c] = column;
    }
    if (model_score_batch(columns, rows, answers) != 0)
        return 1;
    fwrite(answers, sizeof *answers, rows * MODEL_NUMBERS, stdout);
    for (size_t c = 0; c < MODEL_COLUMNS; c++)
        free((void *)columns[c]);
    free(answers);
    return 0;
}
"""


class Compiled:
    """A plan's C, compiled with all warnings as errors, behind both of its doors."""

    def __init__(self, plan: ModelPlan, folder: Path, *flags: str) -> None:
        self.made = c_source(plan, name="model", version="model@1", digest="sha256:0")
        write(self.made, folder)
        library = folder / "model.so"
        run("gcc", *STRICT, *flags, "-shared", "-fPIC", "model.c", "-lm", "-o", library, at=folder)
        self._library = ctypes.CDLL(str(library))
        self._library.model_score.restype = ctypes.c_int

    def batch(self, inputs: Mapping[str, Array]) -> Array:
        """The numbers of all answers, (n, numbers)."""
        columns = coded(self.made, inputs)
        answers = np.full((len(columns[0]), self.made.numbers), -777.0)
        pointers = (ctypes.c_void_p * len(columns))(*[c.ctypes.data for c in columns])
        rows = ctypes.c_size_t(len(answers))
        target = ctypes.c_void_p(answers.ctypes.data)
        assert self._library.model_score_batch(pointers, rows, target) == 0
        return answers

    def one(self, inputs: Mapping[str, Array], row: int) -> list[float]:
        """The numbers of one answer, through the struct of a row."""
        kinds, texts = [], self.made.columns.levels
        pairs = list(zip(self.made.columns.names, self.made.members, strict=True))
        for column, member in pairs:
            kinds.append((member, ctypes.c_char_p if column in texts else ctypes.c_double))
        row_type = type("Row", (ctypes.Structure,), {"_fields_": kinds})
        fields = [
            (f.name, (ctypes.c_int if f.whole else ctypes.c_double) * f.numbers)
            for f in self.made.fields
        ]
        answer = type("Answer", (ctypes.Structure,), {"_fields_": fields})()
        cells = [inputs[column][row, 0] for column, _ in pairs]
        given = row_type(*[c.encode() if isinstance(c, str) else float(c) for c in cells])
        assert self._library.model_score(ctypes.byref(given), ctypes.byref(answer)) == 0
        return [number for name, _ in fields for number in getattr(answer, name)]


def write(made: CSource, folder: Path) -> None:
    (folder / "model.h").write_text(made.header, encoding="utf-8")
    (folder / "model.c").write_text(made.source, encoding="utf-8")


def run(*command: Any, at: Path) -> None:
    done = subprocess.run([str(c) for c in command], cwd=at, capture_output=True, text=True)
    assert not done.returncode, done.stderr


def coded(made: CSource, inputs: Mapping[str, Array]) -> list[Array]:
    columns = []
    for name in made.columns.names:
        flat = inputs[name].reshape(-1).tolist()
        if name in made.columns.levels:
            codes, unseen = made.columns.codes(name), made.columns.unseen(name)
            flat = [codes.get(cell, unseen) for cell in flat]
        columns.append(np.array(flat, dtype=np.float64))
    return columns


def numbers_of(answer: Any, made: CSource) -> Array:
    """A reference answer as the numbers of a batch."""
    named = {"in_set": answer.sets, "score": answer.prediction, "scores": answer.values}
    parts = [named.get(f.name, getattr(answer, f.name, None)) for f in made.fields]
    return np.column_stack([np.asarray(p, dtype=np.float64) for p in parts])


def assert_same(got: Array, expected: Array) -> None:
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-14)


def plan_for_c(seed: int, kind: str) -> ModelPlan:
    """A random plan of the parts that there is C for."""
    rng = np.random.default_rng(seed)
    encoders = tuple(e for e in made_plans.random_encoders(rng) if isinstance(e, KNOWN))
    encoders = encoders or (MissingEncoder(column="age"),)
    smooth = made_plans.bounded_columns(encoders)
    gaps = bool(rng.random() < 0.5)
    encoders = made_plans.with_gaps(encoders) if gaps else encoders
    width = 3 if kind in ("multiclass", "vector", "clusters") else 1
    chosen: list[Member] = []
    for _ in range(int(rng.integers(1, 4))):
        link = made_plans.LINKS[kind][int(rng.integers(len(made_plans.LINKS[kind])))]
        if smooth and rng.random() < 0.4:
            chosen.append(linear(rng, smooth, width, link))
        else:
            trees = made_plans.random_trees(
                rng, feature_count(encoders), width, several=bool(rng.random() < 0.5), gaps=gaps
            )
            chosen.append(dataclasses.replace(trees, link=link))
    stack = made_plans.random_stack(rng, len(chosen), width, kind) if rng.random() < 0.3 else None
    plan = ModelPlan(
        inputs=made_plans.INPUTS,
        encoders=encoders,
        members=tuple(chosen),
        weights=() if stack else tuple(rng.random(len(chosen)) + 0.1),
        stack=stack,
        output=made_plans.random_output(rng, kind),
    )
    check_plan(plan)
    return plan


def linear(
    rng: np.random.Generator, columns: tuple[int, ...], width: int, link: Any
) -> LinearMember:
    n = len(columns)
    return LinearMember(
        family="linear",
        columns=columns,
        center=rng.normal(size=n),
        scale=rng.random(n) + 0.5,
        weights=rng.normal(size=(n, width)) * 1e-2,
        intercept=rng.normal(size=width),
        link=link,
    )


def trees_plan(member: TreesMember, columns: int) -> ModelPlan:
    """Numbers as they come, missing ones kept, and one member."""
    names = [f"x{i}" for i in range(columns)]
    fill = 0.0 if member.missing_left is None else np.nan
    return ModelPlan(
        inputs=tuple(Input(name=name, kind="number") for name in names),
        encoders=tuple(
            NumberEncoder(column=name, fill=fill, low=-np.inf, high=np.inf) for name in names
        ),
        members=(member,),
        weights=(1.0,),
        output=Output(kind="regression"),
    )


def full_trees(rng: np.random.Generator, count: int, depth: int, features: int) -> TreesMember:
    """Complete trees in heap order, each with its own thresholds."""
    inner, size = 2**depth - 1, 2 ** (depth + 1) - 1
    heap, shift = np.arange(size), np.repeat(np.arange(count) * size, size)
    is_inner = np.tile(heap < inner, count)
    left = np.where(is_inner, np.tile(2 * heap + 1, count) + shift, -1)
    return TreesMember(
        family="trees",
        columns=tuple(range(features)),
        roots=(np.arange(count) * size).astype(np.int32),
        feature=rng.integers(features, size=count * size).astype(np.int32),
        threshold=rng.normal(size=count * size).astype(np.float32),
        left=left.astype(np.int32),
        right=np.where(left < 0, -1, left + 1).astype(np.int32),
        values=np.where(is_inner, 0.0, rng.normal(size=count * size))[:, None],
        base=np.ones(1),
        missing_left=rng.random(count * size) < 0.5,
    )


def oblivious(member: TreesMember, depth: int) -> TreesMember:
    """The same trees, every node asking what the first of its level asks."""
    size = 2 ** (depth + 1) - 1
    level = np.floor(np.log2(np.arange(size) + 1)).astype(int)
    first = (2**level - 1)[None, :] + np.asarray(member.roots)[:, None]
    asked = first.ravel()
    return dataclasses.replace(
        member,
        feature=member.feature[asked],
        threshold=member.threshold[asked],
        missing_left=None if member.missing_left is None else member.missing_left[asked],
    )


def number_rows(member: TreesMember, columns: int, rows: int) -> dict[str, Array]:
    """Random rows, and thresholds with their neighbours; some cells missing or infinite."""
    rng = np.random.default_rng(5)
    cells = rng.normal(size=(rows, columns)).astype(np.float32)
    inner = member.threshold[member.left >= 0]
    near = np.concatenate([inner, np.nextafter(inner, np.float32(9)), -np.abs(inner)])
    cells = np.where(rng.random(cells.shape) < 0.5, rng.choice(near, size=cells.shape), cells)
    odd = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0])
    cells = np.where(rng.random(cells.shape) < 0.1, rng.choice(odd, size=cells.shape), cells)
    return {f"x{i}": cells[:, i : i + 1].astype(np.float64) for i in range(columns)}


@pytest.mark.parametrize("kind", made_plans.KINDS)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_random_plan_equals_the_reference(seed: int, kind: str, tmp_path: Path) -> None:
    plan, inputs = plan_for_c(seed, kind), made_plans.random_inputs(seed, 530)
    model = Compiled(plan, tmp_path, "-O1")
    expected = numbers_of(predict_plan(plan, inputs), model.made)
    assert_same(model.batch(inputs), expected)
    plain = [r for r in range(530) if not any("\0" in str(c[r, 0]) for c in inputs.values())]
    for row in plain[:40]:  # a C string ends at its first NUL
        assert_same(np.array(model.one(inputs, row)), expected[row])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 40))
def test_many_random_plans_equal_the_reference(seed: int, tmp_path: Path) -> None:
    kind = made_plans.KINDS[seed % len(made_plans.KINDS)]
    plan, inputs = plan_for_c(seed, kind), made_plans.random_inputs(seed, 1_000)
    model = Compiled(plan, tmp_path, "-O3")
    assert_same(model.batch(inputs), numbers_of(predict_plan(plan, inputs), model.made))


def test_a_fitted_model_equals_its_graph_on_real_and_hostile_rows(
    cars: Fitted, tmp_path: Path
) -> None:
    model = Compiled(cars.plan, tmp_path)
    scorer = Scorer(cars.graph)
    real = graph_inputs(cars.plan.inputs, cars.frame)
    hostile = [case.inputs for case in value_cases(cars.plan, real)]
    hostile.append(split_rows(cars.plan, real, most=300).rows.inputs)
    # Graphs whose leaves hold several numbers round each sum of trees to float32 once.
    loose = 1e-12 if cars.plan.output.kind != "multiclass" else 1e-6
    for inputs in [real, *hostile]:
        got = model.batch(inputs)
        assert_same(got, numbers_of(predict_plan(cars.plan, inputs), model.made))
        graph = numbers_of(scorer.score(inputs), model.made)
        np.testing.assert_allclose(got, graph, rtol=loose, atol=1e-14)
    expected = numbers_of(predict_plan(cars.plan, real), model.made)
    for row in range(20):
        assert_same(np.array(model.one(real, row)), expected[row])


@pytest.mark.parametrize("most_starts", [1, 2, 5])
def test_large_trees_are_walked(
    most_starts: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "MOST_LEAVES", 1)
    monkeypatch.setattr(layout, "MOST_QUESTIONS", 0)
    monkeypatch.setattr(layout, "MOST_STARTS", most_starts)
    member = full_trees(np.random.default_rng(0), 5, 4, 3)
    assert [type(g) for _, _, g in lay_out(member).groups] == [WalkingTrees]
    plan, inputs = trees_plan(member, 3), number_rows(member, 3, 300)
    model = Compiled(plan, tmp_path)
    assert_same(model.batch(inputs)[:, 0], predict_plan(plan, inputs).prediction)


def test_more_than_256_leaves_and_thresholds(tmp_path: Path) -> None:
    member = full_trees(np.random.default_rng(1), 3, 9, 2)
    found = lay_out(member)
    assert [type(g) for _, _, g in found.groups] == [WalkingTrees]
    assert found.wide
    plan, inputs = trees_plan(member, 2), number_rows(member, 2, 2_000)
    model = Compiled(plan, tmp_path)
    assert_same(model.batch(inputs)[:, 0], predict_plan(plan, inputs).prediction)


@pytest.mark.parametrize("depth", [1, 6, 8])
def test_oblivious_trees_are_found_and_become_tables(depth: int, tmp_path: Path) -> None:
    member = oblivious(full_trees(np.random.default_rng(2), 7, depth, 4), depth)
    groups = lay_out(member).groups
    assert all(isinstance(group, TableTrees) for _, _, group in groups)
    plan, inputs = trees_plan(member, 4), number_rows(member, 4, 700)
    model = Compiled(plan, tmp_path)
    assert_same(model.batch(inputs)[:, 0], predict_plan(plan, inputs).prediction)


def test_an_oblivious_tree_with_branches_cut_off_is_a_table_too() -> None:
    tree = TreesMember(  # x <= 1, then x <= 0 on the left alone, for no x > 1 is at most 0
        family="trees",
        columns=(0,),
        roots=np.array([0], dtype=np.int32),
        feature=np.zeros(5, dtype=np.int32),
        threshold=np.array([1, 0, 0, 0, 0], dtype=np.float32),
        left=np.array([1, 2, -1, -1, -1], dtype=np.int32),
        right=np.array([4, 3, -1, -1, -1], dtype=np.int32),
        values=np.array([[0.0], [0.0], [5.0], [6.0], [7.0]]),
        base=np.zeros(1),
    )
    ((_, _, group),) = lay_out(tree).groups
    assert isinstance(group, TableTrees)
    assert group.leaves[0].tolist() == [[5.0, 6.0, 7.0, 7.0]]


def test_trees_of_many_questions_are_not_tables() -> None:
    groups = lay_out(full_trees(np.random.default_rng(3), 4, 5, 3)).groups
    assert [type(group) for _, _, group in groups] == [PartingTrees]


def test_the_sanitizers_find_nothing(tmp_path: Path) -> None:
    plan, inputs = plan_for_c(2, "multiclass"), made_plans.random_inputs(3, 259)
    made = c_source(plan, name="model", version="", digest="")
    write(made, tmp_path)
    (tmp_path / "driver.c").write_text(DRIVER)
    flags = ("-std=c99", "-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    run("gcc", *flags, "driver.c", "model.c", "-lm", "-o", "driver", at=tmp_path)
    body = np.concatenate(coded(made, inputs)).tobytes()
    done = subprocess.run([tmp_path / "driver", "259"], input=body, capture_output=True)
    assert not done.returncode, done.stderr.decode()
    assert_same(
        np.frombuffer(done.stdout).reshape(259, -1), numbers_of(predict_plan(plan, inputs), made)
    )


def test_a_small_block_gives_the_same(priced_cars: Fitted, tmp_path: Path) -> None:
    inputs = graph_inputs(priced_cars.plan.inputs, priced_cars.frame)
    small = Compiled(priced_cars.plan, tmp_path, "-DMODEL_BLOCK=1")
    expected = numbers_of(predict_plan(priced_cars.plan, inputs), small.made)
    assert_same(small.batch(inputs), expected)


STRANGE = (
    *("int", "Größe", "größe", "", "2nd", "a*/b", 'say "??/"', "line\nbreak", "日本", "_", "x_2"),
)
LEVELS = ("é", "e\u0301", "??)", '"', "\\", "a\nb", "%s", "\U0001f697", "1\x012", "a", "*/", "B")


def test_unusual_names_and_levels(tmp_path: Path) -> None:
    encoders = [OneHotEncoder(column=name, levels=LEVELS) for name in STRANGE]
    level = LevelEncoder(
        column="日本", levels=LEVELS, values=tuple(map(float, range(12))), missing=-1.0, unseen=99.0
    )
    n = feature_count([*encoders, level])
    rng = np.random.default_rng(4)
    plan = ModelPlan(
        inputs=tuple(Input(name=name, kind="category") for name in STRANGE),
        encoders=(*encoders, level),
        members=(linear(rng, tuple(range(n)), 1, "identity"),),
        weights=(1.0,),
        output=Output(kind="regression"),
    )
    check_plan(plan)
    words = np.array([*LEVELS, "", "never seen", "A", "b", "é "], dtype=object)
    inputs = {name: rng.choice(words, size=(60, 1)) for name in STRANGE}
    model = Compiled(plan, tmp_path)
    expected = predict_plan(plan, inputs).prediction
    assert_same(model.batch(inputs)[:, 0], expected)
    assert_same(np.array([model.one(inputs, row)[0] for row in range(60)]), expected)


def test_an_absent_text_is_a_missing_one(tmp_path: Path) -> None:
    encoder = LevelEncoder(column="c", levels=("a",), values=(1.0,), missing=2.0, unseen=3.0)
    plan = ModelPlan(
        inputs=(Input(name="c", kind="category"),),
        encoders=(encoder,),
        members=(
            LinearMember(
                family="linear",
                columns=(0,),
                center=np.zeros(1),
                scale=np.ones(1),
                weights=np.ones((1, 1)),
                intercept=np.zeros(1),
            ),
        ),
        weights=(1.0,),
        output=Output(kind="regression"),
    )
    library = Compiled(plan, tmp_path)._library
    library.model_code.restype = ctypes.c_double
    words = (None, b"", b"a", b"b")
    assert [library.model_code(ctypes.c_size_t(0), word) for word in words] == [0.0, 0.0, 1.0, 2.0]
    assert library.model_score(None, None) == -1


def test_identifiers_are_distinct_and_no_words_of_c() -> None:
    names = identifiers(STRANGE, otherwise="column")
    assert len(set(names)) == len(STRANGE)
    assert names[:3] == ("int_", "grosse", "grosse_2")
    assert all(name.isidentifier() and name.isascii() for name in names)


def test_a_text_that_no_literal_can_hold_is_refused() -> None:
    assert text("x" * 4_000) == '"' + "x" * 4_000 + '"'
    with pytest.raises(NotCompilable, match="4,001 bytes"):
        text("x" * 4_001)


def test_members_and_sizes_without_c_are_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_for_c(1, "regression")
    rng = np.random.default_rng(0)
    smooth = next(
        member
        for member in (made_plans.random_smooth(rng, (0,), 1, "identity") for _ in range(50))
        if not isinstance(member, LinearMember)
    )
    other = dataclasses.replace(plan, members=(smooth,), weights=(1.0,), stack=None)
    with pytest.raises(NotCompilable, match=f"{type(smooth).__name__} 'smooth'"):
        c_source(other, name="model", version="", digest="")
    monkeypatch.setattr(members, "MOST_NODES", 10)
    forest = trees_plan(full_trees(rng, 2, 3, 1), 1)
    with pytest.raises(NotCompilable, match="30 nodes"):
        c_source(forest, name="model", version="", digest="")
