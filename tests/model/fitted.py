"""Real models, fitted by scikit-learn and LightGBM, as plans.

The conversion is written again here, small and apart from `assay.automl`, so that the two check
each other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import lightgbm as lgb
import numpy as np
import polars as pl
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.linear_model import LogisticRegression, Ridge

from assay.model.compile import compile_plan
from assay.model.encode import encode, feature_count
from assay.model.inputs import graph_inputs
from assay.model.plan import (
    DateEncoder,
    Input,
    LevelEncoder,
    LinearMember,
    LogitCalibration,
    MissingEncoder,
    ModelPlan,
    NumberEncoder,
    OneHotEncoder,
    Output,
    TreesMember,
)

INPUTS = (
    Input(name="power", kind="number"),
    Input(name="weight", kind="number"),
    Input(name="make", kind="category"),
    Input(name="fuel", kind="category"),
    Input(name="sold", kind="number"),
)
MAKES = ("audi", "bmw", "fiat", "saab", "volvo")

ENCODERS = (
    NumberEncoder(column="power", fill=100.0, low=20.0, high=500.0),
    NumberEncoder(column="weight", fill=1200.25, low=500.0, high=5000.0, offset=1200.0),
    MissingEncoder(column="power"),
    LevelEncoder(
        column="make", levels=MAKES, values=(0.1, 1.0, -1.5, 0.4, 2.2), missing=0.0, unseen=0.05
    ),
    OneHotEncoder(column="fuel", levels=("diesel", "gas")),
    DateEncoder(column="sold", fill=10_000.0),
)


def car_table(rows: int, seed: int = 0) -> pl.DataFrame:
    """Cars with missing cells, typed as a contract would type them."""
    rng = np.random.default_rng(seed)
    power = rng.normal(100, 30, rows).round(1)
    frame = pl.DataFrame(
        {
            "power": power,
            "weight": (1200 + 3 * power + rng.normal(0, 80, rows)).round(2),
            "make": rng.choice([*MAKES, "dacia"], rows),
            "fuel": rng.choice(["gas", "diesel", "electric"], rows),
            "sold": pl.Series(rng.integers(8_000, 20_000, rows), dtype=pl.Int32).cast(pl.Date),
        }
    )
    gaps = rng.random((rows, 2)) < 0.1
    return frame.with_columns(
        power=pl.when(pl.Series(gaps[:, 0])).then(None).otherwise(pl.col("power")),
        make=pl.when(pl.Series(gaps[:, 1])).then(None).otherwise(pl.col("make")),
    )


def car_score(frame: pl.DataFrame) -> np.ndarray[Any, Any]:
    """What the fitted models are to learn."""
    return np.asarray(
        frame["power"].fill_null(100).to_numpy() / 20
        + frame["weight"].to_numpy() / 300
        + 2.0 * (frame["make"].fill_null("") == "volvo").to_numpy()
        - 1.0 * (frame["fuel"] == "diesel").to_numpy()
        + np.sin(frame["sold"].dt.month().to_numpy())
    )


@dataclass(frozen=True)
class Fitted:
    plan: ModelPlan
    graph: bytes
    frame: pl.DataFrame
    native: Callable[[Any], list[Any]]


def fit_cars(kind: str, rows: int = 300, trees: int = 12) -> Fitted:
    """Boosting, a forest and a linear model together."""
    frame = car_table(rows)
    X = encode(ENCODERS, graph_inputs(INPUTS, frame))
    score = car_score(frame)
    classes = {"regression": 0, "binary": 2, "multiclass": 3}[kind]
    y = score if not classes else np.digitize(score, np.quantile(score, [0.4, 0.75][: classes - 1]))
    boosting = fit_boosting(X, y, classes, trees)
    forest = fit_forest(X, y, classes, trees)
    linear = fit_linear(X, y, classes)
    plan = ModelPlan(
        inputs=INPUTS,
        encoders=ENCODERS,
        members=(boosting_member(boosting, classes), forest_member(forest), linear_member(linear)),
        weights=(2.0, 1.0, 1.0),
        output=Output(
            kind=kind,  # type: ignore[arg-type]
            classes=("low", "middle", "high")[:classes] if classes != 2 else ("no", "yes"),
            calibration=LogitCalibration(slope=1.3, intercept=-0.1 if classes == 2 else 0.0)
            if classes
            else None,
            interval=0.7,
        ),
    )

    def native(features: Any) -> list[Any]:
        return [as_matrix(m, features, classes) for m in (boosting, forest, linear)]

    return Fitted(plan, compile_plan(plan), frame, native)


def fit_boosting(X: Any, y: Any, classes: int, trees: int) -> Any:
    common = {"n_estimators": trees, "num_leaves": 7, "n_jobs": 1, "verbose": -1}
    common |= {"min_child_samples": 5}
    model = lgb.LGBMClassifier if classes else lgb.LGBMRegressor
    return model(**common).fit(X, y)


def fit_forest(X: Any, y: Any, classes: int, trees: int) -> Any:
    model = ExtraTreesClassifier if classes else ExtraTreesRegressor
    return model(trees, max_depth=5, random_state=0, n_jobs=1).fit(X, y)


def fit_linear(X: Any, y: Any, classes: int) -> Any:
    scaled = (X.astype(np.float64) - center(X)) / scale(X)
    model = LogisticRegression(max_iter=200) if classes else Ridge()
    fitted = model.fit(scaled, y)
    fitted.assay_center, fitted.assay_scale = center(X), scale(X)
    return fitted


def center(X: Any) -> Any:
    return X.astype(np.float64).mean(axis=0)


def scale(X: Any) -> Any:
    return np.maximum(X.astype(np.float64).std(axis=0), 1e-3)


def as_matrix(model: Any, features: Any, classes: int) -> Any:
    """The library's own prediction, (n, width)."""
    if hasattr(model, "assay_center"):
        features = (features.astype(np.float64) - model.assay_center) / model.assay_scale
    if not classes:
        return model.predict(features).reshape(-1, 1)
    probabilities = model.predict_proba(features)
    return probabilities if classes > 2 else probabilities[:, 1:]


