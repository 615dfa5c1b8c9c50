from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay import errors
from assay.errors import (
    ApprovalRefused,
    AssayError,
    ContractViolation,
    GateRefused,
    InputError,
    InvalidConfig,
    InvalidFile,
    InvalidTable,
    MissingExtra,
    NotApplicable,
    NotCompilable,
    ParityFailed,
    RunBusy,
    StoreUnavailable,
    UnknownColumn,
    UnknownName,
    VerificationFailed,
    nearest,
)

PAGE = (Path(__file__).parents[1] / "docs" / "errors.md").read_text()


def family(root: type[AssayError] = AssayError) -> Iterator[type[AssayError]]:
    """Every class of the family but its root, as this module defines it."""
    for child in root.__subclasses__():
        if child.__module__ == errors.__name__:
            yield child
            yield from family(child)


FAMILY = sorted(set(family()), key=lambda kind: kind.__name__)

# One of each, with what a person reads.
SAMPLES: dict[type[AssayError], tuple[AssayError, str, str]] = {
    InputError: (InputError("No.", hint="Do."), "No.", "Do."),
    InvalidFile: (InvalidFile("No.", hint="Do.", where="f"), "No.", "Do."),
    InvalidConfig: (InvalidConfig("No.", hint="Do.", where="f:1"), "No.", "Do."),
    InvalidTable: (InvalidTable("No.", hint="Do."), "No.", "Do."),
    ContractViolation: (
        ContractViolation(
            [
                {"column": "age", "row": 3, "expected": "a number", "got": "text"},
                {"column": "make", "row": None, "expected": "a column", "got": "none"},
            ]
        ),
        "Column 'age', row 3: expected a number, got text (and 1 more).",
        "Send every column of the contract, with the types and categories it lists.",
    ),
    UnknownName: (
        UnknownName("check", "REL01", ["REL001", "FAI001"]),
        "No check is called 'REL01'.",
        "Closest match: 'REL001'.",
    ),
    UnknownColumn: (
        UnknownColumn("prise", ["price", "make"]),
        "The table has no column 'prise'.",
        "Closest match: 'price'.",
    ),
    MissingExtra: (
        MissingExtra("psycopg", extra="postgres", purpose="A PostgreSQL store"),
        "A PostgreSQL store needs the package 'psycopg', which is not installed.",
        "pip install 'assay[postgres]'",
    ),
    NotCompilable: (
        NotCompilable("LinearSVC", "it gives no chances", hint="Use LogisticRegression."),
        "The compiler cannot take LinearSVC: it gives no chances.",
        "Use LogisticRegression.",
    ),
    GateRefused: (GateRefused("No.", hint="Do."), "No.", "Do."),
    ApprovalRefused: (ApprovalRefused("No.", hint="Do."), "No.", "Do."),
    VerificationFailed: (VerificationFailed("No.", hint="Do."), "No.", "Do."),
    ParityFailed: (ParityFailed("No.", hint="Do."), "No.", "Do."),
    NotApplicable: (NotApplicable("No.", hint="Do."), "No.", "Do."),
    StoreUnavailable: (StoreUnavailable("No.", hint="Do."), "No.", "Do."),
    RunBusy: (
        RunBusy("run-1", host="atlas", pid=7),
        "Run 'run-1' is being worked on by process 7 on atlas.",
        "Wait until it ends, or stop that process and run again: it continues.",
    ),
}

# Exit code and HTTP status, as the module's docstring draws them.
CODES = {
    InputError: (2, 400), InvalidFile: (2, 400), InvalidConfig: (2, 400), InvalidTable: (2, 400),
    UnknownColumn: (2, 400), MissingExtra: (2, 400), ContractViolation: (2, 422),
    UnknownName: (2, 404), NotCompilable: (2, 400),
    GateRefused: (3, 409), ApprovalRefused: (4, 403),
    VerificationFailed: (5, 409), ParityFailed: (6, 500), NotApplicable: (7, 422),
    StoreUnavailable: (8, 503), RunBusy: (9, 409),
}  # fmt: skip


def test_every_error_has_a_sample_here() -> None:
    assert set(SAMPLES) == set(FAMILY) == set(CODES)


@pytest.mark.parametrize("kind", FAMILY, ids=lambda kind: kind.code)
def test_message_hint_and_shape(kind: type[AssayError]) -> None:
    error, message, hint = SAMPLES[kind]
    assert str(error) == error.message == message
    assert error.hint == hint
    shape = error.to_dict()
    assert set(shape) - {"violations"} == {"code", "message", "where", "hint", "docs"}
    assert shape["code"] == kind.code
    assert shape["docs"] == f"docs/errors.md#{kind.code}"


@pytest.mark.parametrize("kind", FAMILY, ids=lambda kind: kind.code)
def test_exit_code_and_http_status(kind: type[AssayError]) -> None:
    assert (kind.exit_code, kind.http_status) == CODES[kind]


@pytest.mark.parametrize("kind", FAMILY, ids=lambda kind: kind.code)
def test_the_docstring_draws_what_holds(kind: type[AssayError]) -> None:
    line = next(
        line for line in (errors.__doc__ or "").splitlines() if f"─ {kind.__name__} " in line
    )
    parent = next(iter(kind.__bases__))
    exit_code = re.search(r"exit (\d+)", line)
    status = re.search(r"HTTP (\d+)", line)
    assert kind.exit_code == (int(exit_code[1]) if exit_code else parent.exit_code)
    assert kind.http_status == (int(status[1]) if status else parent.http_status)


def test_codes_and_exit_codes_tell_errors_apart() -> None:
    assert len({kind.code for kind in FAMILY}) == len(FAMILY)
    direct = [kind for kind in FAMILY if kind.__bases__ == (AssayError,)]
    assert len({kind.exit_code for kind in direct}) == len(direct)
    assert not {kind.exit_code for kind in FAMILY} & {0, 1}


@pytest.mark.parametrize("kind", FAMILY, ids=lambda kind: kind.code)
def test_every_error_has_a_section_in_the_docs(kind: type[AssayError]) -> None:
    section = re.search(rf"^## {kind.code}\n+(.*?)(?=^## |\Z)", PAGE, re.M | re.S)
    assert section, f"docs/errors.md lacks '## {kind.code}'"
    assert f"exit {kind.exit_code}" in section[1]
    assert f"HTTP {kind.http_status}" in section[1]
    assert len(section[1].split()) > 25


def test_the_docs_know_no_other_error() -> None:
    assert set(re.findall(r"^## (\S+)$", PAGE, re.M)) == {kind.code for kind in FAMILY}


def test_a_violation_of_a_whole_column_names_no_row() -> None:
    error = ContractViolation(
        [{"column": "make", "row": None, "expected": "a column", "got": "none"}], where="request"
    )
    assert str(error) == "Column 'make': expected a column, got none."
    assert error.to_dict()["violations"] == list(error.violations)
    assert error.where == "request"


@pytest.mark.parametrize(
    ("known", "hint"),
    [
        (["target", "owner"], "Closest match: 'target'."),
        (["a", "b"], "Known: a, b."),
        ([], "There are none yet."),
        ([f"x{i}" for i in range(20)], f"Known: {', '.join(f'x{i}' for i in range(12))}, …."),
    ],
)
def test_a_hint_names_the_nearest_or_a_few(known: list[str], hint: str) -> None:
    assert nearest("targt", known) == hint


def test_an_error_is_caught_as_one_of_the_family() -> None:
    with pytest.raises(AssayError):
        raise InvalidTable("No.")
    assert AssayError("No.").to_dict()["code"] == "error"
