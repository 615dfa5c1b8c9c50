"""Networks of torch, read from their layers; only where torch is installed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from assay.errors import NotCompilable
from assay.model.readers import check_compilable, read_member

from .proof import COLUMNS, same_answers

torch = pytest.importorskip("torch")
nn = torch.nn


def seeded(*parts: Any) -> Any:
    """The layers with weights that differ, small on the column of large numbers."""
    model = nn.Sequential(*parts)
    stream = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for weights in model.parameters():
            weights.copy_(torch.randn(weights.shape, generator=stream) / 3)
        model[0].weight[:, 3] *= 1e-5
    return model


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh, nn.Sigmoid, nn.Identity])
def test_numbers(activation: Any) -> None:
    model = seeded(nn.Linear(COLUMNS, 8), activation(), nn.Linear(8, 4), activation())
    same_answers(model.append(nn.Linear(4, 1)), "regression")


def test_several_numbers_without_biases() -> None:
    model = seeded(nn.Linear(COLUMNS, 6, bias=False), nn.ReLU(), nn.Linear(6, 2, bias=False))
    same_answers(model, "vector")


def test_chances() -> None:
    one = seeded(nn.Linear(COLUMNS, 6), nn.Tanh(), nn.Linear(6, 1), nn.Sigmoid())
    assert same_answers(one, "binary").link == "sigmoid"
    many = seeded(nn.Linear(COLUMNS, 6), nn.Tanh(), nn.Linear(6, 3), nn.Softmax(dim=1))
    assert same_answers(many, "multiclass").link == "softmax"


def test_nested_layers_and_dropout_that_is_silent_when_it_answers() -> None:
    inner = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Dropout(0.5))
    model = seeded(nn.Linear(COLUMNS, 6), nn.ReLU(), inner, nn.Linear(6, 1)).train()
    member = same_answers(model, "regression")
    assert [w.shape for w in member.weights] == [(COLUMNS, 6), (6, 6), (6, 1)]
    assert model.training


def test_weights_are_the_transposed_ones_of_the_layer() -> None:
    layer = nn.Linear(2, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[2.0, 3.0]]))
        layer.bias.fill_(5.0)
    member = read_member(nn.Sequential(layer), columns=(0, 1))
    assert member.weights[0].tolist() == [[2.0], [3.0]]
    assert member.biases[0].tolist() == [5.0]
    assert (member.activation, member.link) == ("identity", "identity")


class Linear(nn.Module):
    """Of one's own, in spite of its name."""


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ([nn.Linear(3, 3), nn.GELU(), nn.Linear(3, 1)], "has a layer GELU"),
        ([nn.BatchNorm1d(3), nn.Linear(3, 1)], "has a layer BatchNorm1d"),
        ([nn.Linear(3, 3), Linear()], r"has a layer Linear \(own\)"),
        ([nn.ReLU(), nn.Linear(3, 1)], "does not begin with a Linear layer"),
        ([], "does not begin with a Linear layer"),
        (
            [nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 1)],
            "differ in activation",
        ),
        ([nn.Linear(3, 3), nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 1)], "differ in activation"),
        ([nn.Linear(3, 3), nn.ReLU(), nn.Tanh(), nn.Linear(3, 1)], "stands ReLU and Tanh"),
        ([nn.Linear(3, 3), nn.Softmax(dim=1), nn.Linear(3, 1)], "between its linear layers"),
        ([nn.Linear(3, 1), nn.ReLU()], "after its last linear layer stands ReLU"),
        ([nn.Linear(3, 3), nn.Sigmoid()], "after its last linear layer stands Sigmoid"),
        ([nn.Linear(3, 3), nn.Softmax(dim=0)], "its softmax goes over rows"),
    ],
)
def test_what_no_member_has_is_refused(parts: list[Any], why: str) -> None:
    with pytest.raises(NotCompilable, match=why) as caught:
        check_compilable(nn.Sequential(*parts))
    assert caught.value.hint


def test_a_module_that_is_no_sequence_is_not_known() -> None:
    with pytest.raises(NotCompilable, match="no reader knows this class"):
        check_compilable(nn.Linear(3, 1))


def test_single_precision_weights_answer_in_double() -> None:
    model = seeded(nn.Linear(COLUMNS, 4), nn.Tanh(), nn.Linear(4, 1)).float()
    member = read_member(model, columns=tuple(range(COLUMNS)))
    assert {w.dtype for w in member.weights} == {np.dtype(np.float64)}
    assert model[0].weight.dtype == torch.float32
