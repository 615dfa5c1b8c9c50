from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.automl.averages import SMOOTHING, STEADY
from assay.automl.family import Task
from assay.automl.features import (
    MOST_LEVELS,
    MOST_MEANS,
    MOST_ONE_HOT_ALL,
    Extra,
    Features,
    answers_of,
    fitting_matrix,
    learn_features,
    prune,
    shown_classes,
)
from assay.automl.table import Table
from assay.data.contract import Column
from assay.errors import InvalidTable
from assay.model.encode import encode
from assay.model.plan import (
    CrossEncoder,
    DateEncoder,
    Input,
    LevelEncoder,
    NumberEncoder,
    OneHotEncoder,
    PairEncoder,
)

TEXTS = ("category", "text")
RATIO = Extra(kind="pair", columns=("x", "z"), operation="divide")
CROSS = Extra(kind="cross", columns=("a", "b"))


def tabled(**columns: list | np.ndarray) -> Table:
    """Lists of strings are categories; everything else is numbers."""
    frame = pl.DataFrame({name: list(cells) for name, cells in columns.items()}, strict=False)
    inputs = [
        Input(name=name, kind="category" if frame[name].dtype == pl.String else "number")
        for name in frame.columns
    ]
    numbers = [name for name in frame.columns if frame[name].dtype != pl.String]
    return Table.from_frame(inputs, frame.with_columns(pl.col(numbers).cast(pl.Float64)))


def column(name: str, kind: str) -> Column:
    return Column(name=name, kind=kind)  # type: ignore[arg-type]


def learned(kind: str, cells: list, answers: list | None = None, **options) -> Features:
    y = np.arange(len(cells)) if answers is None else np.array(answers)
    table = tabled(x=cells)
    return learn_features((column("x", kind),), table, y.astype(float)[:, None], **options)


def told(features: Features, table: Table) -> np.ndarray:
    return encode(features.encoders, table.inputs())


def test_numbers_are_filled_and_bounded() -> None:
    features = learned("number", [1, 2, None, 4])
    assert features.encoders[0] == NumberEncoder(column="x", fill=2.0, low=0.25, high=4.75)
    assert features.names == ("x", "x is missing")
    assert features.columns("linear") == features.columns("trees") == (0, 1)


def test_large_magnitudes_keep_their_digits() -> None:
    """Seconds since 1970: neighbours stay apart in float32 after the offset."""
    stamps = [1.7e9 + i for i in range(50)]
    assert len(np.unique(told(learned("number", stamps), tabled(x=stamps)))) == 50


def test_infinities_and_huge_numbers_are_tamed() -> None:
    cells = [1.0, 2.0, np.inf, -np.inf, 1e300]
    assert np.isfinite(told(learned("number", cells), tabled(x=cells))).all()


def test_columns_that_say_nothing_make_no_feature() -> None:
    columns = (
        column("same", "number"),
        column("word", "category"),
        column("gone", "number"),
        column("unique", "category"),
        column("x", "number"),
    )
    table = tabled(
        same=[5] * 4, word=["a"] * 4, gone=[np.nan] * 4, unique=list("abcd"), x=[1, 2, 3, 4]
    )
    answers = np.arange(4.0)[:, None]
    assert learn_features(columns, table, answers).names == ("x",)
    with pytest.raises(InvalidTable, match="No feature column differs"):
        learn_features(columns[:4], table, answers)


def test_levels_hold_smoothed_means() -> None:
    """Worked by hand: 6 rows at 10, 2 rows at 2; prior 8."""
    encoder = learned("category", ["a"] * 6 + ["b"] * 2, [10] * 6 + [2] * 2).encoders[0]
    assert isinstance(encoder, LevelEncoder)
    assert encoder.values[0] == pytest.approx((60 + SMOOTHING * 8) / (6 + SMOOTHING))
    assert encoder.values[1] == pytest.approx((4 + SMOOTHING * 8) / (2 + SMOOTHING))
    assert encoder.unseen == encoder.missing == 8.0


