from __future__ import annotations

import numpy as np
import pytest

from assay.automl.family import Task
from assay.automl.features import SMOOTHING, Features, answers_of, fitting_matrix, learn_features
from assay.data.contract import Column
from assay.errors import InvalidTable
from assay.model.encode import encode
from assay.model.plan import LevelEncoder, NumberEncoder, OneHotEncoder


def texts(values: list[str]) -> np.ndarray:
    return np.array(values, dtype=object).reshape(-1, 1)


def numbers(values: list[float]) -> np.ndarray:
    return np.array(values, dtype=np.float64).reshape(-1, 1)


def learned(column: Column, values: np.ndarray, answers: np.ndarray | None = None) -> Features:
    y = np.arange(len(values), dtype=np.float64)[:, None] if answers is None else answers
    return learn_features((column,), {column.name: values}, y)


def test_numbers_are_filled_and_bounded() -> None:
    features = learned(Column(name="x", kind="number"), numbers([1, 2, np.nan, 4]))
    assert features.encoders[0] == NumberEncoder(column="x", fill=2.0, low=0.25, high=4.75)
    assert features.names == ("x", "x is missing")
    assert features.columns("linear") == features.columns("trees") == (0, 1)


def test_large_magnitudes_keep_their_digits() -> None:
    """Seconds since 1970: neighbours stay apart in float32 after the offset."""
    stamps = numbers([1.7e9 + i for i in range(50)])
    features = learned(Column(name="at", kind="number"), stamps)
    assert len(np.unique(encode(features.encoders, {"at": stamps}))) == 50


def test_infinities_and_huge_numbers_are_tamed() -> None:
    values = numbers([1.0, 2.0, np.inf, -np.inf, 1e300])
    features = learned(Column(name="x", kind="number"), values)
    assert np.isfinite(encode(features.encoders, {"x": values})).all()


def test_columns_that_say_nothing_make_no_feature() -> None:
    answers = numbers([1, 2, 3, 4])
    columns = (
        Column(name="same", kind="number"),
        Column(name="word", kind="category"),
        Column(name="gone", kind="number"),
        Column(name="x", kind="number"),
    )
    inputs = {
        "same": numbers([5, 5, 5, 5]),
        "word": texts(["a", "a", "a", "a"]),
        "gone": numbers([np.nan] * 4),
        "x": numbers([1, 2, 3, 4]),
    }
    assert learn_features(columns, inputs, answers).names == ("x",)
    with pytest.raises(InvalidTable, match="No feature column differs"):
        learn_features(columns[:3], inputs, answers)


def test_levels_hold_smoothed_means() -> None:
    """Worked by hand: 6 rows at 10, 2 rows at 2; prior 8."""
    values = texts(["a"] * 6 + ["b"] * 2)
    features = learned(Column(name="c", kind="category"), values, numbers([10.0] * 6 + [2.0] * 2))
    encoder = features.encoders[0]
    assert isinstance(encoder, LevelEncoder)
    assert encoder.values[0] == pytest.approx((60 + SMOOTHING * 8) / (6 + SMOOTHING))
    assert encoder.values[1] == pytest.approx((4 + SMOOTHING * 8) / (2 + SMOOTHING))
    assert encoder.unseen == encoder.missing == 8.0


def test_fitting_rows_never_see_their_own_answer() -> None:
    """Levels of one row each: in-sample means would give the answer away."""
    rng = np.random.default_rng(0)
    values = texts([f"level {i}" for i in range(400)])
    answers = rng.normal(size=(400, 1))
    features = learned(Column(name="c", kind="category"), values, answers)
    X = fitting_matrix(features, {"c": values}, answers, seed=0)
    mean = features.names.index("c: mean answer")
    told = encode(features.encoders, {"c": values})
    assert np.corrcoef(told[:, mean], answers[:, 0])[0, 1] > 0.99
    assert abs(np.corrcoef(X[:, mean], answers[:, 0])[0, 1]) < 0.2
    others = [i for i in range(X.shape[1]) if i != mean]
    assert np.array_equal(X[:, others], told[:, others])


def test_views() -> None:
    values = texts(["a", "b", "b", "", "a"] * 10)
    features = learned(Column(name="c", kind="category"), values)
    assert features.names == ("c: mean answer", "c = a", "c = b", "c = other", "c is missing")
    assert features.columns("trees") == (0, 4)
    assert features.columns("linear") == (1, 2, 3, 4)


def test_rare_levels_share_the_rest() -> None:
    values = texts(["common"] * 30 + [f"rare {i}" for i in range(40)])
    features = learned(Column(name="c", kind="category"), values)
    hot = next(e for e in features.encoders if isinstance(e, OneHotEncoder))
    assert hot.levels == ("common",)
    assert "c: share of rows" in features.names


def test_few_texts_tell_how_frequent_they_are_only() -> None:
    values = texts(["x", "x", "y", ""])
    features = learned(Column(name="t", kind="text"), values)
    assert features.names == ("t: share of rows", "t is missing")
    assert encode(features.encoders[:1], {"t": texts(["x", "y", "", "new"])}).ravel().tolist() == [
        0.5,
        0.25,
        0.25,
        0.0,
    ]


def test_words_that_texts_have_in_common_are_features_weighed_as_scikit_learn_does() -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer

    values = texts(["red car", "Red bike", "blue car", "red", "", "car, car"] * 20)
    features = learned(Column(name="t", kind="text"), values)
    words = {"red", "car", "blue", "bike"}
    assert {n.removeprefix("t has ") for n in features.names if "has" in n} == words
    found = encode(features.encoders, {"t": values})
    peer = TfidfVectorizer(
        vocabulary=[n.removeprefix("t has ") for n in features.names if "has" in n]
    )
    expected = peer.fit_transform(values.ravel()).toarray()
    own = [i for i, n in enumerate(features.names) if "has" in n]
    np.testing.assert_allclose(found[:, own], expected, atol=1e-6)


def test_several_classes() -> None:
    y = np.array([0, 1, 2, 1])
    answers = answers_of(y, Task(kind="multiclass", classes=3))
    assert answers.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 0]]
    inputs = {"c": texts(["p", "q", "p", "q"])}
    column = Column(name="c", kind="category")
    features = learn_features((column,), inputs, answers, classes=("A", "B", "C"))
    assert features.names == ("c: chance of A", "c: chance of B", "c: chance of C")
    assert answers_of(y, Task(kind="multiclass", classes=50)).shape == (4, 10)


def test_dates_and_booleans() -> None:
    columns = (Column(name="on", kind="date"), Column(name="yes", kind="boolean"))
    inputs = {"on": numbers([20_000, 20_100, 20_200]), "yes": numbers([0, 1, 1])}
    features = learn_features(columns, inputs, numbers([1, 2, 3]))
    assert features.names == ("on", "on: month", "on: weekday", "yes")
    number, _, boolean = features.encoders
    assert isinstance(number, NumberEncoder)
    assert number.offset == 20_100
    assert boolean == NumberEncoder(column="yes", fill=1.0, low=0.0, high=1.0)
