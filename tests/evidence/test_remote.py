"""A model by its address: four protocols, and what goes wrong on a network."""

from __future__ import annotations

import time

import numpy as np
import polars as pl
import pytest

from assay.errors import InputError, InvalidTable, UnknownName
from assay.evidence import RemoteModel, assess_predictions
from assay.evidence.remote import EndpointDown, token_of

from . import strangers
from .strangers import chance, serving


def rows(count: int = 50) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    hours = rng.uniform(0, 60, count).round(1)
    return pl.DataFrame(
        {
            "hours": hours,
            "sex": rng.choice(["f", "m"], count),
            "y": np.where(rng.random(count) < hours / 60, "yes", "no"),
            "wage": 60 * (hours / 60) + rng.normal(0, 1, count),
        }
    )


def findings(url: str, frame: pl.DataFrame | None = None, *, truth: str = "y", **model):
    judged = assess_predictions(
        rows(300) if frame is None else frame,
        truth=truth,
        groups=["sex"],
        model=RemoteModel(url=url, pause_s=0.01, **model),
        send=["hours", "sex"],
    )
    return {f.key: f for f in judged.assessment.findings}


SPOKEN = {
    "mlflow": (strangers.mlflow, ""),
    "v2": (strangers.v2, "/v2/models/income"),
    "azure": (strangers.azure, ""),
}


@pytest.mark.parametrize("protocol", SPOKEN)
def test_strangers_are_asked_in_their_own_words(protocol):
    answer, path = SPOKEN[protocol]
    frame = rows()
    with serving(answer) as url:
        model = RemoteModel(url=url + path, protocol=protocol, token="open sesame")
        told = model.ask(frame.select("hours", "sex"))
    expected = [chance(h) for h in frame["hours"]]
    if protocol == "azure":
        assert told.prediction.to_list() == ["yes"] * 50
        assert told.scores["probability"].to_list() == expected
    else:
        assert told.scores[1].to_list() == expected


def test_a_whole_assessment_over_mlflow():
    with serving(strangers.mlflow) as url:
        found = findings(url, protocol="mlflow")
    frame = rows(300)
    gap = frame.group_by("sex").agg((pl.col("hours") >= 30).mean())["hours"]
    assert found["FAI003/sex/held-out"].value == pytest.approx(gap.max() - gap.min())
    assert found["REL005/held-out"].applies  # the model was asked again, with holes
    assert found["TRA003/held-out"].details["importance"][0]["column"] == "hours"
    assert not found["TRA001/held-out"].applies


def test_labels_and_numbers_are_read_too():
    with serving(strangers.mlflow_labels) as url:
        labels = findings(url, protocol="mlflow")
    assert labels["FAI003/sex/held-out"].applies
    with serving(strangers.regression) as url:
        numbers = findings(url, truth="wage", protocol="azure")
    assert numbers["REL001/held-out"].value < 0.2


def test_rows_go_out_in_batches_and_smaller_ones_where_asked():
    sizes = []

    def picky(path, headers, body):
        hours = strangers.hours_of(**body["dataframe_split"])
        sizes.append(len(hours))
        if len(hours) > 10:
            return 413, "too large"
        return 200, {"predictions": [chance(h) for h in hours]}

    with serving(picky) as url:
        told = RemoteModel(url=url, protocol="mlflow", batch_rows=40).ask(rows().select("hours"))
    assert told.prediction.to_list() == [chance(h) for h in rows()["hours"]]
    assert max(sizes) == 40
    assert sum(size for size in sizes if size <= 10) == 50


def test_an_endpoint_that_is_busy_is_asked_again():
    asked = []

    def busy(path, headers, body):
        asked.append(path)
        return (503, "busy") if len(asked) < 3 else strangers.mlflow(path, headers, body)

    with serving(busy) as url:
        RemoteModel(url=url, protocol="mlflow", pause_s=0.01).ask(rows().select("hours"))
    assert len(asked) == 3


def test_nobody_there_is_one_error_after_all_attempts():
    model = RemoteModel(url="http://127.0.0.1:9", protocol="mlflow", attempts=2, pause_s=0.01)
    with pytest.raises(EndpointDown, match="though asked 2 times") as caught:
        model.ask(rows().select("hours"))
    assert caught.value.exit_code == 8


def test_an_endpoint_that_takes_too_long_is_given_up():
    def slow(path, headers, body):
        time.sleep(0.5)
        return 200, {"predictions": []}

    with serving(slow) as url, pytest.raises(EndpointDown):
        RemoteModel(url=url, protocol="mlflow", timeout_s=0.05, attempts=1).ask(rows())