def test_single_rows_share_a_mean_with_levels_that_are_new() -> None:
    """Worked by hand: a and b 4 rows at 0 each, two levels of one row at 5; prior 1."""
    cells = ["a"] * 4 + ["b"] * 4 + ["rare", "odd"]
    encoder = learned("category", cells, [0] * 8 + [5, 5]).encoders[0]
    assert isinstance(encoder, LevelEncoder)
    assert encoder.levels == ("a", "b")
    assert encoder.unseen == pytest.approx((10 + SMOOTHING * 1) / (2 + SMOOTHING))


def test_weights_count_as_rows() -> None:
    """A row of weight 2 weighs as much as two rows of weight 1, up to the smoothing's scale."""
    weights = np.array([1.0, 1.0, 2.0, 2.0, 1.0, 1.0])
    answers = [1, 2, 3, 4, 5, 6]
    table = tabled(x=list("aabbab"))
    y = np.array(answers, dtype=float)[:, None]
    encoder = learned("category", list("aabbab"), answers, weights=weights).encoders[0]
    scaled = weights / weights.mean()
    prior = float(np.average(answers, weights=weights))
    for level, rows in (("a", [0, 1, 4]), ("b", [2, 3, 5])):
        total = sum(scaled[r] * answers[r] for r in rows) + SMOOTHING * prior
        expected = total / (scaled[rows].sum() + SMOOTHING)
        assert encoder.values[encoder.levels.index(level)] == pytest.approx(expected)
    features = learned("category", list("aabbab"), answers)
    even = fitting_matrix(features, table, y, seed=0)
    assert np.array_equal(even, fitting_matrix(features, table, y, seed=0, weights=np.full(6, 3.0)))
    assert not np.array_equal(even, fitting_matrix(features, table, y, seed=0, weights=weights))


def plain_cross_means(levels: list, y: np.ndarray, inner: np.ndarray) -> list[float]:
    """Row by row, without any bookkeeping."""
    found = []
    for row, level in enumerate(levels):
        others = [i for i in range(len(y)) if inner[i] != inner[row]]
        own = [y[i] for i in others if levels[i] == level]
        prior = np.mean([y[i] for i in others])
        found.append((sum(own) + SMOOTHING * prior) / (len(own) + SMOOTHING))
    return found


def test_fitting_rows_get_the_mean_of_other_inner_folds() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.choice(list("pqr"), 60), rng.choice(list("st"), 60)
    y = rng.normal(size=60)
    table = tabled(a=a, b=b)
    columns = (column("a", "category"), column("b", "category"))
    features = learn_features(columns, table, y[:, None], extras=[CROSS])
    X = fitting_matrix(features, table, y[:, None], seed=11)
    inner = np.random.default_rng(11).permutation(60) % 5
    both = [f"{p}{q}" for p, q in zip(a, b, strict=True)]
    for name, levels in (("a", list(a)), ("a with b", both)):
        place = features.names.index(f"{name}: mean answer")
        np.testing.assert_allclose(X[:, place], plain_cross_means(levels, y, inner), rtol=1e-6)
    same = [i for i, n in enumerate(features.names) if "mean" not in n]
    assert np.array_equal(X[:, same], told(features, table)[:, same])


def test_fitting_rows_never_see_their_own_answer() -> None:
    """Levels of two rows each: in-sample means would give much of the answer away."""
    rng = np.random.default_rng(0)
    cells = [f"level {i // 2}" for i in range(400)]
    answers = rng.normal(size=400)
    features = learned("category", cells, list(answers))
    table = tabled(x=cells)
    X = fitting_matrix(features, table, answers[:, None], seed=0)
    assert np.corrcoef(told(features, table)[:, 0], answers)[0, 1] > 0.6
    assert abs(np.corrcoef(X[:, 0], answers)[0, 1]) < 0.2


def test_rows_of_a_frequent_level_all_get_its_own_mean() -> None:
    """So levels of nearly the same mean stay apart, which means by fold would mix."""
    cells = ["often"] * STEADY + ["seldom"] * (STEADY - 1)
    answers = np.random.default_rng(0).normal(size=len(cells))
    features, table = learned("category", cells, list(answers)), tabled(x=cells)
    X, served = fitting_matrix(features, table, answers[:, None], seed=0), told(features, table)
    assert np.array_equal(X[:STEADY, 0], served[:STEADY, 0])
    assert len(np.unique(X[STEADY:, 0])) == 5


