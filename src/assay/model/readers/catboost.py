"""CatBoost (Prokhorenkova et al. 2018) on numbers, from its own JSON export."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from assay.errors import NotCompilable
from assay.model.plan import Float32, Float64, Link, Member
from assay.model.readers.outputs import mix_outputs
from assay.model.readers.settings import parameters, refuse, sigmoid, softmax
from assay.model.readers.trees import Sapling, Tree, flat_nodes, plant

LINKS: dict[str, Link] = {
    "RMSE": "identity",
    "MAE": "identity",
    "Quantile": "identity",
    "MultiQuantile": "identity",
    "Expectile": "identity",
    "Lq": "identity",
    "LogCosh": "identity",
    "Huber": "identity",
    "MAPE": "identity",
    "MultiRMSE": "identity",
    "Poisson": "exp",
    "Tweedie": "exp",
    "Logloss": "sigmoid",
    "CrossEntropy": "sigmoid",
    "MultiClass": "softmax",
}
"""What turns the sum of leaves into the prediction, by loss."""

_LOOKED_UP = {
    "cat_features": "categories",
    "text_features": "texts",
    "embedding_features": "embeddings",
}


def check(model: Any, *, classes: int) -> None:  # noqa: ARG001 - any number of them
    """Refuse features that are no numbers, and losses whose link is not known."""
    params = parameters(model)
    for key, what in _LOOKED_UP.items():
        if params.get(key):
            raise _no_number(model, what)
    loss = params.get("loss_function") or params.get("objective")
    if loss is not None:
        _require_link(model, str(loss).partition(":")[0] if isinstance(loss, str) else "")


def read(model: Any, *, columns: tuple[int, ...], family: str) -> Member:
    """Every tree of the export; oblivious ones are written out without what no row reaches."""
    saved = _export(model)
    for key, what in (
        ("categorical", "categories"),
        ("text", "texts"),
        ("embedding", "embeddings"),
    ):
        if saved["features_info"].get(f"{key}_features"):
            raise _no_number(model, what)
    features = saved["features_info"]["float_features"]
    factor, start = saved["scale_and_bias"]
    base = np.atleast_1d(np.asarray(start, dtype=np.float64))
    to_right = {f["feature_index"]: f["nan_value_treatment"] == "AsTrue" for f in features}
    place = {f["feature_index"]: f["flat_feature_index"] for f in features}
    if "oblivious_trees" in saved:
        trees = [_oblivious(t, place, to_right, len(base)) for t in saved["oblivious_trees"]]
    else:
        trees = [_nested(t, place, to_right, len(base)) for t in saved["trees"]]
    loss = saved["model_info"]["params"]["loss_function"]["type"]
    link = _require_link(model, loss)
    member = plant(trees, family=family, columns=columns, base=np.zeros_like(base), link=link)
    return mix_outputs(member, np.eye(len(base)) * float(factor), base)


def answer(model: Any, X: Float32) -> Float64:
    """Rows by CatBoost, which sums in double; the link is taken here."""
    raw = model.predict(X, prediction_type="RawFormulaVal", thread_count=1)
    raw = np.asarray(raw, dtype=np.float64).reshape(len(X), -1)
    loss = str(model.get_all_params()["loss_function"]).partition(":")[0]
    link = _require_link(model, loss)
    if link == "sigmoid":
        return sigmoid(raw)
    if link == "softmax":
        return softmax(raw)
    return np.exp(raw) if link == "exp" else raw


def _export(model: Any) -> dict[str, Any]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.json"
        model.save_model(str(path), format="json")
        saved: dict[str, Any] = json.loads(path.read_text())
    return saved


def _require_link(model: Any, loss: str) -> Link:
    if loss == "MultiClassOneVsAll":
        raise refuse(
            model,
            "it sets each class against the rest, so that chances do not add up to 1",
            "Use loss_function='MultiClass'.",
        )
    if loss not in LINKS:
        raise refuse(model, "the link of its loss is not known", f"Losses: {', '.join(LINKS)}.")
    return LINKS[loss]


def _no_number(model: Any, what: str) -> NotCompilable:
    return refuse(
        model,
        f"it reads {what} by look-ups that it does not export",
        "Encode them as numbers first, and leave out cat_features, text_features and "
        "embedding_features.",
    )


def _oblivious(
    saved: dict[str, Any], place: dict[int, int], to_right: dict[int, bool], width: int
) -> Tree:
    """A tree that asks one question a level: the last question is the highest bit of a leaf."""
    splits = (saved["splits"] or [])[::-1]  # None: no question was worth asking
    leaves = np.asarray(saved["leaf_values"], dtype=np.float64).reshape(-1, width)
    sapling = Sapling(width)

    def grow(level: int, leaf: int, low: dict[int, float], high: dict[int, float]) -> int:
        if level == len(splits):
            return sapling.leaf(leaves[leaf])
        index, border = splits[level]["float_feature_index"], splits[level]["border"]
        bit = 1 << (len(splits) - 1 - level)
        if border <= low.get(index, -np.inf):
            return grow(level + 1, leaf | bit, low, high)
        if border >= high.get(index, np.inf):
            return grow(level + 1, leaf, low, high)
        node = sapling.split(place[index], np.float32(border), missing_left=not to_right[index])
        left = grow(level + 1, leaf, low, {**high, index: border})
        right = grow(level + 1, leaf | bit, {**low, index: border}, high)
        sapling.join(node, left, right)
        return node

    grow(0, 0, {}, {})
    return sapling.tree()


def _nested(
    saved: dict[str, Any], place: dict[int, int], to_right: dict[int, bool], width: int
) -> Tree:
    nodes, left, right = flat_nodes(saved, "left", "right")
    index = [node["split"]["float_feature_index"] if "split" in node else -1 for node in nodes]
    border = [node["split"]["border"] if "split" in node else 0.0 for node in nodes]
    none = np.zeros(width)
    return Tree(
        feature=np.array([place.get(i, 0) for i in index], dtype=np.int32),
        threshold=np.array(border, dtype=np.float32),
        left=left,
        right=right,
        values=np.array([np.broadcast_to(n.get("value", none), (width,)) for n in nodes]),
        missing_left=np.array([not to_right.get(i, True) for i in index], dtype=np.bool_),
    )
