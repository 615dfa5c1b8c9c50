"""ACC008: it fires, it stays silent, it does not apply."""

from __future__ import annotations

import pytest

from assay.assess.accountability import DOCUMENTS, DocumentsComplete
from assay.errors import NotApplicable
from assay.testing.check import example_subject

WRITTEN = dict.fromkeys(DOCUMENTS, "sha256:" + "0" * 64)


def test_a_document_that_was_not_written_is_found():
    documents = {**WRITTEN, "model card": ""}
    finding = DocumentsComplete().run(example_subject(record={"documents": documents}))
    assert finding.value == (len(DOCUMENTS) - 1) / len(DOCUMENTS)
    assert finding.details["missing"] == ["model card"]


def test_complete_documents_are_complete():
    finding = DocumentsComplete().run(example_subject(record={"documents": WRITTEN}))
    assert finding.value == finding.lower == finding.upper == 1.0


def test_none_written_is_a_value():
    assert DocumentsComplete().run(example_subject(record={"documents": {}})).value == 0.0


def test_it_does_not_apply_before_any_is_due():
    with pytest.raises(NotApplicable, match="documents yet"):
        DocumentsComplete().run(example_subject(record={}))
