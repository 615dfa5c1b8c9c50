"""A hallmarked version as C99: a header, a source, an example and how to build them."""

from __future__ import annotations

from pathlib import Path
from string import Template

from assay.deploy.bundle import Bundle
from assay.errors import InputError, InvalidFile
from assay.model.c.answers import AnswerField
from assay.model.c.source import CSource, c_source
from assay.model.plan_file import plan_from_bytes

_MAKEFILE = """\
CC ?= cc
CFLAGS ?= -O2 -Wall -Wextra

example: example.c model.c model.h
\t$(CC) -std=c99 $(CFLAGS) example.c model.c -lm -o example

# For batches in a program of another language; made for this machine's processor.
libmodel.so: model.c model.h
\t$(CC) -std=c99 -O2 -march=native -fPIC -shared model.c -lm -o libmodel.so

clean:
\trm -f example libmodel.so

.PHONY: clean
"""


def write_c_source(bundle: Bundle, folder: Path) -> None:
    """Write ``model.h``, ``model.c``, ``example.c``, ``Makefile`` and ``README.md``.

    Parameters
    ----------
    bundle : Bundle
        From `load_bundle`, which verified it.
    folder : Path
        Exists and is empty.

    Raises
    ------
    NotCompilable
        A part of the model is of a kind that there is no C for, or the model is too large.
    InputError
        The version was registered before plans were kept.
    InvalidFile
        The folder is absent or not empty.
    """
    folder = Path(folder)
    if not folder.is_dir() or any(folder.iterdir()):
        raise InvalidFile(
            "The C source needs an empty folder.", hint="Make one, or empty it.", where=str(folder)
        )
    if not bundle.plan:
        raise InputError(
            f"{bundle.version} was registered before plans were kept, and C is written from them.",
            hint="Run again and register a new version, or use the ONNX file.",
        )
    plan = plan_from_bytes(bundle.plan)
    made = c_source(plan, name=bundle.name, version=bundle.version, digest=bundle.model_digest)
    files = {
        "model.h": made.header,
        "model.c": made.source,
        "example.c": _example(made),
        "Makefile": _MAKEFILE,
        "README.md": _readme(bundle, made),
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


_EXAMPLE = """\
/* Reads rows from standard input: one a line, its columns parted by tabs, in the order of
   ${name}_columns. Nothing between two tabs is a missing cell. Prints a line of answers each. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

enum { LONGEST_LINE = 1 << 16 };

${number_of}int main(void)
{
    static char line[LONGEST_LINE];
    printf("$titles\\n");
    while (fgets(line, sizeof line, stdin) != NULL) {
        char *fields[${macro}_COLUMNS], *rest = line;
        ${name}_row row;
        ${name}_answer answer;
        line[strcspn(line, "\\r\\n")] = '\\0';
        for (int c = 0; c < ${macro}_COLUMNS; c++) {
            fields[c] = rest;
            rest += strcspn(rest, "\\t");
            if (*rest != '\\0')
                *rest++ = '\\0';
        }
$reads
        if (${name}_score(&row, &answer) != 0)
            return EXIT_FAILURE;
$writes
        printf("\\n");
    }
    return EXIT_SUCCESS;
}
"""

_NUMBER_OF = """\
static double number_of(const char *field)
{
    char *end;
    double value = strtod(field, &end);
    return end == field ? NAN : value;
}

"""


def _example(made: CSource) -> str:
    """A program that reads rows and prints answers."""
    texts = made.columns.levels
    reads = [
        f"        row.{member} = "
        + (f"fields[{place}];" if column in texts else f"number_of(fields[{place}]);")
        for place, (column, member) in enumerate(zip(made.columns.names, made.members, strict=True))
    ]
    titles = [title for field in made.fields for title in [field.name] * field.numbers]
    return Template(_EXAMPLE).substitute(
        name=made.name,
        macro=made.name.upper(),
        number_of="" if len(texts) == len(made.columns.names) else _NUMBER_OF,
        titles="\\t".join(titles),
        reads="\n".join(reads),
        writes="\n".join(line for field in made.fields for line in _printed(field)),
    )


def _printed(field: AnswerField) -> list[str]:
    form = "%d\\t" if field.whole else "%.17g\\t"
    if not field.width:
        return [f'        printf("{form}", answer.{field.name});']
    return [
        f"        for (int k = 0; k < {field.width}; k++)",
        f'            printf("{form}", answer.{field.name}[k]);',
    ]


def _readme(bundle: Bundle, made: CSource) -> str:
    name, macro = made.name, made.name.upper()
    columns = "\n".join(
        f"| {place} | `{member}` | {_cell(column)} | "
        f"{'text, UTF-8' if column in made.columns.levels else 'number'} |"
        for place, (column, member) in enumerate(zip(made.columns.names, made.members, strict=True))
    )
    fields = "\n".join(
        f"| `{field.name}` | {'int' if field.whole else 'double'} | {field.numbers} |"
        for field in made.fields
    )
    return f"""# {_cell(bundle.version)} in C

The whole model, preparation of columns included, as C99 that needs the mathematics library alone.

```
make example && ./example < rows.tsv
```

or in one line: `gcc -std=c99 -O2 example.c model.c -lm -o example`. Leave out `-ffast-math`; the
source refuses it.

It was written from the description of the graph `{bundle.model_digest}`, which its hallmark
vouches for. This source is not signed itself: `{macro}_DIGEST` says what it belongs to.

## A row

| | field | column | |
| --- | --- | --- | --- |
{columns}

A missing number is `NAN`, a missing text `NULL` or empty; booleans are 0 and 1; dates are days
since 1970-01-01, the time of day as a fraction. Columns that the model does not read are left out.

## An answer

| field | type | numbers |
| --- | --- | --- |
{fields}

{_positions(made)}## Many rows

`{name}_score_batch(columns, rows, answers)` works on blocks of rows: `columns` are arrays of
doubles in the order above, texts as their codes from `{name}_code`. It needs up to a quarter of a
megabyte of stack (1 MB where features are many thousands); with little, compile with
`-D{macro}_BLOCK=1`. It keeps no state, so threads may share it.
"""


def _positions(made: CSource) -> str:
    if all(field.name != "label" for field in made.fields):
        return ""
    return f"`label` is a position, from 0, in `{made.name}_names`; anomaly: 1 for strange.\n\n"


def _cell(text: str) -> str:
    """A text in a cell of a Markdown table."""
    return "".join(f"\\{c}" if c in "\\`*_|<>[]#" else c for c in " ".join(text.split()))
