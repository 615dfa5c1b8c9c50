"""Answers requests without knowing how they arrived: bytes in, a `Reply` out.

The HTTP server is a thin coat around `ScoringService`; tests and other transports use it bare.
"""

from __future__ import annotations

import itertools
import logging
import secrets
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Event
from typing import Any

import msgspec

from assay.assess.novelty import Novelty
from assay.data.contract import ColumnKind
from assay.deploy.bundle import Bundle
from assay.deploy.metrics import Counters, prometheus_text
from assay.deploy.openapi import openapi
from assay.deploy.predictions import (
    bare_values,
    check_finite,
    class_predictions,
    labels,
    probability_rows,
    regression_predictions,
)
from assay.deploy.protocols import azure
from assay.deploy.reasons import Reasoner, explained_labels
from assay.deploy.record import Entry, RecordSettings, Scalar, SegmentHeader, open_recorder
from assay.deploy.refusals import Fault, TooLarge, UnknownPath, WrongMethod, check_media
from assay.errors import AssayError, InputError
from assay.model.answer import Answer
from assay.model.explain import explainable
from assay.model.plan import Array
from assay.model.scorer import Scorer

JSON = "application/json"
log = logging.getLogger("assay.deploy")
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one request may ask for."""

    body_bytes: int = 16 * 2**20
    rows: int = 10_000
    reasons: int = 5
    """Reasons a row, where the caller does not say."""
    rows_with_reasons: int = 4
    """Requests of at most so many rows get reasons unasked."""
    rows_with_asked_reasons: int = 100


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer, whatever carries it."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Pending:
    """A reply that may be sent once the record's ``ticket`` is on disk (0: at once)."""

    reply: Reply
    request_id: str
    began_ns: int
    ticket: int = 0
    scored: bool = False


