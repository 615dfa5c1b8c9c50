"""The verdict in words: allowed, refused or waiting, why, and what to do next."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from assay.policy.gate import Decision
from assay.registry.approval import approvals_required
from assay.report.dossier import Dossier
from assay.report.wording import count, counted, listed, quantity, sentence

State = Literal["refused", "waiting", "struck"]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The answer to "may this model go into production?"."""

    state: State
    headline: str
    reason: str
    next_step: str


def verdict(dossier: Dossier) -> Verdict:
    """Allowed, refused or waiting, with the reason and what to do next."""
    if not dossier.decision.allowed:
        return _refused(dossier.decision)
    if dossier.struck:
        return Verdict(
            state="struck",
            headline="Allowed, and the hallmark is struck",
            reason=f"{_rules_passed(dossier.decision, settled=True)} {_approved_by(dossier)}",
            next_step="A scorer verifies the hallmark before it loads the model.",
        )
    return _waiting(dossier)


def data_name(dossier: Dossier) -> str:
    """Where the data comes from, as the question says, or else as it was read."""
    return dossier.question.data_source or dossier.dataset.source


def success(dossier: Dossier) -> str:
    """What was reached on the success measure, against the baseline and the need."""
    board = dossier.leaderboard
    metric = metric_name(board.metric)
    reached = quantity(board.ensemble_score, metric_unit(board.metric, dossier.question.unit))
    constant = quantity(board.baseline, metric_unit(board.metric, dossier.question.unit))
    words = f"{metric} {reached} in cross-validation; the constant answer reaches {constant}"
    need = dossier.question.success.target
    if need is None:
        return sentence(f"{words}; no needed value was written down")
    good = board.ensemble_score <= need if board.better == "lower" else board.ensemble_score >= need
    wanted = quantity(need, metric_unit(board.metric, dossier.question.unit))
    return sentence(
        f"{words}; needed is {wanted}, which the estimate {'meets' if good else 'does not meet'}"
    )


def metric_name(metric: str) -> str:
    """A metric's name in words.

    Examples
    --------
    >>> metric_name("mae"), metric_name("roc_auc"), metric_name("my_metric")
    ('Mean absolute error', 'Area under the ROC curve', 'My metric')
    """
    return _METRICS.get(metric, metric.replace("_", " ").capitalize())


def metric_unit(metric: str, unit: str) -> str:
    """The unit of a metric: that of the target where the metric keeps it, else none."""
    if metric in _IN_THE_UNIT:
        return unit
    return "share" if metric in _SHARES else ""


_IN_THE_UNIT = {"mae", "rmse", "median_ae", "median_absolute_error", "max_error", "pinball"}
_SHARES = {"accuracy", "top_k_accuracy", "balanced_accuracy", "mape"}
_METRICS = {
    "accuracy": "Accuracy",
    "average_precision": "Average precision",
    "balanced_accuracy": "Balanced accuracy",
    "brier": "Brier score",
    "cohen_kappa": "Cohen's kappa",
    "cost": "Mean cost of the decision",
    "f1": "F1 score",
    "f1_macro": "F1 score, mean over classes",
    "f1_weighted": "F1 score, mean over classes by their size",
    "log_loss": "Log loss",
    "mae": "Mean absolute error",
    "mape": "Mean absolute percentage error",
    "matthews_corrcoef": "Matthews correlation coefficient",
    "max_error": "Largest error",
    "median_absolute_error": "Median absolute error",
    "median_ae": "Median absolute error",
    "mse": "Mean squared error",
    "msle": "Mean squared logarithmic error",
    "pinball": "Mean pinball loss",
    "poisson_deviance": "Mean Poisson deviance",
    "precision_macro": "Precision, mean over classes",
    "precision_weighted": "Precision, mean over classes by their size",
    "r2": "R²",
    "recall_macro": "Recall, mean over classes",
    "recall_weighted": "Recall, mean over classes by their size",
    "rmse": "Root mean squared error",
    "rmsle": "Root mean squared logarithmic error",
    "roc_auc": "Area under the ROC curve",
    "roc_auc_ovo": "Area under the ROC curve, over pairs of classes",
    "top_k_accuracy": "Accuracy of the 5 likeliest",
}


def _refused(decision: Decision) -> Verdict:
    blocking = decision.blocking
    if not blocking:
        return Verdict(
            state="refused",
            headline="Refused",
            reason="The policy holds no rule, and a policy without rules permits nothing.",
            next_step="Write at least one rule in policy.yaml and run again.",
        )
    ended = Counter(outcome.status for outcome in blocking)
    how = listed([f"{count(n)} {status}" for status, n in ended.items()])
    return Verdict(
        state="refused",
        headline="Refused",
        reason=f"{counted(len(blocking), 'rule')} of {count(len(decision.outcomes))} "
        f"{'blocks' if len(blocking) == 1 else 'block'} the release: {how}.",
        next_step=_way_out(set(ended)),
    )


def _way_out(ended: set[str]) -> str:
    """What a person can do about rules that block."""
    ways = []
    if "not met" in ended:
        ways.append("improve the data or the model")
    if ended - {"not met"}:
        ways.append("gather the evidence that is missing")
    first = " or ".join(ways)
    return (
        f"{sentence(first)[:-1]} and run again, or let a named person waive a rule in policy.yaml."
    )


def _waiting(dossier: Dossier) -> Verdict:
    to_go = approvals_required(dossier.policy, dossier.decision) - len(dossier.approvals)
    accept = [outcome.key for outcome in dossier.decision.to_accept]
    if to_go <= 0:
        next_step = "The hallmark can be struck now."
    elif accept:
        next_step = (
            f"{counted(to_go, 'approval')} to go. The approver must accept by name what is "
            f"undecided: {listed(accept)}."
        )
    else:
        next_step = f"{counted(to_go, 'approval')} to go."
    return Verdict(
        state="waiting",
        headline="Allowed, waiting for approval",
        reason=_rules_passed(dossier.decision),
        next_step=next_step,
    )


def _rules_passed(decision: Decision, *, settled: bool = False) -> str:
    words = f"None of {counted(len(decision.outcomes), 'rule')} blocks the release"
    accept = len(decision.to_accept)
    if accept and settled:
        words += f"; {count(accept)} {'was' if accept == 1 else 'were'} accepted by name"
    elif accept:
        words += f"; {count(accept)} {'needs' if accept == 1 else 'need'} a person's acceptance"
    return words + "."


def _approved_by(dossier: Dossier) -> str:
    if not dossier.approvals:
        return "The policy asks for no approval."
    return f"Approved by {listed([approval.by for approval in dossier.approvals])}."