def down(threshold: Any) -> Any:
    """The largest float32 that is not above a double threshold."""
    near = np.asarray(threshold, dtype=np.float64).astype(np.float32)
    return np.where(near > threshold, np.nextafter(near, np.float32(-np.inf)), near)


class _Nodes:
    def __init__(self, width: int) -> None:
        self.width = width
        self.rows: list[list[Any]] = []
        self.values: list[Any] = []
        self.roots: list[int] = []

    def add(self, feature: int, threshold: float, value: Any) -> int:
        self.rows.append([feature, threshold, -1, -1])
        self.values.append(np.zeros(self.width) if value is None else value)
        return len(self.rows) - 1

    def member(self, **more: Any) -> TreesMember:
        feature, threshold, left, right = (np.array(c) for c in zip(*self.rows, strict=True))
        return TreesMember(
            roots=np.array(self.roots, dtype=np.int32),
            feature=feature.astype(np.int32),
            threshold=down(threshold).astype(np.float32),
            left=left.astype(np.int32),
            right=right.astype(np.int32),
            values=np.array(self.values),
            **more,
        )


def boosting_member(model: Any, classes: int) -> TreesMember:
    width = classes if classes > 2 else 1
    nodes = _Nodes(width)

    def grow(node: dict[str, Any], output: int) -> int:
        if "leaf_value" in node:
            value = np.zeros(width)
            value[output] = node["leaf_value"]
            return nodes.add(0, 0.0, value)
        me = nodes.add(node["split_feature"], node["threshold"], None)
        nodes.rows[me][2] = grow(node["left_child"], output)
        nodes.rows[me][3] = grow(node["right_child"], output)
        return me

    dump = model.booster_.dump_model()
    for number, tree in enumerate(dump["tree_info"]):
        nodes.roots.append(grow(tree["tree_structure"], number % width))
    link = "identity" if not classes else "sigmoid" if classes == 2 else "softmax"
    columns = tuple(range(feature_count(ENCODERS)))
    return nodes.member(family="boosting", columns=columns, base=np.zeros(width), link=link)


def forest_member(model: Any) -> TreesMember:
    classes = len(getattr(model, "classes_", ()))
    width = classes if classes > 2 else 1
    nodes = _Nodes(width)
    for estimator in model.estimators_:
        tree, start = estimator.tree_, len(nodes.rows)
        nodes.roots.append(start)
        for i in range(tree.node_count):
            leaf = tree.children_left[i] < 0
            share = tree.value[i, 0, 1:2] if classes == 2 else tree.value[i, 0]
            value = share / len(model.estimators_) if leaf else None
            nodes.add(0 if leaf else int(tree.feature[i]), float(tree.threshold[i]), value)
            if not leaf:
                nodes.rows[-1][2:] = [
                    start + int(tree.children_left[i]),
                    start + int(tree.children_right[i]),
                ]
    columns = tuple(range(feature_count(ENCODERS)))
    return nodes.member(family="forest", columns=columns, base=np.zeros(width))


def linear_member(model: Any) -> LinearMember:
    weights = np.atleast_2d(model.coef_).T
    classes = len(getattr(model, "classes_", ()))
    return LinearMember(
        family="linear",
        columns=tuple(range(feature_count(ENCODERS))),
        center=model.assay_center,
        scale=model.assay_scale,
        weights=weights,
        intercept=np.atleast_1d(model.intercept_),
        link="identity" if not classes else "sigmoid" if classes == 2 else "softmax",
    )
