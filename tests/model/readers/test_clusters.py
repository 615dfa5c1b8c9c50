from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.cluster import BisectingKMeans, KMeans, MiniBatchKMeans
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from assay.errors import NotCompilable
from assay.model.readers import check_compilable, predict_native

from .proof import same_answers, table


@pytest.mark.parametrize("kind", [KMeans, MiniBatchKMeans])
def test_means(kind: Any) -> None:
    X = table()
    model = make_pipeline(StandardScaler(), kind(4, n_init=1, random_state=0)).fit(X)
    same_answers(model, "clusters")
    assert np.array_equal(predict_native(model, X).argmax(axis=1), model.predict(X))


@pytest.mark.parametrize("covariance", ["full", "tied", "diag", "spherical"])
@pytest.mark.parametrize("kind", [GaussianMixture, BayesianGaussianMixture])
def test_mixtures(kind: Any, covariance: str) -> None:
    X = table()
    mixture = kind(n_components=3, covariance_type=covariance, reg_covar=1e-3, random_state=0)
    model = make_pipeline(StandardScaler(), mixture).fit(X)
    member = same_answers(model, "clusters", extremes=False)
    assert member.link == "softmax"


def test_means_by_bisection_are_refused() -> None:
    """Their label is not that of the nearest centre."""
    with pytest.raises(NotCompilable, match="no reader knows this class") as caught:
        check_compilable(BisectingKMeans())
    assert caught.value.hint.startswith("Closest known: KMeans. ")
