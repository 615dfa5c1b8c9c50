"""A plan as bytes, so that a durable step can store it: NPZ arrays and JSON, never a pickle."""

from __future__ import annotations

import dataclasses
import io
import json
import zipfile
import zlib
from typing import Any

import numpy as np

from assay.errors import InvalidFile
from assay.model import plan as plans
from assay.model.plan import Array, ModelPlan
from assay.model.soundness import check_plan

FORMAT = 1
_DESCRIPTION = "plan"
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError)
_TYPES = {
    kind.__name__: kind
    for kind in (
        plans.NumberEncoder,
        plans.MissingEncoder,
        plans.LevelEncoder,
        plans.OneHotEncoder,
        plans.DateEncoder,
        plans.LinearMember,
        plans.TreesMember,
        plans.Output,
        plans.Input,
        plans.ModelPlan,
    )
}


def plan_to_bytes(plan: ModelPlan) -> bytes:
    """The plan as NPZ: its arrays, and one JSON text for all else. Equal plans, equal bytes."""
    arrays: dict[str, Array] = {}
    tree = {"format": FORMAT, "plan": _plain(plan, arrays)}
    text = json.dumps(tree, sort_keys=True).encode()
    body = io.BytesIO()
    np.savez_compressed(
        body, allow_pickle=False, **{_DESCRIPTION: np.frombuffer(text, dtype=np.uint8)}, **arrays
    )
    return body.getvalue()


def plan_from_bytes(body: bytes) -> ModelPlan:
    """Read what `plan_to_bytes` wrote.

    Raises
    ------
    InvalidFile
        These bytes hold no plan, or one of a later format.
    InputError
        The plan is not sound; see `check_plan`.
    """
    try:
        with np.load(io.BytesIO(body), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        tree = json.loads(arrays.pop(_DESCRIPTION).tobytes())
        plan = _rich(tree["plan"], arrays) if tree["format"] <= FORMAT else None
    except (OSError, ValueError, LookupError, TypeError, AttributeError, *_DAMAGE) as error:
        raise InvalidFile(
            "These bytes hold no model plan.", hint="Read the artifact that the search stored."
        ) from error
    if not isinstance(plan, ModelPlan):
        raise InvalidFile(
            f"The plan's format is {tree['format']}; this version reads up to {FORMAT}.",
            hint="Upgrade assay.",
        )
    check_plan(plan)
    return plan


def _plain(value: Any, arrays: dict[str, Array]) -> Any:
    if isinstance(value, np.ndarray):
        name = f"array{len(arrays)}"
        arrays[name] = value
        return {"array": name}
    if isinstance(value, (tuple, list)):
        return [_plain(v, arrays) for v in value]
    if dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        own = {f.name: _plain(getattr(value, f.name), arrays) for f in fields}
        return {"type": type(value).__name__, **own}
    return value.item() if isinstance(value, np.generic) else value


def _rich(value: Any, arrays: dict[str, Array]) -> Any:
    if isinstance(value, list):
        return tuple(_rich(v, arrays) for v in value)
    if isinstance(value, dict):
        if "array" in value:
            return arrays[value["array"]]
        own = {name: _rich(v, arrays) for name, v in value.items() if name != "type"}
        return _TYPES[value["type"]](**own)
    return value