class ScoringService:
    """One verified model version, ready to answer.

    Parameters
    ----------
    bundle : Bundle
        From `load_bundle`, which verified it.
    record : RecordSettings
        Where predictions are kept; ``mode="off"`` keeps none, and ``/model`` says so.
    counters : Counters, optional
        Shared by the processes of one endpoint.
    limits : Limits, optional
    instance : str, optional
        Told by ``/health``: by it whoever started this process knows it again.
    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        record: RecordSettings,
        counters: Counters | None = None,
        limits: Limits | None = None,
        instance: str = "",
    ) -> None:
        self.bundle = bundle
        self.counters = counters or Counters()
        self.limits = limits or Limits()
        self.instance = instance
        self._scorer = Scorer(bundle.coded or bundle.graph, threads=1)
        self.recorder = open_recorder(record, _segment_header(bundle, self._scorer))
        self._features = [column.name for column in bundle.contract.features]
        self._reasoner = Reasoner(
            self._scorer,
            contract=bundle.contract,
            reference=bundle.reference,
            unit=bundle.question.unit,
        )
        self._novelty = Novelty.from_json(bundle.novelty) if bundle.novelty else None
        self._prefix = secrets.token_hex(6)
        self._numbers = itertools.count(1)
        self._pages = self._build_pages()

    def score(self, body: bytes, content_type: str, headers: Mapping[str, str]) -> Reply:
        """Answer one scoring request; never raises.

        Parameters
        ----------
        body : bytes
            Azure ML scoring JSON, see `assay.deploy.protocols.azure`.
        content_type : str
            ``application/json``.
        headers : mapping of str to str
            Names in lower case.

        Returns
        -------
        Reply
            200 with one prediction a row, or one error in the shared shape. It is returned
            once the predictions are kept as the recorder's mode promises.
        """
        return self._wait(self.begin(body, content_type, headers))

    def handle(
        self, method: str, path: str, body: bytes, content_type: str, headers: Mapping[str, str]
    ) -> Reply:
        """Answer any request: `score` for ``POST /score``, `page` for the rest."""
        if path == "/score" and method == "POST":
            return self.score(body, content_type, headers)
        return self.page(method, path)

    def begin(self, body: bytes, content_type: str, headers: Mapping[str, str]) -> Pending:
        """Answer and record, but leave waiting for the disk to the caller; see `finish`."""
        began = time.perf_counter_ns()
        request_id = self.new_id()
        try:
            check_media(content_type, headers)
            self._check_size(len(body))
            request = azure.parse(body)
            reply, ticket = self._answer(request, request_id, began)
        except AssayError as error:
            return Pending(refusal(error, request_id), request_id, began, scored=True)
        except Exception as error:
            # A defect of ours must not take the process down, nor spill a value anywhere.
            return Pending(fault(error, request_id), request_id, began, scored=True)
        return Pending(reply, request_id, began, ticket, scored=True)

    def finish(self, pending: Pending, failure: AssayError | None = None) -> Reply:
        """The reply to send, now that its ticket is on disk, or ``failure`` says it is not."""
        reply = pending.reply if failure is None else refusal(failure, pending.request_id)
        if pending.scored:
            took = (time.perf_counter_ns() - pending.began_ns) // 1000
            self.counters.count_request(reply.status, took)
        return reply

    def refuse(self, error: AssayError) -> Reply:
        """Refuse a scoring request before its body was read."""
        began = time.perf_counter_ns()
        request_id = self.new_id()
        return self.finish(Pending(refusal(error, request_id), request_id, began, scored=True))

    def page(self, method: str, path: str) -> Reply:
        """Answer everything but ``POST /score``."""
        request_id = self.new_id()
        try:
            build = self._pages.get(path)
            if path == "/score":
                raise WrongMethod("POST")
            if build is None:
                raise UnknownPath(
                    "There is no such path here.", hint="GET /openapi.json lists the paths."
                )
            if method not in {"GET", "HEAD"}:
                raise WrongMethod("GET")
            return build()
        except AssayError as error:
            return refusal(error, request_id)

    def new_id(self) -> str:
        """An id that no other request has: random for the process, then counted."""
        return f"{self._prefix}-{next(self._numbers):x}"

    def close(self) -> None:
        """Bring the record to disk and close it."""
        self.recorder.close()
        self.counters.note_record(self.recorder.state())

    def _wait(self, pending: Pending) -> Reply:
        if not pending.ticket or self.recorder.mode != "group":
            return self.finish(pending)
        done, failures = Event(), list[AssayError]()

        def settled(failure: AssayError | None) -> None:
            if failure is not None:
                failures.append(failure)
            done.set()

        self.recorder.when_synced(pending.ticket, settled)
        done.wait()
        return self.finish(pending, failures[0] if failures else None)

    def _check_size(self, size: int) -> None:
        if size > self.limits.body_bytes:
            raise body_too_large(self.limits.body_bytes)

    def _answer(self, request: azure.Request, request_id: str, began: int) -> tuple[Reply, int]:
        """Decode, score, explain, record."""
        self._check_rows(request)
        columns = self._features if request.columns is None else request.columns
        inputs = self.bundle.contract.decode_inputs(columns, request.rows)
        answer = self._scorer.score(inputs)
        check_finite(answer)
        body = self._body(request, inputs, answer, request_id)
        took_us = (time.perf_counter_ns() - began) // 1000
        ticket = self.recorder.append(self._entries(inputs, answer, request_id, took_us))
        return Reply(200, body, JSON, (("x-request-id", request_id),)), ticket

    def _check_rows(self, request: azure.Request) -> None:
        if len(request.rows) > self.limits.rows:
            raise TooLarge(
                f"One request may bring {self.limits.rows:,} rows; this one brings more.",
                hint="Send the rows in several requests.",
            )
        asked = request.params.reasons or 0
        if asked and len(request.rows) > self.limits.rows_with_asked_reasons:
            raise TooLarge(
                f"Reasons are given for up to {self.limits.rows_with_asked_reasons} rows.",
                hint='Send fewer rows, or "params": {"reasons": 0}.',
                where="params.reasons",
            )

    def _body(
        self, request: azure.Request, inputs: Mapping[str, Array], answer: Answer, request_id: str
    ) -> bytes:
        novelties = self.bundle.contract.input_novelties(inputs)
        self.counters.count_rows(len(request.rows), len({novelty.row for novelty in novelties}))
        if request.params.format == "azure":
            return _encode(bare_values(answer))
        predictions = self._predictions(answer, request.index)
        for novelty in novelties:
            told = {"column": novelty.column, "what": novelty.kind}
            predictions[novelty.row]["novelties"].append(told)
        if request.params.strangeness:
            self._tell_strangeness(predictions, inputs)
        count = self._reason_count(request)
        if count:
            explained = explained_labels(answer.classes, labels(answer))
            reasons = self._reasoner(inputs, explained, count)
            for prediction, why in zip(predictions, reasons, strict=True):
                prediction["reasons"] = why
        return _encode(
            {
                "predictions": predictions,
                "model": self.bundle.version,
                "model_digest": self.bundle.model_digest,
                "request_id": request_id,
            }
        )

    def _tell_strangeness(
        self, predictions: list[dict[str, Any]], inputs: Mapping[str, Array]
    ) -> None:
        """Whether rows are unlike those that the model learned from, and how sure that is."""
        if self._novelty is None:
            raise InputError(
                f"{self.bundle.version} goes without a model of its training rows.",
                hint="Register a new version, or leave out params.strangeness.",
                where="params.strangeness",
            )
        told = zip(self._novelty.strange(inputs), self._novelty.p_values(inputs), strict=True)
        for prediction, (strange, p_value) in zip(predictions, told, strict=True):
            prediction["strangeness"] = {"strange": bool(strange), "p_value": float(p_value)}

    def _predictions(
        self, answer: Answer, index: Sequence[int | str] | None
    ) -> list[dict[str, Any]]:
        names = range(len(answer.prediction)) if index is None else index
        if self._scorer.kind == "regression":
            unit = self.bundle.question.unit
            return regression_predictions(
                answer, index=names, unit=unit, coverage=self._scorer.coverage
            )
        return class_predictions(answer, index=names, coverage=self._scorer.coverage)

    def _reason_count(self, request: azure.Request) -> int:
        if request.params.reasons is not None:
            return request.params.reasons
        few = len(request.rows) <= self.limits.rows_with_reasons
        return self.limits.reasons if few and explainable(self._scorer) else 0

    def _entries(
        self, inputs: Mapping[str, Array], answer: Answer, request_id: str, took_us: int
    ) -> list[Entry]:
        """One entry for the record a row, holding what the model read."""
        columns = [_plain(inputs[c.name], c.kind) for c in self.bundle.contract.features]
        at_us = time.time_ns() // 1000
        nothing = [None] * len(answer.prediction)
        rows = zip(
            zip(*columns, strict=True),
            answer.prediction.tolist(),
            nothing if answer.lower is None else answer.lower.tolist(),
            nothing if answer.upper is None else answer.upper.tolist(),
            labels(answer) or nothing,
            probability_rows(answer) or nothing,
            strict=True,
        )
        return [
            Entry(request_id, row, at_us, values, value, low, high, label, shares, took_us)
            for row, (values, value, low, high, label, shares) in enumerate(rows)
        ]

    def _build_pages(self) -> dict[str, Callable[[], Reply]]:
        question = self.bundle.question
        described = _encode(
            openapi(
                self.bundle.contract,
                self._scorer.kind,
                title=self.bundle.name,
                version=str(self.bundle.number),
                about=question.question,
            )
        )
        model = _encode(self._model_card())
        live = _encode({"status": "live", "model": self.bundle.version})
        return {
            "/": lambda: Reply(200, live),
            "/health": self._health,
            "/health/live": lambda: Reply(200, live),
            "/health/ready": self._health,
            "/openapi.json": lambda: Reply(200, described),
            "/model": lambda: Reply(200, model),
            "/metrics": self._metrics,
        }

    def _model_card(self) -> dict[str, Any]:
        """What ``/model`` tells."""
        bundle, question = self.bundle, self.bundle.question
        return {
            "name": bundle.name,
            "number": bundle.number,
            "created_at": bundle.created_at,
            "model_digest": bundle.model_digest,
            "digests": bundle.digests,
            "signed_by": bundle.signed_by,
            "struck_at": bundle.struck_at,
            "kind": self._scorer.kind,
            "classes": self._scorer.classes,
            "coverage": self._scorer.coverage,
            "unit": question.unit,
            "question": question.question,
            "decision": question.decision,
            "owner": question.owner,
            "intended_use": question.intended_use,
            "out_of_scope": question.out_of_scope,
            "contract": bundle.contract,
            "record": {"mode": self.recorder.mode, "meaning": _MODES[self.recorder.mode]},
            "limits": {"body_bytes": self.limits.body_bytes, "rows": self.limits.rows},
        }

    def _health(self) -> Reply:
        """Ready: a row would be answered and its prediction kept."""
        problem = self.recorder.problem()
        told = {
            "status": f"not ready: {problem}" if problem else "ready",
            "model": self.bundle.version,
            "model_digest": self.bundle.model_digest,
            "instance": self.instance,
        }
        return Reply(503 if problem else 200, _encode(told))

    def _metrics(self) -> Reply:
        self.counters.note_record(self.recorder.state())
        text = prometheus_text(self.counters.totals(), model=self.bundle.version)
        return Reply(200, text.encode(), "text/plain; version=0.0.4; charset=utf-8")


_MODES = {
    "async": "Written before the answer is sent; on disk within 50 ms.",
    "group": "On disk before the answer is sent.",
    "off": "Predictions are not recorded: monitoring and audit of this endpoint are not possible.",
}


def _segment_header(bundle: Bundle, scorer: Scorer) -> SegmentHeader:
    """What all predictions of ``bundle`` have in common."""
    features = bundle.contract.features
    return SegmentHeader(
        model=bundle.version,
        model_digest=bundle.model_digest,
        kind=scorer.kind,
        columns=tuple(column.name for column in features),
        column_kinds=tuple(column.kind for column in features),
        classes=scorer.classes,
        unit=bundle.question.unit,
    )


def body_too_large(limit: int) -> TooLarge:
    """The refusal of a body beyond ``limit`` bytes."""
    return TooLarge(
        f"A body may hold {limit / 2**20:g} MiB; this one holds more.",
        hint="Send the rows in several requests.",
    )


def refusal(error: AssayError, request_id: str) -> Reply:
    """``error`` in the one shape that every part of Assay uses, with the request's id."""
    headers = [("x-request-id", request_id)]
    if isinstance(error, WrongMethod):
        headers.append(("allow", error.allowed))
    if error.http_status == 503:
        headers.append(("retry-after", "1"))
    body = _encode({**error.to_dict(), "request_id": request_id})
    return Reply(error.http_status, body, JSON, tuple(headers))


def fault(error: Exception, request_id: str) -> Reply:
    """Log a defect where it happened, without its message, which may hold a value."""
    where = "".join(traceback.format_tb(error.__traceback__))
    log.error("request %s: %s\n%s", request_id, type(error).__qualname__, where)
    return refusal(
        Fault(
            "The server failed on this request.",
            hint=f"Its log says where, under request {request_id}.",
        ),
        request_id,
    )


def _plain(column: Array, kind: ColumnKind) -> list[Scalar]:
    """A column as the graph takes it, as plain values; None where missing."""
    values = column.ravel().tolist()
    if kind in {"category", "text"}:
        return [value or None for value in values]
    known = [None if value != value else value for value in values]  # noqa: PLR0124 - NaN
    if kind == "boolean":
        return [None if value is None else value > 0 for value in known]
    return known
