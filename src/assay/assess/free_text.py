"""Personal data inside free text: what the columns of notes and comments mention."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import Any, ClassVar

import numpy as np
import polars as pl

from assay.assess.check import BaseCheck
from assay.assess.finding import Evidence, Finding, Principle
from assay.assess.statistics import Bool, clopper_pearson
from assay.assess.subject import Subject, sample_of
from assay.data.personal import find_mentions
from assay.errors import NotApplicable

CELLS = 5_000
"""Cells that are searched by pattern; a random sample where there are more."""
READ = 200
"""Cells that a language model reads where one is installed: about 10 ms each."""
ENTITIES = ("PERSON", "LOCATION", "NRP", "MEDICAL_LICENSE", "US_DRIVER_LICENSE", "US_PASSPORT")
"""What Presidio adds to the patterns."""

Reader = Callable[[str], frozenset[str]]


@dataclass(frozen=True, kw_only=True)
class FreeText(BaseCheck):
    """Does free text of the table mention personal data?"""

    evidence: Evidence = "table"

    code: ClassVar[str] = "PRI009"
    title: ClassVar[str] = "Personal data in free text"
    principle: ClassVar[Principle] = "privacy-security"
    slow: ClassVar[bool] = True
    sources: ClassVar[tuple[Evidence, ...]] = ("table",)

    def run(self, subject: Subject) -> Finding:
        """Share of the text cells that mention something personal."""
        texts = _texts(subject)
        reader = language_reader()
        cells = _sampled(subject, texts, READ if reader else CELLS)
        mentions: dict[str, Bool] = dict(find_mentions(cells).items())
        if reader:
            mentions |= _read(cells, reader)
        told = np.zeros(len(cells), np.bool_)
        for found in mentions.values():
            told |= found
        return self.finding(
            clopper_pearson(told.sum(), told.size, self.confidence),
            measure="share of free-text cells that mention personal data",
            method=f"A random {len(cells):,} cells that are not empty, searched for mail "
            "addresses, telephone, card, account and identity numbers by pattern and checksum"
            + (
                ", and read by Presidio for people and places."
                if reader
                else "; names of people are not searched (install the presidio extra)."
            )
            + " Clopper and Pearson's exact bounds (1934). What is not recognised is not counted.",
            rows=len(cells),
            unit="share",
            details={
                "columns": texts,
                "kinds": [
                    {"kind": kind, "cells": int(found.sum())}
                    for kind, found in sorted(mentions.items())
                ],
                "names_searched": reader is not None,
            },
        )


def _texts(subject: Subject) -> list[str]:
    """Columns of free text."""
    kinds = {column.name: column.kind for column in subject.profile.columns}
    found = [n for n in subject.table.columns if kinds.get(n) == "text"]
    if not found:
        raise NotApplicable("The table has no column of free text.")
    return found


def _sampled(subject: Subject, columns: list[str], most: int) -> pl.Series:
    """A random sample of the cells that are not empty; the same whatever the row order."""
    table = subject.table
    parts = [table[name].cast(pl.String).drop_nulls() for name in columns]
    cells = pl.concat([part.alias("text") for part in parts]).sort()
    if cells.is_empty():
        raise NotApplicable("Every cell of free text is empty.")
    return cells[sample_of(np.arange(len(cells)), most, seed=0)]


def _read(cells: pl.Series, reader: Reader) -> dict[str, Bool]:
    """Which cells mention each kind of entity."""
    told = [reader(text) for text in cells.to_list()]
    kinds = sorted(set().union(*told))
    return {kind: np.array([kind in entities for entities in told]) for kind in kinds}


@cache
def language_reader() -> Reader | None:
    """A function from a text to the kinds of entities in it; None where none can be had.

    Presidio's analyser with an English model of spaCy that is installed. Nothing is ever
    downloaded: left to itself, Presidio would fetch a model.
    """
    models = sorted(e.name for e in entry_points(group="spacy_models") if e.name.startswith("en_"))
    if find_spec("presidio_analyzer") is None or not models:
        return None
    engine = _analyser(models[0])

    def read(text: str) -> frozenset[str]:
        found = engine.analyze(text=text, language="en", entities=list(ENTITIES))
        return frozenset(entity.entity_type.lower() for entity in found)

    return read


def _analyser(language: str) -> Any:
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import NlpEngineProvider

    settings = {
        "nlp_engine_name": "spacy",
        "models": [{"lang_code": "en", "model_name": language}],
    }
    provider = NlpEngineProvider(nlp_configuration=settings)
    return AnalyzerEngine(nlp_engine=provider.create_engine(), supported_languages=["en"])