def test_a_frequent_level_of_noise_gives_hardly_anything_away() -> None:
    """The worst case of `STEADY`: 50 levels just frequent enough, and answers of nothing."""
    rng = np.random.default_rng(1)
    cells = [f"level {i % 50}" for i in range(50 * STEADY)]
    answers = rng.normal(size=len(cells))
    features, table = learned("category", cells, list(answers)), tabled(x=cells)
    X = fitting_matrix(features, table, answers[:, None], seed=0)
    explained = np.corrcoef(X[:, 0], answers)[0, 1] ** 2
    assert explained < 2 / STEADY


def test_views() -> None:
    features = learned("category", ["a", "b", "b", "", "a"] * 10)
    assert features.names == ("x: mean answer", "x = a", "x = b", "x = other", "x is missing")
    assert features.columns("trees") == (0, 4)
    assert features.columns("linear") == (1, 2, 3, 4)


def test_rare_levels_share_the_rest() -> None:
    features = learned("category", ["common"] * 30 + [f"rare {i}" for i in range(40)])
    hot = next(e for e in features.encoders if isinstance(e, OneHotEncoder))
    assert hot.levels == ("common",)
    assert "x: share of rows" in features.names


def test_very_many_levels_stay_small() -> None:
    cells = [f"level {i % 7000}" for i in range(21_000)] + ["often"] * 5
    features = learned("category", cells)
    levels = [e.levels for e in features.encoders if isinstance(e, LevelEncoder)]
    assert [len(x) for x in levels] == [MOST_LEVELS, MOST_LEVELS]
    assert all("often" in x for x in levels)
    share = features.encoders[1]
    assert isinstance(share, LevelEncoder)
    assert share.unseen == pytest.approx(3 / len(cells))


def test_few_texts_tell_how_frequent_they_are_only() -> None:
    features = learned("text", ["x", "x", "y", ""])
    assert features.names == ("x: share of rows", "x is missing")
    found = told(features, tabled(x=["x", "y", "", "new"]))[:, 0]
    assert found.tolist() == [0.5, 0.25, 0.25, 0.25]


def test_words_that_texts_have_in_common_are_features_weighed_as_scikit_learn_does() -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer

    cells = ["red car", "Red bike", "blue car", "red", "", "car, car"] * 20
    features = learned("text", cells)
    words = [n.removeprefix("x has ") for n in features.names if "has" in n]
    assert set(words) == {"red", "car", "blue", "bike"}
    expected = TfidfVectorizer(vocabulary=words).fit_transform(cells).toarray()
    own = [i for i, n in enumerate(features.names) if "has" in n]
    found = fitting_matrix(features, tabled(x=cells), np.zeros((120, 1)), seed=0)
    np.testing.assert_allclose(found[:, own], expected, atol=1e-6)


def test_several_classes() -> None:
    y = np.array([0, 1, 2, 1])
    task = Task(kind="multiclass", classes=3)
    answers = answers_of(y, task)
    assert answers.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 0]]
    features = learn_features(
        (column("c", "category"),), tabled(c=list("pqpq")), answers, classes=("A", "B", "C")
    )
    assert features.names == ("c: chance of A", "c: chance of B", "c: chance of C")


def test_of_many_classes_the_commonest_are_shown() -> None:
    y = np.repeat(np.arange(50), np.arange(1, 51))
    task = Task(kind="multiclass", classes=50)
    assert shown_classes(y, task) == tuple(range(40, 50))
    answers = answers_of(y, task)
    assert answers.sum(axis=0).tolist() == list(range(41, 51))


