"""A small feed-forward network for tables (Rumelhart, Hinton and Williams 1986), in torch."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from assay.automl.families.fitted import first_loss
from assay.automl.families.rounds import SMALL_ROWS
from assay.automl.families.torch_module import TorchFamily
from assay.automl.family import Params, Task, require_library

if TYPE_CHECKING:
    import optuna
    import torch

require_library("torch")


class Network(TorchFamily):
    """Two hidden layers on standardised features: smooth where trees have steps."""

    place = 48

    def __init__(self) -> None:
        super().__init__(make_layers, name="network", checked=True)

    def candidates(self, task: Task, *, rows: int, columns: int) -> tuple[Params, ...]:  # noqa: ARG002
        """A moderate one, careful on few rows; then a wider one that learns slower."""
        small = rows < SMALL_ROWS
        noisy = small and task.kind != "multiclass"
        default = {
            "rounds": 12 if noisy else 40,
            "learning_rate": 1e-3 if noisy else 2e-3,
            "decay": 0.3,
            "width": 64 if small else 128,
            "layers": 2,
            "dropout": 0.3 if small else 0.1,
            **first_loss(self, task),
        }
        return (default, {**default, "learning_rate": 5e-4, "width": 192, "decay": 0.03})

    def suggest(self, trial: optuna.trial.BaseTrial, task: Task) -> Params:
        """Size of the layers as well."""
        return {
            **super().suggest(trial, task),
            "width": trial.suggest_int("width", 16, 256, log=True),
            "layers": trial.suggest_int("layers", 1, 3),
            "dropout": trial.suggest_float("dropout", 0.0, 0.5),
        }

    def build(self, params: Params, n_columns: int, n_outputs: int) -> torch.nn.Module:
        """Layers by the parameters."""
        return make_layers(
            n_columns,
            n_outputs,
            width=params["width"],
            layers=params["layers"],
            dropout=params["dropout"],
        )


def make_layers(
    n_columns: int, n_outputs: int, *, width: int = 128, layers: int = 2, dropout: float = 0.0
) -> torch.nn.Sequential:
    """Hidden layers of one width with rectifiers, and a linear layer on top."""
    import torch

    sizes = [n_columns, *[width] * layers]
    parts: list[torch.nn.Module] = []
    for before, after in pairwise(sizes):
        parts += [torch.nn.Linear(before, after), torch.nn.ReLU(), torch.nn.Dropout(dropout)]
    return torch.nn.Sequential(*parts, torch.nn.Linear(sizes[-1], n_outputs))
