"""Tables with a planted effect: who is treated depends on what the outcome depends on too."""

from __future__ import annotations

import numpy as np
import polars as pl

EFFECT = 2.0


def confounded(rows: int = 1000, *, seed: int = 0, effect: float = EFFECT) -> pl.DataFrame:
    """Older people are treated more often, and do worse; the effect is larger for women.

    Women (half of the rows) gain ``effect + 1``, men ``effect - 1``.
    """
    rng = np.random.default_rng(seed)
    age = rng.normal(50, 10, rows)
    woman = rng.random(rows) < 0.5
    ward = rng.choice(["north", "south", "west"], rows)
    slope = (age - 50) / 10 + 0.5 * (ward == "west")
    treated = rng.random(rows) < 1 / (1 + np.exp(-slope))
    gain = effect + np.where(woman, 1.0, -1.0)
    outcome = 10 - 2 * slope + gain * treated + rng.normal(size=rows)
    return pl.DataFrame(
        {
            "age": age,
            "sex": np.where(woman, "f", "m"),
            "ward": ward,
            "treated": np.where(treated, "yes", "no"),
            "wellbeing": outcome,
        }
    )


def dosed(rows: int = 1000, *, seed: int = 0) -> pl.DataFrame:
    """The dose rises with weight, and the outcome falls with it; one unit more brings 0.5."""
    rng = np.random.default_rng(seed)
    weight = rng.normal(70, 12, rows)
    dose = 0.1 * weight + rng.normal(size=rows)
    outcome = -0.3 * weight + 0.5 * dose + rng.normal(size=rows)
    return pl.DataFrame({"weight": weight, "dose": dose, "relief": outcome})


def dealt(rows: int = 1500, *, seed: int = 0) -> pl.DataFrame:
    """An experiment with three arms and an outcome of two classes: 0.2, 0.3 and 0.45."""
    rng = np.random.default_rng(seed)
    arm = rng.choice(["none", "mail", "call"], rows)
    chance = np.select([arm == "none", arm == "mail"], [0.2, 0.3], 0.45)
    bought = rng.random(rows) < chance
    return pl.DataFrame({"arm": arm, "bought": np.where(bought, "yes", "no")})
