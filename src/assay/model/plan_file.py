"""A plan as bytes, so that a durable step can store it: NPZ arrays and JSON, never a pickle."""

from __future__ import annotations

import dataclasses
import io
import json
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from assay.errors import InvalidFile
from assay.model import plan as plans
from assay.model.plan import Array, ModelPlan
from assay.model.soundness import check_plan

FORMAT = 4
"""1 kept the calibration in the output itself; 2 knew no costs of labels; 3 no thresholds of
single rows."""
_DESCRIPTION = "plan"
_DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError),
    *(SyntaxError, tokenize.TokenError),  # from a damaged header of an array
)
_TYPES = {
    kind.__name__: kind
    for union in (plans.Encoder, plans.Member, plans.Calibration)
    for kind in union.__args__
} | {kind.__name__: kind for kind in (plans.Output, plans.Input, plans.ModelPlan)}


def plan_to_bytes(plan: ModelPlan) -> bytes:
    """The plan as NPZ: its arrays, and one JSON text for all else. Equal plans, equal bytes."""
    arrays: dict[str, Array] = {}
    tree = {"format": FORMAT, "plan": to_plain(plan, arrays)}
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
        plan = from_plain(tree["plan"], arrays) if tree["format"] <= FORMAT else None
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


def to_plain(value: Any, arrays: dict[str, Array]) -> Any:
    """A part of a plan as JSON values; its arrays go into ``arrays`` under new names."""
    if isinstance(value, np.ndarray):
        name = f"array{len(arrays)}"
        arrays[name] = value
        return {"array": name}
    if isinstance(value, (tuple, list)):
        return [to_plain(v, arrays) for v in value]
    if dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        own = {f.name: to_plain(getattr(value, f.name), arrays) for f in fields}
        return {"type": type(value).__name__, **own}
    return value.item() if isinstance(value, np.generic) else value


def from_plain(value: Any, arrays: Mapping[str, Array]) -> Any:
    """Read what `to_plain` gave."""
    if isinstance(value, list):
        return tuple(from_plain(v, arrays) for v in value)
    if isinstance(value, dict):
        if "array" in value:
            return arrays[value["array"]]
        own = {name: from_plain(v, arrays) for name, v in value.items() if name != "type"}
        return _TYPES[value["type"]](**_renewed(value["type"], own))
    return value


def _renewed(kind: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Format 1 kept slope and intercept of the calibration in the output itself."""
    if kind == "Output" and "slope" in fields:
        slope, intercept = fields.pop("slope"), fields.pop("intercept")
        if fields["kind"] != "regression":
            calibration = plans.LogitCalibration(slope=slope, intercept=intercept)
            return {**fields, "calibration": calibration}
    return fields
