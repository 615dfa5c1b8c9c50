"""LightGBM (Ke et al. 2017): boosters and their scikit-learn wrappers, from their own dump."""

from __future__ import annotations

from typing import Any

import numpy as np

from assay.errors import NotCompilable
from assay.model.plan import Float32, Float64, Link, Member
from assay.model.readers.outputs import mix_outputs
from assay.model.readers.settings import parameters, refuse
from assay.model.readers.trees import Tree, at_most, below, flat_nodes, plant, spread

ZERO = np.float32(1e-35)
"""LightGBM reads magnitudes up to this as 0."""

LINKS: dict[str, Link] = {
    "regression": "identity",
    "regression_l1": "identity",
    "huber": "identity",
    "fair": "identity",
    "quantile": "identity",
    "mape": "identity",
    "poisson": "exp",
    "gamma": "exp",
    "tweedie": "exp",
    "binary": "sigmoid",
    "cross_entropy": "sigmoid",
    "multiclass": "softmax",
}
"""What turns the sum of leaves into the prediction, by objective as the dump writes it."""

RANKS = frozenset({"lambdarank", "rank_xendcg", "xendcg", "xe_ndcg", "xe_ndcg_mart"})
ONE_AGAINST_REST = frozenset({"multiclassova", "multiclass_ova", "ova", "ovr"})


def check(model: Any, *, classes: int) -> None:  # noqa: ARG001 - any number of them
    """Refuse linear leaves, zeros read as missing, objectives whose link is not known."""
    params = parameters(model)
    if params.get("linear_tree"):
        raise refuse(model, "its leaves are linear models", "Set linear_tree=False.")
    if params.get("zero_as_missing"):
        raise refuse(model, "it reads 0 as missing", "Set zero_as_missing=False.")
    if params.get("reg_sqrt"):
        raise refuse(
            model, "reg_sqrt squares its answers", "Fit on the square root of the target instead."
        )
    objective = params.get("objective")
    if callable(objective):
        raise _unknown_link(model)
    if objective in RANKS:
        raise refuse(model, "it ranks, and ranks are no answer of a plan", "Fit a regressor.")
    if objective in ONE_AGAINST_REST:
        raise _one_against_rest(model)


def read(model: Any, *, columns: tuple[int, ...], family: str) -> Member:
    """Every tree that predicts; the first ones hold the starting value."""
    dump = _booster(model).dump_model()
    objective, _, settings = str(dump.get("objective", "")).partition(" ")
    if objective in ONE_AGAINST_REST:
        raise _one_against_rest(model)
    if objective not in LINKS or "sqrt" in settings.split():
        raise _unknown_link(model)
    width = int(dump["num_tree_per_iteration"])
    rounds = len(dump["tree_info"]) // width
    share = 1.0 / rounds if dump.get("average_output") else 1.0
    trees = [
        _tree(model, tree["tree_structure"], output=number % width, width=width)
        for number, tree in enumerate(dump["tree_info"])
    ]
    member = plant(
        trees, family=family, columns=columns, base=np.zeros(width), link=LINKS[objective]
    )
    return mix_outputs(member, np.eye(width) * share * _slope(settings), np.zeros(width))


def answer(model: Any, X: Float32) -> Float64:
    """Rows by LightGBM, which sums in double."""
    booster = _booster(model)
    raw = np.asarray(booster.predict(X, num_threads=1), dtype=np.float64)
    return raw.reshape(len(X), -1)


def _unknown_link(model: Any) -> NotCompilable:
    return refuse(
        model, "the link of its objective is not known", f"Objectives: {', '.join(LINKS)}."
    )


def _one_against_rest(model: Any) -> NotCompilable:
    return refuse(
        model,
        "it sets each class against the rest, so that chances do not add up to 1",
        "Use objective='multiclass'.",
    )


def _booster(model: Any) -> Any:
    return getattr(model, "booster_", model)


def _slope(settings: str) -> float:
    """The parameter ``sigmoid`` of an objective, which multiplies the sum; 1 where there is none.

    Examples
    --------
    >>> _slope("num_class:3 sigmoid:2"), _slope("alpha:0.5")
    (2.0, 1.0)
    """
    named = dict(part.split(":", 1) for part in settings.split() if ":" in part)
    return float(named.get("sigmoid", 1.0))


def _tree(model: Any, root: dict[str, Any], *, output: int, width: int) -> Tree:
    nodes, left, right = flat_nodes(root, "left_child", "right_child")
    if any("leaf_coeff" in node for node in nodes):
        raise refuse(model, "its leaves are linear models", "Set linear_tree=False.")
    if any(node.get("missing_type") == "Zero" for node in nodes):
        raise refuse(model, "it reads 0 as missing", "Set zero_as_missing=False.")
    by_set = np.array([node.get("decision_type") == "==" for node in nodes])
    exact = np.array(
        [0.0 if s else n.get("threshold", 0.0) for n, s in zip(nodes, by_set, strict=True)]
    )
    leaves = np.array([node.get("leaf_value", 0.0) for node in nodes])
    return Tree(
        feature=np.array([node.get("split_feature", 0) for node in nodes], dtype=np.int32),
        threshold=_thresholds(exact),
        left=left,
        right=right,
        values=spread(leaves, output, width),
        missing_left=np.array([_missing_left(node) for node in nodes], dtype=np.bool_),
        set_of=np.where(by_set, np.cumsum(by_set) - 1, -1).astype(np.int32),
        sets=tuple(_set(node) for node, s in zip(nodes, by_set, strict=True) if s),
    )


def _set(node: dict[str, Any]) -> Float32:
    """Categories that go left; whole numbers under 2^24 are exact in float32."""
    return np.array([int(code) for code in node["threshold"].split("||")], dtype=np.float32)


def _missing_left(node: dict[str, Any]) -> bool:
    """A column that had no missing cell reads them as 0; missing categories go right."""
    if "split_feature" not in node or node["decision_type"] == "==":
        return False
    if node["missing_type"] == "NaN":
        return bool(node["default_left"])
    return bool(node["threshold"] >= 0)


def _thresholds(exact: Float64) -> Float32:
    """Thresholds in float32; those in the range that LightGBM reads as 0 move to its edge."""
    near = at_most(exact)
    near = np.where((near < 0) & (near >= -ZERO), below(-ZERO), near)
    return np.where((near >= 0) & (near < ZERO), ZERO, near).astype(np.float32)
