"""Checksums of national identity numbers: what tells them from any other number.

Each function takes digits, with or without the usual separators, and says whether the number
can have been issued. None says to whom.
"""

from __future__ import annotations

from collections import Counter


def social_security_number(text: str) -> bool:
    """United States: no check digit, but parts that are never issued (SSA, RM 10201.035).

    Examples
    --------
    >>> social_security_number("536-90-4399"), social_security_number("666-90-4399")
    (True, False)
    """
    digits = _digits(text)
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    issued = area not in {"000", "666"} and area < "900"
    return len(digits) == 9 and issued and group != "00" and serial != "0000"


def nhs_number(text: str) -> bool:
    """England and Wales, health: modulus 11 (NHS Data Dictionary, NHS NUMBER).

    Examples
    --------
    >>> nhs_number("943 476 5919"), nhs_number("943 476 5918")
    (True, False)
    """
    digits = _digits(text)
    if len(digits) != 10 or not digits.strip("0"):
        return False
    check = 11 - _weighted(digits[:9], range(10, 1, -1)) % 11
    return check != 10 and check % 11 == int(digits[9])


def bsn(text: str) -> bool:
    """Netherlands: the eleven test, whose last digit counts negatively.

    Examples
    --------
    >>> bsn("111222333"), bsn("111222334")
    (True, False)
    """
    digits = _digits(text)
    if len(digits) != 9 or not digits.strip("0"):
        return False
    return (_weighted(digits[:8], range(9, 1, -1)) - int(digits[8])) % 11 == 0


def tax_identification(text: str) -> bool:
    """Germany, tax: ISO 7064 MOD 11,10, and one digit occurs twice or three times (BZSt).

    Examples
    --------
    >>> tax_identification("36 574 261 809"), tax_identification("36 574 261 890")
    (True, False)
    """
    digits = _digits(text)
    if len(digits) != 11 or digits[0] == "0":
        return False
    repeated = [count for count in Counter(digits[:10]).values() if count > 1]
    if len(repeated) != 1 or repeated[0] > 3:
        return False
    product = 10
    for digit in digits[:10]:
        total = (int(digit) + product) % 10 or 10
        product = 2 * total % 11
    return (11 - product) % 10 == int(digits[10])


def cpf(text: str) -> bool:
    """Brazil, tax: two check digits modulo 11 (Receita Federal).

    Examples
    --------
    >>> cpf("390.533.447-05"), cpf("231.002.999-00")
    (True, False)
    """
    digits = _digits(text)
    if len(digits) != 11 or len(set(digits)) == 1:
        return False
    for known in (9, 10):
        check = _weighted(digits[:known], range(known + 1, 1, -1)) * 10 % 11 % 10
        if check != int(digits[known]):
            return False
    return True


def _digits(text: str) -> str:
    return "".join(c for c in text if c.isdigit())


def _weighted(digits: str, weights: range) -> int:
    return sum(int(d) * w for d, w in zip(digits, weights, strict=True))
