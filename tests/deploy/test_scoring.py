"""The transport-free core: right answers, one error shape, no value ever told back in an error."""

from __future__ import annotations

import json
import logging
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from assay.data.contract import Contract
from assay.deploy.bundle import load_bundle
from assay.deploy.record import RecordSettings, read_records
from assay.deploy.scoring import Limits, Reply, ScoringService
from assay.errors import InputError, InvalidFile, StoreUnavailable
from assay.model.answer import Answer
from assay.model.scorer import Scorer

from .conftest import OFF
from .samples import COLUMNS, CONTRACT, ROW, make_bundle, regression_plan

CELLS = list(ROW.values())


def ask(service: ScoringService, request: object, **headers: str) -> Reply:
    return service.score(json.dumps(request).encode(), "application/json", headers)


def split(
    *rows: list[object], columns: list[str] | None = None, **more: object
) -> dict[str, object]:
    return {"input_data": {"columns": columns or COLUMNS, "data": list(rows)}, **more}


def told(reply: Reply) -> dict[str, object]:
    return json.loads(reply.body)


def first(reply: Reply) -> dict[str, object]:
    assert reply.status == 200, reply.body
    return told(reply)["predictions"][0]


def expected_price() -> float:
    """The sample's linear model by hand, for ROW."""
    days = 19494  # 2023-05-17
    return 900 + 9 * 2548 + 30 * 111 + 0.25 * days - 14_000


def test_a_good_row_is_answered(service):
    reply = ask(service, split(CELLS))
    answer = told(reply)
    (prediction,) = answer["predictions"]
    assert prediction["value"] == pytest.approx(expected_price())
    assert prediction["lower"] == pytest.approx(prediction["value"] - 1500)
    assert prediction["upper"] == pytest.approx(prediction["value"] + 1500)
    assert (prediction["unit"], prediction["coverage"]) == ("USD", 0.9)
    assert (prediction["index"], prediction["novelties"]) == (0, [])
    assert answer["model"] == "car-price@1"
    assert answer["model_digest"] == service.bundle.model_digest
    assert ("x-request-id", answer["request_id"]) in reply.headers


def test_reasons_add_up_to_the_difference_from_the_reference(service):
    reasons = first(ask(service, split(CELLS)))["reasons"]
    assert [r["column"] for r in reasons] == ["curb weight", "make", "horsepower", "sold"]
    assert reasons[0]["effect"] == pytest.approx(9 * (2548 - 2414))
    assert reasons[0]["text"] == (
        "curb weight 2548 against a typical 2414 raises the answer by 1,206 USD"
    )
    assert reasons[3]["text"].startswith("sold 2023-05-17 against a typical 2022-01-08 raises")
    assert sum(r["effect"] for r in reasons) == pytest.approx(
        expected_price() - (9 * 2414 + 30 * 95 + 0.25 * 19000 - 14_000)
    )


def test_reasons_can_be_counted_out(service):
    assert "reasons" not in first(ask(service, split(CELLS, params={"reasons": 0})))
    assert len(first(ask(service, split(CELLS, params={"reasons": 2})))["reasons"]) == 2
    many = ask(service, split(*[CELLS] * 5))
    assert all("reasons" not in p for p in told(many)["predictions"])
    asked = ask(service, split(*[CELLS] * 5, params={"reasons": 1}))
    assert all(len(p["reasons"]) == 1 for p in told(asked)["predictions"])
    too_many = ask(service, split(*[CELLS] * 101, params={"reasons": 1}))
    assert too_many.status == 413


def test_a_missing_value_is_a_reason(service):
    row = [*CELLS[:2], None, *CELLS[3:]]
    prediction = first(ask(service, split(row)))
    assert prediction["value"] == pytest.approx(expected_price() - 30 * (111 - 95))
    texts = " ".join(r["text"] for r in prediction["reasons"])
    assert "nan" not in texts


def test_every_shape_gives_the_same_answer(service):
    shapes = [
        split(CELLS),
        split(CELLS[::-1], columns=COLUMNS[::-1]),
        split([*CELLS, "XY-123"], columns=[*COLUMNS, "plate"]),
        {"data": [ROW]},
        {"data": [CELLS]},
        {"input_data": [ROW]},
        {"input_data": {name: [value] for name, value in ROW.items()}},
    ]
    values = [first(ask(service, shape))["value"] for shape in shapes]
    assert values == [values[0]] * len(shapes)


