"""AutoML alone: which customers leave? A model in 20 seconds, kept as one ONNX graph.

Run it from anywhere: python examples/automl/churn.py [SECONDS]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import polars as pl
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

from assay import AssayClassifier

TABLE = Path(__file__).parents[1] / "churn" / "telco_churn.csv"


def main(budget_s: float = 20.0) -> None:
    """Fit on three quarters of the customers, judge on the others, save, load, explain."""
    customers = pl.read_csv(TABLE)
    train, test = train_test_split(
        customers, test_size=0.25, random_state=0, stratify=customers["churn"]
    )
    model = AssayClassifier(budget=budget_s, metric="roc_auc", random_state=0)
    model.fit(train.drop("churn"), train["churn"])
    print(model.why_)

    chances = model.predict_proba(test.drop("churn"))[:, 1]
    print(
        f"ROC AUC on customers it never saw: {roc_auc_score(test['churn'] == 'Yes', chances):.4f}"
    )

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "churn-model"
        model.save(folder)
        size_mb = (folder / "model.onnx").stat().st_size / 1e6
        again = AssayClassifier.load(folder)
        same = np.array_equal(chances, again.predict_proba(test.drop("churn"))[:, 1])
        print(f"Saved as one graph of {size_mb:.1f} MB; read back, it answers the same: {same}")

    first = (
        model.explain(test.head(1)).transpose(include_header=True).sort(pl.col("column_0").abs())
    )
    print("What moved the first answer most:")
    print(first.tail(3))


if __name__ == "__main__":
    main(*map(float, sys.argv[1:2]))
