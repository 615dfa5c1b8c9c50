from __future__ import annotations

from typing import Any

import pytest
from sklearn.decomposition import PCA, IncrementalPCA, TruncatedSVD

from .proof import same_answers, table


@pytest.mark.parametrize(
    "model",
    [PCA(3), PCA(3, whiten=True), IncrementalPCA(2), TruncatedSVD(3, random_state=0)],
    ids=["pca", "whitened", "incremental", "svd"],
)
def test_components(model: Any) -> None:
    same_answers(model.fit(table().astype(float)), "vector")
