import pytest

from assay.report import rules

from .samples import car_price


def test_what_blocks_comes_first() -> None:
    ended = [rule.consequence for rule in rules.rules(car_price(refused=True))]
    assert ended[0] == "This blocks the release."
    assert ended[1].startswith("An approver must accept this by name")
    assert not any(ended[2:])


def test_figures_of_a_rule_carry_the_unit_of_their_finding() -> None:
    found = {rule.check: rule for rule in rules.rules(car_price())}
    assert found["REL004"].measured == "90%"
    assert found["REL004"].limit == "at least 85%"
    assert found["TRA001"].limit == "0% to 10%"
    assert found["INC001"].strip == ""


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("at most 1e-05", (None, 1e-05)),
        ("at least -0.2", (-0.2, None)),
        ("between 0 and 1.5e+20", (0.0, 1.5e20)),
        ("none", (None, None)),
    ],
)
def test_limits_are_read_back_from_their_words(words: str, expected: tuple) -> None:
    assert tuple(rules.limits(words)) == expected
