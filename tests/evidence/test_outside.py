"""The front door for any model: findings, a decision by a policy, a report; nothing recorded."""

from __future__ import annotations

import io
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import assay
from assay.errors import InputError, InvalidConfig, InvalidFile, UnknownColumn
from assay.evidence import Judged, assess_predictions
from assay.policy.policy import Policy, Rule

POLICY = Policy(
    name="release",
    rules=(
        Rule(check="REL001", at_most=0.9),
        Rule(check="FAI003", column="sex", at_most=0.5, because="Both are selected alike."),
    ),
)


def predictions(rows: int = 600) -> pl.DataFrame:
    rng = np.random.default_rng(1)
    chance = rng.uniform(0, 1, rows)
    return pl.DataFrame(
        {
            "y": np.where(rng.random(rows) < chance, "yes", "no"),
            "p": chance,
            "sex": rng.choice(["f", "m"], rows),
        }
    )


def judge(table=None, **options) -> Judged:
    named = {"truth": "y", "prediction": "p", "groups": ["sex"], "policy": POLICY} | options
    return assess_predictions(predictions() if table is None else table, **named)


def test_a_policy_decides():
    judged = judge()
    assert [o.status for o in judged.decision.outcomes] == ["met", "met"]
    assert judged.allowed
    strict = Policy(name="strict", rules=(Rule(check="REL001", at_most=0.1),))
    assert judge(policy=strict).allowed is False
    assert judge(policy=None).allowed is None


def test_a_later_look_must_be_surer():
    first, third = judge(look=1).decision, judge(look=3).decision
    assert judge(look=3).assessment.look == 3
    assert third.outcomes[0].confidence > first.outcomes[0].confidence > 0.95
    assert judge().decision.outcomes[0].confidence == 0.95
    planned = Policy(name="release", rules=POLICY.rules, looks=2)
    assert judge(policy=planned, look=3).allowed is False


def test_it_is_at_the_front_door():
    assert assay.assess_predictions is assess_predictions


def write(frame: pl.DataFrame, path: Path) -> Path:
    {
        ".csv": frame.write_csv,
        ".parquet": frame.write_parquet,
        ".arrow": frame.write_ipc,
        ".ndjson": frame.write_ndjson,
    }[path.suffix](path)
    return path


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".arrow", ".ndjson"])
def test_every_kind_of_file_gives_the_same(tmp_path, suffix):
    path = write(predictions(), tmp_path / f"predictions{suffix}")
    assert judge(path).assessment == judge().assessment
    assert judge(path).name == f"predictions{suffix}"


def test_pandas_and_dicts_give_the_same():
    pandas = pytest.importorskip("pandas")
    columns = predictions().to_dict(as_series=False)
    assert judge(pandas.DataFrame(columns)).assessment == judge().assessment
    assert judge(columns).assessment == judge().assessment


def test_row_order_does_not_count():
    shuffled = predictions().sample(fraction=1, shuffle=True, seed=3)
    for a, b in zip(judge().assessment.findings, judge(shuffled).assessment.findings, strict=True):
        assert (a.key, a.rows, a.reason) == (b.key, b.rows, b.reason)
        if a.value is not None:
            assert a.value == pytest.approx(b.value)


def test_a_row_without_a_prediction_refuses_and_says_how_many():
    p = predictions()["p"].to_list()
    p[0] = p[1] = None
    judged = judge(predictions().with_columns(p=pl.Series(p)))
    assert judged.allowed is False
    assert {o.status for o in judged.decision.outcomes} == {"missing"}
    assert "2 of 600 rows" in judged.assessment.not_examined[0]
    assert all(f.value is None and not f.reason for f in judged.assessment.findings)


def test_a_policy_is_read_from_its_file_and_checked(tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text("name: release\nrules:\n  - {check: REL001, at_most: 0.9}\n")
    assert judge(policy=path).allowed
    path.write_text("name: release\nrules:\n  - {check: REL999, at_most: 0.9}\n")
    with pytest.raises(InvalidConfig, match="No check is called 'REL999'"):
        judge(policy=path)
    path.write_text("name: release\nrules:\n  - {check: FAI003, column: age, at_most: 0.9}\n")
    with pytest.raises(UnknownColumn, match="no column 'age'"):
        judge(policy=path)


@pytest.mark.parametrize("body", [b"", b"y,p,sex\n"])
def test_an_empty_file_is_one_clear_error(tmp_path, body):
    path = tmp_path / "empty.csv"
    path.write_bytes(body)
    with pytest.raises((InvalidFile, InputError)):
        judge(path)


def test_a_report_that_cannot_be_written_is_one_clear_error(tmp_path):
    with pytest.raises(InputError, match="cannot be written"):
        judge(policy=None).write_report(tmp_path / "nowhere" / "f.html")


@pytest.mark.parametrize("name", ["threshold", "coverage"])
def test_shares_lie_between_0_and_1(name):
    with pytest.raises(InputError, match=f"The {name} does not lie"):
        judge(**{name: 1.5})


def test_columns_are_sent_only_to_a_model():
    with pytest.raises(InputError, match="no model to send"):
        judge(send=["sex"])


class Words(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.text, self.tags = io.StringIO(), []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.text.write(data)


@pytest.mark.parametrize("policy", [POLICY, None], ids=["policy", "no policy"])
def test_the_report_is_one_page_without_network(tmp_path, policy):
    path = judge(policy=policy).write_report(tmp_path / "findings.html")
    page = path.read_text(encoding="utf-8")
    read = Words(page)
    text = read.text.getvalue()
    assert "script" not in read.tags
    assert "link" not in read.tags
    assert ("Allowed by the policy" in text) is (policy is not None)
    assert ("Both are selected alike." in text) is (policy is not None)
    assert "Only predictions were given" in text
    assert "Fairness" in text
    assert "<svg" in page


def test_the_report_of_nothing_measured_says_so(tmp_path):
    judged = judge(predictions().with_columns(p=pl.lit(None, pl.Float64)))
    text = Words(judged.write_report(tmp_path / "f.html").read_text()).text.getvalue()
    assert "Refused by the policy" in text
    assert "600 of 600 rows" in text


def test_hostile_names_are_escaped(tmp_path):
    frame = predictions().rename({"sex": "<b>sex</b>"})
    judged = judge(frame, groups=["<b>sex</b>"], policy=None)
    page = judged.write_report(tmp_path / "f.html").read_text()
    assert "<b>sex" not in page
