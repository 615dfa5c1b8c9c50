"""Run a child process and watch its whole tree: memory shared fairly, CPU seconds (Linux)."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil  # type: ignore[import-untyped]

EVERY_S = 0.5


@dataclass(frozen=True)
class Sample:
    """One look at the tree: seconds since the epoch, proportional memory, CPU seconds so far."""

    at: float
    megabytes: float
    cpu_s: float


@dataclass(frozen=True, kw_only=True)
class Watched:
    """How a child process went; ``returncode`` is None where it was ended for taking too long."""

    returncode: int | None
    output: str
    samples: tuple[Sample, ...]

    def peak_mb(self, began: float, ended: float) -> float:
        """Most memory of the whole tree between two times."""
        return max((s.megabytes for s in self.samples if began <= s.at <= ended), default=0.0)

    def cpu_s(self, began: float, ended: float) -> float:
        """CPU seconds of the whole tree between two times, to about a sample's distance."""
        spent = [s.cpu_s for s in self.samples if began <= s.at <= ended]
        return spent[-1] - spent[0] if spent else 0.0


@dataclass
class _Tree:
    """A process and all that it started, remembered after they end."""

    root: psutil.Process
    known: dict[int, psutil.Process] = field(default_factory=dict)
    cpu_s: dict[int, float] = field(default_factory=dict)

    def look(self) -> Sample:
        with contextlib.suppress(psutil.Error):
            for process in (self.root, *self.root.children(recursive=True)):
                self.known.setdefault(process.pid, process)
        megabytes = 0.0
        for process in self.known.values():
            with contextlib.suppress(psutil.Error, OSError):
                megabytes += _proportional_mb(process)
                used = process.cpu_times()
                self.cpu_s[process.pid] = used.user + used.system
        return Sample(time.time(), megabytes, sum(self.cpu_s.values()))

    def end(self) -> None:
        """End what is left of the tree, by process; a daemon outlives its parent otherwise."""
        for process in self.known.values():
            with contextlib.suppress(psutil.Error):
                if process.is_running():  # the same process, not another with its number
                    process.kill()
        psutil.wait_procs(self.known.values(), timeout=10)


def watch(
    command: Sequence[str], *, folder: Path, log: Path, limit_s: float, threads: int
) -> Watched:
    """Run a command to its end, or to its limit, and look at its processes twice a second.

    Parameters
    ----------
    command : sequence of str
    folder : Path
        Where it runs.
    log : Path
        Takes its output; the last lines are in the result.
    limit_s : float
        Wall-clock seconds after which the whole tree is ended.
    threads : int
        Told to OpenMP and its like.
    """
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    environment = os.environ | {name: str(threads) for name in names}
    with log.open("w") as output:
        child = subprocess.Popen(
            command, cwd=folder, stdout=output, stderr=subprocess.STDOUT, env=environment
        )
        tree = _Tree(psutil.Process(child.pid))
        try:
            samples = _until_done(child, tree, limit_s)
            returncode = child.poll()
        finally:
            tree.end()
            child.wait()
    return Watched(
        returncode=returncode,
        output=log.read_text(errors="replace")[-2000:],
        samples=tuple(samples),
    )


def _until_done(child: subprocess.Popen[bytes], tree: _Tree, limit_s: float) -> list[Sample]:
    samples = []
    until = time.monotonic() + limit_s
    while time.monotonic() < until:
        samples.append(tree.look())
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(EVERY_S)
            break
    return samples


def _proportional_mb(process: psutil.Process) -> float:
    """Memory of a process, what it shares counted by its share."""
    summary = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
    (line,) = [line for line in summary.splitlines() if line.startswith("Pss:")]
    return int(line.split()[1]) / 1024
