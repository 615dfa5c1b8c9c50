"""From the neutral plan to one ONNX graph, in either of two forms.

``columns``, for interchange: one input per column of the user's table, ``(N, 1)``, double or
string. ``codes``, for a server that looks up levels as it reads a request: one matrix of
doubles, laid out by `assay.model.coding.Coding`. What a scorer must know besides lies in the
model's metadata.
"""

from __future__ import annotations

from collections.abc import Sequence

from assay.model.coding import Coding, coding_of
from assay.model.compile_features import Source, compile_features
from assay.model.compile_members import compile_cut, compile_members, widest_step
from assay.model.compile_output import NAMES, compile_output
from assay.model.compile_sources import Codes, Columns
from assay.model.compile_trees import SINGLE_OUTPUT_OPSET, trees_opset
from assay.model.encode import feature_columns, name_features
from assay.model.facts import Form, GraphColumn, GraphFacts
from assay.model.graph import INTERNAL, GraphBuilder, codes_value, column_value
from assay.model.plan import ModelPlan, TreesMember
from assay.model.soundness import check_plan, outputs

CODES = "codes"
"""Name of the one input of the coded form."""


def compile_plan(plan: ModelPlan, form: Form = "columns") -> bytes:
    """Compile a plan.

    Parameters
    ----------
    plan : ModelPlan
    form : {"columns", "codes"}
        One input a column, or one matrix of codes.

    Returns
    -------
    bytes
        An ONNX model that `onnx.checker` accepts. The same plan gives the same bytes.

    Raises
    ------
    InputError
        The plan is not sound; see `check_plan`.
    """
    check_plan(plan)
    builder = GraphBuilder()
    coding = coding_of(plan.inputs, plan.encoders)
    names = graph_names([item.name for item in plan.inputs])
    source: Source
    if form == "codes":
        source, inputs = Codes(builder, CODES, coding), [codes_value(CODES, coding.width)]
    else:
        source = Columns(builder, names, coding)
        inputs = [column_value(names[item.name], item.kind) for item in plan.inputs]
    features = compile_features(source, plan)
    mean = compile_members(builder, plan, features, width=outputs(plan.output))
    cut = None if plan.cut is None else compile_cut(builder, plan.cut, features)
    results = compile_output(builder, plan.output, mean, with_class=form == "columns", cut=cut)
    trees = [m for m in plan.members if isinstance(m, TreesMember)]
    return builder.serialise(
        inputs,
        results,
        ml_opset=trees_opset(trees) if trees else SINGLE_OUTPUT_OPSET,
        metadata=_facts(plan, names, form, coding).to_metadata(),
        description=_DESCRIPTIONS[form],
    )


_DESCRIPTIONS = {
    "columns": "Compiled by assay: one input per column, preparation included.",
    "codes": "Compiled by assay: one matrix of numbers and codes of categories.",
}


def graph_names(columns: Sequence[str]) -> dict[str, str]:
    """The graph's name of each column: its own, unless the graph needs that name itself.

    Examples
    --------
    >>> graph_names(["make", "label", ""])
    {'make': 'make', 'label': 'label (column 1)', '': ' (column 2)'}
    """
    names: dict[str, str] = {}
    for number, column in enumerate(columns):
        taken = column in NAMES or column == "" or column.startswith(INTERNAL)
        name = f"{column.lstrip(INTERNAL)} (column {number})" if taken else column
        while taken and (name in columns or name in names.values()):
            name += "'"
        names[column] = name
    return names


def _cut_by(plan: ModelPlan) -> tuple[str, ...]:
    """The columns that thresholds are made from."""
    if plan.cut is None:
        return ()
    made_of = feature_columns(plan.encoders)
    return tuple(dict.fromkeys(name for place in plan.cut.columns for name in made_of[place]))


def _facts(plan: ModelPlan, names: dict[str, str], form: Form, coding: Coding) -> GraphFacts:
    output, coded = plan.output, form == "codes"
    return GraphFacts(
        kind=output.kind,
        classes=tuple(output.classes),
        coverage=output.coverage,
        interval=output.interval,
        threshold=output.threshold,
        inputs=tuple(
            GraphColumn(name=i.name, kind=i.kind, input="" if coded else names[i.name])
            for i in plan.inputs
        ),
        features=tuple(plan.feature_names) or name_features(plan.encoders),
        families=tuple(sorted({m.family for m in plan.members})),
        labels=output.labels,
        names=output.names,
        cut_by=_cut_by(plan),
        form=form,
        coding=coding.to_plain() if coded else {},
        cells_a_row=widest_step(plan),
    )