@pytest.mark.parametrize(
    ("status", "body", "error", "message"),
    [
        (401, "no", InputError, "another token"),
        (403, "no", InputError, "another token"),
        (404, "no", InputError, "not taken there"),
        (302, "", InputError, "not taken there"),
        (400, "bad", InvalidTable, r"refuses the rows \(HTTP 400\)"),
        (422, {"code": "contract-violation"}, InvalidTable, "HTTP 422, contract-violation"),
        (500, "broke", EndpointDown, "failed on the rows"),
        (503, "busy", EndpointDown, "HTTP 503, though asked 2 times"),
        (200, b"<html>", InvalidTable, "not JSON"),
        (200, {"hello": 1}, InvalidTable, "no list of answers"),
        (200, {"predictions": [1]}, InvalidTable, "1 answers to 50 rows"),
        (200, {"predictions": [[1], 2] * 25}, InvalidTable, "several shapes"),
        (200, {"predictions": [[1, 2], [1]] * 25}, InvalidTable, "unequal length"),
        (200, {"predictions": [{"a": "x"}] * 50}, InvalidTable, "records with a"),
    ],
)
def test_what_goes_wrong_is_one_clear_error(status, body, error, message):
    with serving(lambda *_: (status, body)) as url:
        model = RemoteModel(url=url, protocol="mlflow", attempts=2, pause_s=0.01)
        with pytest.raises(error, match=message):
            model.ask(rows().select("hours"))


@pytest.mark.parametrize(
    ("model", "error", "message"),
    [
        ({"url": "file:///etc/passwd"}, InputError, "begins with http"),
        ({"url": "http://"}, InputError, "names a host"),
        ({"url": "http://me:secret@host"}, InputError, "a user or a password"),
        ({"url": "http://host", "protocol": "grpc"}, UnknownName, "'grpc'"),
    ],
)
def test_an_address_is_checked_before_it_is_asked(model, error, message):
    with pytest.raises(error, match=message) as caught:
        RemoteModel(**model)
    assert "secret" not in str(caught.value)


def test_each_protocol_has_a_path_of_its_own_where_none_is_given():
    def at(url, protocol):
        return RemoteModel(url=url, protocol=protocol).address

    assert at("http://h:1", "assay") == "http://h:1/score"
    assert at("http://h:1/", "mlflow") == "http://h:1/invocations"
    assert at("http://h:1/my/path", "azure") == "http://h:1/my/path"
    assert at("http://h:1/v2/models/m", "v2") == "http://h:1/v2/models/m/infer"
    assert at("http://h:1/v2/models/m/infer", "v2") == "http://h:1/v2/models/m/infer"


def test_a_token_comes_from_the_environment_and_is_never_shown(monkeypatch):
    monkeypatch.setenv("MODEL_TOKEN", "open sesame")
    model = RemoteModel(url="http://h", token=token_of("MODEL_TOKEN"))
    assert "sesame" not in repr(model)
    keyed = RemoteModel(url="http://127.0.0.1:9/score?code=sesame", attempts=1)
    assert keyed.name == "http://127.0.0.1:9/score"
    assert "sesame" not in repr(keyed)
    with pytest.raises(EndpointDown) as caught:
        keyed.ask(rows())
    assert "sesame" not in str(caught.value.to_dict())
    with pytest.raises(InputError, match="'OTHER_TOKEN' is not set"):
        token_of("OTHER_TOKEN")
    assert token_of("") == ""


def test_a_model_that_breaks_on_hostile_rows_is_unsound():
    def brittle(path, headers, body):
        hours = strangers.hours_of(**body["dataframe_split"])
        if None in hours:
            return 500, "AttributeError"
        return strangers.mlflow(path, headers, body)

    with serving(brittle) as url:
        found = findings(url, protocol="mlflow")
    assert found["REL006/held-out"].details["unsound"]["hours: missing"] == 100


def test_a_refusal_of_hostile_rows_is_a_clear_answer():
    def strict(path, headers, body):
        hours = strangers.hours_of(**body["dataframe_split"])
        if None in hours or max(hours) > 1e5 or min(hours) < -1e5:
            return 400, "no"
        return strangers.mlflow(path, headers, body)

    with serving(strict) as url:
        found = findings(url, protocol="mlflow")
    assert found["REL006/held-out"].value == 0
    assert found["REL006/held-out"].details["refused"] > 0


def test_an_endpoint_that_answers_nothing_real_measures_nothing():
    with serving(lambda *a: (200, {"predictions": [None] * 300})) as url:
        found = findings(url, protocol="mlflow")
    assert all(f.value is None and not f.reason for f in found.values())
    assert "300 of 300 rows" in found["REL001/held-out"].details["failed"]