def test_rows_keep_their_order_and_index(service):
    rows = [[*CELLS[:1], 1500.0 + n, *CELLS[2:]] for n in range(300)]
    table = {"columns": COLUMNS, "data": rows, "index": [f"car {n}" for n in range(300)]}
    predictions = told(ask(service, {"input_data": table}))["predictions"]
    assert [p["index"] for p in predictions] == table["index"]
    values = np.array([p["value"] for p in predictions])
    assert np.allclose(np.diff(values), 9.0)


def test_azure_s_bare_list_on_request(service, binary_service):
    plain = told(ask(service, split(CELLS, CELLS, params={"format": "azure"})))
    assert plain == pytest.approx([expected_price()] * 2)
    assert told(ask(binary_service, split(CELLS, params={"format": "azure"}))) == ["leaves"]


def test_a_binary_answer(binary_service):
    prediction = first(ask(binary_service, split(CELLS)))
    probability = 1 / (1 + np.exp(-((expected_price() + 14_000) / 4000 - 7)))
    assert prediction["label"] == "leaves"
    assert prediction["probability"] == pytest.approx(probability)
    assert prediction["probabilities"]["stays"] == pytest.approx(1 - probability)
    assert prediction["set"] == ["stays", "leaves"]
    assert prediction["coverage"] == 0.9
    assert "raises the probability of 'leaves' by" in prediction["reasons"][0]["text"]
    assert "unit" not in prediction


def test_no_interval_where_none_was_calibrated(tmp_path):
    sample = make_bundle(tmp_path, regression_plan(interval=None))
    service = ScoringService(load_bundle(sample.folder, [sample.key]), record=OFF)
    assert set(first(ask(service, split(CELLS, params={"reasons": 0})))) == {
        "index", "value", "unit", "novelties",
    }  # fmt: skip


def test_parts_that_do_not_belong_together_do_not_start(bundle):
    for wrong in (
        replace(bundle, reference={"make": "audi"}),
        replace(bundle, contract=Contract(columns=CONTRACT.columns[1:])),
    ):
        with pytest.raises(InvalidFile, match="lacks"):
            ScoringService(wrong, record=OFF)


def test_novelties_are_answered_and_told(service):
    row = ["tesla", 9000.0, *CELLS[2:]]
    prediction = first(ask(service, split(row)))
    assert {"column": "make", "what": "unseen category"} in prediction["novelties"]
    assert {"column": "curb weight", "what": "above range"} in prediction["novelties"]


@pytest.mark.parametrize(
    ("change", "column", "row"),
    [
        ({"make": None}, "make", 0),
        ({"make": 7}, "make", 0),
        ({"make": ["audi"]}, "make", 0),
        ({"curb weight": "heavy"}, "curb weight", 0),
        ({"curb weight": True}, "curb weight", 0),
        ({"curb weight": {"kg": 1}}, "curb weight", 0),
        ({"curb weight": 10**400}, "curb weight", 0),
        ({"turbo": "maybe"}, "turbo", 0),
        ({"turbo": 2}, "turbo", 0),
        ({"sold": "17.05.2023"}, "sold", 0),
        ({"sold": "2023-02-30"}, "sold", 0),
        ({"colour": "red"}, "colour", None),
    ],
)
def test_a_row_that_breaks_the_contract(service, change, column, row):
    cells = {**ROW, **change}
    reply = ask(service, split(list(cells.values()), columns=list(cells)))
    error = told(reply)
    assert reply.status == 422
    assert error["code"] == "contract-violation"
    (violation,) = error["violations"]
    assert (violation["column"], violation["row"]) == (column, row)
    assert violation["expected"]
    assert violation["got"]
    assert set(error) >= {"code", "message", "where", "hint", "docs", "request_id"}


def test_a_missing_and_a_double_column(service):
    short = ask(service, split(CELLS[:-1], columns=COLUMNS[:-1]))
    assert [v["column"] for v in told(short)["violations"]] == ["sold"]
    double = ask(service, split([*CELLS, 1], columns=[*COLUMNS, "horsepower"]))
    assert [v["column"] for v in told(double)["violations"]] == ["horsepower"]
    ragged = ask(service, split(CELLS, CELLS[:3]))
    assert (ragged.status, told(ragged)["violations"][0]["row"]) == (422, 1)
    assert ask(service, {"data": [[]]}).status == 422
    assert ask(service, {"input_data": {"columns": [], "data": [[1]]}}).status == 422


