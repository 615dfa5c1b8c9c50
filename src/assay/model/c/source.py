"""A plan as C99: a header, a source and an example, which need the mathematics library alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from assay.errors import NotCompilable
from assay.model.c.answers import AnswerField, answer_fields, write_answer, write_scale
from assay.model.c.draft import Draft, start
from assay.model.c.features import Columns, columns_read, write_codes, write_features
from assay.model.c.members import MemberWriter, check_members, link_lines
from assay.model.c.spelling import double, identifiers, text
from assay.model.plan import LinearMember, ModelPlan
from assay.model.soundness import outputs

MOST_ROWS, LEAST_ROWS = 256, 8
"""Of a block; a power of two between them is chosen so that a block's work fits the stack."""
STACK_BYTES = 256 * 1024


@dataclass(frozen=True, kw_only=True)
class CSource:
    """The files of a model in C."""

    name: str
    """What all public names begin with."""
    header: str
    source: str
    columns: Columns
    """The columns that the model reads, in the order in which a batch is given them."""
    fields: tuple[AnswerField, ...]
    """The parts of an answer, in the order of the numbers a batch gives."""
    members: tuple[str, ...]
    """Identifiers of the columns in the struct of a row."""

    @property
    def numbers(self) -> int:
        """Numbers of one answer."""
        return sum(field.numbers for field in self.fields)


def c_source(plan: ModelPlan, *, name: str, version: str, digest: str) -> CSource:
    """Write a plan as C.

    Parameters
    ----------
    plan : ModelPlan
    name : str
        What public names begin with, made an identifier; the header is ``model.h``.
    version, digest : str
        Stand in the header as constants.

    Raises
    ------
    NotCompilable
        A part of the plan is of a kind that there is no C for, or the model is too large.

    Examples
    --------
    >>> from assay.model.plan import Input, LinearMember, NumberEncoder, Output
    >>> import numpy as np
    >>> line = LinearMember(family="linear", columns=(0,), center=np.zeros(1), scale=np.ones(1),
    ...                     weights=np.ones((1, 1)), intercept=np.zeros(1))
    >>> plan = ModelPlan(inputs=(Input(name="Age", kind="number"),),
    ...                  encoders=(NumberEncoder(column="Age", fill=1.0, low=0.0, high=9.0),),
    ...                  members=(line,), weights=(1.0,), output=Output(kind="regression"))
    >>> made = c_source(plan, name="price", version="price@1", digest="sha256:0")
    >>> made.members, "int price_score(" in made.header
    (('age',), True)
    """
    check_members(plan)
    columns = columns_read(plan)
    (word,) = identifiers([name], otherwise="model")
    fields = answer_fields(plan.output)
    members = identifiers(columns.names, otherwise="column")
    made = _Names(word, columns, fields, members, plan)
    return CSource(
        name=word,
        header=_header(made, version=version, digest=digest),
        source=_source(made),
        columns=columns,
        fields=fields,
        members=members,
    )


@dataclass(frozen=True)
class _Names:
    name: str
    columns: Columns
    fields: tuple[AnswerField, ...]
    members: tuple[str, ...]
    plan: ModelPlan

    @property
    def macro(self) -> str:
        return self.name.upper()

    @property
    def numbers(self) -> int:
        return sum(field.numbers for field in self.fields)

    @property
    def answers(self) -> tuple[str, ...]:
        """Names of the classes, or of a vector's numbers or the clusters."""
        return self.plan.output.classes or self.plan.output.names


