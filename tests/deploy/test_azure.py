"""Requests in Azure ML's dialect and its conveniences, and every way they can be wrong."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.deploy.protocols.azure import parse
from assay.deploy.refusals import NotARequest, NotJson
from assay.errors import AssayError, ContractViolation

COLUMNS = ["a", "b"]
ROWS = [[1, "x"], [2, None]]


def body(value: object) -> bytes:
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    "table",
    [
        {"columns": COLUMNS, "data": ROWS},
        {"columns": COLUMNS, "data": ROWS, "index": None},
        [{"a": 1, "b": "x"}, {"b": None, "a": 2}],
        {"a": [1, 2], "b": ["x", None]},
    ],
)
@pytest.mark.parametrize("key", ["input_data", "data"])
def test_the_shapes_of_a_table(table, key):
    request = parse(body({key: table}))
    assert (request.columns, request.rows, request.index) == (COLUMNS, ROWS, None)


@pytest.mark.parametrize("key", ["input_data", "data"])
def test_bare_rows_are_in_the_order_of_the_contract(key):
    request = parse(body({key: ROWS}))
    assert (request.columns, request.rows) == (None, ROWS)


def test_index_and_params_are_read():
    table = {"columns": COLUMNS, "data": ROWS, "index": ["first", 7]}
    request = parse(body({"input_data": table, "params": {"reasons": 3, "format": "azure"}}))
    assert request.index == ["first", 7]
    assert (request.params.reasons, request.params.format) == (3, "azure")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"nonsense",
        b"{'a': 1}",
        b'{"a": NaN}',
        b"\xff\xfe",
        b'{"input_data": "\xff"}',
        b'{"input_data": ' + b"[" * 3000 + b"]" * 3000 + b"}",
        b'{"data": [[1e999]]}',
        b'{"data": [[' + b"9" * 6000 + b"]]}",
        b'\xef\xbb\xbf{"data": [[1]]}',
    ],
)
def test_what_is_not_json(text):
    with pytest.raises(NotJson) as caught:
        parse(text)
    assert caught.value.http_status == 400


@pytest.mark.parametrize(
    "value",
    [
        [],
        7,
        {},
        {"input_data": None},
        {"input_data": 3},
        {"input_data": []},
        {"input_data": {}},
        {"input_data": [1, 2]},
        {"input_data": [[1], {"a": 1}]},
        {"input_data": {"columns": ["a"], "data": []}},
        {"input_data": {"columns": "a", "data": [[1]]}},
        {"input_data": {"columns": ["a", 2], "data": [[1, 2]]}},
        {"input_data": {"columns": ["a"], "data": [1]}},
        {"input_data": {"columns": ["a"], "data": [[1]], "index": [1, 2]}},
        {"input_data": {"columns": ["a"], "data": [[1]], "index": [None]}},
        {"input_data": {"a": [1, 2], "b": [1]}},
        {"input_data": {"a": 1}},
        {"input_data": [[1]], "data": [[1]]},
        {"data": [[1]], "params": 3},
        {"data": [[1]], "params": {"reasons": "many"}},
        {"data": [[1]], "params": {"reasons": -1}},
        {"data": [[1]], "params": {"reasons": 51}},
        {"data": [[1]], "params": {"reasosn": 1}},
        {"data": [[1]], "params": {"format": "csv"}},
    ],
)
def test_what_is_json_but_no_request(value):
    with pytest.raises(NotARequest) as caught:
        parse(body(value))
    assert caught.value.http_status == 422
    assert caught.value.hint or caught.value.where


def test_records_of_different_keys_name_the_key_and_row():
    with pytest.raises(ContractViolation) as caught:
        parse(body({"data": [{"a": 1, "b": 2}, {"a": 1}]}))
    (violation,) = caught.value.violations
    assert (violation["column"], violation["row"], violation["got"]) == ("b", 1, "no such key")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(
    st.one_of(
        JSON,
        st.fixed_dictionaries({"input_data": JSON}, optional={"params": JSON, "data": JSON}),
        st.fixed_dictionaries(
            {
                "input_data": st.fixed_dictionaries(
                    {"columns": JSON, "data": JSON}, optional={"index": JSON}
                )
            }
        ),
    )
)
def test_any_json_is_parsed_or_refused_on_purpose(value):
    try:
        request = parse(json.dumps(value).encode())
    except AssayError:
        return
    assert all(isinstance(row, list) for row in request.rows)


@given(st.binary(max_size=200))
def test_any_bytes_are_parsed_or_refused_on_purpose(text):
    with contextlib.suppress(NotJson, NotARequest, ContractViolation):
        parse(text)
