"""PRI009: it fires, it stays silent, it does not apply."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import polars as pl
import pytest

from assay.assess import free_text
from assay.assess.free_text import FreeText
from assay.data.profile import ColumnProfile
from assay.errors import NotApplicable
from assay.testing.check import example_subject


@pytest.fixture(autouse=True)
def patterns_only(monkeypatch):
    """What is installed on the machine does not matter."""
    monkeypatch.setattr(free_text, "language_reader", lambda: None)


def with_notes(notes):
    """The example with a column of free text, the notes repeated."""
    subject = example_subject()
    column = ColumnProfile(name="notes", kind="text", role="ignored", missing=0, distinct=9)
    profile = msgspec.structs.replace(subject.profile, columns=(*subject.profile.columns, column))

    def noted(frame):
        repeated = (notes * frame.height)[: frame.height]
        return frame.with_columns(notes=pl.Series(repeated, dtype=pl.String))

    held_out = replace(subject.held_out, frame=noted(subject.held_out.frame))
    return replace(subject, profile=profile, train=noted(subject.train), held_out=held_out)


def test_notes_that_name_people_are_found():
    notes = ["called ana@example.org twice", "nothing to say", "ssn 536-90-4399 on file", "ok then"]
    finding = FreeText().run(with_notes(notes))
    assert finding.value == 0.5
    assert finding.lower < 0.5 < finding.upper
    assert finding.details["kinds"] == [
        {"kind": "e-mail", "cells": 300},
        {"kind": "identity number", "cells": 300},
    ]
    assert "example.org" not in finding.to_json().decode()


def test_notes_about_machines_stay_silent():
    finding = FreeText().run(with_notes(["a scratch on the left door", None]))
    assert finding.value == 0
    assert finding.rows == 600
    assert not finding.details["names_searched"]


def test_a_reader_adds_what_no_pattern_finds(monkeypatch):
    monkeypatch.setattr(
        free_text, "language_reader", lambda: lambda t: frozenset({"person"} & set(t.split()))
    )
    finding = FreeText().run(with_notes(["spoke to person again", "a scratch on it"]))
    assert finding.rows == free_text.READ
    assert finding.value == pytest.approx(0.5, abs=0.15)
    assert finding.details["kinds"][0]["kind"] == "person"


def test_it_does_not_apply_without_text():
    with pytest.raises(NotApplicable, match="no column of free text"):
        FreeText().run(example_subject())


def test_it_does_not_apply_to_empty_text():
    with pytest.raises(NotApplicable, match="is empty"):
        FreeText().run(with_notes([None]))


def test_presidio_finds_names(monkeypatch):
    pytest.importorskip("presidio_analyzer")
    monkeypatch.undo()
    if free_text.language_reader() is None:
        pytest.skip("no English model of spaCy is installed")
    finding = FreeText().run(with_notes(["I spoke to John Smith yesterday", "a scratch on it"]))
    assert finding.details["names_searched"]
    assert finding.value > 0.3
