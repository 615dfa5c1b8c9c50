"""Every refusal of an endpoint is explained on its page, and its module draws what holds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from assay.deploy import refusals
from assay.errors import AssayError

PAGE = (Path(__file__).parents[2] / "docs" / "endpoint.md").read_text()
KINDS = [
    kind
    for kind in vars(refusals).values()
    if isinstance(kind, type)
    and issubclass(kind, AssayError)
    and kind.__module__ == refusals.__name__
    and not kind.__name__.startswith("_")
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.code)
def test_it_has_a_section(kind):
    section = re.search(rf"^### {kind.code}\n+(.*?)(?=^##|\Z)", PAGE, re.M | re.S)
    assert section, f"docs/endpoint.md lacks '### {kind.code}'"
    assert f"HTTP {kind.http_status}" in section[1] or kind.__name__ == "PortInUse"
    assert f"exit {kind.exit_code}" in section[1] or kind.exit_code in {1, 2}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.code)
def test_its_shape_is_the_shared_one_and_points_there(kind):
    error = kind("GET") if kind is refusals.WrongMethod else kind("No.", hint="Do.")
    shape = error.to_dict()
    assert set(shape) == {"code", "message", "where", "hint", "docs"}
    assert shape["docs"] == f"docs/endpoint.md#{kind.code}"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.code)
def test_the_docstring_draws_it(kind):
    line = next(line for line in refusals.__doc__.splitlines() if f"─ {kind.__name__} " in line)
    status = re.search(r"HTTP (\d+)", line)
    assert kind.http_status == (int(status[1]) if status else 400)


def test_codes_tell_them_apart():
    assert len({kind.code for kind in KINDS}) == len(KINDS) > 10
