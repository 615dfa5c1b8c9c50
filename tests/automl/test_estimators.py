"""The estimators keep scikit-learn's rules, read every kind of frame, and answer by the graph."""

from __future__ import annotations

import json
import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from assay.automl import estimator_base, fit_table
from assay.automl.duration import budget_seconds
from assay.automl.estimators import AssayClassifier, AssayRegressor
from assay.automl.search import search
from assay.errors import (
    InputError,
    InvalidFile,
    InvalidTable,
    NotApplicable,
    ParityFailed,
    UnknownColumn,
)
from assay.model.parity import ParityReport

from .conftest import make_houses

QUICK: dict[str, Any] = {"max_trials": 1, "families": ("linear",), "budget": "1s", "n_jobs": 1}
NOT_EQUIVALENT = {
    "check_sample_weight_equivalence_on_dense_data": (
        "Folds are dealt over rows: a row of weight 2 lies in one fold, its copies may lie in two."
    )
}


@parametrize_with_checks(
    [AssayClassifier(**QUICK), AssayRegressor(**QUICK)],
    expected_failed_checks=lambda _: NOT_EQUIVALENT,
)
def test_it_keeps_the_rules_of_scikit_learn(estimator: Any, check: Any) -> None:
    check(estimator)


class Capsule:
    """A table or column that speaks the Arrow capsule interface and nothing else."""

    def __init__(self, held: Any) -> None:
        self.held = held

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self.held.__arrow_c_stream__(requested_schema)


@pytest.fixture(scope="module")
def houses() -> tuple[pl.DataFrame, pl.Series]:
    frame, _ = make_houses("dear")
    return frame.drop("dear"), frame["dear"]


@pytest.fixture(scope="module")
def dear(houses: tuple[pl.DataFrame, pl.Series]) -> AssayClassifier:
    return AssayClassifier(**QUICK).fit(*houses)


@pytest.fixture(scope="module")
def priced() -> tuple[AssayRegressor, pl.DataFrame, pl.Series]:
    frame, _ = make_houses("price")
    X, y = frame.drop("price"), frame["price"]
    return AssayRegressor(**QUICK).fit(X, y), X, y


def to_pandas(frame: pl.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({name: frame[name].to_list() for name in frame.columns})


@pytest.mark.parametrize(
    "of", [to_pandas, Capsule, pl.DataFrame.lazy, lambda f: f.to_dict(as_series=False)],
    ids=["pandas", "arrow", "lazy", "dict"],
)  # fmt: skip
def test_every_kind_of_frame_is_read_alike(
    of: Any, houses: tuple[pl.DataFrame, pl.Series], dear: AssayClassifier
) -> None:
    X, y = houses
    expected = dear.predict_proba(X)
    assert np.array_equal(dear.predict_proba(of(X)), expected)
    learned = AssayClassifier(**QUICK).fit(of(X), y)
    assert np.array_equal(learned.predict_proba(X), expected)
    assert learned.feature_names_in_.tolist() == X.columns


@pytest.mark.parametrize(
    ("of", "classes"),
    [
        (lambda y: y.to_list(), ["no", "yes"]),
        (lambda y: y.to_numpy(), ["no", "yes"]),
        (lambda y: y.cast(pl.Categorical), ["no", "yes"]),
        (lambda y: pd.Series(y.to_list(), dtype="category"), ["no", "yes"]),
        (Capsule, ["no", "yes"]),
        (lambda y: y == "yes", [False, True]),
        (lambda y: pd.Series((y == "yes").to_list(), dtype="boolean"), [False, True]),
        (lambda y: (y == "yes").cast(pl.Int8), [0, 1]),
        (lambda y: np.where(y == "yes", 2.0, -1.0), [-1.0, 2.0]),
        (lambda y: np.where(y == "yes", "a ", "a"), ["a", "a "]),
    ],
)
def test_classes_stay_what_they_were(
    of: Any, classes: list[Any], houses: tuple[pl.DataFrame, pl.Series], dear: AssayClassifier
) -> None:
    X, y = houses
    learned = AssayClassifier(**QUICK).fit(X, of(y))
    assert learned.classes_.tolist() == classes
    assert np.array_equal(learned.predict_proba(X), dear.predict_proba(X))
    assert learned.predict(X).dtype == learned.classes_.dtype


def test_the_graph_itself_gives_the_users_classes(houses: tuple[pl.DataFrame, pl.Series]) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 3))
    y = np.where(X[:, 0] > 0, 7, 3)
    learned = AssayClassifier(**QUICK).fit(X, y)
    session = onnxruntime.InferenceSession(learned.graph_)
    feed = {f"x{i}": X[:, i : i + 1] for i in range(3)}
    answered, probabilities = session.run(["class", "probabilities"], feed)
    assert np.array_equal(answered.ravel(), learned.predict(X))
    assert np.array_equal(probabilities, learned.predict_proba(X))


