"""XGBoost (Chen and Guestrin 2016): boosters and their scikit-learn wrappers, from saved JSON."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from assay.errors import NotCompilable
from assay.model.plan import Float32, Float64, Link, TreesMember
from assay.model.readers.settings import parameters, refuse, sigmoid, softmax
from assay.model.readers.trees import Tree, below, plant, spread

LINKS: dict[str, Link] = {
    "reg:squarederror": "identity",
    "reg:squaredlogerror": "identity",
    "reg:pseudohubererror": "identity",
    "reg:absoluteerror": "identity",
    "reg:quantileerror": "identity",
    "reg:logistic": "sigmoid",
    "binary:logistic": "sigmoid",
    "multi:softprob": "softmax",
    "multi:softmax": "softmax",
    "count:poisson": "exp",
    "reg:gamma": "exp",
    "reg:tweedie": "exp",
}
"""What turns the margin into the prediction, by objective."""


def check(model: Any, *, classes: int) -> None:  # noqa: ARG001 - any number of them
    """Refuse linear boosters, objectives whose link is not known, odd marks of missing cells."""
    params = parameters(model)
    if params.get("booster") == "gblinear":
        raise refuse(
            model, "it boosts linear models", "Use booster='gbtree', or a linear model itself."
        )
    objective = params.get("objective")
    if callable(objective) or (objective is not None and objective not in LINKS):
        raise _unknown_link(model)
    missing = params.get("missing")
    if missing is not None and not np.isnan(missing):
        raise refuse(
            model, "it reads a number as missing", "Leave `missing` as it is, and mark with NaN."
        )


def read(model: Any, *, columns: tuple[int, ...], family: str) -> TreesMember:
    """Every tree of the saved model, output by output in turn."""
    learner = json.loads(_booster(model).save_raw("json"))["learner"]
    link = _link(model, learner)
    booster = learner["gradient_booster"]
    inner = booster["gbtree"] if booster["name"] == "dart" else booster
    saved = inner["model"]
    drops = booster.get("weight_drop") or [1.0] * len(saved["trees"])
    base = _start(learner, link)
    trees = [
        _tree(tree, output=output, width=len(base), factor=float(np.float32(drop)))
        for tree, output, drop in zip(saved["trees"], saved["tree_info"], drops, strict=True)
    ]
    return plant(trees, family=family, columns=columns, base=base, link=link)


def answer(model: Any, X: Float32) -> Float64:
    """Rows by XGBoost, which sums in single precision; the link is taken in double."""
    booster = _booster(model)
    raw = booster.inplace_predict(X, predict_type="margin", validate_features=False)
    margin = np.asarray(raw, dtype=np.float64).reshape(len(X), -1)
    link = LINKS[json.loads(booster.save_config())["learner"]["objective"]["name"]]
    if link == "sigmoid":
        return sigmoid(margin)
    if link == "softmax":
        return softmax(margin)
    return np.exp(margin) if link == "exp" else margin


def _booster(model: Any) -> Any:
    """The booster, cut to the rounds that its wrapper predicts with."""
    if not hasattr(model, "get_booster"):
        return model
    booster = model.get_booster()
    best = booster.attr("best_iteration")
    return booster if best is None else booster[: int(best) + 1]


def _link(model: Any, learner: dict[str, Any]) -> Link:
    if learner["gradient_booster"]["name"] == "gblinear":
        raise refuse(
            model, "it boosts linear models", "Use booster='gbtree', or a linear model itself."
        )
    name = learner["objective"]["name"]
    if name not in LINKS:
        raise _unknown_link(model)
    return LINKS[name]


def _unknown_link(model: Any) -> NotCompilable:
    return refuse(
        model, "the link of its objective is not known", f"Objectives: {', '.join(LINKS)}."
    )


def _start(learner: dict[str, Any], link: Link) -> Float64:
    """Margin before the first tree, (n_outputs,), from the score saved in the target's unit."""
    facts = learner["learner_model_param"]
    score = np.array(json.loads(facts["base_score"]), dtype=np.float32)
    base = np.atleast_1d(score).astype(np.float64)
    if link == "sigmoid":
        base = np.log(base / (1 - base))
    if link == "exp":
        base = np.log(base)
    width = max(int(facts["num_class"]), int(facts["num_target"]), 1)
    return np.asarray(np.broadcast_to(base, (width,)).copy(), dtype=np.float64)


def _tree(saved: dict[str, Any], *, output: int, width: int, factor: float) -> Tree:
    """One tree; splits send ``x < t`` to the left, and the categories of a set to the right."""
    left = np.array(saved["left_children"], dtype=np.int32)
    right = np.array(saved["right_children"], dtype=np.int32)
    leaf = left < 0
    by_set = np.array(saved["split_type"], dtype=np.int32) == 1
    conditions = np.array(saved["split_conditions"], dtype=np.float32)
    missing_left = np.array(saved["default_left"], dtype=np.bool_)
    plain = ~leaf & ~by_set
    return Tree(
        feature=np.where(leaf, 0, saved["split_indices"]).astype(np.int32),
        threshold=np.where(plain, below(conditions), np.float32(0)),
        left=np.where(leaf, -1, np.where(by_set, right, left)).astype(np.int32),
        right=np.where(leaf, -1, np.where(by_set, left, right)).astype(np.int32),
        values=_leaves(saved, leaf, output=output, width=width) * factor,
        missing_left=~leaf & (missing_left ^ by_set),
        **_sets(saved, len(left)),
    )


def _leaves(saved: dict[str, Any], leaf: Any, *, output: int, width: int) -> Float64:
    """Values of the leaves, kept where splits keep their threshold; vectors in a list apart."""
    if int(saved["tree_param"]["size_leaf_vector"]) <= 1:
        scores = np.array(saved["split_conditions"], dtype=np.float32).astype(np.float64)
        return spread(np.where(leaf, scores, 0.0), output, width)
    vectors = np.array(saved["leaf_weights"], dtype=np.float32).reshape(-1, width)
    values = np.zeros((len(leaf), width))
    values[leaf] = vectors[np.array(saved["right_children"])[leaf]]
    return values


def _sets(saved: dict[str, Any], n_nodes: int) -> dict[str, Any]:
    if not saved["categories_nodes"]:
        return {}
    set_of = np.full(n_nodes, -1, dtype=np.int32)
    set_of[saved["categories_nodes"]] = np.arange(len(saved["categories_nodes"]))
    codes = np.array(saved["categories"], dtype=np.float32)
    parts = zip(saved["categories_segments"], saved["categories_sizes"], strict=True)
    return {"set_of": set_of, "sets": tuple(codes[start : start + size] for start, size in parts)}