def test_many_category_columns_share_the_room() -> None:
    """30 columns of 10 levels, 10 classes: not 300 chances and 330 levels."""
    rng = np.random.default_rng(0)
    table = tabled(**{f"c{i}": rng.choice(list("abcdefghij"), 300) for i in range(100)})
    columns = tuple(column(f"c{i}", "category") for i in range(100))
    y = rng.integers(0, 10, 300)
    task = Task(kind="multiclass", classes=10)
    features = learn_features(columns, table, answers_of(y, task), classes=list("ABCDEFGHIJ"))
    assert sum(isinstance(e, LevelEncoder) for e in features.encoders) <= MOST_MEANS
    hot = [e for e in features.encoders if isinstance(e, OneHotEncoder)]
    assert sum(len(e.levels) for e in hot) <= MOST_ONE_HOT_ALL


def test_dates_and_booleans() -> None:
    columns = (column("on", "date"), column("yes", "boolean"))
    table = tabled(on=[20_000, 20_100, 20_200], yes=[0, 1, 1])
    features = learn_features(columns, table, np.arange(3.0)[:, None])
    assert features.names == ("on", "on: month", "on: weekday", "yes")
    number, _, boolean = features.encoders
    assert isinstance(number, NumberEncoder)
    assert number.offset == 20_100
    assert boolean == NumberEncoder(column="yes", fill=1.0, low=0.0, high=1.0)


@pytest.mark.parametrize(
    ("days", "parts"),
    [
        ([20_000.25, 20_100.5], ("month", "weekday", "hour")),
        ([20_000.5, 20_100.5], ("month", "weekday")),
        ([20_000.0, 20_500.0], ("month", "weekday", "day_of_year")),
        ([20_000.0, 20_007.0], ()),
        ([20_000.25, 20_000.75], ("hour",)),
    ],
)
def test_parts_of_a_date_that_vary(days: list[float], parts: tuple[str, ...]) -> None:
    found = [e.parts for e in learned("date", days).encoders if isinstance(e, DateEncoder)]
    assert found == ([parts] if parts else [])


def test_ordered_levels_are_ranks() -> None:
    features = learned(
        "category", ["low", "high", "mid", "mid", "", "odd"], ordered={"x": ("low", "mid", "high")}
    )
    assert features.names == ("x", "x is missing")
    assert features.columns("trees") == features.columns("linear") == (0, 1)
    found = told(features, tabled(x=["low", "mid", "high", "", "odd", "new"]))[:, 0]
    assert found.tolist() == [0, 1, 2, 1, 1, 1]
    assert features.monotone({"x": -1}, "trees") == (-1, 0)


def test_of_monotone_columns_only_what_rises_with_them_is_told() -> None:
    columns = (column("x", "number"), column("on", "date"), column("c", "category"))
    table = tabled(x=[1, None, 3, 4], on=[20_000, 20_040, 20_500, 20_900], c=list("aabb"))
    answers = np.arange(4.0)[:, None]
    features = learn_features(
        columns,
        table,
        answers,
        monotone={"x", "on"},
        extras=[Extra(kind="pair", columns=("on", "on"), operation="add")],
    )
    assert features.names == ("x", "x is missing", "on", "c: mean answer", "on + on")
    assert features.monotone({"x": 1, "on": -1}, "trees") == (1, 0, -1, 0)
    assert features.monotone({"x": 1, "on": -1}, "trees", engineered=True) == (1, 0, -1, 0, 0)
    with pytest.raises(InvalidTable, match="no order"):
        learn_features(columns, table, answers, monotone={"c"})


def test_pairs_of_numbers_are_bounded_and_read_only_on_demand() -> None:
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=500), rng.normal(size=500)
    x[3] = np.nan
    z[4] = 0.0
    table = tabled(x=x, z=z)
    columns = (column("x", "number"), column("z", "number"))
    features = learn_features(columns, table, x[:, None], extras=[RATIO])
    assert features.names == ("x", "x is missing", "z", "x / z")
    assert features.columns("trees") == (0, 1, 2)
    assert features.columns("linear", engineered=True) == (0, 1, 2, 3)
    encoder = features.encoders[3]
    assert isinstance(encoder, PairEncoder)
    found = told(features, table)[:, 3]
    assert found[3] == np.float32(encoder.fill)
    assert found.max() <= np.float32(encoder.high) < np.inf
    z[4] = np.nan
    middle = np.abs(x / z) < 20
    np.testing.assert_allclose(found[middle], (x / z)[middle], rtol=1e-6)


