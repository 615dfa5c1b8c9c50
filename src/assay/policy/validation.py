"""What is wrong with a policy that its own types cannot tell."""

from __future__ import annotations

import math
from collections.abc import Collection
from datetime import date
from pathlib import Path

from assay.configuration import locate
from assay.errors import InvalidConfig, nearest
from assay.policy.policy import Policy, Rule


def validate_policy(
    policy: Policy,
    *,
    codes: Collection[str],
    columns: Collection[str] | None = None,
    path: Path | None = None,
) -> None:
    """Refuse a policy that names what does not exist, or that asks for nothing.

    Parameters
    ----------
    policy : Policy
        What ``policy.yaml`` says.
    codes : collection of str
        Codes of the checks that are installed.
    columns : collection of str, optional
        Columns of the table; None where it has not been read yet.
    path : Path, optional
        The file, to say the line.

    Raises
    ------
    InvalidConfig
        An unknown check or column (with the nearest known one), a rule without a limit, with
        limits that no value can meet, or given twice; a waiver without a real last day, or for
        no rule of this policy.
    """
    _Validation(codes, columns, path).run(policy)


class _Validation:
    """One pass over a policy; the first fault ends it."""

    def __init__(
        self, codes: Collection[str], columns: Collection[str] | None, path: Path | None
    ) -> None:
        self._codes = sorted(codes)
        self._columns = None if columns is None else list(columns)
        self._path = path

    def run(self, policy: Policy) -> None:
        seen: set[tuple[str, str, str]] = set()
        for index, rule in enumerate(policy.rules):
            self._check_names(rule.check, rule.column, ("rules", index))
            self._check_limits(rule, index)
            key = (rule.check, rule.column, rule.evidence)
            if key in seen:
                raise self._fault(
                    f"{rule.check} has two rules for the same column and evidence.",
                    "Keep one rule; at_least and at_most may stand together in it.",
                    ("rules", index, "check"),
                )
            seen.add(key)
        for index, waiver in enumerate(policy.waivers):
            self._check_names(waiver.check, waiver.column, ("waivers", index))
            self._check_last_day(waiver.until, index)
            self._check_rule_exists(policy, index)

    def _check_names(self, check: str, column: str, at: tuple[str, int]) -> None:
        if check not in self._codes:
            raise self._fault(
                f"No check is called {check!r}.", nearest(check, self._codes), (*at, "check")
            )
        if column and self._columns is not None and column not in self._columns:
            raise self._fault(
                f"The table has no column {column!r}.",
                nearest(column, self._columns),
                (*at, "column"),
            )

    def _check_limits(self, rule: Rule, index: int) -> None:
        limits = [limit for limit in (rule.at_least, rule.at_most) if limit is not None]
        if not limits:
            raise self._fault(
                f"The rule for {rule.check} sets no limit.",
                "Give at_most, at_least or both.",
                ("rules", index, "check"),
            )
        if not all(map(math.isfinite, limits)) or limits != sorted(limits):
            raise self._fault(
                f"No value can be within the limits of {rule.check}.",
                "Give finite numbers, at_least no higher than at_most.",
                ("rules", index, "at_least" if rule.at_most is None else "at_most"),
            )

    def _check_last_day(self, until: str, index: int) -> None:
        try:
            date.fromisoformat(until)
        except ValueError:
            raise self._fault(
                f"The calendar has no day {until}.",
                "Write YYYY-MM-DD.",
                ("waivers", index, "until"),
            ) from None

    def _check_rule_exists(self, policy: Policy, index: int) -> None:
        waiver = policy.waivers[index]
        rules = [rule for rule in policy.rules if rule.check == waiver.check]
        if not any(not rule.column or waiver.column in ("", rule.column) for rule in rules):
            known = ", ".join(f"{r.check} {r.column}".strip() for r in policy.rules) or "none"
            raise self._fault(
                f"The waiver for {waiver.check} sets no rule of this policy aside.",
                f"Rules: {known}.",
                ("waivers", index, "check"),
            )

    def _fault(self, message: str, hint: str, at: tuple[str | int, ...]) -> InvalidConfig:
        where = locate(self._path, *at) if self._path else ".".join(map(str, at))
        return InvalidConfig(message, hint=hint, where=where)
