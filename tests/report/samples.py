"""Sample dossiers, built from JSON as a store would hand it over."""

from __future__ import annotations

import base64
import json
import math
import random
from typing import Any

import msgspec

from assay.report.dossier import Dossier

HOSTILE = '<script>alert("1")</script> | `x` *b* _i_ #set [l](u) $m$ \\ & \' {{7*7}} "q"'
"""A name that tries every markup at once."""


def sha(text: str) -> str:
    import hashlib

    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def car_price(*, struck: bool = False, refused: bool = False, hostile: bool = False) -> Dossier:
    """A regression dossier of the size and shape that `assay run` makes."""
    make = HOSTILE if hostile else "make"
    body = {
        "question": _question(hostile),
        "kind": "regression",
        "dataset": _dataset(hostile),
        "profile": _profile(make),
        "contract": _contract(make),
        "split": {
            "train": 150,
            "test": 51,
            "folds": 5,
            "how": "A quarter of the rows is held out, stratified by fifths of the price.",
            "seed": 0,
        },
        "policy": _policy(make),
        "leaderboard": _leaderboard(),
        "parity": _parity(),
        "assessment": {
            "subject": sha("model"),
            "findings": _findings(make),
            "examined": {"held-out": 51, "cross-fitted": 150},
            "not_examined": [
                "Prices after 1985: the table holds none.",
                "Mileage and condition of each car: no such column."
                + (f" {HOSTILE}" if hostile else ""),
            ],
        },
        "decision": _decision(make, refused),
        "run": _run(),
        "ledger": {"entry": 17, "hash": sha("entry")},
    }
    if not refused:
        body["version"] = _version()
    if struck:
        body["approvals"] = [_approval(hostile)]
        body["hallmark"] = _hallmark(hostile)
    return msgspec.convert(body, Dossier)


def churn() -> Dossier:
    """A binary dossier: classes, probabilities, confusion and calibration."""
    dossier = car_price(struck=True)
    bins = [
        {"forecast": f, "observed": f * 0.9, "lower": f * 0.8, "upper": f, "rows": 300}
        for f in (0.05, 0.2, 0.45, 0.8)
    ]
    details = {
        "confusion": {"classes": ["No", "Yes"], "counts": [[940, 95], [170, 204]]},
        "bins": bins,
    }
    findings = tuple(
        msgspec.structs.replace(f, details=details, rows=1409) if f.check == "REL001" else f
        for f in dossier.assessment.findings
    )
    replace = msgspec.structs.replace
    return replace(
        dossier,
        kind="binary",
        question=replace(dossier.question, name="churn", target="Churn", unit="", positive="Yes"),
        leaderboard=replace(
            dossier.leaderboard,
            metric="roc_auc",
            better="higher",
            baseline=0.5,
            ensemble_score=0.84,
        ),
        assessment=replace(dossier.assessment, findings=findings),
    )


def _question(hostile: bool) -> dict[str, Any]:
    return {
        "name": "car-price",
        "question": HOSTILE if hostile else "How much is this car worth?",
        "data": "automobile.csv",
        "target": "price",
        "decision": "What price to ask, or to offer, for a car.",
        "owner": "ana@example.org",
        "unit": "USD",
        "affected_groups": [{"column": "make", "why": "Sellers of rare makes."}],
        "success": {"metric": "mae", "baseline": "the median price", "target": 2000.0},
        "intended_use": "A first price, which a person then looks at.",
        "out_of_scope": "Cars built after 1985, and insurance.",
        "data_source": "UCI Machine Learning Repository, Automobile",
        "data_licence": "CC BY 4.0",
    }


def _dataset(hostile: bool) -> dict[str, Any]:
    return {
        "digest": sha("rows"),
        "source": HOSTILE if hostile else "automobile.csv",
        "rows": 201,
        "columns": 26,
        "arrow_schema": "",
        "read_at": "2026-03-14T09:30:00.000Z",
    }


def _column(name: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "kind": "number",
        "role": "feature",
        "missing": 0,
        "distinct": 60,
        "low": 48.0,
        "high": 262.0,
        "mean": 103.0,
        "std": 37.0,
        "quantiles": [48, 62, 70, 95, 116, 180, 262],
        "outliers": 2,
        "top": [],
        "flags": [],
        "note": "",
        **more,
    }


def _profile(make: str) -> dict[str, Any]:
    level = {"kind": "category", "low": None, "high": None, "mean": None, "std": None}
    return {
        "rows": 201,
        "columns": [
            _column(make, **level, quantiles=[], distinct=22, top=[["toyota", 32], ["bmw", 8]]),
            _column("horsepower", missing=2),
            _column("normalized-losses", missing=37, note="Many cells are missing."),
            _column("bore", missing=4),
            _column("price", role="target", low=5118.0, high=45400.0, outliers=14),
        ],
        "duplicates": 0,
        "missing_cells": 43,
        "target": "price",
    }


