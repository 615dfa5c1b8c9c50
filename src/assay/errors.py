"""Errors that Assay raises on purpose.

Each says what was wrong, where, and what would work. The SDK raises it, the terminal prints
it without a traceback, HTTP answers it as JSON: one shape everywhere.

::

    AssayError
    ├── InputError             the request must change           exit 2   HTTP 400
    │   ├── InvalidFile        a file cannot be read as what it should be
    │   ├── InvalidConfig      assay.yaml or policy.yaml is wrong
    │   ├── InvalidTable       a table cannot carry the question
    │   ├── UnknownColumn      a named column is not in the table
    │   ├── ContractViolation  rows break the contract           HTTP 422
    │   ├── UnknownName        no such project, run, version, check, family   HTTP 404
    │   ├── MissingExtra       an optional package is not installed
    │   └── NotCompilable      a model that no graph can stand for
    ├── GateRefused            a person must decide              exit 3   HTTP 409
    ├── ApprovalRefused        this person may not approve this  exit 4   HTTP 403
    ├── VerificationFailed     a signature, digest or ledger     exit 5   HTTP 409
    │                          does not match
    ├── ParityFailed           the graph and the Python model    exit 6   HTTP 500
    │                          disagree
    ├── NotApplicable          no answer exists for this data    exit 7   HTTP 422
    ├── StoreUnavailable       retry, or call the operator       exit 8   HTTP 503
    └── RunBusy                another process works on the run  exit 9   HTTP 409
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

DOCS = "docs/errors.md"


class AssayError(Exception):
    """Base of every deliberate error.

    Parameters
    ----------
    message : str
        What was wrong, as one sentence. Never holds a cell's value.
    hint : str
        What would work.
    where : str
        The file and line, column, row or address at fault; empty where there is none.
    """

    code = "error"
    exit_code = 1
    http_status = 500

    def __init__(self, message: str, *, hint: str = "", where: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.where = where

    def to_dict(self) -> dict[str, str]:
        """The one shape that SDK, CLI (``--json``) and HTTP share."""
        return {
            "code": self.code,
            "message": self.message,
            "where": self.where,
            "hint": self.hint,
            "docs": f"{DOCS}#{self.code}",
        }


class InputError(AssayError):
    """The request must change."""

    code = "invalid-input"
    exit_code = 2
    http_status = 400


class InvalidFile(InputError):
    """A file cannot be read as what it should be."""

    code = "invalid-file"


class InvalidConfig(InputError):
    """``assay.yaml`` or ``policy.yaml`` is wrong."""

    code = "invalid-config"


class InvalidTable(InputError):
    """A table cannot carry the question."""

    code = "invalid-table"


class ContractViolation(InputError):
    """Rows break the contract.

    Parameters
    ----------
    violations : sequence of dict
        One entry per broken cell or column: ``column``, ``row`` (position in the request, or
        None for the whole column), ``expected`` and ``got`` (the kind of thing found, never
        the value).
    """

    code = "contract-violation"
    http_status = 422

    def __init__(
        self, violations: Sequence[dict[str, str | int | None]], *, where: str = ""
    ) -> None:
        first = violations[0]
        row = "" if first["row"] is None else f", row {first['row']}"
        more = f" (and {len(violations) - 1} more)" if len(violations) > 1 else ""
        super().__init__(
            f"Column {first['column']!r}{row}: expected {first['expected']}, "
            f"got {first['got']}{more}.",
            hint="Send every column of the contract, with the types and categories it lists.",
            where=where,
        )
        self.violations = tuple(violations)

    def to_dict(self) -> dict[str, str]:
        """The shared shape, with every violation listed."""
        return {**super().to_dict(), "violations": list(self.violations)}  # type: ignore[dict-item]


class UnknownName(InputError):
    """No such project, run, version, check, family or setting."""

    code = "unknown-name"
    http_status = 404

    def __init__(self, kind: str, name: str, known: Iterable[str], *, where: str = "") -> None:
        super().__init__(f"No {kind} is called {name!r}.", hint=nearest(name, known), where=where)


class UnknownColumn(InputError):
    """A named column is not in the table."""

    code = "unknown-column"

    def __init__(self, name: str, available: Iterable[str], *, where: str = "") -> None:
        super().__init__(
            f"The table has no column {name!r}.", hint=nearest(name, available), where=where
        )


class MissingExtra(InputError):
    """An optional package is not installed."""

    code = "missing-extra"

    def __init__(self, module: str, *, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package {module!r}, which is not installed.",
            hint=f"pip install 'assay[{extra}]'",
        )


class NotCompilable(InputError):
    """A model that the compiler cannot take; found before it is trained where that can be."""

    code = "not-compilable"

    def __init__(self, name: str, why: str, *, hint: str, where: str = "") -> None:
        super().__init__(f"The compiler cannot take {name}: {why}.", hint=hint, where=where)


class GateRefused(AssayError):
    """The policy does not allow it; a person must decide."""

    code = "gate-refused"
    exit_code = 3
    http_status = 409


class ApprovalRefused(AssayError):
    """This person may not approve this version now."""

    code = "approval-refused"
    exit_code = 4
    http_status = 403


class VerificationFailed(AssayError):
    """A signature, a digest or the ledger does not match."""

    code = "verification-failed"
    exit_code = 5
    http_status = 409


class ParityFailed(AssayError):
    """The compiled graph and the Python model disagree; no model is published."""

    code = "parity-failed"
    exit_code = 6


class NotApplicable(AssayError):
    """No answer exists for this data; the reason is the message."""

    code = "not-applicable"
    exit_code = 7
    http_status = 422


class StoreUnavailable(AssayError):
    """The store does not answer: try again, or call the operator."""

    code = "store-unavailable"
    exit_code = 8
    http_status = 503


class RunBusy(AssayError):
    """A live process works on this run: wait for it, or stop it."""

    code = "run-busy"
    exit_code = 9
    http_status = 409

    def __init__(self, run_id: str, *, host: str, pid: int) -> None:
        super().__init__(
            f"Run {run_id!r} is being worked on by process {pid} on {host}.",
            hint="Wait until it ends, or stop that process and run again: it continues.",
            where=f"{host}, process {pid}",
        )
        self.host = host
        self.pid = pid


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint that names the closest known word, or lists a few.

    Examples
    --------
    >>> nearest("targt", ["target", "owner"])
    "Closest match: 'target'."
    """
    words = list(known)
    close = get_close_matches(name, words, n=1)
    if close:
        return f"Closest match: {close[0]!r}."
    if not words:
        return "There are none yet."
    shown = ", ".join(words[:12])
    return f"Known: {shown}{', …' if len(words) > 12 else ''}."
