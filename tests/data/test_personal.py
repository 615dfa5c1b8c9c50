"""Personal data is found by its pattern, its checksum or the column's name; never kept."""

from __future__ import annotations

import time

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.data.personal import find_personal_data, iban, luhn, snake

CARDS = ["4111111111111111", "5500 0000 0000 0004", "3400-000000-00009", "6011000000000004"]
IBANS = ["DE89370400440532013000", "GB82 WEST 1234 5698 7654 32", "FR1420041010050500013M02606"]


def kinds(name: str, cells: list[object]) -> list[tuple[str, str, float]]:
    found = find_personal_data(pl.DataFrame({name: cells}))
    assert all(p.column == name for p in found)
    return [(p.kind, p.by, p.share) for p in found]


@pytest.mark.parametrize(
    ("cells", "kind", "share"),
    [
        (["ana@example.org", "b.c+d@mail.example.co.uk", None], "e-mail", 1.0),
        (["call me", "write to ana@example.org please", "x", "y"], "e-mail", 0.25),
        (CARDS, "payment card", 1.0),
        (IBANS, "IBAN", 1.0),
        (["192.168.0.1", "10.0.0.255"], "IP address", 1.0),
        (["2001:db8::1", "::1", "fe80::1ff:fe23:4567:890a"], "IP address", 1.0),
        (["+49 30 1234567", "+1 (555) 123-4567", "+441234567890"], "phone", 1.0),
        (["(555) 123-4567", "555-123-4567", "030 / 1234567"], "phone", 1.0),
    ],
)
def test_cells_give_it_away(cells, kind, share):
    assert kinds("column", cells) == [(kind, "cells", share)]


def test_a_card_as_a_number():
    assert kinds("column", [4111111111111111, 4012888888881881]) == [("payment card", "cells", 1.0)]


@pytest.mark.parametrize(
    "cells",
    [
        ["4111111111111112", "5500000000000005"],  # wrong check digits
        ["DE89370400440532013001", "GB83WEST12345698765432"],
        ["999.1.1.1", "256.0.0.1"],
        ["12:30:00", "aa:bb:cc:dd:ee:ff"],  # a time, a network card
        ["2024-01-05", "2024-02-06"],
        ["1.2.3", "v10.0.1"],
        ["@home", "a@b"],
        ["12345678", "0.5"],
        ["KX-2041-77", "KX-2041-78"],
    ],
)
def test_lookalikes_are_left_alone(cells):
    assert kinds("column", cells) == []


def test_random_long_numbers_are_no_cards():
    numbers = np.random.default_rng(0).integers(4 * 10**15, 5 * 10**15, 2000)
    assert kinds("column", numbers.tolist()) == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("E-Mail", "e-mail"),
        ("customerEmail", "e-mail"),
        ("Phone number", "phone"),
        ("mobile_no", "phone"),
        ("ip_address", "IP address"),
        ("IBAN", "IBAN"),
        ("card number", "payment card"),
        ("dateOfBirth", "date of birth"),
        ("birth date", "date of birth"),
        ("passport_no", "identity number"),
        ("SSN", "identity number"),
        ("Surname", "name"),
        ("name", "name"),
        ("first_name", "name"),
        ("patient name", "name"),
        ("address", "address"),
        ("home address", "address"),
    ],
)
def test_names_give_it_away(name, kind):
    assert kinds(name, ["a", "b", "c", "d"]) == [(kind, "name", 1.0)]


@pytest.mark.parametrize(
    "name",
    ["model_name", "product name", "phone_service", "birth_rate", "ship", "renamed", "cardinal"],
)
def test_names_that_only_sound_like_it(name):
    assert kinds(name, ["a", "b", "c", "d"]) == []


def test_a_flag_is_not_a_phone_number():
    assert kinds("phone", [0, 1, 1, None]) == []


def test_the_examples_hold_none(automobile, telco):
    assert find_personal_data(automobile) == []
    assert find_personal_data(telco) == []


def test_findings_hold_no_value_and_keep_the_order():
    frame = pl.DataFrame(
        {
            "b": ["x@example.org"] * 5,
            "a": [*CARDS, "no"],
            "email": [f"{i}@example.org" for i in range(5)],
        }
    )
    found = find_personal_data(frame)
    assert [(p.column, p.kind) for p in found] == [
        ("b", "e-mail"), ("a", "payment card"), ("email", "e-mail")
    ]  # fmt: skip
    text = b"".join(p.to_json() for p in found).decode()
    assert "example.org" not in text
    assert "4111" not in text


@given(st.text("0123456789", min_size=12, max_size=18))
def test_luhn_finds_every_single_wrong_digit(payload):
    check = next(d for d in "0123456789" if luhn(payload + d))
    number = payload + check
    for place in range(len(number)):
        wrong = str((int(number[place]) + 1) % 10)
        assert not luhn(number[:place] + wrong + number[place + 1 :])


@pytest.mark.parametrize("text", IBANS)
def test_iban(text):
    assert iban(text)
    assert not iban(text[:-1] + ("1" if text[-1] != "1" else "2"))


def test_snake():
    assert [snake(n) for n in ("aB", "A b", "a__b", "ÄÖ x")] == ["a_b", "a_b", "a_b", "äö_x"]


def test_a_hundred_thousand_levels_are_searched_quickly():
    cells = [f"user {i} wrote something" for i in range(100_000)]
    start = time.process_time()
    assert kinds("column", cells) == []
    assert time.process_time() - start < 5
