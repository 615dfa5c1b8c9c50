from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
import yaml

from assay.errors import UnknownName
from assay.policy.policy import Policy
from assay.question import Question
from assay.schema import DIALECT, schema_of

EXAMPLES = Path(__file__).parents[1] / "examples"
KINDS = {"question": ("assay.yaml", Question), "policy": ("policy.yaml", Policy)}


def validator(kind: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schema_of(kind))


def properties(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for part in (schema, *schema["$defs"].values()):
        for name, property_ in part["properties"].items():
            yield f"{part['title']}.{name}", property_


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_a_schema_of_its_dialect(kind: str) -> None:
    schema = schema_of(kind)
    assert schema["$schema"] == DIALECT
    assert schema["$id"].startswith("urn:")
    jsonschema.Draft202012Validator.check_schema(schema)
    assert msgspec.json.decode(msgspec.json.encode(schema)) == schema


@pytest.mark.parametrize("kind", KINDS)
def test_every_key_is_described(kind: str) -> None:
    for name, property_ in properties(schema_of(kind)):
        assert property_.get("description"), name


@pytest.mark.parametrize("kind", KINDS)
def test_its_example_is_valid_in_both_eyes(kind: str) -> None:
    (example,) = schema_of(kind)["examples"]
    validator(kind).validate(example)
    msgspec.convert(example, KINDS[kind][1])


@pytest.mark.parametrize("project", ["car-price", "churn"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_examples_files_are_valid(kind: str, project: str) -> None:
    text = (EXAMPLES / project / KINDS[kind][0]).read_text()
    validator(kind).validate(yaml.safe_load(text))


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("question", {"targt": "price"}),
        ("question", {"name": "Car Price"}),
        ("question", {"kind": "ranking"}),
        ("question", {"budget": {"seconds": 0}}),
        ("policy", {"rules": [{"check": "rel1"}]}),
        ("policy", {"rules": [{"check": "REL001", "undecided": "maybe"}]}),
        ("policy", {"approvals": {"required": -1}}),
    ],
)
def test_what_the_program_refuses_the_schema_refuses(kind: str, change: dict[str, Any]) -> None:
    (example,) = schema_of(kind)["examples"]
    wrong = {**example, **change}
    assert not validator(kind).is_valid(wrong)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wrong, KINDS[kind][1])


def test_an_unknown_schema_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="'polcy'") as caught:
        schema_of("polcy")
    assert caught.value.hint == "Closest match: 'policy'."
