"""Assay's own endpoint, asked over HTTP like any other, gives what its graph gives."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from assay.deploy.bundle import load_bundle
from assay.deploy.targets.local import LocalEndpoint
from assay.evidence import RemoteModel, assess_predictions
from assay.model.scorer import Scorer

from ..deploy.samples import COLUMNS, Sample, binary_plan, make_bundle, regression_plan


def cars(rows: int = 60) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    return pl.DataFrame(
        {
            "make": rng.choice(["audi", "bmw", "mazda"], rows),
            "curb weight": rng.uniform(1500, 4000, rows).round(),
            "horsepower": [
                None if i % 7 == 0 else float(rng.integers(50, 280)) for i in range(rows)
            ],
            "turbo": rng.random(rows) < 0.3,
            "sold": [date(2020, 1, 1) + timedelta(days=int(d)) for d in rng.integers(0, 900, rows)],
            "seller": rng.choice(["dealer", "person"], rows),
        }
    )


def start(sample: Sample, folder) -> LocalEndpoint:
    return LocalEndpoint.start(
        sample.folder,
        name="car-price",
        trusted_keys=[sample.key],
        record_dir=None,
        state_dir=folder,
        record_mode="off",
    )


@pytest.fixture(scope="module", params=["regression", "binary"])
def asked(request, tmp_path_factory) -> Iterator[tuple[str, str, Scorer]]:
    folder = tmp_path_factory.mktemp(request.param)
    plan = regression_plan() if request.param == "regression" else binary_plan()
    sample = make_bundle(folder, plan)
    scorer = Scorer(load_bundle(sample.folder, [sample.key]).graph)
    with start(sample, folder) as endpoint:
        yield request.param, endpoint.url, scorer


@pytest.mark.slow
def test_the_answers_over_http_are_those_of_the_graph(asked):
    kind, url, scorer = asked
    frame, rng = cars(), np.random.default_rng(1)
    answer = scorer.score_frame(frame.select(COLUMNS))
    if kind == "regression":
        truth = answer.prediction + rng.normal(0, 500, frame.height)
    else:
        truth = np.where(rng.random(frame.height) < answer.prediction, "leaves", "stays")
    judged = assess_predictions(
        frame.with_columns(truth=pl.Series(truth)),
        truth="truth",
        positive="leaves" if kind == "binary" else None,
        groups=["seller"],
        model=RemoteModel(url=url, batch_rows=25),
        send=COLUMNS,
    )
    found = {f.key: f for f in judged.assessment.findings}
    error = found["REL001/held-out"].details["model"]
    if kind == "regression":
        assert error == pytest.approx(np.abs(answer.prediction - truth).mean())
        assert found["REL003/held-out"].applies  # it answers with intervals
    else:
        assert error == pytest.approx(np.mean((answer.prediction - (truth == "leaves")) ** 2))
    assert found["REL006/held-out"].details["refused"]  # a value of the wrong kind, clearly
