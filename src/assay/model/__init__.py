"""The model: the neutral plan, its one ONNX graph, the proof that both agree, and its scorer.

The search writes a `ModelPlan`; `compile_plan` makes the graph; `prove_parity` refuses a graph
that disagrees; from then on only the graph answers, through a `Scorer`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "Answer": "assay.model.answer",
    "Engine": "assay.model.engines",
    "Explanation": "assay.model.explain",
    "Importance": "assay.model.explain",
    "ModelPlan": "assay.model.plan",
    "NativeScorer": "assay.model.native",
    "ParityCase": "assay.model.parity",
    "ParityReport": "assay.model.parity",
    "Reference": "assay.model.explain",
    "Scorer": "assay.model.scorer",
    "check_compilable": "assay.model.readers",
    "check_plan": "assay.model.soundness",
    "compile_plan": "assay.model.compile",
    "contributions": "assay.model.explain",
    "explain_row": "assay.model.explain",
    "global_importance": "assay.model.explain",
    "graph_inputs": "assay.model.inputs",
    "plan_from_bytes": "assay.model.plan_file",
    "plan_inputs": "assay.model.inputs",
    "plan_to_bytes": "assay.model.plan_file",
    "predict_native": "assay.model.readers",
    "predict_plan": "assay.model.reference",
    "prove_parity": "assay.model.parity",
    "read_beside": "assay.model.readers",
    "read_calibration": "assay.model.calibration",
    "read_member": "assay.model.readers",
    "reference_row": "assay.model.explain",
    "with_power_scale": "assay.model.calibration",
}
__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    """Load a public name on first use."""
    try:
        home = _HOME[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    return getattr(import_module(home), name)
