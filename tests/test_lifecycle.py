"""The board is worked out from the record: nothing done that is not recorded."""

from __future__ import annotations

import msgspec
import pytest

from assay.lifecycle import Facts, draw_board
from assay.question import Question

BARE = Question(name="p", question="x?", data="t.csv", target="y", decision="d", owner="o")
DONE = Facts(
    policy_entry=1,
    started_entry=2,
    dataset="sha256:aa",
    profile="sha256:bb",
    contract="sha256:cc",
    split="sha256:dd",
    leaderboard="sha256:ee",
    parity="sha256:ff",
    assessment="sha256:11",
    decision="sha256:22",
    allowed=True,
    version="p@1",
    version_status="hallmarked",
    approvals=("ana",),
    documents={n: n for n in ("report.html", "scorecard.pdf", "model-card.md", "exit-report.md")},
    deployed="p@1",
    predictions=3,
)


def state(board_of: Facts, name: str) -> str:
    items = [i for i in draw_board(BARE, board_of).items if i.name == name]
    assert len(items) == 1
    return items[0].state


def test_an_empty_record_has_done_nothing_but_the_charter() -> None:
    board = draw_board(BARE, Facts())
    assert [i.name for i in board.items if i.state == "done"] == [
        "charter: question, decision, owner"
    ]
    assert board.next_step


def test_a_policy_recorded_after_training_started_is_not_done() -> None:
    late = msgspec.structs.replace(DONE, policy_entry=3, started_entry=2)
    assert state(DONE, "policy recorded before training") == "done"
    assert state(late, "policy recorded before training") == "missing"


def test_a_refusal_stays_open() -> None:
    refused = msgspec.structs.replace(DONE, allowed=False)
    assert state(refused, "the gate allows release") == "open"


@pytest.mark.parametrize("status", ["awaiting approval", "rejected", "retired"])
def test_only_a_hallmarked_version_has_its_hallmark(status: str) -> None:
    assert state(msgspec.structs.replace(DONE, version_status=status), "hallmark") == "missing"


def test_every_stage_has_a_checkpoint() -> None:
    board = draw_board(BARE, DONE)
    assert {i.stage for i in board.items if i.kind == "checkpoint"} == {
        i.stage for i in board.items
    }
