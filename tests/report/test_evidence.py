import msgspec

from assay.report import evidence
from assay.report.wording import PRINCIPLES

from .samples import car_price


def test_all_six_principles_are_told_even_without_evidence() -> None:
    dossier = car_price()
    bare = msgspec.structs.replace(dossier.assessment, findings=())
    views = evidence.principles(msgspec.structs.replace(dossier, assessment=bare))
    assert [view.key for view in views] == list(PRINCIPLES)
    assert all("Evidence missing" in view.summary for view in views)


def test_a_check_that_does_not_apply_is_no_evidence() -> None:
    view = next(v for v in evidence.principles(car_price()) if v.key == "inclusiveness")
    assert view.summary.startswith("Evidence missing: none of 1 check applies")


def test_the_same_measure_on_other_evidence_stands_beside_the_foremost() -> None:
    dossier = car_price()
    error = next(f for f in dossier.assessment.findings if f.check == "REL001")
    crossed = msgspec.structs.replace(error, evidence="cross-fitted", value=0.3, details={})
    both = msgspec.structs.replace(
        dossier.assessment, findings=(crossed, *dossier.assessment.findings)
    )
    told = evidence.principles(msgspec.structs.replace(dossier, assessment=both))
    view = next(v for p in told for v in p.findings if v.finding.check == "REL001")
    assert view.finding.evidence == "held-out"
    assert [other.measured for other in view.also] == ["0.3"]
    assert [t.status for t in view.statuses] == ["met"]
    assert view.also[0].statuses == ()


def test_checks_that_do_not_apply_for_one_reason_are_told_once() -> None:
    dossier = car_price()
    inc = next(f for f in dossier.assessment.findings if f.check == "INC001")
    twice = tuple(msgspec.structs.replace(inc, column=c) for c in ("make", "doors", "make"))
    assessment = msgspec.structs.replace(dossier.assessment, findings=twice)
    told = evidence.principles(msgspec.structs.replace(dossier, assessment=assessment))
    (line,) = next(p for p in told if p.key == "inclusiveness").inapplicable
    assert line[0] == "Rows of the smallest group (INC001; make and doors)"
