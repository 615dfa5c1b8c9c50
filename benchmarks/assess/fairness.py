"""All fairness intervals of ten intersectional groups of Adult, ours and Fairlearn's bootstrap.

Ten groups: sex crossed with race. Ours twice: six rates of every group and the six gaps by
`count_bootstrap` with 1,000 replicates; and every check of groups of two classes as findings, with
the bounds that rules are held against. Fairlearn: a MetricFrame of the same six rates with
percentile intervals; its cost grows with the replicates, so few are run and 1,000 are
extrapolated. CPU seconds of one process and one thread; ours is the least of the repeats. Run from
the repository root::

    OMP_NUM_THREADS=1 POLARS_MAX_THREADS=1 python -m benchmarks.assess.fairness
"""

from __future__ import annotations

import argparse
import os
import platform
import time
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("POLARS_MAX_THREADS", "1")

import numpy as np
from benchmarks.assess.adult import adult_subject

from assay.assess import fairness
from assay.assess.groups import groups_of
from assay.assess.statistics import Bounds, count_bootstrap
from assay.assess.subject import Subject

COLUMN = "sex & race"
REPLICATES = 1_000
CHECKS = (
    fairness.GroupErrorRatio,
    fairness.GroupBias,
    fairness.SelectionRateGap,
    fairness.EqualOpportunityGap,
    fairness.SelectionRateRatio,
    fairness.EqualisedOddsGap,
    fairness.PredictiveParityGap,
    fairness.CalibrationByGroup,
    fairness.TreatmentEqualityGap,
    fairness.BoundedGroupLoss,
    fairness.MeanOutcomeGap,
    fairness.ErrorGap,
    fairness.ScoreDistributionGap,
)
SIX_RATES = (
    fairness.ErrorGap,
    fairness.PredictiveParityGap,
    fairness.SelectionRateGap,
    fairness.EqualisedOddsGap,
)
"""Accuracy, precision, selection, true and false positives; false negatives are 1 less true."""


def cpu(work: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """Least CPU seconds of the repeats, and the result."""
    took, result = [], None
    for _ in range(repeats):
        began = time.process_time()
        result = work()
        took.append(time.process_time() - began)
    return min(took), result


def six_rates(tables: Any) -> Any:
    """Six rates of each group, then their gaps, from counts of (truth, label)."""
    right_no, alarms, missed, right_yes = np.moveaxis(tables, -1, 0)
    rows = tables.sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        rates = np.stack(
            [
                (right_no + right_yes) / rows,
                right_yes / (alarms + right_yes),
                (alarms + right_yes) / rows,
                right_yes / (missed + right_yes),
                alarms / (right_no + alarms),
                missed / (missed + right_yes),
            ],
            axis=1,
        )
    gaps = np.nanmax(rates, axis=2) - np.nanmin(rates, axis=2)
    return np.concatenate([rates.reshape(len(rates), -1), gaps], axis=1)


def by_counts(subject: Subject) -> Bounds:
    """Bounds of the six rates and gaps, from the rows to the end."""
    rows = subject.held_out
    groups = groups_of(subject, rows.frame, COLUMN)
    cell = groups.codes * 4 + rows.truth * 2 + rows.label
    counts = np.bincount(cell, minlength=len(groups.names) * 4).reshape(-1, 4)
    return count_bootstrap(counts, six_rates, 0.95, replicates=REPLICATES)


def theirs(subject: Subject, replicates: int) -> float | None:
    """CPU seconds of Fairlearn's bootstrap; None where it is not installed."""
    try:
        from fairlearn import metrics
    except ImportError:
        return None
    from sklearn.metrics import accuracy_score, precision_score

    rows = subject.held_out
    measured = {
        "accuracy": accuracy_score,
        "precision": precision_score,
        "selection rate": metrics.selection_rate,
        "true positive rate": metrics.true_positive_rate,
        "false positive rate": metrics.false_positive_rate,
        "false negative rate": metrics.false_negative_rate,
    }
    warnings.simplefilter("ignore")  # small groups without any positive answer
    took, frame = cpu(
        lambda: metrics.MetricFrame(
            metrics=measured,
            y_true=rows.truth,
            y_pred=rows.label,
            sensitive_features={name: rows.frame[name].to_list() for name in ("sex", "race")},
            n_boot=replicates,
            ci_quantiles=[0.05, 0.95],
            random_state=0,
        ),
        1,
    )
    _, gaps = cpu(frame.difference, 1)
    ours = fairness.SelectionRateGap(column=COLUMN, min_rows=1).run(subject)
    assert ours.value is not None
    assert abs(gaps["selection rate"] - ours.value) < 1e-12
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--replicates", type=int, default=5, help="that Fairlearn runs")
    told = parser.parse_args()
    subject = adult_subject()
    print(f"date      {datetime.now(UTC):%Y-%m-%d %H:%M} UTC; load {os.getloadavg()[0]:.1f}")
    print(f"machine   {platform.machine()}, {os.cpu_count()} cores")
    print(f"python    {platform.python_version()}, numpy {np.__version__}")
    print(f"rows      {subject.held_out.rows:,}, groups of {COLUMN}")
    print("\n| check | CPU s | value | bounds | groups |\n| --- | --- | --- | --- | --- |")
    for check in CHECKS:
        took, found = cpu(partial(check(column=COLUMN).run, subject), told.repeats)
        judged = sum(g.value is not None for g in found.groups)
        print(
            f"| {found.check} {found.title} | {took:.4f} | {found.value:.3f} | "
            f"{found.lower:.3f} to {found.upper:.3f} | {judged} of {len(found.groups)} |"
        )
    counted, bounds = cpu(partial(by_counts, subject), told.repeats)
    print(f"\nsix rates and gaps, {REPLICATES:,} replicates of counts: {counted:.3f} CPU s")
    print(f"gap in selection {bounds.lower[-4]:.3f} to {bounds.upper[-4]:.3f} (not calibrated)")
    whole, _ = cpu(lambda: [c(column=COLUMN).run(subject) for c in CHECKS], told.repeats)
    six, _ = cpu(lambda: [c(column=COLUMN).run(subject) for c in SIX_RATES], told.repeats)
    print(f"the same six rates as findings: {six:.3f} CPU s")
    print(f"all {len(CHECKS)} checks: {whole:.3f} CPU s")
    few = theirs(subject, told.replicates)
    if few is None:
        print("Fairlearn is not installed.")
        return
    once = theirs(subject, 1)
    assert once is not None
    each = (few - once) / max(told.replicates - 1, 1)
    print(
        f"Fairlearn, 6 metrics: {few:.2f} CPU s for {told.replicates} replicates, about "
        f"{each:.2f} each: {once + each * (REPLICATES - 1):,.0f} for {REPLICATES:,} (extrapolated)"
    )


if __name__ == "__main__":
    main()
