from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.configuration import locate, parse_yaml, read_yaml
from assay.errors import InvalidConfig
from assay.records import Record


class Wheel(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    size: float
    kind: Literal["front", "rear"] = "front"


class Car(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    make: str
    doors: Annotated[int, msgspec.Meta(ge=2)] = 4
    electric: bool = False
    wheels: tuple[Wheel, ...] = ()
    price: float | None = None
    spare: Wheel | None = None


def test_a_file_is_read_into_its_record(tmp_path: Path) -> None:
    path = tmp_path / "car.yaml"
    path.write_text("make: audi\nwheels:\n  - size: 16\n    kind: rear\n")
    assert read_yaml(path, Car) == Car(make="audi", wheels=(Wheel(size=16.0, kind="rear"),))


@pytest.mark.parametrize(
    ("text", "make"),
    [
        ("Yes", "Yes"),
        ("no", "no"),
        ("on", "on"),
        ("2026-02-31", "2026-02-31"),
        ("12:30", "12:30"),
        ("'1'", "1"),
        ('"true"', "true"),
        ("Škoda", "Škoda"),
        ("<<", "<<"),
    ],
)
def test_words_stay_words(text: str, make: str) -> None:
    assert parse_yaml(f"make: {text}\n", Car).make == make


@pytest.mark.parametrize(
    ("text", "price"),
    [("1e-3", 0.001), ("1.5e3", 1500.0), (".5", 0.5), ("012", 12.0), ("0x1F", 31.0), ("-7", -7.0),
     ("~", None), ("null", None), ("", None)],
)  # fmt: skip
def test_numbers_are_those_of_yaml_1_2(text: str, price: float | None) -> None:
    assert parse_yaml(f"make: audi\nprice: {text}\n", Car).price == price


@pytest.mark.parametrize(
    ("text", "line", "message", "hint"),
    [
        ("make: audi\ndors: 2\n", 2, "Unknown key 'dors'.", "Closest match: 'doors'."),
        ("make: audi\nwheels:\n  - size: 1\n    knd: rear\n", 4, "Unknown key 'knd'.",
         "Closest match: 'kind'."),
        ("make: audi\nspare:\n  size: 1\n  sise: 2\n", 4, "Unknown key 'sise'.",
         "Closest match: 'size'."),
        ("make: audi\nzzzz: 1\n", 2, "Unknown key 'zzzz'.", "Known: doors, electric, make"),
        ("doors: 4\n", 1, "missing required field `make`", "assay schema"),
        ("make: audi\ndoors: 1\n", 2, "doors: expected `int` >= 2", "assay schema"),
        ("make: audi\n\ndoors: two\n", 3, "doors: expected `int`, got `str`", "assay schema"),
        ("make: audi\nelectric: yes\n", 2, "electric: expected `bool`", "assay schema"),
        ("make: audi\nwheels:\n  - size: 1\n  - size: big\n", 4, "wheels.1.size", "assay schema"),
        ("make: audi\nmake: bmw\n", 2, "Key 'make' is given twice.", "Keep one"),
        ("make: audi\nwheels:\n  - {size: 1, size: 2}\n", 3, "Key 'size' is given twice.", "Keep"),
        ("make: [audi\n", 2, "Not valid YAML", "indentation"),
        ("make: audi\n\tdoors: 2\n", 2, "Not valid YAML", "indentation"),
        ("make: *nothing\n", 1, "Not valid YAML", "indentation"),
        ("- audi\n", 1, "Expected keys and values", "assay init"),
        ("", 1, "Expected keys and values", "assay init"),
    ],
)  # fmt: skip
def test_a_fault_says_line_and_remedy(text: str, line: int, message: str, hint: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        parse_yaml(text, Car, where="car.yaml")
    assert message in str(caught.value)
    assert caught.value.where == f"car.yaml:{line}"
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "make: !!python/object/apply:os.system ['true']\n",
        "make: !!timestamp 2026-99-99\n",
        f"make: {'9' * 5000}\n",
        "[" * 5000,
        "{a: " * 5000,
        "make: &a [*a]\n",
        "a: &a [x]\nmake: [*a, *a]\n",
        "make: \x00\n",
    ],
)
def test_hostile_yaml_is_one_clear_error(text: str) -> None:
    with pytest.raises(InvalidConfig):
        parse_yaml(text, Car)


@settings(deadline=None)
@given(st.text(alphabet="abmake:-[]{}&*!|>#'\"\n\t 01.,?%@`", max_size=60))
def test_any_text_gives_a_record_or_one_clear_error(text: str) -> None:
    try:
        parse_yaml(text, Car)
    except InvalidConfig as error:
        assert error.hint  # noqa: PT017


def test_a_missing_file_says_what_writes_one(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match=r"no file 'car.yaml'") as caught:
        read_yaml(tmp_path / "car.yaml", Car)
    assert "assay init" in caught.value.hint


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match="cannot be read"):
        read_yaml(tmp_path, Car)


def test_another_encoding_is_named(tmp_path: Path) -> None:
    path = tmp_path / "car.yaml"
    path.write_bytes("make: Škoda\n".encode("cp1250"))
    with pytest.raises(InvalidConfig, match="not UTF-8"):
        read_yaml(path, Car)


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "car.yaml"
    path.write_bytes(b"\xef\xbb\xbfmake: audi\n")
    assert read_yaml(path, Car).make == "audi"


def test_a_key_is_located_after_parsing(tmp_path: Path) -> None:
    path = tmp_path / "car.yaml"
    path.write_text("make: audi\nwheels:\n  - size: 1\n  - size: 2\n    kind: rear\n")
    assert locate(path, "wheels", 1, "kind") == f"{path}:5"
    assert locate(path, "wheels", 1, "size") == f"{path}:4"
    assert locate(path, "wheels", 1, "absent") == f"{path}:4"
    assert locate(path) == f"{path}:1"