def _contract(make: str) -> dict[str, Any]:
    return {
        "columns": [
            {"name": make, "kind": "category", "categories": ["bmw", "toyota"], "nullable": False},
            {"name": "horsepower", "kind": "number", "nullable": True, "low": 48.0, "high": 262.0},
            {
                "name": "normalized-losses",
                "kind": "number",
                "nullable": True,
                "low": 65,
                "high": 256,
            },
            {"name": "bore", "kind": "number", "nullable": True, "low": 2.54, "high": 3.94},
            {"name": "price", "kind": "number", "role": "target", "low": 5118.0, "high": 45400.0},
        ]
    }


def _policy(make: str) -> dict[str, Any]:
    return {
        "name": "car-price release",
        "rules": [
            {"check": "REL001", "at_most": 0.35, "because": "Half the baseline's error pays off."},
            {"check": "FAI001", "at_most": 0.25, "column": make, "undecided": "approve"},
            {"check": "REL004", "at_least": 0.85},
            {"check": "PRI001", "at_most": 0},
            {"check": "ACC001", "at_least": 1},
            {"check": "INC001", "at_least": 10},
            {"check": "TRA001", "at_most": 0.1},
        ],
    }


def _leaderboard() -> dict[str, Any]:
    families = ("ebm", "lightgbm", "xgboost", "forest", "linear")
    trials = [
        {
            "number": n,
            "family": families[n % 5],
            "params": {"depth": 3 + n},
            "score": 1500.0 + 90 * n,
            "low": 1320.0 + 80 * n,
            "high": 1720.0 + 100 * n,
            "fit_s": 0.4,
            "predict_us_per_row": 1.5,
            "nodes": 900,
            "transparent": families[n % 5] in {"ebm", "linear"},
            "status": "finished",
            "note": "",
            "weight": {0: 0.6, 1: 0.4}.get(n, 0.0),
        }
        for n in range(9)
    ]
    return {
        "metric": "mae",
        "better": "lower",
        "baseline": 5900.0,
        "trials": trials,
        "ensemble_score": 1440.0,
        "transform": "log",
        "budget_s": 40.0,
        "spent_s": 38.2,
        "why": "Two trials together err less than either alone.",
        "features": ["horsepower", "bore"],
        "seed": 0,
    }


def _parity() -> dict[str, Any]:
    cases = ("real rows", "missing cells", "unseen categories", "extreme numbers")
    return {
        "rows": 804,
        "cases": [
            {"name": c, "rows": 201, "worst": 1.8e-12, "limit": 1e-9, "label_changes": 0}
            for c in cases
        ],
        "ok": True,
        "graph": sha("model"),
        "limit": 1e-9,
        "opset": 21,
        "ml_opset": 3,
        "splits": 410,
        "splits_tried": 396,
        "versions": {"onnx": "1.20.0"},
    }


def _finding(check: str, principle: str, title: str, **more: Any) -> dict[str, Any]:
    return {
        "check": check,
        "title": title,
        "principle": principle,
        "measure": title.lower(),
        "value": 1.0,
        "lower": 1.0,
        "upper": 1.0,
        "rows": 51,
        "method": "Percentile bootstrap over rows, 2,000 resamples (Efron and Tibshirani, 1993).",
        **more,
    }


def _points() -> dict[str, list[float]]:
    draw = random.Random(7)
    actual = [math.exp(draw.gauss(9.3, 0.5)) for _ in range(51)]
    return {"actual": actual, "predicted": [a * math.exp(draw.gauss(0, 0.12)) for a in actual]}


def _findings(make: str) -> list[dict[str, Any]]:
    groups = [
        {"group": make, "rows": 32, "value": 0.09, "lower": 0.07, "upper": 0.12},
        {"group": "bmw", "rows": 8, "value": 0.18, "lower": 0.08, "upper": 0.34},
        {"group": "jaguar", "rows": 3, "value": None},
    ]
    figures = ((make, 1200.0), ("horsepower", 800.0), ("bore", 60.0))
    importance = [
        {
            "column": column,
            "value": value,
            "lower": value * 0.7,
            "upper": value * 1.3,
            "measure": "Error added",
            "unit": "USD",
        }
        for column, value in figures
    ]
    contributions = {
        "columns": [{"column": make, "value": 3100.0}, {"column": "bore", "value": -420.0}],
        "answer": 13_400.0,
        "reference": 10_720.0,
    }
    return [
        _finding(
            "REL001",
            "reliability-safety",
            "Error against the baseline",
            value=0.21,
            lower=0.16,
            upper=0.27,
            measure="mean absolute error divided by the baseline's",
            details={"points": _points()},
        ),
        _finding(
            "REL004",
            "reliability-safety",
            "Coverage of the intervals",
            value=0.9,
            lower=0.8,
            upper=0.96,
            unit="share",
            better="higher",
            evidence="cross-fitted",
            rows=150,
        ),
        _finding(
            "FAI001",
            "fairness",
            "Error by group",
            value=0.18,
            lower=0.08,
            upper=0.34,
            unit="share",
            column=make,
            groups=groups,
            measure="mean relative error",
        ),
        _finding(
            "PRI001",
            "privacy-security",
            "Columns with personal data",
            value=0.0,
            lower=0.0,
            upper=0.0,
            evidence="table",
            rows=201,
        ),
        _finding(
            "INC001",
            "inclusiveness",
            "Rows of the smallest group",
            value=None,
            lower=None,
            upper=None,
            reason="No grouping column has two groups.",
            rows=0,
        ),
        _finding(
            "TRA001",
            "transparency",
            "Explanations that do not add up",
            value=0.0,
            lower=0.0,
            upper=0.02,
            unit="share",
            details={"importance": importance, "contributions": contributions},
        ),
        _finding(
            "ACC001",
            "accountability",
            "The record is complete",
            better="higher",
            evidence="record",
            rows=0,
        ),
    ]


