"""Azure Machine Learning's scoring JSON.

The split table that its managed endpoints take::

    {"input_data": {"columns": ["a", "b"], "index": [0], "data": [[1, "x"]]}, "params": {…}}

and, as a convenience, ``input_data`` or ``data`` as a list of records, as rows in the order of
the contract, or as an object of columns.
"""

from __future__ import annotations

from typing import Any

import msgspec

from assay.data.request import kind_of
from assay.deploy.refusals import NotARequest, NotJson
from assay.errors import ContractViolation

Index = int | str

MAX_REASONS = 50
_SHAPE = (
    'Send {"input_data": {"columns": [...], "data": [[...]]}}; '
    "GET /openapi.json describes the whole request."
)


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a caller may ask for beside the answer."""

    reasons: int | None = None
    """Reasons a row, 0 for none; None: the endpoint decides by the number of rows."""
    format: str = "full"
    strangeness: bool = False
    """Whether to tell how unlike the training rows each row is."""


class Request(msgspec.Struct, frozen=True):
    """A parsed scoring request, names not yet checked.

    ``columns`` None means rows in the order of the contract's features. ``index`` names the rows
    in the answer; None means 0, 1, 2, …
    """

    rows: list[list[Any]]
    columns: list[str] | None = None
    index: list[Index] | None = None
    params: Params = Params()


class _Split(msgspec.Struct):
    columns: list[str]
    data: list[list[Any]]
    index: list[Index] | None = None


class _SplitBody(msgspec.Struct):
    input_data: _Split
    params: Params = Params()


_decode_split = msgspec.json.Decoder(_SplitBody).decode
_decode_any = msgspec.json.Decoder().decode


def parse(body: bytes) -> Request:
    """Parse a request body.

    Parameters
    ----------
    body : bytes
        UTF-8 JSON.

    Returns
    -------
    Request

    Raises
    ------
    NotJson
        The bytes are not JSON (HTTP 400).
    NotARequest
        The JSON is not a scoring request (HTTP 422).
    ContractViolation
        A row is not as wide as the list of columns (HTTP 422).

    Examples
    --------
    >>> parse(b'{"input_data": {"columns": ["a"], "data": [[1]]}}').rows
    [[1]]
    >>> parse(b'{"data": [{"a": 1}, {"a": 2}]}').columns
    ['a']
    """
    try:
        quick = _decode_split(body)
    except msgspec.ValidationError:
        return _parse_slowly(body)
    except msgspec.DecodeError as error:
        raise _not_json(str(error)) from None
    except (UnicodeDecodeError, RecursionError, ValueError) as error:
        raise _not_json(_KNOWN_FAULTS.get(type(error), "a number has too many digits")) from None
    table = quick.input_data
    return _request(table.columns, table.data, table.index, quick.params)


_KNOWN_FAULTS: dict[type[Exception], str] = {
    UnicodeDecodeError: "the text is not UTF-8",
    RecursionError: "it is nested too deeply",
}


def _not_json(why: str) -> NotJson:
    return NotJson(f"The body is not JSON: {why}.", hint="Send one JSON object, UTF-8 encoded.")


def _parse_slowly(body: bytes) -> Request:
    """Everything but the plain split table, and the exact fault where there is one."""
    try:
        value = _decode_any(body)
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise _not_json("a number is out of range, or it is nested too deeply") from None
    if not isinstance(value, dict):
        raise NotARequest(f"Expected a JSON object, got {kind_of(value)}.", hint=_SHAPE)
    found = [key for key in ("input_data", "data") if key in value]
    if len(found) != 1:
        seen = "both" if found else "neither"
        raise NotARequest(f"Expected 'input_data' or 'data', got {seen}.", hint=_SHAPE)
    params = _params(value.get("params"))
    return _table(value[found[0]], found[0], params)


def _params(value: Any) -> Params:
    if value is None:
        return Params()
    try:
        params = msgspec.convert(value, Params)
    except msgspec.ValidationError:
        raise NotARequest(
            "'params' is not as expected.",
            hint='It takes {"reasons": 0 to 50, "format": "full" or "azure", '
            '"strangeness": true or false}.',
            where="params",
        ) from None
    return params


def _table(value: Any, where: str, params: Params) -> Request:
    """Tell the four shapes of a table apart."""
    if isinstance(value, dict):
        if "columns" in value and "data" in value:
            return _split(value, where, params)
        return _from_columns(value, where, params)
    if not isinstance(value, list):
        raise NotARequest(f"Expected a table, got {kind_of(value)}.", hint=_SHAPE, where=where)
    if all(isinstance(row, list) for row in value):
        return _request(None, value, None, params)
    if all(isinstance(row, dict) for row in value):
        return _from_records(value, params)
    raise NotARequest("Rows must be all arrays or all objects.", hint=_SHAPE, where=where)


def _split(value: dict[str, Any], where: str, params: Params) -> Request:
    try:
        table = msgspec.convert(value, _Split)
    except msgspec.ValidationError as error:
        # The sentence names JSON types and positions only; no field here holds an enumeration.
        raise NotARequest(f"{error}.", hint=_SHAPE, where=where) from None
    return _request(table.columns, table.data, table.index, params)


def _from_records(records: list[dict[str, Any]], params: Params) -> Request:
    """Records of the same keys as rows; the first record sets the order."""
    columns = list(records[0])
    known = set(columns)
    for position, record in enumerate(records):
        if record.keys() != known:
            first = min(record.keys() ^ known)
            has = first in record
            raise ContractViolation(
                [
                    {
                        "column": first,
                        "row": position,
                        "expected": "the keys of row 0",
                        "got": "a further key" if has else "no such key",
                    }
                ]
            )
    return _request(columns, [list(map(r.__getitem__, columns)) for r in records], None, params)


def _from_columns(value: dict[str, Any], where: str, params: Params) -> Request:
    """An object of columns, all of one length."""
    cells = list(value.values())
    if not cells or not all(isinstance(column, list) for column in cells):
        raise NotARequest("Expected columns of values.", hint=_SHAPE, where=where)
    if len({len(column) for column in cells}) > 1:
        raise NotARequest("The columns are not equally long.", hint=_SHAPE, where=where)
    return _request(list(value), [list(row) for row in zip(*cells, strict=True)], None, params)


def _request(
    columns: list[str] | None,
    rows: list[list[Any]],
    index: list[Index] | None,
    params: Params,
) -> Request:
    """Check what does not need the contract: there are rows, widths, index, params."""
    if not rows:
        raise NotARequest("There are no rows.", hint=_SHAPE, where="data")
    if columns is not None and not columns:
        raise NotARequest("There are no columns.", hint=_SHAPE, where="columns")
    if index is not None and len(index) != len(rows):
        raise NotARequest(
            f"'index' has {len(index)} entries for {len(rows)} rows.",
            hint="Leave 'index' out, or give one entry a row.",
            where="index",
        )
    if params.format not in {"full", "azure"}:
        raise NotARequest("Unknown format.", hint="'full' or 'azure'.", where="params.format")
    if params.reasons is not None and not 0 <= params.reasons <= MAX_REASONS:
        raise NotARequest(
            f"'reasons' must lie between 0 and {MAX_REASONS}.", where="params.reasons"
        )
    return Request(rows=rows, columns=columns, index=index, params=params)
