"""PRI001: it fires, it stays silent, it does not apply."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from assay.assess.privacy import PersonalColumns
from assay.testing.check import example_subject


def test_a_model_that_reads_mail_addresses_is_found():
    subject = example_subject()
    columns = tuple(
        msgspec.structs.replace(c, role="feature") if c.name == "mail" else c
        for c in subject.contract.columns
    )
    reading = replace(subject, contract=msgspec.structs.replace(subject.contract, columns=columns))
    finding = PersonalColumns().run(reading)
    assert finding.value == finding.lower == finding.upper == 1.0
    assert finding.details["read"][0]["column"] == "mail"


def test_personal_data_that_the_model_does_not_read_is_named_but_not_counted():
    finding = PersonalColumns().run(example_subject())
    assert finding.value == 0.0
    assert [entry["column"] for entry in finding.details["in_table"]] == ["mail"]


def test_it_applies_to_every_table_and_is_a_fact_of_it():
    finding = PersonalColumns().run(example_subject("binary"))
    assert finding.applies
    assert finding.evidence == "table"
    assert finding.rows == 1200
