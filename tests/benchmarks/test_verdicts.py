"""The benchmark of verdicts runs, and finds little to blame in a small fixed run."""

from __future__ import annotations

import sys

import pytest
from benchmarks.verdicts import __main__ as program
from benchmarks.verdicts.gates import GATES, confirmed, errors, power, shopping
from benchmarks.verdicts.intervals import rates
from benchmarks.verdicts.picture import draw
from benchmarks.verdicts.tables import coverage_table, errors_table, width_table
from benchmarks.verdicts.worlds import planted, world


def test_exact_rates_and_their_differences_keep_what_they_promise() -> None:
    found = list(rates(0.95))
    assert all(min(c.lower, c.upper) >= 0.94 for c in found)
    assert "| rate (Clopper-Pearson), worst rate |" in coverage_table(found)


def test_worlds_hold_the_gap_that_was_planted() -> None:
    for one in planted(5):
        assert one.rates.min() >= 0
        assert one.rates.max() <= 1
        assert one.rows.min() >= 30
    assert world(5, "unequal", "ladder", 0.1, 0.3).gap == pytest.approx(0.3)


def test_ours_keeps_the_promise_that_the_naive_gate_breaks() -> None:
    worlds = [world(20, 30, "one high", 0.2, 0.0), world(5, 50, "one high, one low", 0.1, 0.3)]
    found = list(errors(worlds, 40, 0.95))
    worst = {gate: max(e.false_not_met for e in found if e.gate == gate) for gate in GATES}
    assert worst["Assay"] <= 0.1
    assert worst["naive"] > 0.9
    assert worst["bootstrap of the gap"] > 0.5
    again = list(confirmed([e for e in found if e.gate == "Assay"], 60, 0.95))
    assert max(e.false_met for e in again) <= 0.15
    assert "20 groups of 30 rows" in errors_table(again)
    assert "width" in width_table(found)


def test_power_rises_and_the_picture_is_drawn(tmp_path) -> None:
    found = list(power([0.0, 0.3], 8, groups=2, rows=300, limit=0.1, confidence=0.95))
    ours = [p for p in found if p.gate == "Assay"]
    assert ours[0].met > 0.5
    assert ours[1].not_met > 0.9
    file = tmp_path / "verdicts.png"
    draw(found, limit=0.1, file=file)
    assert file.read_bytes().startswith(b"\x89PNG")


def test_trying_again_does_not_buy_a_pass() -> None:
    found = shopping(25, 6, 0.95)
    assert found["spent over looks"] <= 0.1
    assert found["naive"] > 0.8


def test_the_program_refuses_a_part_that_does_not_exist(monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, "argv", ["verdicts", "--parts", "nothing"])
    with pytest.raises(SystemExit, match="There is no part 'nothing'"):
        program.main()
    assert "confidence 95%" in capsys.readouterr().out
