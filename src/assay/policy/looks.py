"""What it costs to look again: the chance of a wrong pass is spent over looks.

A rule at 95 % confidence lets a model pass that it should not pass with a chance of 5 %. Someone
who trains again and again, each time judged on the same held-out rows, would in the end get a
pass by chance alone. So the 5 % are one sum for all looks together, and each look spends a part
(alpha spending, Lan and DeMets 1983, Biometrika 70). The union bound gives the sum. It holds for
any models that are tried one after another until one passes, as long as nothing is learned from
the held-out rows but that the former ones did not pass. Whoever fits a model to the reported
figures of these rows learns more, and no spending over looks makes up for that (Dwork et al.
2015, Science 349); only new rows do.

A look is one model judged on held-out rows of one table. The same model again is no new look:
it gets the same answer. Another split of the same table is one, and a new table begins anew.

Without a plan the first look spends four fifths, so that whoever looks once loses little, and
look ``k`` spends ``1 / (5 k (k - 1))``: the parts of all looks, without end, sum to 1. A policy
that sets ``looks: n`` plans for ``n``, each of which spends ``1 / n``, and for no more.
"""

from __future__ import annotations

from collections.abc import Iterable

FIRST = 0.8
"""Share that the first look spends where the policy plans no number of looks."""


def share_at(look: int, planned: int | None = None) -> float:
    """Share of the chance of a wrong pass that a look may spend.

    Parameters
    ----------
    look : int
        From 1.
    planned : int, optional
        Looks that the policy plans; None: without end.

    Returns
    -------
    float
        In (0, 1]; 0 for a look beyond the plan. The shares of all looks sum to at most 1.

    Examples
    --------
    >>> [round(share_at(k), 4) for k in (1, 2, 3, 10)]
    [0.8, 0.1, 0.0333, 0.0022]
    >>> share_at(2, planned=4), share_at(5, planned=4)
    (0.25, 0.0)
    """
    if planned is not None:
        return 1.0 / planned if look <= planned else 0.0
    return FIRST if look == 1 else (1.0 - FIRST) / (look * (look - 1))


def confidence_at(confidence: float, look: int, planned: int | None = None) -> float:
    """Confidence that a bound must have at a look, so that the rule's own holds over all looks.

    Parameters
    ----------
    confidence : float
        What the rule asks, in (0.5, 1).
    look : int
        From 1; 0 where looks are not counted, which leaves the confidence as it is.
    planned : int, optional
        Looks that the policy plans; None: without end. Beyond the plan nothing is left to
        spend: the confidence is that of the last planned look, and the gate refuses it.

    Examples
    --------
    >>> [round(confidence_at(0.95, k), 4) for k in (0, 1, 2, 3)]
    [0.95, 0.96, 0.995, 0.9983]
    >>> round(confidence_at(0.95, 1, planned=5), 4), confidence_at(0.95, 1, planned=1)
    (0.99, 0.95)
    """
    if look <= 0:
        return confidence
    share = share_at(look if planned is None else min(look, planned), planned)
    # Rounded so that 0.96 is 0.96 in every record, not 0.96 and a bit.
    return round(1.0 - (1.0 - confidence) * share, 12)


def look_of(model: str, judged: Iterable[str]) -> int:
    """Which look a model is at some held-out rows.

    Parameters
    ----------
    model : str
        Digest of its graph.
    judged : iterable of str
        Digests of the graphs that were judged on these rows, in that order, repeats included;
        the model itself may be among them.

    Examples
    --------
    >>> look_of("c", ["a", "b", "a"]), look_of("b", ["a", "b", "a"]), look_of("a", [])
    (3, 2, 1)
    """
    known = list(dict.fromkeys(judged))
    return known.index(model) + 1 if model in known else len(known) + 1
