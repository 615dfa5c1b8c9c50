"""Fairness: whether errors, decisions and scores differ between groups of those affected."""

from __future__ import annotations

from assay.assess.fairness.conditional import ConditionalParity
from assay.assess.fairness.decisions import (
    EqualisedOddsGap,
    EqualOpportunityGap,
    PredictiveParityGap,
    SelectionRateGap,
    SelectionRateRatio,
    TreatmentEqualityGap,
)
from assay.assess.fairness.errors import (
    BoundedGroupLoss,
    ErrorGap,
    GroupBias,
    GroupErrorRatio,
    MeanOutcomeGap,
)
from assay.assess.fairness.gaps import gap_finding
from assay.assess.fairness.group_check import (
    LARGEST,
    GroupCheck,
    means_of,
    rates_of,
    ratio_to_all,
)
from assay.assess.fairness.inequality import GeneralisedEntropy
from assay.assess.fairness.scores import CalibrationByGroup, ScoreDistributionGap
from assay.assess.fairness.subgroups import Multicalibration, SubgroupViolation

__all__ = [
    "LARGEST",
    "BoundedGroupLoss",
    "CalibrationByGroup",
    "ConditionalParity",
    "EqualOpportunityGap",
    "EqualisedOddsGap",
    "ErrorGap",
    "GeneralisedEntropy",
    "GroupBias",
    "GroupCheck",
    "GroupErrorRatio",
    "MeanOutcomeGap",
    "Multicalibration",
    "PredictiveParityGap",
    "ScoreDistributionGap",
    "SelectionRateGap",
    "SelectionRateRatio",
    "SubgroupViolation",
    "TreatmentEqualityGap",
    "gap_finding",
    "means_of",
    "rates_of",
    "ratio_to_all",
]
