"""Histogram gradient boosting of scikit-learn, missing and category columns included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from assay.errors import NotCompilable
from assay.model.plan import Float32, Float64, Link, TreesMember
from assay.model.readers.settings import (
    chances,
    doubles,
    parameters,
    refuse,
    require_two_classes,
    values,
)
from assay.model.readers.trees import Tree, at_most, plant, spread

LINKS: dict[str, Link] = {
    "IdentityLink": "identity",
    "LogLink": "exp",
    "LogitLink": "sigmoid",
    "MultinomialLogit": "softmax",
}


def check(model: Any, *, classes: int) -> None:  # noqa: ARG001 - any number of them
    """Refuse losses of one's own."""
    require_two_classes(model)
    if not isinstance(parameters(model)["loss"], str):
        raise refuse(model, "the link of its loss is not known", "Name a loss of the library.")


def read(model: Any, *, columns: tuple[int, ...], family: str) -> TreesMember:
    """Every tree that predicts, over the starting value."""
    link = LINKS.get(type(model._loss.link).__name__)
    if link is None:
        raise refuse(model, "the link of its loss is not known", "Name a loss of the library.")
    table = _table(model)
    width = model.n_trees_per_iteration_
    trees = [
        _tree(predictor, table, output=output, width=width)
        for row in model._predictors
        for output, predictor in enumerate(row)
    ]
    base = np.asarray(model._baseline_prediction, dtype=np.float64).reshape(-1)
    return plant(trees, family=family, columns=columns, base=base, link=link)


def answer(model: Any, X: Float32) -> Float64:
    """Rows by scikit-learn, in double; it refuses infinite categories, which are unknown ones."""
    Z = doubles(X).copy()
    if model.is_categorical_ is not None:
        codes = Z[:, model.is_categorical_]
        Z[:, model.is_categorical_] = np.where(np.isinf(codes), np.nan, codes)
    if hasattr(model, "classes_"):
        return chances(model.predict_proba(Z))
    return values(model.predict(Z))


@dataclass(frozen=True, kw_only=True)
class _Table:
    """Where the columns that the trees number were in the user's table, and known categories."""

    column: list[int]
    categories: dict[int, Float64]


def _table(model: Any) -> _Table:
    """Category columns are put first, and their categories numbered, before boosting."""
    if model.is_categorical_ is None:
        return _Table(column=list(range(model.n_features_in_)), categories={})
    is_category = np.asarray(model.is_categorical_, dtype=np.bool_)
    column = [*np.flatnonzero(is_category).tolist(), *np.flatnonzero(~is_category).tolist()]
    encoder = model._preprocessor.named_transformers_["encoder"]
    categories = {
        number: _numbers(model, known) for number, known in enumerate(encoder.categories_)
    }
    return _Table(column=column, categories=categories)


def _numbers(model: Any, known: Any) -> Float64:
    """Known categories in the order of their numbers; NaN stands for a missing one."""
    try:
        codes = np.asarray(known, dtype=np.float64)
    except (TypeError, ValueError):
        raise _no_whole_numbers(model) from None
    present = codes[~np.isnan(codes)]
    if not np.array_equal(present, np.floor(present)) or np.abs(present).max(initial=0) >= 2**24:
        raise _no_whole_numbers(model)
    return codes


def _no_whole_numbers(model: Any) -> NotCompilable:
    return refuse(
        model,
        "the categories it was fitted on are no whole numbers",
        "Encode them as 0, 1, 2, … first.",
    )


def _tree(predictor: Any, table: _Table, *, output: int, width: int) -> Tree:
    nodes = predictor.nodes
    leaf = nodes["is_leaf"].astype(np.bool_)
    by_set = ~leaf & nodes["is_categorical"].astype(np.bool_)
    column = np.array(table.column, dtype=np.int32)
    missing_left = ~leaf & nodes["missing_go_to_left"].astype(np.bool_)
    # Unknown categories go where missing ones go. So where those go left, the known categories
    # of the right side become the set, and the sides change places.
    turned = by_set & missing_left
    left, right = nodes["left"].astype(np.int32), nodes["right"].astype(np.int32)
    return Tree(
        feature=np.where(leaf, 0, column[np.where(leaf, 0, nodes["feature_idx"])]).astype(np.int32),
        threshold=np.where(leaf | by_set, np.float32(0), at_most(nodes["num_threshold"])),
        left=np.where(leaf, -1, np.where(turned, right, left)).astype(np.int32),
        right=np.where(leaf, -1, np.where(turned, left, right)).astype(np.int32),
        values=spread(np.where(leaf, nodes["value"], 0.0), output, width),
        missing_left=missing_left & ~by_set,
        set_of=np.where(by_set, np.cumsum(by_set) - 1, -1).astype(np.int32),
        sets=tuple(_set(predictor, table, nodes[i]) for i in np.flatnonzero(by_set)),
    )


def _set(predictor: Any, table: _Table, node: Any) -> Float32:
    """The known categories on the side that missing ones do not go to."""
    words = predictor.raw_left_cat_bitsets[node["bitset_idx"]]
    bits = np.unpackbits(np.ascontiguousarray(words).view(np.uint8), bitorder="little")
    known = table.categories[int(node["feature_idx"])]
    in_left = bits[: len(known)].astype(np.bool_)
    chosen = ~in_left if node["missing_go_to_left"] else in_left
    return known[chosen & ~np.isnan(known)].astype(np.float32)