def _header(made: _Names, *, version: str, digest: str) -> str:
    name, macro = made.name, made.macro
    row = [
        f"    {'const char *' if column in made.columns.levels else 'double '}{member};"
        f" /* {text(column)} */"
        for column, member in zip(made.columns.names, made.members, strict=True)
    ]
    answer = [f"    {_declared(field)};" for field in made.fields]
    order = ", ".join(f"{f.name}[{f.width}]" if f.width else f.name for f in made.fields)
    lines = [
        f"/* The model {text(version)} as C99, written by Assay. Link with the mathematics",
        "   library. See README.md. */",
        f"#ifndef {macro}_H",
        f"#define {macro}_H",
        "",
        "#include <stddef.h>",
        "",
        "#ifdef __cplusplus",
        'extern "C" {',
        "#endif",
        "",
        f"#define {macro}_VERSION {text(version)}",
        "/* Digest of the graph that the hallmark was struck for. */",
        f"#define {macro}_DIGEST {text(digest)}",
        f"#define {macro}_COLUMNS {len(made.columns.names)}",
        "/* Numbers of one answer in a batch. */",
        f"#define {macro}_NUMBERS {made.numbers}",
        "",
        "/* A missing number is NAN, a missing text NULL or empty; booleans are 0 and 1, dates are",
        "   days since 1970-01-01. Texts are UTF-8. */",
        "typedef struct {",
        *row,
        f"}} {name}_row;",
        "",
        "typedef struct {",
        *answer,
        f"}} {name}_answer;",
        "",
        "/* The user's own names of the columns. */",
        f"extern const char *const {name}_columns[{macro}_COLUMNS];",
    ]
    if made.answers:
        lines += [
            "/* Names of the classes, or of the numbers or clusters of an answer. */",
            f"extern const char *const {name}_names[{len(made.answers)}];",
        ]
    lines += [
        "",
        "/* Answer one row. Returns 0, or -1 where an argument is NULL. */",
        f"int {name}_score(const {name}_row *row, {name}_answer *answer);",
        "",
        "/* Answer many rows. `columns` are the columns of the row above in its order, each `rows`",
        f"   doubles; texts come as their codes. `answers` takes {macro}_NUMBERS doubles a row:",
        f"   {order}.",
        "   Returns 0, or -1 where an argument is NULL. */",
        f"int {name}_score_batch(const double *const columns[], size_t rows, double *answers);",
    ]
    if made.columns.levels:
        lines += [
            "",
            "/* The code of a text, for a batch; `column` counts from 0. */",
            f"double {name}_code(size_t column, const char *text);",
        ]
    return "\n".join([*lines, "", "#ifdef __cplusplus", "}", "#endif", "", "#endif", ""])


def _declared(field: AnswerField) -> str:
    kind = "int" if field.whole else "double"
    return f"{kind} {field.name}[{field.width}]" if field.width else f"{kind} {field.name}"


def _source(made: _Names) -> str:
    plan, name = made.plan, made.name
    draft = Draft()
    width = outputs(plan.output)
    code, reads = write_codes(draft, made.columns, name)
    used = {column for member in plan.members for column in member.columns}
    if plan.cut is not None:
        used |= set(plan.cut.columns)
    features = write_features(draft, plan.encoders, made.columns, used)
    writer = MemberWriter(draft, features.slots)
    for number, member in enumerate(plan.members):
        writer.add(number, member)
    answer = write_answer(draft, plan.output, width)
    scale = write_scale(draft, plan.output) if "from_scale" in answer else ""
    block = _block(draft, made, writer, [*reads, *features.lines], features.slots)
    rows = _block_rows(made, writer, len(features.slots))
    size = (
        f"#ifndef {made.macro}_BLOCK\n#define {made.macro}_BLOCK {rows}\n#endif\n"
        f"/* Rows that are worked on together. */\n#define BLOCK ((size_t){made.macro}_BLOCK)"
    )
    pieces = [
        f'#include "model.h"\n\n{start()}',
        size,
        *_public_names(made),
        *draft.parts,
        "\n".join(draft.tables),
        *writer.functions,
        scale,
        answer,
        block,
        code,
        _score_batch(made),
        _score(made),
    ]
    return "\n\n".join(piece for piece in pieces if piece) + "\n"


def _public_names(made: _Names) -> list[str]:
    tables = [(f"{made.name}_columns", made.columns.names)]
    if made.answers:
        tables.append((f"{made.name}_names", made.answers))
    return [
        f"const char *const {table}[{len(words)}] = {{\n"
        + ",\n".join(f"    {text(word)}" for word in words)
        + "\n};"
        for table, words in tables
    ]


def _row_bytes(made: _Names, writer: MemberWriter, features: int) -> int:
    """Stack that a block takes for each of its rows."""
    width = outputs(made.plan.output)
    predictions = width * (2 if made.plan.stack is None else 1 + len(made.plan.members))
    predictions += made.plan.cut is not None
    return 4 * (features + len(made.columns.levels)) + 8 * predictions + writer.bytes_a_row


def _block_rows(made: _Names, writer: MemberWriter, features: int) -> int:
    bytes_a_row = _row_bytes(made, writer, features)
    rows = MOST_ROWS
    while rows > LEAST_ROWS and rows * bytes_a_row > STACK_BYTES:
        rows //= 2
    if rows * bytes_a_row > 4 * STACK_BYTES:
        raise NotCompilable(
            "this model to C",
            f"it has {features:,} features, more than fit the stack",
            hint="Use the ONNX file, or fewer columns.",
        )
    return rows


