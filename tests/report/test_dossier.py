from assay.data.split import Split
from assay.report.dossier import Dossier, SplitSummary

from .samples import car_price


def test_a_dossier_reads_back_as_it_was_written() -> None:
    dossier = car_price(struck=True)
    again = Dossier.from_json(dossier.to_json())
    assert again == dossier
    assert again.digest == dossier.digest


def test_its_title_is_the_version_once_there_is_one() -> None:
    assert car_price().title == "car-price@3"
    assert car_price(refused=True).title == "car-price"


def test_a_finding_is_found_by_check_column_and_evidence() -> None:
    dossier = car_price()
    assert dossier.finding("FAI001", "make") is not None
    assert dossier.finding("FAI001", "colour") is None
    assert dossier.finding("REL004", evidence="held-out") is None
    assert dossier.finding("REL004", evidence="cross-fitted") is not None


def test_a_split_is_summarised_without_row_numbers() -> None:
    split = Split(train=(0, 2, 3), test=(1,), folds=(0, 1, -1), how="By hand.", seed=7)
    summary = SplitSummary.of(split)
    assert (summary.train, summary.test, summary.folds, summary.seed) == (3, 1, 2, 7)
