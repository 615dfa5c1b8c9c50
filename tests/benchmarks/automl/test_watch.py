"""A child and its children are watched, and none is left behind."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest
from benchmarks.automl.watch import Watched, watch

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

CHILD = "import time; held = bytearray(80_000_000); time.sleep({seconds})"
PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {child!r}], start_new_session=True)
print(child.pid)
sys.stdout.flush()
{then}
"""


def run(tmp_path: Path, code: str, limit_s: float = 30) -> Watched:
    command = [sys.executable, "-c", code]
    return watch(command, folder=tmp_path, log=tmp_path / "log", limit_s=limit_s, threads=1)


def test_memory_of_children_counts(tmp_path: Path) -> None:
    code = PARENT.format(child=CHILD.format(seconds=1.5), then="child.wait()")
    watched = run(tmp_path, code)
    assert watched.returncode == 0
    assert 80 < watched.peak_mb(0, time.time()) < 300


def test_cpu_seconds_of_the_tree(tmp_path: Path) -> None:
    busy = "import time\nwhile time.process_time() < 1.5: pass\n"
    watched = run(tmp_path, busy)
    assert 0.5 < watched.cpu_s(0, time.time()) < 2.5


def test_what_takes_too_long_is_ended_with_its_children(tmp_path: Path) -> None:
    code = PARENT.format(child=CHILD.format(seconds=60), then="child.wait()")
    watched = run(tmp_path, code, limit_s=1.2)
    assert watched.returncode is None
    assert not _alive(int(watched.output.split()[0]))


def test_daemon_that_outlives_its_parent_is_ended(tmp_path: Path) -> None:
    code = PARENT.format(child=CHILD.format(seconds=60), then="import time; time.sleep(1.2)")
    watched = run(tmp_path, code)
    assert watched.returncode == 0
    assert not _alive(int(watched.output.split()[0]))


def test_failure_shows_its_last_words(tmp_path: Path) -> None:
    watched = run(tmp_path, "raise ValueError('no such preset')")
    assert watched.returncode == 1
    assert watched.output.strip().endswith("ValueError: no such preset")


def _alive(number: int) -> bool:
    try:
        return bool(psutil.Process(number).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
