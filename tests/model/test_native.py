from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from assay.errors import InputError, InvalidFile, UnknownColumn
from assay.model import native
from assay.model.inputs import graph_inputs
from assay.model.native import NativeScorer
from assay.model.reference import predict_plan

from .fitted import Fitted, car_table

needs_compiler = pytest.mark.skipif(
    not any(map(shutil.which, native.COMPILERS)), reason="no C compiler is installed"
)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("native")
    folder.chmod(0o700)
    return folder


@needs_compiler
@pytest.mark.parametrize("threads", [1, 3])
def test_it_answers_as_the_plan_does(cars: Fitted, cache: Path, threads: int) -> None:
    frame = pl.concat([cars.frame, car_table(12_500, seed=7)])
    got = NativeScorer(cars.plan, threads, cache=cache).score_frame(frame)
    expected = predict_plan(cars.plan, graph_inputs(cars.plan.inputs, frame))
    for name in ("prediction", "probabilities", "lower", "upper", "label", "sets"):
        one, other = getattr(got, name), getattr(expected, name)
        assert (one is None) == (other is None)
        if one is not None:
            assert one.dtype == other.dtype
            np.testing.assert_allclose(one, other, rtol=1e-12)
    assert got.classes == expected.classes


@needs_compiler
def test_no_rows_and_no_column(cars: Fitted, cache: Path) -> None:
    scorer = NativeScorer(cars.plan, cache=cache)
    assert len(scorer.score_frame(cars.frame.head(0)).prediction) == 0
    with pytest.raises(UnknownColumn, match="power"):
        scorer.score({})


@needs_compiler
def test_a_model_is_compiled_once(
    priced_cars: Fitted, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    NativeScorer(priced_cars.plan, cache=cache)
    monkeypatch.setattr(native, "_compile", lambda *_: pytest.fail("compiled again"))
    NativeScorer(priced_cars.plan, cache=cache)


def test_without_a_compiler_it_says_what_to_do(priced_cars: Fitted, cache: Path) -> None:
    with pytest.raises(InputError, match="No C compiler was found") as error:
        NativeScorer(priced_cars.plan, cache=cache, compiler="no-such-compiler")
    assert "Scorer" in error.value.hint


@needs_compiler
def test_a_compiler_that_fails_is_named(
    priced_cars: Fitted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "fresh"
    monkeypatch.setattr(native, "FLAGS", ("-std=c99", "-DBLOCK=(", "-shared", "-fPIC"))
    monkeypatch.setattr(native, "c_source", _broken)
    with pytest.raises(InputError, match="refused the model"):
        NativeScorer(priced_cars.plan, cache=folder)
    assert not list(folder.iterdir())


@needs_compiler
def test_a_folder_that_others_may_write_to_is_refused(priced_cars: Fitted, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(InvalidFile, match="Others may write"):
        NativeScorer(priced_cars.plan, cache=tmp_path)


@needs_compiler
def test_a_library_that_cannot_be_loaded_says_where_it_is(
    priced_cars: Fitted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_library(_made: object, work: Path, _program: str) -> Path:
        (work / "model.so").write_bytes(b"no library")
        return work / "model.so"

    monkeypatch.setattr(native, "_compile", no_library)
    with pytest.raises(InvalidFile, match="cannot be loaded") as error:
        NativeScorer(priced_cars.plan, cache=tmp_path / "cache")
    assert error.value.where.endswith(".so")


def _broken(*arguments: object, **options: object) -> object:
    import dataclasses

    from assay.model.c.source import c_source

    made = c_source(*arguments, **options)  # type: ignore[arg-type]
    return dataclasses.replace(made, source=made.source + "\n#error broken\n")
