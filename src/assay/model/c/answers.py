"""From the members' mean to the answer, in C: calibration, transforms, intervals, labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assay.model.c.draft import Draft
from assay.model.c.spelling import double
from assay.model.plan import (
    BetaCalibration,
    IsotonicCalibration,
    LogitCalibration,
    Output,
)
from assay.model.reference import SMALLEST_BASE, SMALLEST_PROBABILITY


@dataclass(frozen=True)
class AnswerField:
    """One part of an answer: ``width`` numbers under one name; whole ones are ``int`` in C."""

    name: str
    width: int = 0
    """0 for a single number."""
    whole: bool = False

    @property
    def numbers(self) -> int:
        """How many numbers it is."""
        return max(1, self.width)


def answer_fields(output: Output) -> tuple[AnswerField, ...]:
    """The parts of an answer, in the order of its numbers.

    Examples
    --------
    >>> [f.name for f in answer_fields(Output(kind="regression", interval=1.0))]
    ['prediction', 'lower', 'upper']
    >>> [f.name for f in answer_fields(Output(kind="binary", classes=("no", "yes")))]
    ['probabilities', 'label']
    """
    if output.kind in ("regression", "vector"):
        first = "prediction" if output.kind == "regression" else "values"
        names = (first, "lower", "upper") if output.interval is not None else (first,)
        return tuple(AnswerField(name, len(output.names)) for name in names)
    label = AnswerField("label", whole=True)
    if output.kind == "anomaly":
        return (AnswerField("score"), label)
    if output.kind == "clusters":
        return (AnswerField("scores", len(output.names)), label)
    classes = len(output.classes)
    known = (AnswerField("probabilities", classes), label)
    if output.interval is None:
        return known
    return (*known, AnswerField("in_set", classes, whole=True))


def write_answer(draft: Draft, output: Output, width: int) -> str:
    """The function ``answer_row(mean, answer)``; the numbers of ``mean`` lie BLOCK apart."""
    if output.kind in ("regression", "vector"):
        lines = _values(draft, output, width)
    elif output.kind == "anomaly":
        lines = ["answer[0] = mean[0];", f"answer[1] = mean[0] >= {double(output.threshold)};"]
    elif output.kind == "clusters":
        draft.need("argmax")
        lines = [*_each(width, "answer[k] = mean[k * BLOCK];"), _label(width)]
    else:
        lines = _classes(draft, output, width)
    body = "\n".join(f"    {line}" for line in lines)
    return f"static void answer_row(const double *mean, double *answer)\n{{\n{body}\n}}"


def write_scale(draft: Draft, output: Output) -> str:
    """The function ``from_scale``: a number on the members' scale in the target's own unit."""
    moved = f"{double(output.center)} + {double(output.scale)} * x"
    power = double(output.power)
    lines = [f"double moved = {moved};"]
    if output.transform == "log":
        lines.append("return exp(moved);")
    elif output.transform == "log1p":
        lines.append("return exp(moved) - 1.0;")
    elif output.transform == "box-cox":
        _need_root(draft)
        lines.append(f"return root(moved, {power});")
    elif output.transform == "yeo-johnson":
        _need_root(draft)
        lines += [
            "if (moved < 0.0)",
            f"    return 1.0 - root(-moved, {double(2.0 - output.power)});",
            f"return root(moved, {power}) - 1.0;",
        ]
    else:
        lines.append("return moved;")
    body = "\n".join(f"    {line}" for line in lines)
    return f"static double from_scale(double x)\n{{\n{body}\n}}"


def _need_root(draft: Draft) -> None:
    draft.need("root", SMALLEST_BASE=double(SMALLEST_BASE))


def _values(draft: Draft, output: Output, width: int) -> list[str]:
    lines = [f"double value[{width}];", *_each(width, "value[k] = mean[k * BLOCK];")]
    if output.sorted_names:
        draft.need("ascending")
        lines.append(f"ascending(value, {width});")
    lines += _each(width, "answer[k] = from_scale(value[k]);")
    if output.interval is not None:
        interval = double(output.interval)
        lines += _each(width, f"answer[{width} + k] = from_scale(value[k] - {interval});")
        lines += _each(width, f"answer[{2 * width} + k] = from_scale(value[k] + {interval});")
    return lines


def _classes(draft: Draft, output: Output, width: int) -> list[str]:
    classes = len(output.classes)
    lines = _shares(draft, output, width)
    if output.kind == "binary":
        lines += [
            "answer[1] = answer[0];",
            "answer[0] = 1.0 - answer[1];",
            f"answer[2] = answer[1] >= {double(output.threshold)};",
        ]
    else:
        draft.need("argmax")
        lines += _by_cost(draft, output) if output.costs else [_label(classes)]
    if output.interval is not None:
        least = double(1.0 - output.interval)
        lines += _each(classes, f"answer[{classes + 1} + k] = answer[k] >= {least};")
    return lines


def _by_cost(draft: Draft, output: Output) -> list[str]:
    """The label of the least expected cost: costs turned round, so that it is the largest."""
    classes = len(output.classes)
    turned = [double(-cost) for row in output.costs for cost in row]
    table = draft.table("double", "gains", turned)
    return [
        f"double gain[{classes}] = {{0}};",
        f"for (size_t i = 0; i < {classes * classes}; i++)",
        f"    gain[i % {classes}] += answer[i / {classes}] * {table}[i];",
        f"answer[{classes}] = (double)argmax(gain, {classes});",
    ]


def _shares(draft: Draft, output: Output, width: int) -> list[str]:
    """Calibrated probabilities, of the classes or (binary) of the second class alone."""
    calibration = output.calibration
    if calibration is None:
        return _each(width, "answer[k] = mean[k * BLOCK];")
    if isinstance(calibration, LogitCalibration):
        return _by_logit(draft, calibration, width)
    if isinstance(calibration, BetaCalibration):
        lines = _by_beta(draft, calibration, width)
    else:
        lines = _by_curve(draft, calibration)
    return lines if width == 1 else [*lines, *_divided(width)]


def _by_logit(draft: Draft, calibration: LogitCalibration, width: int) -> list[str]:
    slope = double(calibration.slope)
    if width > 1:
        draft.need("softmax")
        least = double(SMALLEST_PROBABILITY)
        kept = f"answer[k] = {slope} * log(fmax(mean[k * BLOCK], {least}));"
        return [*_each(width, kept), f"softmax(answer, {width}, 1);"]
    _need_inside(draft)
    return [
        "double p = inside(mean[0]);",
        f"answer[0] = sigmoid({slope} * log(p / (1.0 - p)) + {double(calibration.intercept)});",
    ]


def _by_beta(draft: Draft, calibration: BetaCalibration, width: int) -> list[str]:
    _need_inside(draft)
    a, b, c = (
        draft.table("double", f"beta_{name}", map(double, numbers))
        for name, numbers in (("a", calibration.a), ("b", calibration.b), ("c", calibration.c))
    )
    return [
        f"for (size_t k = 0; k < {width}; k++) {{",
        "    double p = inside(mean[k * BLOCK]);",
        f"    answer[k] = sigmoid({a}[k] * log(p) - {b}[k] * log(1.0 - p) + {c}[k]);",
        "}",
    ]


def _by_curve(draft: Draft, calibration: IsotonicCalibration) -> list[str]:
    draft.need("curve")
    lines = []
    pairs = zip(calibration.knots, calibration.values, strict=True)
    for k, (knots, values) in enumerate(pairs):
        x = draft.table("double", f"knots_{k}", map(double, knots))
        y = draft.table("double", f"heights_{k}", map(double, values))
        lines.append(f"answer[{k}] = curve({x}, {y}, {len(knots)}, mean[{k} * BLOCK]);")
    return lines


def _divided(width: int) -> Sequence[str]:
    least = double(SMALLEST_PROBABILITY)
    return [
        "double sum = 0.0;",
        *_each(width, f"sum += answer[k] = fmax(answer[k], {least});"),
        *_each(width, "answer[k] /= sum;"),
    ]


def _need_inside(draft: Draft) -> None:
    draft.need("sigmoid")
    draft.need("inside", SMALLEST_PROBABILITY=double(SMALLEST_PROBABILITY))


def _label(width: int) -> str:
    return f"answer[{width}] = (double)argmax(answer, {width});"


def _each(width: int, statement: str) -> list[str]:
    return [f"for (size_t k = 0; k < {width}; k++)", f"    {statement}"]
