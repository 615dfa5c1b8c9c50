"""Read a YAML file into a typed record, with errors that name line and nearest known key."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from assay.errors import InvalidConfig, nearest

Record = TypeVar("Record")


class _Loader(yaml.SafeLoader):
    """YAML 1.2's core types: ``Yes`` and ``2026-01-31`` stay words, ``1e-3`` is a number.

    PyYAML follows YAML 1.1, where ``positive: Yes`` would arrive as a truth value and an
    unquoted date as a date object; editors that complete by our JSON Schema follow 1.2.
    """


def _whole_number(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    """A YAML 1.2 integer: ``012`` is twelve."""
    text = str(loader.construct_scalar(node))
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    return int(text if base == 10 else text[2:], base)


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", "-+0123456789."),
    ("float", r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", "-+."),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first)
    )
_Loader.add_constructor("tag:yaml.org,2002:int", _whole_number)


def read_yaml(path: Path, record: type[Record]) -> Record:
    """Read ``path`` as ``record``.

    Parameters
    ----------
    path : Path
        A YAML file.
    record : type
        A ``msgspec.Struct`` that forbids unknown fields.

    Raises
    ------
    InvalidConfig
        The file is missing, not YAML, or does not fit the record; says file, line and what
        would work.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InvalidConfig(
            f"There is no file {path.name!r}.",
            hint="Run `assay init` to write one.",
            where=str(path),
        ) from None
    except UnicodeDecodeError:
        raise InvalidConfig(
            f"{path.name} is not UTF-8 text.", hint="Save it as UTF-8.", where=str(path)
        ) from None
    except OSError as error:
        raise InvalidConfig(
            f"{path.name} cannot be read: {error.strerror}.",
            hint="Give a readable file.",
            where=str(path),
        ) from None
    return parse_yaml(text, record, where=str(path))


def parse_yaml(text: str, record: type[Record], *, where: str = "") -> Record:
    """Parse YAML ``text`` as ``record``; see `read_yaml`."""
    try:
        node = yaml.compose(text, Loader=_Loader)
        value = yaml.load(text, Loader=_Loader)  # noqa: S506  (a SafeLoader)
    except RecursionError:
        raise InvalidConfig(
            "Nested too deeply.", hint="Run `assay init` to see a complete file.", where=where
        ) from None
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise InvalidConfig(
            f"Not valid YAML: {getattr(error, 'problem', None) or 'cannot be parsed'}.",
            hint="Check indentation, colons and quotes near this line.",
            where=f"{where}{line}",
        ) from None
    if not isinstance(value, dict):
        raise InvalidConfig(
            "Expected keys and values at the top of the file.",
            hint="Run `assay init` to see a complete file.",
            where=f"{where}:1",
        )
    _refuse_repeated_keys(node, where)
    try:
        return msgspec.convert(value, record, strict=True)
    except msgspec.ValidationError as error:
        raise _explain(str(error), node, record, where) from None


def locate(path: Path, *steps: str | int) -> str:
    """``file:line`` of the key that ``steps`` lead to, for what only later code can judge.

    Parameters
    ----------
    path : Path
        A YAML file that `read_yaml` accepted.
    *steps : str or int
        Keys and positions from the top: ``"rules", 0, "check"``.
    """
    node = yaml.compose(path.read_text(encoding="utf-8"), Loader=_Loader)
    return f"{path}:{_line(node, list(steps))}"


def _refuse_repeated_keys(node: Any, where: str) -> None:
    """Refuse a key given twice: YAML keeps the last one, and a rule would vanish unsaid."""
    waiting, seen = [node], set()
    while waiting:
        here = waiting.pop()
        if id(here) in seen or isinstance(here, yaml.ScalarNode):
            continue
        seen.add(id(here))
        if isinstance(here, yaml.SequenceNode):
            waiting.extend(here.value)
            continue
        keys: set[str] = set()
        for key, value in here.value:
            name = str(key.value)
            if name in keys:
                raise InvalidConfig(
                    f"Key {name!r} is given twice.",
                    hint="Keep one of the two.",
                    where=f"{where}:{key.start_mark.line + 1}",
                )
            keys.add(name)
            waiting.append(value)


def _explain(problem: str, node: Any, record: type[Any], where: str) -> InvalidConfig:
    """Turn msgspec's sentence into ours, with the line it speaks of."""
    sentence, _, path = problem.partition(" - at `$")
    keys = re.findall(r"\.([^.\[\]`]+)|\[(\d+)\]", path)
    steps = [name or int(index) for name, index in keys]
    unknown = re.search(r"unknown field `([^`]+)`", sentence)
    line = _line(node, [*steps, unknown.group(1)] if unknown else steps)
    spot = f"{where}:{line}"
    if unknown:
        return InvalidConfig(
            f"Unknown key {unknown.group(1)!r}.",
            hint=nearest(unknown.group(1), _fields_at(record, steps)),
            where=spot,
        )
    name = ".".join(str(s) for s in steps) or "the file"
    return InvalidConfig(
        f"{name}: {sentence[:1].lower()}{sentence[1:]}.",
        hint="`assay schema` prints what each key takes.",
        where=spot,
    )


def _line(node: Any, steps: list[str | int]) -> int:
    """Line (from 1) of the deepest node that ``steps`` reach."""
    line = int(node.start_mark.line) + 1
    for step in steps:
        if isinstance(node, yaml.MappingNode):
            found = [(k, v) for k, v in node.value if k.value == step]
            if not found:
                return line
            line, node = int(found[0][0].start_mark.line) + 1, found[0][1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            node = node.value[step]
            line = int(node.start_mark.line) + 1
    return line


def _fields_at(record: type[Any], steps: list[str | int]) -> list[str]:
    """Names of the fields that the record allows at ``steps``."""
    schema = msgspec.json.schema(record)
    definitions = schema.get("$defs", {})
    spot = _resolve(schema, definitions)
    for step in steps:
        inner = spot.get("items") if isinstance(step, int) else spot.get("properties", {}).get(step)
        if inner is None and isinstance(step, str):
            inner = spot.get("additionalProperties")
        if not isinstance(inner, dict):
            return []
        spot = _resolve(inner, definitions)
    return sorted(spot.get("properties", {}))


def _resolve(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference, or the one object branch of a choice."""
    if "$ref" in schema:
        found = definitions[schema["$ref"].rpartition("/")[2]]
        return found if isinstance(found, dict) else {}
    for branch in schema.get("anyOf", []):
        resolved = _resolve(branch, definitions)
        if "properties" in resolved or "items" in resolved:
            return resolved
    return schema
