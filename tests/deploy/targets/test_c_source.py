from __future__ import annotations

import dataclasses
import math
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.deploy.bundle import Bundle, load_bundle
from assay.deploy.targets.c_source import write_c_source
from assay.errors import InputError, InvalidFile, NotCompilable
from assay.model.plan import HashEncoder
from assay.model.plan_file import plan_from_bytes, plan_to_bytes
from assay.model.scorer import Scorer

from ..samples import Sample

GCC = shutil.which("gcc")
needs_gcc = pytest.mark.skipif(GCC is None, reason="gcc is not installed")
STRICT = ("-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O2")

ROWS: list[dict[str, Any]] = [
    {"make": "audi", "curb weight": 2548.0, "horsepower": 111.0, "turbo": 0.0, "sold": 19_494.0},
    {"make": "", "curb weight": math.nan, "horsepower": math.nan, "turbo": 1.0, "sold": 18_000.5},
    {"make": "Äther", "curb weight": 1e300, "horsepower": -5.0, "turbo": 0.0, "sold": math.nan},
    {"make": "mazda", "curb weight": 1e-300, "horsepower": 0.1, "turbo": math.nan, "sold": -1.0},
]


def build(folder: Path, *flags: str) -> Path:
    program = folder / "program"
    command = ["gcc", *flags, "example.c", "model.c", "-lm", "-o", str(program)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert not done.returncode, done.stderr
    return program


def answers(program: Path, columns: list[str]) -> list[dict[str, float]]:
    lines = ["\t".join("" if row[c] != row[c] else str(row[c]) for c in columns) for row in ROWS]
    done = subprocess.run(
        [str(program)], input="\n".join(lines), capture_output=True, text=True, check=True
    )
    titles, *values = (line.rstrip("\t").split("\t") for line in done.stdout.splitlines())
    places = [f"{title}{titles[:i].count(title)}" for i, title in enumerate(titles)]
    return [dict(zip(places, map(float, row), strict=True)) for row in values]


def inputs() -> dict[str, Any]:
    return {
        name: np.array([[row[name]] for row in ROWS], dtype=object if name == "make" else float)
        for name in ROWS[0]
    }


@needs_gcc
@pytest.mark.parametrize("flags", [STRICT, ("-std=c99", "-fsanitize=address,undefined", "-g")])
def test_the_example_prints_what_the_graph_answers(
    bundle: Bundle, tmp_path: Path, flags: tuple[str, ...]
) -> None:
    write_c_source(bundle, tmp_path)
    printed = answers(build(tmp_path, *flags), list(ROWS[0]))
    expected = Scorer(bundle.graph).score(inputs())
    assert expected.lower is not None
    got = [[row["prediction0"], row["lower0"]] for row in printed]
    np.testing.assert_allclose(
        got, np.stack([expected.prediction, expected.lower], axis=1), rtol=1e-12
    )


@needs_gcc
def test_a_binary_model_prints_probabilities_labels_and_sets(
    binary_sample: Sample, tmp_path: Path
) -> None:
    bundle = load_bundle(binary_sample.folder, [binary_sample.key])
    write_c_source(bundle, tmp_path)
    printed = answers(build(tmp_path, *STRICT), list(ROWS[0]))
    expected = Scorer(bundle.graph).score(inputs())
    assert expected.label is not None
    assert expected.sets is not None
    np.testing.assert_allclose(
        [row["probabilities1"] for row in printed], expected.prediction, rtol=1e-12
    )
    assert [int(row["label0"]) for row in printed] == expected.label.tolist()
    assert [[row["in_set0"], row["in_set1"]] for row in printed] == expected.sets.tolist()


@needs_gcc
def test_make_builds_the_example_and_the_library(bundle: Bundle, tmp_path: Path) -> None:
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    write_c_source(bundle, tmp_path)
    subprocess.run(
        ["make", "example", "libmodel.so"], cwd=tmp_path, check=True, capture_output=True
    )
    assert (tmp_path / "libmodel.so").stat().st_size > 0


def test_the_header_says_which_version_it_is(bundle: Bundle, tmp_path: Path) -> None:
    write_c_source(bundle, tmp_path)
    header = (tmp_path / "model.h").read_text(encoding="utf-8")
    assert f'#define CAR_PRICE_VERSION "{bundle.version}"' in header
    assert f'#define CAR_PRICE_DIGEST "{bundle.model_digest}"' in header
    readme = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert bundle.model_digest in readme
    assert "| 1 | `curb_weight` | curb weight | number |" in readme


def test_a_version_from_before_plans_were_kept_says_so(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="before plans were kept"):
        write_c_source(dataclasses.replace(bundle, plan=b""), tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_there_is_no_c_for_leaves_no_file(bundle: Bundle, tmp_path: Path) -> None:
    plan = plan_from_bytes(bundle.plan)
    hashed = dataclasses.replace(
        plan, encoders=(*plan.encoders, HashEncoder(column="make", buckets=3)), feature_names=()
    )
    with pytest.raises(NotCompilable, match="HashEncoder of column 'make'"):
        write_c_source(dataclasses.replace(bundle, plan=plan_to_bytes(hashed)), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_folder_with_something_in_it_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InvalidFile, match="empty folder"):
        write_c_source(bundle, tmp_path)
