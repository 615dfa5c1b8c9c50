"""Feed-forward networks of torch: `Sequential` of linear layers and activations."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Literal

import numpy as np

from assay.model.plan import Float64, Link, NetworkMember
from assay.model.readers.settings import Numbers, doubles, refuse

Activation = Literal["identity", "relu", "tanh", "logistic"]

ACTIVATIONS: dict[str, Activation] = {"ReLU": "relu", "Tanh": "tanh", "Sigmoid": "logistic"}
"""Between linear layers."""
LINKS: dict[str, Link] = {"Sigmoid": "sigmoid", "Softmax": "softmax"}
"""After the last one."""
SILENT = ("Dropout", "Identity")
"""They leave rows as they are when a model answers."""


def check(model: Any, *, classes: int) -> None:  # noqa: ARG001 - any number of them
    """Refuse layers that no member has, and activations that differ."""
    _linears(model)
    _activation(model)
    _link(model)


def read(model: Any, *, columns: tuple[int, ...], family: str) -> NetworkMember:
    """Layers on the features as they are, in double."""
    linears = _linears(model)
    return NetworkMember(
        family=family,
        columns=columns,
        center=np.zeros(linears[0].in_features),
        scale=np.ones(linears[0].in_features),
        weights=tuple(_numbers(layer.weight).T for layer in linears),
        biases=tuple(_bias(layer) for layer in linears),
        activation=_activation(model),
        link=_link(model),
    )


def answer(model: Any, X: Numbers) -> Float64:
    """Rows by torch, in double, as it answers outside training."""
    import torch

    with torch.no_grad():
        rows = torch.from_numpy(doubles(X))
        return np.asarray(deepcopy(model).double().eval()(rows).numpy())


def _parts(model: Any) -> Iterator[tuple[str, Any]]:
    """Layers in order with the names of their classes, those of nested sequences too."""
    for part in model.children():
        kind = type(part)
        name = kind.__name__ if kind.__module__.startswith("torch.") else f"{kind.__name__} (own)"
        if name == "Sequential":
            yield from _parts(part)
        elif name not in SILENT:
            yield name, part


def _linears(model: Any) -> list[Any]:
    parts = list(_parts(model))
    for name, part in parts:
        if name not in {"Linear", *ACTIVATIONS, *LINKS}:
            raise refuse(
                model,
                f"no network of a plan has a layer {name}",
                f"Layers: Linear, {', '.join(ACTIVATIONS)}, Dropout; Softmax at the end.",
            )
        if name == "Softmax" and part.dim not in (1, -1):
            raise refuse(model, "its softmax goes over rows", "Use Softmax(dim=1).")
    linears = [part for name, part in parts if name == "Linear"]
    if not linears or parts[0][0] != "Linear":
        raise refuse(model, "it does not begin with a Linear layer", "Begin with one.")
    return linears


def _activation(model: Any) -> Activation:
    """What stands between the linear layers: the same everywhere, once or not at all."""
    between, _ = _gaps(model)
    kinds = set(between)
    if len(kinds) > 1:
        raise refuse(
            model,
            "its layers differ in activation",
            "Use one activation between all Linear layers.",
        )
    gap = kinds.pop() if kinds else ()
    if len(gap) > 1 or not set(gap) <= set(ACTIVATIONS):
        raise refuse(
            model,
            f"between its linear layers stands {' and '.join(gap)}",
            f"Use one of {', '.join(ACTIVATIONS)}.",
        )
    return ACTIVATIONS[gap[0]] if gap else "identity"


def _link(model: Any) -> Link:
    _, end = _gaps(model)
    if not end:
        return "identity"
    outputs = _linears(model)[-1].out_features
    if len(end) > 1 or end[0] not in LINKS or (end[0] == "Sigmoid") != (outputs == 1):
        raise refuse(
            model,
            f"after its last linear layer stands {' and '.join(end)}",
            "End with Linear, with Sigmoid for one output, or with Softmax for several.",
        )
    return LINKS[end[0]]


def _gaps(model: Any) -> tuple[list[tuple[str, ...]], tuple[str, ...]]:
    """Names of what stands after each linear layer: between two, and after the last."""
    gaps: list[list[str]] = []
    for name, _ in _parts(model):
        if name == "Linear":
            gaps.append([])
        elif gaps:
            gaps[-1].append(name)
    return [tuple(gap) for gap in gaps[:-1]], tuple(gaps[-1]) if gaps else ()


def _bias(layer: Any) -> Float64:
    return np.zeros(layer.out_features) if layer.bias is None else _numbers(layer.bias)


def _numbers(parameter: Any) -> Float64:
    return np.asarray(parameter.detach().double().cpu().numpy())
