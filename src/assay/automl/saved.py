"""A fitted estimator as a folder: graph, contract, leaderboard, and never a pickle."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from assay.automl.leaderboard import Leaderboard
from assay.data.contract import Contract
from assay.errors import InvalidFile
from assay.model.plan import ClassLabel
from assay.records import Record
from assay.store.folder import whole_folder

MARK = "estimator.json"


class Description(Record, frozen=True, kw_only=True):
    """What is to be known of an estimator beside its graph, contract and leaderboard."""

    estimator: str
    """Name of its class."""
    params: dict[str, Any]
    features: tuple[str, ...]
    """Columns that it was given, in order."""
    named: bool
    """Whether they had names of their own."""
    reference: dict[str, float | str | None]
    classes: tuple[ClassLabel, ...] = ()
    classes_dtype: str = ""


@dataclass(frozen=True, kw_only=True)
class Saved:
    """The content of the folder."""

    description: Description
    graph: bytes
    contract: Contract
    leaderboard: Leaderboard


def write_saved(saved: Saved, folder: Path) -> None:
    """Write the folder, whole or not at all; an older folder of this sort is replaced.

    Raises
    ------
    InvalidFile
        The place holds something else, or cannot be written.
    """
    description = saved.description.to_json()
    with whole_folder(folder, mark=MARK, what="a saved estimator") as partial:
        (partial / "model.onnx").write_bytes(saved.graph)
        (partial / "contract.json").write_bytes(saved.contract.to_json())
        (partial / "leaderboard.json").write_bytes(saved.leaderboard.to_json())
        (partial / MARK).write_bytes(description)


def read_saved(folder: Path, estimator: str) -> Saved:
    """Read what `write_saved` wrote.

    Raises
    ------
    InvalidFile
        The folder holds no such estimator, or is damaged.
    """
    try:
        saved = Saved(
            description=Description.from_json((folder / MARK).read_bytes()),
            graph=(folder / "model.onnx").read_bytes(),
            contract=Contract.from_json((folder / "contract.json").read_bytes()),
            leaderboard=Leaderboard.from_json((folder / "leaderboard.json").read_bytes()),
        )
    except (OSError, msgspec.DecodeError) as error:
        raise InvalidFile(
            "This folder holds no saved estimator.",
            hint="Give the folder that `save` or `assay automl --out` wrote.",
            where=str(folder),
        ) from error
    held = saved.description.estimator
    if held != estimator:
        raise InvalidFile(
            f"The folder holds an {held}.", hint=f"Use {held}.load.", where=str(folder)
        )
    return saved