def test_a_nullable_column_may_be_missing(service):
    assert first(ask(service, split([*CELLS[:2], None, *CELLS[3:]])))["value"] > 0


@pytest.mark.parametrize(
    "media",
    ["", "text/plain", "text/csv", "multipart/form-data", "application/json; charset=latin-1"],
)
def test_only_json_is_taken(service, media):
    assert service.score(b"{}", media, {}).status == 415


def test_json_may_name_its_charset_but_not_be_compressed(service):
    body = json.dumps(split(CELLS)).encode()
    assert service.score(body, "application/json; charset=UTF-8", {}).status == 200
    assert service.score(body, "application/json", {"content-encoding": "gzip"}).status == 415


def test_too_many_bytes_or_rows(bundle):
    small = ScoringService(bundle, record=OFF, limits=Limits(body_bytes=2000, rows=3))
    assert ask(small, split(CELLS, CELLS, CELLS)).status == 200
    assert told(ask(small, split(*[CELLS] * 4)))["code"] == "too-large"
    assert ask(small, split(*[CELLS] * 100)).status == 413


def test_an_answer_that_is_no_number_is_withheld(bundle, monkeypatch):
    service = ScoringService(bundle, record=OFF)
    answer = Answer(prediction=np.array([np.inf]))
    monkeypatch.setattr(Scorer, "score", lambda *_: answer)
    reply = ask(service, split(CELLS))
    assert (reply.status, told(reply)["code"]) == (500, "not-finite")


def test_a_defect_is_a_500_logged_without_its_message(bundle, monkeypatch, caplog):
    service = ScoringService(bundle, record=OFF)

    def fail(*_: object) -> None:
        raise ValueError(f"could not convert {SECRET!r}")

    monkeypatch.setattr(Scorer, "score", fail)
    with caplog.at_level(logging.ERROR):
        reply = ask(service, split(CELLS))
    assert (reply.status, told(reply)["code"]) == (500, "fault")
    assert SECRET not in reply.body.decode() + caplog.text
    assert told(reply)["request_id"] in caplog.text
    assert "ValueError" in caplog.text
    assert "scoring.py" in caplog.text


def test_every_prediction_is_recorded_as_the_model_read_it(recording, tmp_path):
    ok = ask(recording, {"data": [ROW, {**ROW, "horsepower": None, "make": " bmw "}]})
    ask(recording, {"data": [{**ROW, "make": 3}]})
    one, two = read_records(tmp_path / "record")
    assert one.id == two.id == told(ok)["request_id"]
    assert (one.row, two.row) == (0, 1)
    assert one.inputs == ROW
    assert two.inputs == {**ROW, "horsepower": None, "make": "bmw"}
    assert one.answer == told(ok)["predictions"][0]["value"]
    assert (one.lower, one.upper) == (one.answer - 1500, one.answer + 1500)
    assert one.model == "car-price@1"
    assert one.latency_us > 0


def test_what_cannot_be_recorded_is_not_answered(recording, monkeypatch):
    def refuse(*_: object) -> int:
        raise StoreUnavailable("The prediction cannot be recorded, so it is not given: full.")

    monkeypatch.setattr(recording.recorder, "append", refuse)
    reply = ask(recording, split(CELLS))
    assert (reply.status, told(reply)["code"]) == (503, "store-unavailable")
    assert ("retry-after", "1") in reply.headers
    assert b"value" not in reply.body


def test_group_mode_answers_after_the_sync(bundle, tmp_path):
    settings = RecordSettings(folder=tmp_path, mode="group")
    service = ScoringService(bundle, record=settings)
    assert ask(service, split(CELLS)).status == 200
    state = service.recorder.state()
    assert state["bytes_synced"] == state["bytes_written"] > 0
    service.close()


def test_the_record_is_off_only_when_that_is_said(bundle, service):
    with pytest.raises(InputError, match="recorded"):
        ScoringService(bundle, record=RecordSettings(folder=None))
    record = told(service.page("GET", "/model"))["record"]
    assert record["mode"] == "off"
    assert "not recorded" in record["meaning"]


def test_pages(recording):
    assert told(recording.page("GET", "/")) == {"status": "live", "model": "car-price@1"}
    assert told(recording.page("GET", "/health"))["status"] == "ready"
    model = told(recording.page("GET", "/model"))
    assert model["out_of_scope"] == "New cars"
    assert model["digests"]["model.onnx"] == model["model_digest"]
    assert [c["name"] for c in model["contract"]["columns"]] == [c.name for c in CONTRACT.columns]
    assert recording.page("GET", "/nothing").status == 404
    for path in ("/", "/model", "/metrics"):
        refused = recording.page("DELETE", path)
        assert (refused.status, ("allow", "GET") in refused.headers) == (405, True)
    assert ("allow", "POST") in recording.page("GET", "/score").headers