def test_columns_are_found_by_name(
    houses: tuple[pl.DataFrame, pl.Series], dear: AssayClassifier
) -> None:
    X, _ = houses
    expected = dear.predict_proba(X)
    assert np.array_equal(dear.predict_proba(X.select(reversed(X.columns))), expected)
    assert np.array_equal(dear.predict_proba(X.with_columns(more=1)), expected)
    assert np.array_equal(dear.predict_proba(X.drop("id")), expected)  # no feature: not needed
    with pytest.raises(ValueError, match="yet now missing:\n- town"):
        dear.predict(X.drop("town"))


def test_a_frame_may_follow_an_array_by_position() -> None:
    X, y = np.random.default_rng(0).normal(size=(60, 2)), np.arange(60) % 2
    learned = AssayClassifier(**QUICK).fit(X, y)
    expected = learned.predict_proba(X)
    with pytest.warns(UserWarning, match="fitted without feature names"):
        assert np.array_equal(learned.predict_proba(pl.DataFrame(X, schema=["b", "a"])), expected)
    with pytest.raises(ValueError, match="X has 1 features, but AssayClassifier is expecting 2"):
        learned.predict(X[:, :1])


def test_cells_unlike_any_in_training_are_answered(
    houses: tuple[pl.DataFrame, pl.Series], dear: AssayClassifier
) -> None:
    X, _ = houses
    odd = X.head(4).with_columns(
        town=pl.Series(["Xyz", "", None, "Ado"]),
        size=pl.Series([float("inf"), float("-inf"), None, float("nan")]),
        age=pl.Series([2.5, None, 1e300, -4.0]),
        sold=pl.lit(None, pl.Date),
        heated=pl.Series([0, 1, None, 1]),
    )
    assert np.isfinite(dear.predict_proba(odd)).all()
    with pytest.raises(ValueError, match="Column 'age', row 0: expected"):
        dear.predict(odd.with_columns(age=pl.lit("old")))


def test_infinite_and_missing_cells_are_learned_from() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 3))
    y = (X[:, 0] > 0).astype(int)
    X[0, 1], X[1, 1], X[2:10, 2] = np.inf, -np.inf, np.nan
    assert AssayClassifier(**QUICK).fit(X, y).score(X, y) > 0.9


def test_it_may_be_copied_without_being_fitted_again(
    houses: tuple[pl.DataFrame, pl.Series], dear: AssayClassifier, tmp_path: Path
) -> None:
    X, _ = houses
    expected = dear.predict_proba(X)
    assert np.array_equal(pickle.loads(pickle.dumps(dear)).predict_proba(X), expected)
    dear.save(tmp_path / "model")
    dear.save(tmp_path / "model")
    names = {"model.onnx", "contract.json", "leaderboard.json", "estimator.json"}
    assert {p.name for p in (tmp_path / "model").iterdir()} == names
    again = AssayClassifier.load(tmp_path / "model")
    assert np.array_equal(again.predict_proba(X), expected)
    assert again.predict(X).tolist() == dear.predict(X).tolist()
    assert again.get_params() == dear.get_params()
    assert again.why_ == dear.why_
    assert not hasattr(clone(again), "graph_")


