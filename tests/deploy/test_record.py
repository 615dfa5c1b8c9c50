"""The prediction record: kept before it is answered, read back whole, cut off cleanly."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import textwrap
import threading
import time
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.deploy.record import (
    MAGIC,
    Entry,
    RecordSettings,
    SegmentHeader,
    Segments,
    Unrecorded,
    count_records,
    open_recorder,
    read_frame,
    read_records,
    segments,
    to_parquet,
)
from assay.errors import InputError, InvalidFile, StoreUnavailable

ROOT = Path(__file__).parents[2]
HEADER = SegmentHeader(
    model="car-price@1",
    model_digest="sha256:00",
    kind="regression",
    columns=("make", "doors", "sold"),
    column_kinds=("category", "number", "date"),
    unit="USD",
)


def entry(number: int, make: str | None = "audi") -> Entry:
    values = [make, float(number), 19753.0]
    return Entry(f"r-{number}", 0, 1_700_000_000_000_000, values, 1.5, 1.0, 2.0, None, None, 42)


def open_segments(folder: Path, **settings: object) -> Segments:
    recorder = open_recorder(RecordSettings(folder=folder, **settings), HEADER)  # type: ignore[arg-type]
    assert isinstance(recorder, Segments)
    return recorder


def test_what_was_written_is_read_back(tmp_path):
    recorder = open_segments(tmp_path)
    recorder.append([entry(1), entry(2, make=None)])
    recorder.close()

    reader = read_records(tmp_path)
    first, second = reader
    assert first.id == "r-1"
    assert first.inputs == {"make": "audi", "doors": 1, "sold": "2024-01-31"}
    assert (first.answer, first.lower, first.upper, first.latency_us) == (1.5, 1.0, 2.0, 42)
    assert (first.model, first.model_digest) == ("car-price@1", "sha256:00")
    assert first.at == "2023-11-14T22:13:20.000000Z"
    assert second.inputs["make"] is None
    assert reader.torn_bytes == 0


def test_a_written_prediction_is_readable_before_any_sync(tmp_path):
    recorder = open_segments(tmp_path, sync_every_s=30.0)
    recorder.append([entry(1)])
    assert [r.id for r in read_records(tmp_path)] == ["r-1"]
    recorder.close()


def test_async_syncs_within_its_window(tmp_path):
    recorder = open_segments(tmp_path, sync_every_s=0.05)
    recorder.append([entry(1)])
    deadline = time.monotonic() + 5
    while recorder.state()["bytes_synced"] == 0 and time.monotonic() < deadline:
        time.sleep(0.01)
    state = recorder.state()
    assert state["bytes_synced"] == state["bytes_written"] > 0
    recorder.close()


def test_group_tells_everybody_after_one_shared_sync(tmp_path, monkeypatch):
    syncs = []
    gate = threading.Event()
    recorder = open_segments(tmp_path, mode="group")

    def slow_sync(file: int) -> None:
        gate.wait(5)
        syncs.append(file)
        os.fsync(file)

    monkeypatch.setattr("assay.deploy.record._sync", slow_sync)
    told: list[object] = []
    for number in range(50):
        recorder.when_synced(recorder.append([entry(number)]), told.append)
    assert told == []
    gate.set()
    deadline = time.monotonic() + 5
    while len(told) < 50 and time.monotonic() < deadline:
        time.sleep(0.005)
    assert told == [None] * 50
    assert len(syncs) <= 3
    recorder.close()


def test_a_failed_sync_is_told_and_the_segment_left(tmp_path, monkeypatch):
    recorder = open_segments(tmp_path, mode="group")
    failing = [True]

    def sync(file: int) -> None:
        if failing[0]:
            failing[0] = False
            raise OSError(5, "Input/output error")
        os.fsync(file)

    monkeypatch.setattr("assay.deploy.record._sync", sync)
    told: list[object] = []
    done = threading.Event()
    recorder.when_synced(recorder.append([entry(1)]), lambda f: (told.append(f), done.set()))
    assert done.wait(5)
    assert isinstance(told[0], StoreUnavailable)
    recorder.append([entry(2)])
    recorder.close()
    assert len(segments(tmp_path)) == 2
    assert [r.id for r in read_records(tmp_path)] == ["r-1", "r-2"]


def test_segments_rotate_by_size(tmp_path):
    recorder = open_segments(tmp_path, segment_bytes=600)
    for number in range(40):
        recorder.append([entry(number)])
    recorder.close()
    assert len(segments(tmp_path)) > 4
    assert count_records(tmp_path) == 40
    assert [r.id for r in read_records(tmp_path)] == [f"r-{n}" for n in range(40)]


def test_files_are_for_their_owner_only(tmp_path):
    recorder = open_segments(tmp_path / "new")
    recorder.close()
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    assert segments(tmp_path / "new")[0].stat().st_mode & 0o777 == 0o600


def test_a_disk_that_does_not_keep_up_refuses_rather_than_drops(tmp_path):
    recorder = open_segments(tmp_path, sync_every_s=30.0, unsynced_limit=200)
    recorder.append([entry(1)])
    with pytest.raises(StoreUnavailable, match="keep up"):
        recorder.append([entry(n) for n in range(2, 5)])
    assert recorder.state()["refused"] == 3
    recorder.close()
    assert [r.id for r in read_records(tmp_path)] == ["r-1"]


def test_nothing_is_taken_after_close(tmp_path):
    recorder = open_segments(tmp_path)
    recorder.close()
    with pytest.raises(StoreUnavailable, match="stopping"):
        recorder.append([entry(1)])


def test_a_full_disk_refuses_and_leaves_whole_frames(tmp_path):
    """A real limit of the system: files of at most 4 KiB, so writes come short, then fail."""
    program = textwrap.dedent(
        f"""
        import resource, signal, sys
        from pathlib import Path
        from tests.deploy.test_record import entry, open_segments
        from assay.errors import StoreUnavailable
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        recorder = open_segments(Path({str(tmp_path)!r}), sync_every_s=60.0)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        kept = 0
        try:
            while True:
                recorder.append([entry(kept)])
                kept += 1
        except StoreUnavailable as error:
            print(kept, recorder.state()["refused"], error.http_status, error.message)
        """
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    kept, refused, status, message = result.stdout.split(maxsplit=3)
    assert int(kept) > 10
    assert (refused, status) == ("1", "503")
    assert "File too large" in message
    reader = read_records(tmp_path)
    assert len(list(reader)) == int(kept)
    assert reader.torn_bytes == 0


def test_killed_at_any_moment_everything_told_is_kept(tmp_path):
    program = textwrap.dedent(
        f"""
        from pathlib import Path
        from tests.deploy.test_record import entry, open_segments
        recorder = open_segments(Path({str(tmp_path)!r}), segment_bytes=20_000)
        number = 0
        while True:
            recorder.append([entry(number)])
            print(number, flush=True)
            number += 1
        """
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=ROOT)
    assert process.stdout is not None
    told = [int(process.stdout.readline()) for _ in range(1500)]
    os.kill(process.pid, signal.SIGKILL)
    told += [int(line) for line in process.stdout.read().splitlines() if line]
    process.wait()
    kept = [int(r.id[2:]) for r in read_records(tmp_path)]
    assert kept[: len(told)] == told
    assert len(kept) <= len(told) + 1


@settings(deadline=None, max_examples=60)
@given(cut=st.integers(0, 2000), garbage=st.binary(max_size=30))
def test_any_torn_end_is_cut_off_and_counted(tmp_path_factory, cut, garbage):
    folder = tmp_path_factory.mktemp("torn")
    recorder = open_segments(folder)
    recorder.append([entry(n) for n in range(5)])
    recorder.close()
    (path,) = segments(folder)
    whole = path.read_bytes()
    path.write_bytes(whole[: max(len(MAGIC), len(whole) - cut)] + garbage)

    reader = read_records(folder)
    read = [r.id for r in reader]
    assert read == [f"r-{n}" for n in range(5)][: len(read)]
    if cut == 0:
        assert len(read) == 5
        assert reader.torn_bytes == len(garbage)
    assert sum(t.offset for t in reader.torn) + reader.torn_bytes in {0, path.stat().st_size}


def test_a_changed_byte_ends_the_segment(tmp_path):
    recorder = open_segments(tmp_path)
    recorder.append([entry(n) for n in range(3)])
    recorder.close()
    (path,) = segments(tmp_path)
    body = bytearray(path.read_bytes())
    body[-10] ^= 1
    path.write_bytes(body)
    reader = read_records(tmp_path)
    assert [r.id for r in reader] == ["r-0", "r-1"]
    assert reader.torn[0].segment == path.name


def test_a_hole_of_zeros_is_torn_not_a_prediction(tmp_path):
    recorder = open_segments(tmp_path)
    recorder.append([entry(1)])
    recorder.close()
    with segments(tmp_path)[0].open("ab") as file:
        file.write(bytes(64))
    reader = read_records(tmp_path)
    assert len(list(reader)) == 1
    assert reader.torn_bytes == 64


def test_as_a_table_and_as_parquet(tmp_path):
    folder = tmp_path / "record"
    recorder = open_segments(folder, segment_bytes=300)
    recorder.append([entry(1)])
    recorder.append([entry(2, make=None)])
    recorder.append([entry(3)])
    recorder.close()
    table = read_frame(folder)
    assert table.height == 3
    assert table["input.doors"].to_list() == [1.0, 2.0, 3.0]
    assert table["input.sold"].to_list() == [datetime(2024, 1, 31)] * 3
    assert table["input.make"].to_list() == ["audi", None, "audi"]
    assert table["at"].dtype == pl.Datetime("us", "UTC")
    assert to_parquet(folder, tmp_path / "record.parquet") == 3
    assert pl.read_parquet(tmp_path / "record.parquet").equals(table)


def test_an_absent_or_foreign_record_says_so(tmp_path):
    with pytest.raises(InvalidFile, match="no prediction record"):
        read_records(tmp_path / "absent")
    (tmp_path / "x.segment").write_bytes(b"something else" + struct.pack("<II", 1, 2))
    with pytest.raises(InvalidFile, match="Not a segment"):
        list(read_records(tmp_path))


def test_off_must_be_said(tmp_path):
    with pytest.raises(InputError, match="Where shall predictions be recorded"):
        open_recorder(RecordSettings(folder=None), HEADER)
    assert isinstance(open_recorder(RecordSettings(folder=None, mode="off"), HEADER), Unrecorded)


def test_a_folder_that_cannot_be_made_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match="cannot be recorded"):
        open_segments(tmp_path / "file" / "record")
