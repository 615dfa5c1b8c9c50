"""Balance of the table: whether labels and rows are spread evenly over groups.

The measures are those of the data balance view that users know (`FEATURE`, `SPREAD` and
`INEQUALITY` below); where a definition in use leaves out a term, the one of the literature
stands here and the page of INC007 says what differs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec
import numpy as np
import numpy.typing as npt
from scipy import special

from assay.assess.check import plain
from assay.assess.fairness import GroupCheck, gap_finding
from assay.assess.finding import Evidence, Finding, Principle
from assay.assess.groups import JudgedGroups, groups_of, judge_groups
from assay.assess.inclusiveness import reference_shares
from assay.assess.statistics import Bool, Float64
from assay.assess.subject import Subject


@dataclass(frozen=True, kw_only=True)
class DataBalance(GroupCheck):
    """Do the labels of the table favour some groups before any model is trained?"""

    evidence: Evidence = "table"

    code: ClassVar[str] = "INC007"
    title: ClassVar[str] = "Balance of labels between groups"
    principle: ClassVar[Principle] = "inclusiveness"
    sources: ClassVar[tuple[Evidence, ...]] = ("table",)

    def run(self, subject: Subject) -> Finding:
        """Largest difference between two groups' rates of a label in the table.

        Binary: of the class asked for; several classes: of whichever differs most; numbers: of
        a value above the median.
        """
        table = subject.table
        groups = groups_of(subject, table, self.column)
        judged = judge_groups(groups, min_rows=self.min_rows or self.ROWS_FOR_RATE)
        events, measure = _labels(subject)
        finding = gap_finding(
            self,
            judged,
            events,
            measure=f"largest difference between groups in the rate of {measure}",
            events_named=subject.classes if subject.kind == "multiclass" else (),
        )
        shown = finding.details.get("event")
        event = events[:, subject.classes.index(shown) if shown else 0]
        everyone = judge_groups(groups, min_rows=1)
        measures = {
            "labels": _by_group(judged, event),
            "spread": spread(everyone.sizes, _reference(subject, self.column, everyone.names)),
            "inequality": inequality(everyone.sizes),
        }
        return msgspec.structs.replace(finding, details={**finding.details, **plain(measures)})


def _labels(subject: Subject) -> tuple[Bool, str]:
    """Events of the true answers of the table, (n, n_events), and what they are called."""
    truth = subject.truth_of(subject.table)
    if subject.kind == "regression":
        return (truth > np.median(truth))[:, None], "a true value above the median"
    if subject.kind == "binary":
        return (truth == 1)[:, None], "the class asked for"
    return truth[:, None] == np.arange(len(subject.classes)), "any one class"


def _reference(subject: Subject, column: str, names: tuple[str, ...]) -> Float64 | None:
    """Reference shares of the groups, adding up to 1; None where one is not given."""
    stated = reference_shares(subject, column)
    shares = np.array([stated.get(name, 0.0) for name in names])
    return None if np.any(shares <= 0) else shares / shares.sum()


def _by_group(groups: JudgedGroups, event: Bool) -> list[dict[str, Any]]:
    """`association` of each judged group with the event, over the rows of judged groups."""
    inside = groups.codes >= 0
    codes, hit = groups.codes[inside], event[inside]
    both = np.bincount(codes[hit], minlength=len(groups.names)).astype(np.float64)
    measured = association(groups.sizes, both, float(hit.sum()), float(hit.size))
    return [
        {"group": name, **{key: values[i] for key, values in measured.items()}}
        for i, name in enumerate(groups.names)
    ]


def association(
    size: Float64, both: Float64, events: float, rows: float
) -> dict[str, npt.NDArray[Any]]:
    """How an event goes together with each group.

    With ``a`` the share of the group, ``y`` that of the event and ``ay`` that of both:

    - ``parity``: ``ay / a``, the rate of the event in the group
    - ``pmi``: pointwise mutual information, ``ln(ay / (a y))`` (Fano 1961)
    - ``dice``: ``2 ay / (a + y)`` (Dice 1945; Sørensen 1948)
    - ``jaccard``: ``ay / (a + y - ay)`` (Jaccard 1901)
    - ``kendall``: tau-b of membership and event (Kendall 1945), which is their correlation
    - ``log_likelihood_ratio``: ``ln(ay / y)``, of the group among those with the event
    - ``t``: Student's statistic of the group's rate against that of the other rows, ``p`` its
      two-sided chance

    Parameters
    ----------
    size, both : ndarray, shape (n_groups,)
        Rows of each group, and those of them with the event.
    events, rows : float
        Rows with the event, and all rows.

    Returns
    -------
    dict of ndarray, shape (n_groups,)

    Examples
    --------
    >>> found = association(np.array([4.0, 6.0]), np.array([3.0, 2.0]), 5.0, 10.0)
    >>> found["parity"].round(3).tolist(), found["kendall"].round(3).tolist()
    ([0.75, 0.333], [0.408, -0.408])
    """
    a, y, ay = size / rows, events / rows, both / rows
    rest, others = rows - size, events - both
    with np.errstate(divide="ignore", invalid="ignore"):
        rate, rest_rate = both / size, others / rest
        within = both * (1 - rate) + others * (1 - rest_rate)
        error = np.sqrt(within / (rows - 2) * (1 / size + 1 / rest))
        t = (rate - rest_rate) / error
        return {
            "parity": rate,
            "pmi": np.log(ay / (a * y)),
            "dice": 2 * ay / (a + y),
            "jaccard": ay / (a + y - ay),
            "kendall": (ay - a * y) / np.sqrt(a * (1 - a) * y * (1 - y)),
            "log_likelihood_ratio": np.log(ay / y),
            "t": t,
            "p": 2 * special.stdtr(rows - 2, -np.abs(t)),
        }


def spread(counts: Float64, reference: Float64 | None = None) -> dict[str, Any]:
    """How far the shares of groups lie from reference shares; even ones where none are given.

    Kullback-Leibler divergence (1951) and cross entropy of the shares from the reference, in
    nats; Jensen-Shannon distance (Lin 1991; natural logarithm, square root of the divergence);
    total variation; infinity norm; Wasserstein distance between the two sets of shares, as the
    view that users know has it; Pearson's chi-square (1900) with its chance.

    Parameters
    ----------
    counts : ndarray, shape (n_groups,)
        Rows of each group, above 0.
    reference : ndarray, shape (n_groups,)
        Shares above 0 that add up to 1.

    Examples
    --------
    >>> found = spread(np.array([30.0, 10.0]))
    >>> found["total_variation"], found["chi_square"], round(found["kl"], 4)
    (0.25, 10.0, 0.1308)
    """
    even = np.full(counts.size, 1.0 / counts.size)
    q = even if reference is None else reference
    p = counts / counts.sum()
    middle = (p + q) / 2
    wanted = q * counts.sum()
    statistic = float(np.sum((counts - wanted) ** 2 / wanted))
    return {
        "reference": "even" if reference is None else "stated",
        "kl": _kl(p, q),
        "cross_entropy": float(-np.sum(q * np.log(p))),
        "js_distance": float(np.sqrt(max((_kl(p, middle) + _kl(q, middle)) / 2, 0.0))),
        "total_variation": float(np.abs(p - q).sum() / 2),
        "infinity_norm": float(np.abs(p - q).max()),
        "wasserstein": float(np.abs(np.sort(p) - np.sort(q)).mean()),
        "chi_square": statistic,
        "p": float(special.chdtrc(max(counts.size - 1, 1), statistic)),
    }


def _kl(p: Float64, q: Float64) -> float:
    return float(np.sum(special.rel_entr(p, q)))


def inequality(counts: Float64) -> dict[str, float]:
    """How unequal the groups' sizes are; 0 where all are equal.

    Theil's L and T (1967) and Atkinson's index with aversion 1 (1970), of the groups' sizes.

    Examples
    --------
    >>> {name: round(value, 4) for name, value in inequality(np.array([30.0, 10.0])).items()}
    {'theil_l': 0.1438, 'theil_t': 0.1308, 'atkinson': 0.134}
    """
    relative = counts / counts.mean()
    low = float(-np.log(relative).mean())
    return {
        "theil_l": low,
        "theil_t": float((relative * np.log(relative)).mean()),
        "atkinson": 1.0 - float(np.exp(-low)),
    }