def test_a_folder_of_something_else_is_neither_read_nor_replaced(
    dear: AssayClassifier, tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(InvalidFile, match="holds something"):
        dear.save(tmp_path / "mine")
    with pytest.raises(InvalidFile, match="no saved estimator"):
        AssayClassifier.load(tmp_path / "mine")
    dear.save(tmp_path / "model")
    with pytest.raises(InvalidFile, match="holds an AssayClassifier"):
        AssayRegressor.load(tmp_path / "model")
    (tmp_path / "model" / "leaderboard.json").write_text("{")
    with pytest.raises(InvalidFile, match="no saved estimator"):
        AssayClassifier.load(tmp_path / "model")


def test_costs_and_numeric_classes_survive_saving(tmp_path: Path) -> None:
    X = np.random.default_rng(0).normal(size=(80, 2))
    costs = {0: {1: 5.0}, 1: {0: 1.0}}
    learned = AssayClassifier(**QUICK, costs=costs).fit(X, (X[:, 0] > 0).astype(np.int32))
    learned.save(tmp_path / "model")
    again = AssayClassifier.load(tmp_path / "model")
    assert again.costs == costs
    assert again.classes_.dtype == np.int32
    assert np.array_equal(again.predict(X), learned.predict(X))


def test_an_explanation_adds_up(houses: tuple[pl.DataFrame, pl.Series], dear: Any) -> None:
    X, _ = houses
    shares = dear.explain(X.head(3))
    assert shares.columns == ["size", "age", "heated", "town", "sold"]
    typical = pl.DataFrame({name: [value] for name, value in dear.reference_.items()})
    days = pl.col("sold").cast(pl.Int32).cast(pl.Date)
    base = dear.predict_proba(typical.with_columns(days))[0, 1]
    total = shares.sum_horizontal().to_numpy()
    assert total == pytest.approx(dear.predict_proba(X.head(3))[:, 1] - base, abs=1e-9)


def test_intervals_and_sets_cover_as_asked(
    priced: tuple[AssayRegressor, pl.DataFrame, pl.Series],
    houses: tuple[pl.DataFrame, pl.Series],
    dear: AssayClassifier,
) -> None:
    model, X, y = priced
    low, high = model.predict_interval(X).T
    assert ((low <= y.to_numpy()) & (y.to_numpy() <= high)).mean() >= 0.85
    assert ((low <= model.predict(X)) & (model.predict(X) <= high)).all()
    sets = dear.predict_set(houses[0])
    true = np.searchsorted(dear.classes_, houses[1].to_numpy())
    assert sets[np.arange(len(true)), true].mean() >= 0.85
    with pytest.raises(NotApplicable, match="one number a row"):
        model.predict_quantiles(X)


def test_out_of_fold_answers_name_the_rows_that_were_given(
    priced: tuple[AssayRegressor, pl.DataFrame, pl.Series],
) -> None:
    model, _, y = priced
    kept = model.out_of_fold_
    assert kept["truth"].to_list() == y[kept["row"].to_list()].to_list()
    error = (kept["truth"] - kept["prediction"]).abs().mean()
    assert model.leaderboard_.ensemble_score == pytest.approx(error, rel=0.02)


def test_groups_stay_whole(priced: tuple[AssayRegressor, pl.DataFrame, pl.Series]) -> None:
    _, X, y = priced
    owner = np.arange(len(y)) // 4
    model = AssayRegressor(**QUICK).fit(X, y, groups=owner)
    kept = model.out_of_fold_.with_columns(owner=owner[model.out_of_fold_["row"].to_numpy()])
    assert kept.group_by("owner").agg(pl.col("fold").n_unique())["fold"].to_list() == [1] * 40
    assert "group" not in model.explain(X.head(1)).columns


def test_folds_follow_time(priced: tuple[AssayRegressor, pl.DataFrame, pl.Series]) -> None:
    _, X, y = priced
    model = AssayRegressor(**QUICK, time="sold").fit(X, y)
    kept = model.out_of_fold_.with_columns(sold=X["sold"][model.out_of_fold_["row"].to_list()])
    spans = kept.group_by("fold").agg(first=pl.col("sold").min(), last=pl.col("sold").max())
    spans = spans.sort("fold")
    assert (spans["last"][:-1] < spans["first"][1:]).all()
    assert kept.height < X.height  # the earliest rows are only learned from
    with pytest.raises(UnknownColumn, match="'soled'"):
        _unwrapped(lambda: AssayRegressor(**QUICK, time="soled").fit(X, y))


def _unwrapped(call: Any) -> None:
    """The error of ours within one that scikit-learn's users catch."""
    try:
        call()
    except ValueError as error:
        raise error.__cause__ or error from None


def test_columns_set_aside_are_told(priced: tuple[AssayRegressor, pl.DataFrame, pl.Series]) -> None:
    model, X, y = priced
    assert any(note.startswith("Column 'id' is no feature:") for note in model.notes_)
    without = AssayRegressor(**QUICK, ignore=("town",)).fit(X, y)
    assert "town" not in without.explain(X.head(1)).columns


def test_identifiers_are_used_where_there_is_nothing_else() -> None:
    X = np.arange(100).reshape(-1, 1)
    model = AssayRegressor(**QUICK).fit(X, 2.0 * X.ravel() + 1)
    assert model.score(X, 2.0 * X.ravel() + 1) > 0.99
    with pytest.raises(InvalidTable, match="No column is left"):
        _unwrapped(lambda: AssayRegressor(**QUICK).fit(np.ones((50, 2)), np.arange(50)))


def test_a_hundred_rows_of_two_classes_of_two_rows() -> None:
    X = np.random.default_rng(0).normal(size=(100, 2))
    model = AssayClassifier(**QUICK).fit(X, np.r_[np.zeros(98), np.ones(2)])
    assert model.predict_proba(X).shape == (100, 2)


def test_the_same_seed_gives_the_same_graph(houses: tuple[pl.DataFrame, pl.Series]) -> None:
    one, two = (AssayClassifier(**QUICK, random_state=3).fit(*houses) for _ in range(2))
    assert one.graph_ == two.graph_


def test_it_is_proved_as_far_as_the_budget_allows(houses: tuple[pl.DataFrame, pl.Series]) -> None:
    generous = AssayClassifier(**QUICK | {"budget": "1h"}).fit(*houses)
    assert isinstance(generous.parity_, ParityReport)
    hurried = AssayClassifier(**QUICK | {"budget": 1e-3}).fit(*houses)
    assert hurried.parity_ is None


def test_a_graph_that_differs_is_refused(
    houses: tuple[pl.DataFrame, pl.Series], monkeypatch: pytest.MonkeyPatch
) -> None:
    def lies(*args: Any, **options: Any) -> Any:
        found = search(*args, **options)
        honest = found.native
        object.__setattr__(found, "native", lambda X: [part + 1e-3 for part in honest(X)])
        return found

    monkeypatch.setattr(estimator_base, "search", lies)
    with pytest.raises(ParityFailed, match="differ by"):
        AssayClassifier(**QUICK).fit(*houses)


class Stopped(Exception):
    """Ends a fit where the search would begin."""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the search was asked for."""
    heard: dict[str, Any] = {}

    def listen(frame: pl.DataFrame, **options: Any) -> None:
        heard.update(options, frame=frame)
        raise Stopped

    monkeypatch.setattr(estimator_base, "search", listen)
    return heard


def test_what_the_user_asks_for_reaches_the_search(
    asked: dict[str, Any], houses: tuple[pl.DataFrame, pl.Series]
) -> None:
    X, y = houses
    model = AssayClassifier(
        budget="2min", metric="log_loss", random_state=np.random.RandomState(5), n_jobs=2,
        costs={True: {False: 5}}, monotone={"size": "increasing"}, coverage=0.8,
        ordered={"town": ["Ado", "Bex"]}, transparent="glassbox", max_megabytes=3, fairness="town",
        max_row_ms=0.5, learning_curve=True, parallel=2, compute="threads", ignore=["town"],
    )  # fmt: skip
    with pytest.raises(Stopped):
        model.fit(X, y == "yes")
    spec = asked["spec"]
    assert 100 < spec.budget_s <= 120
    assert spec.costs == {"True": {"False": 5.0}}
    assert (spec.metric, spec.threads, spec.coverage) == ("log_loss", 2, 0.8)
    assert (spec.monotone, spec.ordered) == ({"size": "increasing"}, {"town": ("Ado", "Bex")})
    assert (spec.transparent, spec.max_megabytes, spec.max_row_ms) == ("glassbox", 3, 0.5)
    assert (spec.fairness, spec.learning_curve, spec.parallel) == ("town", True, 2)
    assert "town" in asked["frame"].columns  # hidden from the model, there for its groups
    assert "town" not in [c.name for c in asked["contract"].features]


def test_quantiles_reach_the_search(asked: dict[str, Any]) -> None:
    with pytest.raises(Stopped):
        AssayRegressor(quantiles=(0.9, 0.1)).fit(np.eye(30), np.arange(30))
    assert asked["spec"].quantiles == (0.1, 0.9)


def test_rows_of_no_weight_are_left_out_and_others_weigh(asked: dict[str, Any]) -> None:
    weights = np.r_[np.zeros(10), np.full(50, 2.0)]
    X = np.random.default_rng(0).normal(size=(60, 2))
    with pytest.raises(Stopped):
        AssayClassifier().fit(X, np.arange(60) % 2, sample_weight=weights)
    assert asked["weights"].tolist() == [2.0] * 50
    assert asked["frame"]["x0"].to_list() == X[10:, 0].tolist()
    assert len(asked["folds"]) == 50


def test_rows_without_an_answer_are_learned_from_only_if_asked(asked: dict[str, Any]) -> None:
    X = np.random.default_rng(0).normal(size=(60, 2))
    y = np.array(["a", "b", None] * 20, dtype=object)
    with pytest.raises(ValueError, match=r"Input y contains NaN.*semi_supervised=True"):
        AssayClassifier().fit(X, y)
    with pytest.raises(Stopped):
        AssayClassifier(semi_supervised=True).fit(X, y)
    assert asked["frame"].height == 40
    assert asked["unlabelled"]["x0"].to_list() == X[2::3, 0].tolist()


def test_a_pandas_category_of_numbers_stays_one(asked: dict[str, Any]) -> None:
    codes = pd.Series([1, 2, 3, None] * 10, dtype="Int64").astype("category")
    with pytest.raises(Stopped):
        AssayClassifier().fit(pd.DataFrame({"code": codes, "n": range(40)}), np.arange(40) % 2)
    kinds = {c.name: c.kind for c in asked["contract"].columns}
    assert kinds["code"] == "category"
    assert asked["frame"]["code"][:4].to_list() == ["1", "2", "3", None]


@pytest.mark.parametrize(
    ("budget", "seconds"),
    [("60s", 60), ("5min", 300), ("2h", 7200), (" 1.5 m ", 90), (30, 30), ("45", 45)],
)
def test_budgets_are_durations(budget: str | float, seconds: float) -> None:
    assert budget_seconds(budget) == seconds


@pytest.mark.parametrize("budget", ["soon", "0s", "-3s", "5 days", ""])
def test_what_is_no_duration_is_refused(budget: str) -> None:
    with pytest.raises(InputError, match="no positive duration"):
        budget_seconds(budget)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"max_trials": 0}, "'max_trials' parameter"),
        ({"coverage": 1.0}, "'coverage' parameter"),
        ({"transparent": "yes"}, "'transparent' parameter"),
        ({"budget": "soon"}, "no positive duration"),
        ({"families": ("linnear",)}, "linnear"),
        ({"metric": "mae"}, "does not score"),
    ],
)
def test_a_setting_that_cannot_be_is_a_value_error(settings: dict[str, Any], said: str) -> None:
    X = np.random.default_rng(0).normal(size=(40, 2))
    with pytest.raises(ValueError, match=said):
        AssayClassifier(**QUICK | settings).fit(X, np.arange(40) % 2)


def test_it_works_within_scikit_learns_own_tools() -> None:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(120, 3)), columns=["a", "b", "c"])
    y = np.where(X["a"] + 0.3 * rng.normal(size=120) > 0, "up", "down")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = cross_val_score(AssayClassifier(**QUICK), X, y, cv=3, scoring="roc_auc")
    assert scores.min() > 0.9


def test_progress_goes_to_standard_error(
    houses: tuple[pl.DataFrame, pl.Series], capsys: pytest.CaptureFixture[str]
) -> None:
    AssayClassifier(**QUICK, verbose=True).fit(*houses)
    told = capsys.readouterr()
    assert "trial 1, linear" in told.err
    assert not told.out


def test_a_notebook_shows_the_leaderboard(dear: AssayClassifier) -> None:
    shown = dear._repr_html_()
    assert "<td>linear</td>" in shown
    assert dear._repr_mimebundle_()["text/html"] == shown
    assert "<table>" not in AssayClassifier()._repr_html_()


def test_a_table_chooses_its_estimator() -> None:
    frame, _ = make_houses("price")
    rows = frame.with_columns(price=pl.when(pl.col("age") > 3).then(pl.col("price")))
    model = fit_table(rows, "price", groups="id", **QUICK)
    assert isinstance(model, AssayRegressor)
    assert len(model.out_of_fold_) == rows["price"].count()
    assert model.contract_.target.name == "price"
    band, _ = make_houses("band")
    assert fit_table(band, "band", **QUICK).classes_.tolist() == ["a-low", "b-middle", "c-high"]
    with pytest.raises(UnknownColumn, match="'prize'"):
        fit_table(rows, "prize")
    fractions = frame.with_columns(price=pl.when(pl.col("age") > 40).then(0.5).otherwise(1.5))
    assert fit_table(fractions, "price", **QUICK).classes_.tolist() == ["0.5", "1.5"]
    with pytest.raises(InvalidTable, match="not a finite number"):
        fit_table(band, "band", quantiles=(0.1, 0.9), **QUICK)
    with pytest.raises(InvalidTable, match="missing in every row"):
        fit_table({"a": [1, 2], "b": [None, None]}, "b")


def test_what_is_saved_is_plain_json(dear: AssayClassifier, tmp_path: Path) -> None:
    dear.save(tmp_path / "model")
    for name in ("estimator", "contract", "leaderboard"):
        assert json.loads((tmp_path / "model" / f"{name}.json").read_text())
