"""Training under differential privacy: one promise over all fits that a row takes part in."""

from __future__ import annotations

import math

from assay.automl.families.private import PrivateLinear, rho_of
from assay.automl.leaderboard import Privacy
from assay.automl.problem import Problem
from assay.automl.spec import SearchSpec
from assay.errors import InputError

DELTA = 1e-6
"""The chance that the promise does not hold; less where there are more than 100,000 rows."""
COVERS = (
    "the weights of every fit, those of cross-validation included; not how cells became numbers, "
    "the calibration, threshold and interval, or the scores that are shown"
)


def promised(spec: SearchSpec, problem: Problem) -> Privacy | None:
    """What a search promises about each row; None where nothing was asked.

    The promise is shared among the fits of a row by zero-concentrated privacy, which adds up
    (Bun and Steinke 2016): each has an equal part.

    Raises
    ------
    InputError
        Something else was asked that looks at the rows again, or at another family.
    """
    if spec.epsilon is None:
        if PrivateLinear.name in spec.families:
            raise InputError(
                f"The family {PrivateLinear.name!r} promises nothing without an epsilon.",
                hint="Set epsilon, for example 3, and leave families out.",
            )
        return None
    _check(spec, problem)
    delta = min(DELTA, 0.1 / problem.rows)
    whole = len(set(problem.folds.tolist()))
    # A row is left out of its own fold's fit, where that fold is judged.
    fits = len(problem.judging) + (len(problem.judging) < whole)
    rho = rho_of(spec.epsilon, delta) / fits
    return Privacy(
        epsilon=spec.epsilon,
        delta=delta,
        fits=fits,
        epsilon_of_fit=rho + 2 * math.sqrt(rho * math.log(1 / delta)),
        mechanism="Gaussian noise on sufficient statistics or gradients",
        covers=COVERS,
    )


def private_family(promise: Privacy) -> PrivateLinear:
    """The family that keeps it."""
    return PrivateLinear(promise.epsilon_of_fit, promise.delta)


def _check(spec: SearchSpec, problem: Problem) -> None:
    asked = {
        "families": bool(set(spec.families) - {PrivateLinear.name}),
        "mitigate": bool(spec.mitigate),
        "learning_curve": spec.learning_curve,
        "monotone": bool(spec.monotone),
        "weights of rows": problem.weights is not None,
        "rows without an answer": problem.unlabelled is not None,
        "quantiles": bool(problem.quantiles),
    }
    both = [name for name, is_asked in asked.items() if is_asked]
    if both:
        raise InputError(
            f"Training under differential privacy cannot be had together with {both[0]}.",
            hint="Leave out either epsilon or the other.",
        )