def test_it_is_not_ready_when_it_could_not_record(recording, tmp_path):
    for path in (tmp_path / "record").iterdir():
        path.unlink()
    (tmp_path / "record").rmdir()
    reply = recording.page("GET", "/health")
    assert reply.status == 503
    assert "prediction record" in told(reply)["status"]


def test_metrics_count_what_happened(recording):
    ask(recording, split(CELLS))
    ask(recording, split(["tesla", *CELLS[1:]], CELLS))
    ask(recording, {"data": "no"})
    recording.score(b"{", "application/json", {})
    text = recording.page("GET", "/metrics").body.decode()
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    label = 'model="car-price@1"'
    assert lines[f'assay_requests_total{{{label},status="200"}}'] == "2"
    assert lines[f'assay_requests_total{{{label},status="422"}}'] == "1"
    assert lines[f'assay_requests_total{{{label},status="400"}}'] == "1"
    assert lines[f"assay_rows_total{{{label}}}"] == "3"
    assert lines[f"assay_novel_rows_total{{{label}}}"] == "1"
    assert lines[f"assay_predictions_recorded_total{{{label}}}"] == "3"
    assert lines[f"assay_request_duration_seconds_count{{{label}}}"] == "4"
    assert lines[f'assay_request_duration_seconds_bucket{{{label},le="+Inf"}}'] == "4"


@pytest.mark.parametrize("which", ["service", "binary_service"])
def test_the_description_describes_requests_and_answers(request, which):
    service = request.getfixturevalue(which)
    document = told(service.page("GET", "/openapi.json"))
    assert document["openapi"] == "3.1.0"

    def validator(name: str) -> Draft202012Validator:
        return Draft202012Validator(
            {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        )

    for good in (split(CELLS), {"data": [ROW]}, split(CELLS, params={"reasons": 2})):
        validator("Request").validate(good)
        validator("Answer").validate(told(ask(service, good)))
    for bad in ({}, {"data": []}, split(CELLS, columns=["a"] * 5), {"data": [{"make": "audi"}]}):
        assert not validator("Request").is_valid(bad)
        validator("Error").validate(told(ask(service, bad)))


SECRET = "Zq7-private"
CELL = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.just(SECRET),
    st.just([SECRET]),
    st.just({SECRET: SECRET}),
    st.just("2023-05-17"),
)
NAMES = st.sampled_from([*COLUMNS, "plate", "price", "colour"])


@given(
    st.lists(NAMES, max_size=7),
    st.lists(st.lists(CELL, max_size=7), max_size=3),
    st.sampled_from(["input_data", "data"]),
)
def test_fuzzed_tables_never_fail_nor_tell_a_value_back(service, columns, rows, key):
    reply = ask(service, {key: {"columns": columns, "data": rows}})
    assert reply.status in {200, 422}
    assert reply.status == 200 or SECRET not in reply.body.decode()


@given(st.lists(st.dictionaries(NAMES, CELL, max_size=7), max_size=3))
def test_fuzzed_records_never_fail_nor_tell_a_value_back(service, records):
    reply = ask(service, {"data": records})
    assert reply.status in {200, 422}
    assert reply.status == 200 or SECRET not in reply.body.decode()


@given(st.fixed_dictionaries(dict.fromkeys(COLUMNS, CELL)))
def test_fuzzed_cells_never_fail_nor_tell_a_value_back(service, record):
    reply = ask(service, {"data": [record]})
    assert reply.status in {200, 422, 500}
    if reply.status != 200:
        assert told(reply)["code"] in {"contract-violation", "not-finite"}
        assert SECRET not in reply.body.decode()


@given(st.binary(max_size=300), st.text(max_size=40))
def test_fuzzed_bytes_never_fail(service, body, media):
    assert service.score(body, "application/json", {}).status in {400, 422}
    assert service.score(body, media, {}).status in {400, 415, 422}


@given(st.data())
def test_damaged_requests_never_fail(service, data):
    body = bytearray(json.dumps(split(CELLS)).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    assert service.score(bytes(body), "application/json", {}).status in {200, 400, 422}
