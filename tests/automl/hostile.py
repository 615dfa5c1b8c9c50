"""Families that misbehave: what a stranger's plug-in may do to a search."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from assay.automl.families.linear import Linear


class Broken(Linear):
    """Raises."""

    name = "broken"
    place = 0

    def fit(self, *args: Any, **options: Any) -> Any:
        raise RuntimeError("out of order\nsecond line")


class Hanging(Linear):
    """Never ends."""

    name = "hanging"
    place = 15

    def fit(self, *args: Any, **options: Any) -> Any:
        time.sleep(3600)


class Dying(Linear):
    """Takes its process with it."""

    name = "dying"
    place = 16

    def fit(self, *args: Any, **options: Any) -> Any:
        os._exit(9)


@dataclass(frozen=True)
class _Wrong:
    inner: Any
    answer: Any

    @property
    def params(self) -> Any:
        return self.inner.params

    def predict(self, X: Any) -> Any:
        return self.answer(self.inner.predict(X))

    def describe(self, columns: tuple[int, ...]) -> Any:
        return self.inner.describe(columns)


class _Lying(Linear):
    def fit(self, *args: Any, **options: Any) -> Any:
        return _Wrong(super().fit(*args, **options), self.answer)


class Nan(_Lying):
    """Answers NaN."""

    name = "nan"
    place = 17

    @staticmethod
    def answer(told: np.ndarray) -> np.ndarray:
        return told * np.nan


class Wide(_Lying):
    """Answers in another shape."""

    name = "wide"
    place = 18

    @staticmethod
    def answer(told: np.ndarray) -> np.ndarray:
        return np.hstack([told, told])


class Short(_Lying):
    """Leaves the last row out."""

    name = "short"
    place = 19

    @staticmethod
    def answer(told: np.ndarray) -> np.ndarray:
        return told[:-1]


class Slow(Linear):
    """Takes its time."""

    name = "slow"
    place = 90

    def fit(self, X: Any, y: Any, **options: Any) -> Any:
        time.sleep(6)
        return super().fit(X, y, **options)
