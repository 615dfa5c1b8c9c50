"""Find columns that seem to hold personal data, by their cells and by their names.

Structured identifiers are recognised by pattern and, where there is one, by checksum (Luhn,
ISO/IEC 7812-1, for payment cards; ISO 13616, mod 97, for IBANs; `assay.data.national` for
identity numbers). Names of people in free text are not. No value is ever kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from assay.data.national import bsn, cpf, nhs_number, social_security_number, tax_identification
from assay.records import Record

PersonalKind = Literal[
    "e-mail",
    "phone",
    "payment card",
    "IBAN",
    "IP address",
    "name",
    "address",
    "date of birth",
    "identity number",
]

_CELLS_AT_ONCE = 5_000_000


class PersonalData(Record, frozen=True, kw_only=True):
    """A column that seems to hold personal data."""

    column: str
    kind: PersonalKind
    share: float
    """Share of the cells (missing ones apart) that show it, in [0, 1]; 1 if its name says so."""
    by: Literal["cells", "name"]


def luhn(digits: str) -> bool:
    """Whether the last digit checks the others (ISO/IEC 7812-1, annex B).

    Examples
    --------
    >>> luhn("4111111111111111"), luhn("4111111111111112")
    (True, False)
    """
    odd = sum(int(d) for d in digits[-1::-2])
    even = sum(sum(divmod(2 * int(d), 10)) for d in digits[-2::-2])
    return (odd + even) % 10 == 0


def iban(text: str) -> bool:
    """Whether the check digits of an IBAN are right (ISO 13616: mod 97 is 1).

    Examples
    --------
    >>> iban("GB82 WEST 1234 5698 7654 32"), iban("GB83 WEST 1234 5698 7654 32")
    (True, False)
    """
    plain = text.replace(" ", "").upper()
    turned = plain[4:] + plain[:4]
    return int("".join(str(int(c, 36)) for c in turned)) % 97 == 1


_ISSUERS = re.compile(
    r"^(4|5[1-5]|2(22[1-9]|2[3-9]|[3-6]|7[01]|720)|3[47]|3(0[0-5]|[68])|6011|65|35(2[89]|[3-8]))"
)


def _card(text: str) -> bool:
    digits = text.replace(" ", "").replace("-", "")
    return bool(_ISSUERS.match(digits)) and luhn(digits)


def _address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _anything(_: str) -> bool:
    return True


def _phone(text: str) -> bool:
    return 8 <= sum(c.isdigit() for c in text) <= 15


_PHONE = (
    r"^(?:\+\d[\d ().\-]{6,18}\d|\(\d{2,5}\) ?\d[\d .\-]{4,12}|\d{3}[-. ]\d{3}[-. ]\d{4}"
    r"|0\d{2,4} ?[ /-] ?\d[\d \-]{4,10}\d)$"
)

_MAIL = r"(?i)[a-z0-9._%+-]+@(?:[a-z0-9-]+\.)+[a-z]{2,}"
_IBAN = r"(?i)\b[a-z]{2}\d{2}(?: ?[a-z0-9]{4}){2,7}(?: ?[a-z0-9]{1,3})?\b"
_CARD = r"\b(?:\d[ -]?){12,18}\d\b"
_SSN = r"\b\d{3}-\d{2}-\d{4}\b"
_CPF = r"\b\d{3}\.\d{3}\.\d{3}-\d{2}\b"

_Pattern = tuple[PersonalKind, str, str, Callable[[str], bool], float]

_PATTERNS: tuple[_Pattern, ...] = (
    # kind, a literal that must occur (cheap), the pattern, its check, least share of the cells
    ("e-mail", "@", _MAIL, _anything, 0.0),
    ("IBAN", "", _IBAN, iban, 0.005),
    ("payment card", "", _CARD, _card, 0.005),
    ("IP address", ".", r"^\d{1,3}(?:\.\d{1,3}){3}$", _address, 0.05),
    ("IP address", ":", r"(?i)^[0-9a-f]*:[0-9a-f:.]*:[0-9a-f:.]*$", _address, 0.05),
    (
        "phone",
        "",
        _PHONE,
        _phone,
        0.3,
    ),
    ("identity number", "-", _SSN, social_security_number, 0.005),
    ("identity number", "-", _CPF, cpf, 0.005),
    # Without separators any number looks like one of these: most cells must pass their check.
    ("identity number", "", r"^\d{3} ?\d{3} ?\d{4}$", nhs_number, 0.3),
    ("identity number", "", r"^\d{9}$", bsn, 0.3),
    ("identity number", "", r"^\d{2} ?\d{3} ?\d{3} ?\d{3}$", tax_identification, 0.3),
    ("identity number", "", r"^\d{11}$", cpf, 0.3),
)
_CONFIRMED = 0.5
"""Share of the candidates that must pass the check: chance alone passes 1 in 10 for Luhn."""


def find_personal_data(frame: pl.DataFrame) -> list[PersonalData]:
    """Columns that seem to hold personal data.

    Parameters
    ----------
    frame : pl.DataFrame
        As `read_table` gives it.

    Returns
    -------
    list of PersonalData
        In the order of the columns; at most one entry a column and kind.

    Examples
    --------
    >>> find_personal_data(pl.DataFrame({"to": ["a@example.org", "b@example.org"]}))[0].kind
    'e-mail'
    """
    found = {(p.column, p.kind): p for p in _by_cells(frame)}
    for named in _by_names(frame):
        found.setdefault((named.column, named.kind), named)
    order = {name: i for i, name in enumerate(frame.columns)}
    return sorted(found.values(), key=lambda p: (order[p.column], p.kind))


def _by_cells(frame: pl.DataFrame) -> Iterator[PersonalData]:
    texts = _texts(frame)
    step = max(1, _CELLS_AT_ONCE // max(1, frame.height))
    for start in range(0, len(texts), step):
        own = texts[start : start + step]
        # By place, not by name: a column may be called like one of the columns made here.
        part = pl.DataFrame([text.alias(str(place)) for place, text in enumerate(own)])
        present = {text.name: text.count() for text in own}
        cells = (
            part.unpivot()
            .drop_nulls("value")
            .group_by("variable", "value")
            .len("rows")
            .with_columns(pl.col("variable").replace_strict(_names(own)))
        )
        for pattern in _PATTERNS:
            yield from _matching(cells, pattern, present)


def _names(texts: list[pl.Series]) -> dict[str, str]:
    return {str(place): text.name for place, text in enumerate(texts)}


def _texts(frame: pl.DataFrame) -> list[pl.Series]:
    """String columns, and whole numbers long enough to be an identity number."""
    long = [
        series.cast(pl.String)
        for series in frame.select(pl.col(pl.Int64)).iter_columns()
        if series.count() and series.median() >= 10**8  # type: ignore[operator]
    ]
    return [*frame.select(pl.col(pl.String)).iter_columns(), *long]


def _matching(
    cells: pl.DataFrame, pattern: _Pattern, present: dict[str, int]
) -> Iterator[PersonalData]:
    kind, literal, expression, check, least = pattern
    if literal:
        cells = cells.filter(pl.col("value").str.contains(literal, literal=True))
    candidates = cells.with_columns(
        found=pl.col("value").str.extract(f"({expression})")
    ).drop_nulls()
    rows: dict[str, list[int]] = {}
    for column, text, count in candidates.select("variable", "found", "rows").iter_rows():
        passed, tried = rows.setdefault(column, [0, 0])
        rows[column] = [passed + count * check(text), tried + count]
    for column, (passed, tried) in rows.items():
        share = passed / present[column]
        if passed >= _CONFIRMED * tried and share >= least:
            yield PersonalData(column=column, kind=kind, share=share, by="cells")


_WRITTEN: tuple[tuple[PersonalKind, str, Callable[[str], bool]], ...] = (
    ("e-mail", _MAIL, _anything),
    ("IBAN", _IBAN, iban),
    ("payment card", _CARD, _card),
    ("phone", r"\+\d[\d ().\-]{6,18}\d|\(\d{2,5}\) ?\d[\d .\-]{4,12}\d", _phone),
    ("phone", r"\b\d{3}[-. ]\d{3}[-. ]\d{4}\b", _phone),
    ("IP address", r"\b\d{1,3}(?:\.\d{1,3}){3}\b", _address),
    ("identity number", _SSN, social_security_number),
    ("identity number", _CPF, cpf),
)
"""What is recognised amid other words: patterns that say enough without their surroundings."""


def find_mentions(texts: pl.Series) -> dict[PersonalKind, npt.NDArray[np.bool_]]:
    """Which cells of a free text mention personal data, by kind.

    Parameters
    ----------
    texts : pl.Series of String, length n

    Returns
    -------
    dict of ndarray of bool, shape (n,)
        Kinds that no cell mentions are left out. Names and addresses have no pattern.

    Examples
    --------
    >>> {k: v.tolist() for k, v in find_mentions(pl.Series(["mail a@b.example", "hi"])).items()}
    {'e-mail': [True, False]}
    """
    found: dict[PersonalKind, npt.NDArray[np.bool_]] = {}
    for kind, expression, check in _WRITTEN:
        matches = texts.str.extract_all(expression).to_list()
        told = np.array([any(map(check, cell or ())) for cell in matches], np.bool_)
        if told.any():
            found[kind] = found.get(kind, np.zeros(told.size, np.bool_)) | told
    return found


_PEOPLE = "first|last|full|given|family|middle|maiden|birth|user|customer|client|patient|person"
_NAMED: tuple[tuple[PersonalKind, str], ...] = (
    ("e-mail", r"(^|_)(e_?mail)(_address)?$"),
    ("phone", r"(^|_)(phone|telephone|mobile|cell_?phone|fax)(_?(number|no|nr))?$"),
    ("IP address", r"(^|_)ip(_?address)?$"),
    ("IBAN", r"(^|_)iban$"),
    ("payment card", r"(^|_)(credit_?|debit_?|payment_?)?card_?(number|no|nr)$"),
    ("date of birth", r"(^|_)(dob|birth_?(date|day)|date_?of_?birth|born_?on)$"),
    (
        "identity number",
        r"(^|_)(ssn|tax_id|national_id|(social_security|passport|id_?card|licen[cs]e)(_no|_number)?)$",
    ),
    ("name", rf"^(name|surname|forename|({_PEOPLE}|employee|owner|contact|student)_?name)$"),
    ("address", r"^((home|street|postal|mailing|residential|customer)_?)?(address|street)$"),
)


def _by_names(frame: pl.DataFrame) -> Iterator[PersonalData]:
    for column in frame.columns:
        name = snake(column)
        for kind, expression in _NAMED:
            if re.search(expression, name) and frame[column].n_unique() > 3:
                yield PersonalData(column=column, kind=kind, share=1.0, by="name")
                break


def snake(name: str) -> str:
    """A column name as lower-case words joined by underscores.

    Examples
    --------
    >>> snake("Customer Name"), snake("dateOfBirth"), snake("IPAddress")
    ('customer_name', 'date_of_birth', 'ip_address')
    """
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return re.sub(r"[^\w]+|_+", "_", parted).strip("_").lower()
