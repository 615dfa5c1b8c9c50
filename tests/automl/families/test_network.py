"""The built-in network: its gradients and steps are torch's; training learns what there is."""

from __future__ import annotations

import numpy as np
import pytest

from assay.automl.families.lesson import Lesson, Rows, batch_rows, kept_share, learn_units
from assay.automl.families.network import Network
from assay.automl.families.network_training import Layers, costs, learn, train
from assay.automl.families.rounds import Rounds
from assay.automl.family import Task, Validation

torch = pytest.importorskip("torch")

from assay.automl.families.torch_training import costs_of  # noqa: E402

REGRESSION = Task(kind="regression")
LESSONS = [
    (REGRESSION, "squared"),
    (REGRESSION, "absolute"),
    (Task(kind="regression", quantile=0.9), "quantile"),
    (Task(kind="binary", classes=2), "squared"),
    (Task(kind="multiclass", classes=4), "squared"),
]


def lesson_rows(task: Task, loss, rows: int = 64, seed: int = 0) -> tuple[Lesson, Rows]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, 5)).astype(np.float32)
    signal = X @ rng.normal(size=5)
    y = signal if task.kind == "regression" else np.digitize(signal, [-1, 0, 1][: task.classes - 1])
    weights = rng.uniform(0.5, 2.0, rows)
    lesson = learn_units(X, y, task=task, loss=loss, weights=weights)
    return lesson, lesson.rows(X, y, weights)


def as_torch(layers: Layers):
    """The same layers in torch, with rectifiers between them."""
    parts = []
    for weight, bias in zip(layers.weights, layers.biases, strict=True):
        part = torch.nn.Linear(*weight.shape)
        with torch.no_grad():
            part.weight.copy_(torch.from_numpy(weight.T.copy()))
            part.bias.copy_(torch.from_numpy(bias.copy()))
        parts += [part, torch.nn.ReLU()]
    return torch.nn.Sequential(*parts[:-1])


@pytest.mark.parametrize(("task", "loss"), LESSONS)
def test_gradients_are_those_of_torch(task: Task, loss: str) -> None:
    lesson, rows = lesson_rows(task, loss)
    layers = Layers.drawn([5, 16, 8, lesson.width], seed=1)
    slope = layers.like(np.zeros_like(layers.flat))
    learn(layers, lesson, rows, into=slope, dropout=0.0, draw=np.random.default_rng(0))
    module = as_torch(layers)
    raw = module(torch.from_numpy(rows.X))
    each = costs_of(lesson, raw, torch.from_numpy(rows.y))
    (each * torch.from_numpy(rows.weights)).mean().backward()
    assert np.allclose(costs(lesson, layers.scores(rows.X), rows.y), each.detach(), atol=1e-5)
    theirs = np.concatenate(
        [
            part.grad.numpy().T.ravel() if part.ndim == 2 else part.grad.numpy()
            for part in module.parameters()
        ]
    )
    assert np.allclose(slope.flat, theirs, atol=1e-6)


def test_steps_are_those_of_adam_with_decoupled_decay() -> None:
    """Three epochs against torch's AdamW on the same batches, the running mean included."""
    lesson, rows = lesson_rows(REGRESSION, "squared", rows=100)
    begin = Layers.drawn([5, 8, 1], seed=2)
    module = as_torch(begin)
    epochs = Rounds(3)
    rate, decay, seed = 1e-2, 0.1, 5
    found = train(
        begin, lesson, rows, None, epochs=epochs, rate=rate, decay=decay, dropout=0.0, seed=seed
    )
    adam = torch.optim.AdamW(module.parameters(), lr=rate, weight_decay=decay)
    draw, step, size = np.random.default_rng(seed), 0, batch_rows(100)
    mean = [p.detach().clone() for p in module.parameters()]
    for _ in range(3):
        order = draw.permutation(100)
        for first in range(0, 100, size):
            drawn = order[first : first + size]
            adam.zero_grad()
            raw = module(torch.from_numpy(rows.X[drawn]))
            each = costs_of(lesson, raw, torch.from_numpy(rows.y[drawn]))
            (each * torch.from_numpy(rows.weights[drawn])).mean().backward()
            adam.step()
            step += 1
            for old, new in zip(mean, module.parameters(), strict=True):
                old.lerp_(new.detach(), 1.0 - kept_share(step))
    assert np.allclose(found.weights[0], mean[0].numpy().T, atol=1e-5)
    assert np.allclose(found.biases[1], mean[3].numpy(), atol=1e-5)


def test_dropout_leaves_out_its_share_and_keeps_the_expectation() -> None:
    lesson, rows = lesson_rows(REGRESSION, "squared")
    layers = Layers.drawn([5, 400, 1], seed=3)
    whole, thin = (layers.like(np.zeros_like(layers.flat)) for _ in range(2))
    draw = np.random.default_rng(0)
    learn(layers, lesson, rows, into=whole, dropout=0.0, draw=draw)
    sums = np.zeros_like(layers.biases[0])
    for _ in range(400):
        learn(layers, lesson, rows, into=thin, dropout=0.4, draw=draw)
        sums += thin.biases[0]
    assert np.corrcoef(sums / 400, whole.biases[0])[0, 1] > 0.95


def test_a_curve_that_lines_miss_is_learned_and_validation_stops() -> None:
    rng = np.random.default_rng(0)
    X = rng.uniform(-2, 2, size=(3000, 3)).astype(np.float32)
    y = np.sin(2 * X[:, 0]) * X[:, 1] + 0.1 * rng.normal(size=3000)
    family, task = Network(), REGRESSION
    params = family.candidates(task, rows=3000, columns=3)[0]
    held = Validation(X=X[2000:], y=y[2000:])
    fitted = family.fit(X[:2000], y[:2000], task=task, params=params, seed=0, validation=held)
    short = np.mean((fitted.predict(X[2000:])[:, 0] - y[2000:]) ** 2)
    assert short < 0.05 * np.var(y)
    assert 1 <= fitted.params["rounds"] <= 80


def test_weights_that_run_off_are_an_error_and_no_model() -> None:
    lesson, rows = lesson_rows(REGRESSION, "squared")
    layers = Layers.drawn([5, 8, 1], seed=0)
    with np.errstate(all="ignore"), pytest.raises(ArithmeticError, match="learning_rate"):
        train(
            layers,
            lesson,
            Rows(X=rows.X * np.float32(1e30), y=rows.y, weights=None),
            None,
            epochs=Rounds(5),
            rate=1e20,
            decay=0.0,
            dropout=0.0,
            seed=0,
        )
