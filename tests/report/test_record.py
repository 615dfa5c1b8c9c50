from __future__ import annotations

import msgspec

from assay.report.record import digests, parity_words

from .samples import car_price, sha


def test_the_proof_says_what_was_compared_and_what_was_not() -> None:
    dossier = car_price()
    words = parity_words(dossier)
    assert "agree on 804 rows in 4 cases" in words
    assert "396 were tried on both sides" in words
    assert "Not" not in words
    first, *rest = dossier.parity.cases
    parity = msgspec.structs.replace(
        dossier.parity,
        engines=("coded graph", "wasm"),
        not_examined=("a phone: none was here",),
        cases=(msgspec.structs.replace(first, ties=3, unread=1), *rest),
    )
    words = parity_words(msgspec.structs.replace(dossier, parity=parity))
    for said in (
        "Compared as well: coded graph, wasm.",
        "Not compared: 3 rows at equal distances of neighbours.",
        "Not compared: 1 row that an engine cannot be given.",
        "Not examined: a phone: none was here.",
    ):
        assert said in words


def test_digests_name_the_other_forms_of_a_version_that_has_them() -> None:
    dossier = car_price(struck=True)
    assert "Model plan" not in dict(digests(dossier))
    assert dossier.version is not None
    version = msgspec.structs.replace(dossier.version, plan=sha("plan"), coded=sha("coded"))
    named = dict(digests(msgspec.structs.replace(dossier, version=version)))
    assert named["Model plan"] == sha("plan")
    assert named["Model graph, coded"] == sha("coded")