def test_extras_that_say_nothing_are_left_out() -> None:
    table = tabled(x=[1, 2, 3, 4], z=[2, 4, 6, 8], a=list("pqrs"), b=list("tuvw"))
    columns = tuple(column(n, k) for n, k in (("x", "number"), ("z", "number")))
    features = learn_features(columns, table, np.arange(4.0)[:, None], extras=[RATIO, CROSS])
    assert features.names == ("x", "z")


def test_crossings_know_missing_cells() -> None:
    a, b = ["p", "p", "", ""] * 10, ["s", "", "s", ""] * 10
    y = np.array([1.0, 2.0, 3.0, 6.0] * 10)
    table = tabled(a=a, b=b)
    columns = (column("a", "category"), column("b", "category"))
    cross = learn_features(columns, table, y[:, None], extras=[CROSS]).encoders[-1]
    assert isinstance(cross, CrossEncoder)
    assert cross.levels == (("", ""), ("", "s"), ("p", ""), ("p", "s"))
    expected = [(10 * v + SMOOTHING * 3) / (10 + SMOOTHING) for v in (6, 3, 2, 1)]
    np.testing.assert_allclose(cross.values, expected)
    assert cross.unseen == pytest.approx(3)


def test_pruning_keeps_what_is_read() -> None:
    features = learned("category", ["a", "b", "b", "", "a"] * 10)
    encoders, names, places = prune(features, {2, 4})
    assert encoders == features.encoders[1:]
    assert names == ("x = a", "x = b", "x = other", "x is missing")
    assert places == {1: 0, 2: 1, 3: 2, 4: 3}
    assert prune(features, set()) == ((), (), {})


KINDS = {"n": "number", "d": "date", "b": "boolean", "c": "category", "e": "category", "t": "text"}
WORDS = st.text("abAB é_9 .,İß\x01\u2028", max_size=8)
CELLS = st.fixed_dictionaries(
    {
        "n": st.none() | st.floats(),
        "d": st.none() | st.floats(-1e5, 1e5),
        "b": st.none() | st.sampled_from([0.0, 1.0]),
        "c": st.none() | st.sampled_from(["", "u", "v", "W", "ß"]),
        "e": st.none() | st.sampled_from(["1", "2"]),
        "t": st.none() | WORDS,
    }
)
SCHEMA = {n: pl.String if k in TEXTS else pl.Float64 for n, k in KINDS.items()}
INPUTS = [Input(name=n, kind="category" if k in TEXTS else "number") for n, k in KINDS.items()]
EXTRAS = (
    Extra(kind="cross", columns=("c", "e")),
    *(
        Extra(kind="pair", columns=("n", "d"), operation=operation)
        for operation in ("add", "subtract", "multiply", "divide")
    ),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(CELLS, min_size=8, max_size=30), st.lists(CELLS, max_size=6))
def test_a_table_is_encoded_as_the_graph_does_it(rows: list[dict], later: list[dict]) -> None:
    """Bit for bit the reference's features, on the rows learned from and on others."""
    from assay.automl.encoding import encode_table

    table = Table.from_frame(INPUTS, pl.DataFrame(rows, schema=SCHEMA))
    columns = tuple(column(n, k) for n, k in KINDS.items())
    y = np.arange(len(rows), dtype=np.float64)[:, None]
    try:
        features = learn_features(columns, table, y, extras=EXTRAS)
    except InvalidTable:
        return
    other = Table.from_frame(INPUTS, pl.DataFrame(later, schema=SCHEMA))
    for peer in (table, other, table.take(np.arange(len(rows))[::3])):
        found = encode_table(features.encoders, peer)
        expected = encode(features.encoders, peer.inputs())
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found.view(np.uint32), expected.view(np.uint32))
    assert np.isfinite(fitting_matrix(features, table, y, seed=0)).all()
