"""Identity numbers are told from other numbers by their checksums."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from assay.data.national import bsn, cpf, nhs_number, social_security_number, tax_identification
from assay.data.personal import find_mentions, find_personal_data

ISSUED = {
    social_security_number: ["536-90-4399", "401-20-3040"],
    nhs_number: ["943 476 5919", "9434765919"],
    bsn: ["111222333", "123456782"],
    tax_identification: ["36 574 261 809", "86095742719"],
    cpf: ["390.533.447-05", "11144477735"],
}


@pytest.mark.parametrize(
    ("check", "numbers"), ISSUED.items(), ids=lambda x: getattr(x, "__name__", "")
)
def test_numbers_that_can_have_been_issued(check, numbers):
    assert all(map(check, numbers))


@pytest.mark.parametrize("check", [nhs_number, bsn, tax_identification, cpf])
def test_every_single_wrong_last_digit_is_found(check):
    for number in ISSUED[check]:
        others = [d for d in "0123456789" if d != number[-1]]
        assert not any(check(number[:-1] + d) for d in others)


@pytest.mark.parametrize("check", list(ISSUED))
def test_zeros_and_other_lengths_are_none(check):
    assert not any(check("0" * length) for length in range(1, 13))
    assert not check("")


def test_it_agrees_with_stdnum():
    pytest.importorskip("stdnum")
    from stdnum.br import cpf as cpf_of
    from stdnum.de import idnr
    from stdnum.gb import nhs
    from stdnum.nl import bsn as bsn_of
    from stdnum.us import ssn

    rng = np.random.default_rng(0)
    pairs = [
        (social_security_number, ssn, 9),
        (nhs_number, nhs, 10),
        (bsn, bsn_of, 9),
        (tax_identification, idnr, 11),
        (cpf, cpf_of, 11),
    ]
    for own, theirs, length in pairs:
        drawn = ["".join(map(str, digits)) for digits in rng.integers(0, 10, (3000, length))]
        numbers = [*drawn, *ISSUED[own]]
        assert [own(n) for n in numbers] == [theirs.is_valid(n) for n in numbers]


@pytest.mark.parametrize(
    ("check", "numbers"), ISSUED.items(), ids=lambda x: getattr(x, "__name__", "")
)
def test_a_column_of_them_is_found(check, numbers):
    del check
    found = find_personal_data(pl.DataFrame({"column": numbers * 5}))
    assert ("identity number", "cells") in [(p.kind, p.by) for p in found]  # perhaps a phone too


def test_a_column_of_whole_numbers_is_found_too():
    found = find_personal_data(pl.DataFrame({"column": [111222333, 123456782]}))
    assert [(p.kind, p.share) for p in found] == [("identity number", 1.0)]


@pytest.mark.parametrize("digits", [9, 10, 11])
def test_random_numbers_are_none(digits):
    rng = np.random.default_rng(digits)
    numbers = rng.integers(10 ** (digits - 1), 10**digits, 2000)
    assert find_personal_data(pl.DataFrame({"column": numbers})) == []
    assert find_personal_data(pl.DataFrame({"column": numbers.astype(str)})) == []


def test_mentions_amid_other_words():
    texts = pl.Series(
        [
            "please write to ana@example.org or call +49 30 1234567",
            "card 4111 1111 1111 1111, ssn 536-90-4399",
            "from 10.0.0.255, iban GB82 WEST 1234 5698 7654 32",
            "version 1.2.3 of 2024-01-05, order 4111-22",
            None,
        ]
    )
    found = {kind: np.flatnonzero(cells).tolist() for kind, cells in find_mentions(texts).items()}
    assert found == {
        "e-mail": [0],
        "phone": [0],
        "payment card": [1],
        "identity number": [1],
        "IBAN": [2],
        "IP address": [2],
    }
