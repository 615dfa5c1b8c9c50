"""The endpoint described in OpenAPI 3.1, built from the contract it holds requests to."""

from __future__ import annotations

from typing import Any

from assay.data.contract import Contract
from assay.model.plan import OutputKind

JsonSchema = dict[str, Any]


def answer_schema(kind: OutputKind) -> JsonSchema:
    """JSON Schema of one prediction."""
    properties: dict[str, JsonSchema] = {"index": {"type": ["integer", "string"]}}
    if kind == "regression":
        properties |= {
            "value": {"type": "number"},
            "lower": {"type": "number"},
            "upper": {"type": "number"},
            "unit": {"type": "string"},
        }
    else:
        properties |= {
            "label": {"type": "string"},
            "probability": {"type": "number", "minimum": 0, "maximum": 1},
            "probabilities": {"type": "object", "additionalProperties": {"type": "number"}},
            "set": {"type": "array", "items": {"type": "string"}},
        }
    properties |= {
        "coverage": {"type": "number"},
        "novelties": {"type": "array", "items": {"$ref": "#/components/schemas/Novelty"}},
        "reasons": {"type": "array", "items": {"$ref": "#/components/schemas/Reason"}},
        "strangeness": {"$ref": "#/components/schemas/Strangeness"},
    }
    needed = ["index", "value" if kind == "regression" else "label", "novelties"]
    return {"type": "object", "properties": properties, "required": needed}


def openapi(
    contract: Contract, kind: OutputKind, *, title: str, version: str, about: str
) -> JsonSchema:
    """The whole document.

    Parameters
    ----------
    contract : Contract
    kind : {"regression", "binary", "multiclass"}
    title, version : str
        Name and number of the model version.
    about : str
        The question that the model answers.
    """
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version, "description": about},
        "paths": {
            "/score": {"post": _score_operation()},
            "/": {"get": _get("Whether the process lives")},
            "/health": {"get": _get("Whether it can answer and record")},
            "/model": {"get": _get("Name, version, digests, contract, intended use")},
            "/openapi.json": {"get": _get("This document")},
            "/metrics": {"get": _get("Counters, in Prometheus text", "text/plain")},
        },
        "components": {"schemas": _schemas(contract, kind)},
    }


def _schemas(contract: Contract, kind: OutputKind) -> JsonSchema:
    names = [column.name for column in contract.columns]
    least = len(contract.features)
    row = contract.json_schema()
    return {
        "Row": {key: row[key] for key in row if key not in {"$schema", "title"}},
        "Table": {
            "type": "object",
            "required": ["columns", "data"],
            "properties": {
                "columns": {"type": "array", "items": {"enum": names}, "minItems": least},
                "index": {"type": "array", "items": {"type": ["integer", "string"]}},
                "data": {"type": "array", "items": {"type": "array"}, "minItems": 1},
            },
        },
        "Rows": {"type": "array", "items": _reference("Row"), "minItems": 1},
        "Params": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "reasons": {"type": ["integer", "null"], "minimum": 0, "maximum": 50},
                "format": {"enum": ["full", "azure"]},
                "strangeness": {"type": "boolean"},
            },
        },
        "Request": _request_schema(),
        "Prediction": answer_schema(kind),
        "Answer": _answer_envelope(),
        "Novelty": _object(column={"type": "string"}, what={"type": "string"}),
        "Reason": _object(
            column={"type": "string"}, effect={"type": "number"}, text={"type": "string"}
        ),
        "Strangeness": _object(
            strange={"type": "boolean"}, p_value={"type": "number", "minimum": 0, "maximum": 1}
        ),
        "Error": _error_schema(),
    }


def _request_schema() -> JsonSchema:
    params = {"params": _reference("Params")}
    table = {"anyOf": [_reference("Table"), _reference("Rows")]}
    return {
        "anyOf": [
            {"type": "object", "required": [key], "properties": {key: table, **params}}
            for key in ("input_data", "data")
        ]
    }


def _answer_envelope() -> JsonSchema:
    return _object(
        predictions={"type": "array", "items": _reference("Prediction")},
        model={"type": "string"},
        model_digest={"type": "string"},
        request_id={"type": "string"},
    )


def _error_schema() -> JsonSchema:
    text: JsonSchema = {"type": "string"}
    schema = _object(code=text, message=text, where=text, hint=text, docs=text, request_id=text)
    row: JsonSchema = {"type": ["integer", "null"]}
    broken = _object(column=text, row=row, expected=text, got=text)
    schema["properties"]["violations"] = {"type": "array", "items": broken}
    return schema


def _score_operation() -> JsonSchema:
    errors = {
        "400": "The body is not JSON",
        "413": "Too many bytes or rows",
        "415": "The body is not application/json",
        "422": "Names, types or shape break the contract",
        "500": "The model gave no finite answer, or a fault of the server",
        "503": "The prediction cannot be recorded now",
    }
    return {
        "summary": "Answer rows",
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _reference("Request")}},
        },
        "responses": {
            "200": {
                "description": "One prediction a row, in the order of the rows",
                "content": {
                    "application/json": {
                        "schema": {"anyOf": [_reference("Answer"), {"type": "array"}]}
                    }
                },
            },
            **{
                status: {
                    "description": text,
                    "content": {"application/json": {"schema": _reference("Error")}},
                }
                for status, text in errors.items()
            },
        },
    }


def _get(summary: str, media: str = "application/json") -> JsonSchema:
    return {
        "summary": summary,
        "responses": {"200": {"description": summary, "content": {media: {}}}},
    }


def _object(**properties: JsonSchema) -> JsonSchema:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _reference(name: str) -> JsonSchema:
    return {"$ref": f"#/components/schemas/{name}"}
