"""Parts that packages add: found by entry point, loaded when asked for by name.

Built-in parts come through the same door as anybody else's: a line in a package's metadata.

::

    [project.entry-points."assay.families"]
    nearest = "my_package.nearest:NearestNeighbours"
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

from assay.errors import InvalidConfig, UnknownName

FAMILIES = "assay.families"
CHECKS = "assay.checks"


def plugin_names(group: str) -> tuple[str, ...]:
    """Names that installed packages registered under ``group``, sorted; imports none of them.

    Examples
    --------
    >>> "linear" in plugin_names(FAMILIES)
    True
    """
    return tuple(sorted(_registered(group)))


def load_plugin(group: str, name: str, *, kind: str) -> Any:
    """Import the part that is registered as ``name``.

    Parameters
    ----------
    group : str
        The entry-point group, e.g. ``assay.families``.
    name : str
        The registered name.
    kind : str
        What such a part is called in a message: ``model family``, ``check``.

    Raises
    ------
    UnknownName
        Nothing is registered under that name; the hint gives the nearest one.
    InvalidConfig
        Two packages registered different parts under one name.
    """
    found = _registered(group)
    if name not in found:
        raise UnknownName(kind, name, sorted(found))
    return found[name].load()


def _registered(group: str) -> dict[str, EntryPoint]:
    """Entry points by name; the same line seen twice (editable installs) is one."""
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=group):
        known = found.setdefault(point.name, point)
        if known.value != point.value:
            raise InvalidConfig(
                f"Two packages register {point.name!r} in {group}: "
                f"{known.value} and {point.value}.",
                hint="Uninstall one of the two packages.",
            )
    return found
