"""Lineage: from a version back to its run, data, policy, code and environment."""

from __future__ import annotations

import hashlib
import platform
import re
import subprocess
from importlib.metadata import distributions, version
from pathlib import Path
from typing import TYPE_CHECKING

import assay
from assay.policy.record import RECORDED
from assay.records import Record
from assay.registry.version import FILES, ModelVersion

if TYPE_CHECKING:
    from assay.store.store import Store

_PACKAGE = Path(assay.__file__).parent
_GIT_S = 20.0


class Code(Record, frozen=True, kw_only=True):
    """The code that ran."""

    version: str
    """Version of the package."""
    sources: str
    """SHA-256 over the package's own ``.py`` files, names included."""
    commit: str = ""
    """Commit of the checkout that holds the package; empty where it is installed."""
    dirty: bool = False
    """Whether the checkout's package differs from its commit."""


class Link(Record, frozen=True, kw_only=True):
    """One thing that a version was made from."""

    what: str
    digest: str
    kept: bool
    """Whether the store still has its bytes."""
    entry: int | None = None
    """The ledger's entry about it, where there is one."""
    at: str = ""
    by: str = ""


class Lineage(Record, frozen=True, kw_only=True):
    """Everything that a version was made from."""

    version: str
    run: str
    links: tuple[Link, ...]

    @property
    def complete(self) -> bool:
        """Whether the store still has every piece."""
        return all(link.kept for link in self.links)


def trace(store: Store, version: ModelVersion) -> Lineage:
    """Follow a version back to what it was made from.

    Parameters
    ----------
    store : Store
        Where the artifacts and the ledger are.
    version : ModelVersion
        The version to explain.
    """
    recorded = next(
        (
            entry
            for entry in store.ledger.entries(version.name)
            if entry.action == RECORDED
            and entry.subject == version.policy
            and entry.body.get("run") == version.run
        ),
        None,
    )
    links = [_link(store, version, what) for what in sorted({*FILES.values(), "split"})]
    if recorded is not None:
        where = next(i for i, link in enumerate(links) if link.what == "policy")
        links[where] = Link(
            what="policy",
            digest=version.policy,
            kept=links[where].kept,
            entry=recorded.seq,
            at=recorded.at,
            by=recorded.actor,
        )
    return Lineage(version=version.label, run=version.run, links=tuple(links))


def _link(store: Store, version: ModelVersion, what: str) -> Link:
    digest: str = getattr(version, what)
    return Link(what=what, digest=digest, kept=store.artifacts.has(digest))


def describe_environment() -> str:
    """Interpreter, platform and every installed distribution, one a line, sorted.

    The text is the bundle's ``environment.txt``; without its comments it is a requirements
    file.
    """
    found = {
        f"{re.sub(r'[-_.]+', '-', item.name).lower()}=={item.version}"
        for item in distributions()
        if item.name
    }
    system = f"{platform.system()} {platform.machine()} {' '.join(platform.libc_ver())}".strip()
    lines = [
        f"# {platform.python_implementation()} {platform.python_version()}",
        f"# {system}",
        *sorted(found),
    ]
    return "\n".join(lines) + "\n"


def read_code(package: Path = _PACKAGE) -> Code:
    """Fingerprint of the package's sources, and its commit if it lies in a git checkout.

    Parameters
    ----------
    package : Path
        Folder of Python sources; by default Assay's own.
    """
    commit = _git(package, "rev-parse", "HEAD") if _is_tracked(package) else ""
    return Code(
        version=version("assay"),
        sources=_digest_sources(package),
        commit=commit,
        dirty=bool(commit and _git(package, "status", "--porcelain", "--", ".")),
    )


def _digest_sources(package: Path) -> str:
    total = hashlib.sha256()
    for path in sorted(package.rglob("*.py"), key=lambda p: p.relative_to(package).as_posix()):
        body = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{body}  {path.relative_to(package).as_posix()}\n".encode())
    return f"sha256:{total.hexdigest()}"


def _is_tracked(package: Path) -> bool:
    """Whether git knows these files; a package installed inside somebody's checkout is not."""
    return bool(_git(package, "ls-files", "--", "*.py"))


def _git(folder: Path, *arguments: str) -> str:
    """What git says about a folder, or nothing where there is no git or no checkout."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            timeout=_GIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