def _outcome(
    finding: dict[str, Any], status: str, effect: str, limit: str, **more: Any
) -> dict[str, Any]:
    return {
        "check": finding["check"],
        "title": finding["title"],
        "column": finding.get("column", ""),
        "evidence": finding.get("evidence", "held-out"),
        "principle": finding["principle"],
        "status": status,
        "limit": limit,
        "value": finding["value"],
        "lower": finding["lower"],
        "upper": finding["upper"],
        "confidence": 0.95,
        "rows": finding["rows"],
        "reason": f"{finding['measure']} is {finding['value']}; the limit is {limit}.",
        "further_rows": None,
        "effect": effect,
        "because": "Half the baseline's error pays off." if finding["check"] == "REL001" else "",
        "waived_by": "",
        **more,
    }


def _decision(make: str, refused: bool) -> dict[str, Any]:
    found = {f["check"]: f for f in _findings(make)}
    verdict = ("not met", "blocks") if refused else ("met", "passes")
    return {
        "policy": sha("policy"),
        "assessment": sha("assessment"),
        "outcomes": [
            _outcome(found["REL001"], *verdict, "at most 0.35"),
            _outcome(
                found["FAI001"], "undecided", "needs acceptance", "at most 0.25", further_rows=120
            ),
            _outcome(found["REL004"], "waived", "passes", "at least 0.85", waived_by="ana"),
            _outcome(found["PRI001"], "met", "passes", "at most 0"),
            _outcome(found["ACC001"], "met", "passes", "at least 1"),
            _outcome(found["INC001"], "not applicable", "passes", "at least 10"),
            _outcome(found["TRA001"], "met", "passes", "between 0 and 0.1"),
        ],
        "today": "2026-03-14",
    }


def _run() -> dict[str, Any]:
    steps = ("question", "data", "search", "compile", "assess", "decide")
    return {
        "id": "car-price-1",
        "started": "2026-03-14T09:30:00.000Z",
        "by": "ana",
        "steps": [{"name": s, "title": s.capitalize(), "seconds": 2.5} for s in steps],
        "machine": {"system": "Linux 6.1", "cores": "2", "python": "3.11.9"},
        "packages": {"lightgbm": "4.6.0", "onnxruntime": "1.23.0"},
    }


def _version() -> dict[str, Any]:
    named = (
        "model",
        "contract",
        "dataset",
        "split",
        "policy",
        "assessment",
        "leaderboard",
        "parity",
        "code",
        "environment",
        "question",
        "reference",
        "decision",
    )
    return {
        **{field: sha(field) for field in named},
        "name": "car-price",
        "number": 3,
        "run": "car-price-1",
        "created_at": "2026-03-14T09:32:00.000Z",
        "created_by": "ana",
        "files": {"model.onnx": sha("model")},
    }


def _approval(hostile: bool) -> dict[str, Any]:
    return {
        "version": "car-price@3",
        "by": "luis",
        "at": "2026-03-14T10:00:00.000Z",
        "note": HOSTILE if hostile else "Rare makes get a second look by a person.",
        "accepted": ["FAI001/make/held-out"],
        "how": "option --approve",
    }


def _hallmark(hostile: bool) -> dict[str, Any]:
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "model.onnx", "digest": {"sha256": sha("model")[7:]}}],
        "predicateType": "urn:assay:hallmark:v1",
        "predicate": {
            "version": "car-price@3",
            "allowed": True,
            "digests": {"model": sha("model")},
            "outcomes": {"met": 4},
            "approvals": [_approval(hostile)],
            "created_at": "2026-03-14T09:32:00.000Z",
            "created_by": "ana",
            "struck_at": "2026-03-14T10:00:01.000Z",
        },
    }
    return {
        "payloadType": "application/vnd.in-toto+json",
        "payload": base64.b64encode(json.dumps(statement).encode()).decode(),
        "signatures": [{"keyid": sha("key")[7:], "sig": "AAAA"}],
    }