def _block(
    draft: Draft,
    made: _Names,
    writer: MemberWriter,
    encoding: list[str],
    slots_of: Mapping[int, int],
) -> str:
    plan, width = made.plan, outputs(made.plan.output)
    lines = [f"float features[{len(slots_of)} * BLOCK];"]
    if made.columns.levels:
        lines.append(f"uint32_t codes[{len(made.columns.levels)} * BLOCK];")
    lines.append(f"double mean[{width} * BLOCK];")
    if plan.stack is None:
        lines += [f"double sums[{width} * BLOCK];", *encoding, *_averaged(plan, width)]
    else:
        cells = width * len(plan.members)
        lines += [f"double beside[{cells} * BLOCK];", *encoding]
        lines += [
            f"member_{number}(features, beside + {number * width} * BLOCK, rows);"
            for number in range(len(plan.members))
        ]
        slots = list(plan.stack.columns)
        lines.append(writer.linear("stack", plan.stack, slots, source="beside"))
        lines += link_lines(draft, plan.stack.link, width, target="mean")
    lines += [
        "for (size_t r = 0; r < rows; r++)",
        f"    answer_row(mean + r, answers + r * {made.macro}_NUMBERS);",
    ]
    if plan.cut is not None:
        lines += _labels_by_row(made, writer, plan.cut, slots_of)
    body = "\n".join(f"    {line}" for line in lines)
    return (
        "static void score_block(const double *const columns[], size_t first, size_t rows,\n"
        f"                        double *answers)\n{{\n{body}\n}}"
    )


def _labels_by_row(
    made: _Names, writer: MemberWriter, cut: LinearMember, slots_of: Mapping[int, int]
) -> list[str]:
    """Labels anew where each row has a threshold of its own; the mean is no longer needed."""
    slots = [slots_of[column] for column in cut.columns]
    answer = f"answers[r * {made.macro}_NUMBERS"
    return [
        writer.linear("cut", cut, slots, source="features", target="mean"),
        "for (size_t r = 0; r < rows; r++)",
        f"    {answer} + 2] = {answer} + 1] >= mean[r];",
    ]


def _averaged(plan: ModelPlan, width: int) -> list[str]:
    total = sum(plan.weights)
    lines = ["memset(mean, 0, sizeof mean);"]
    for number, weight in enumerate(plan.weights):
        lines += [
            f"member_{number}(features, sums, rows);",
            f"for (size_t k = 0; k < {width}; k++)",
            "    for (size_t r = 0; r < rows; r++)",
            f"        mean[k * BLOCK + r] += {double(weight / total)} * sums[k * BLOCK + r];",
        ]
    return lines


def _score_batch(made: _Names) -> str:
    name, macro = made.name, made.macro
    return "\n".join(
        [
            f"int {name}_score_batch(const double *const columns[], size_t rows, double *answers)",
            "{",
            "    if (columns == NULL || answers == NULL)",
            "        return -1;",
            "    for (size_t first = 0; first < rows; first += BLOCK)",
            "        score_block(columns, first, rows - first < BLOCK ? rows - first : BLOCK,",
            f"                    answers + first * {macro}_NUMBERS);",
            "    return 0;",
            "}",
        ]
    )


def _score(made: _Names) -> str:
    name, macro = made.name, made.macro
    lines = [
        f"double values[{macro}_COLUMNS], numbers[{macro}_NUMBERS];",
        f"const double *columns[{macro}_COLUMNS];",
        "if (row == NULL || answer == NULL)",
        "    return -1;",
    ]
    for place, (column, member) in enumerate(zip(made.columns.names, made.members, strict=True)):
        own = f"row->{member}"
        read = f"{name}_code({place}, {own})" if column in made.columns.levels else own
        lines.append(f"values[{place}] = {read};")
    lines += [
        f"for (size_t c = 0; c < {macro}_COLUMNS; c++)",
        "    columns[c] = values + c;",
        "score_block(columns, 0, 1, numbers);",
        *_answer_lines(made.fields),
        "return 0;",
    ]
    body = "\n".join(f"    {line}" for line in lines)
    return f"int {name}_score(const {name}_row *row, {name}_answer *answer)\n{{\n{body}\n}}"


def _answer_lines(fields: tuple[AnswerField, ...]) -> list[str]:
    lines, place = [], 0
    for field in fields:
        cast = "(int)" if field.whole else ""
        if field.width:
            lines += [
                f"for (size_t k = 0; k < {field.width}; k++)",
                f"    answer->{field.name}[k] = {cast}numbers[{place} + k];",
            ]
        else:
            lines.append(f"answer->{field.name} = {cast}numbers[{place}];")
        place += field.numbers
    return lines
