"""The recorder: rolling, reading while it writes, orphans, and a disk that refuses."""

import os
import threading
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from diptych.serve.recording.recorder import Recorder, RecordingError, Rolling
from diptych.serve.recording.segments import Segments, together

NEVER = Rolling(rows=1 << 40, bytes=1 << 40, seconds=1e9)


def batch(*numbers: int) -> pa.Table:
    return pa.table({"id": pa.array(numbers, pa.int64()), "text": ["x" * 50] * len(numbers)})


def ids(folder: Path) -> list[int]:
    """What counts now, in order."""
    found = Segments.of(folder, "sales").snapshot()
    tables = [*(pq.read_table(path) for path in found.files), *([] if found.fresh is None else [found.fresh])]
    return sorted(together(tables)["id"].to_pylist()) if tables else []


def files(folder: Path, ending: str) -> int:
    return len(list((folder / "sales").glob(f"*{ending}")))


@dataclass
class Hand:
    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


def add(recorder: Recorder, *numbers: int) -> None:
    recorder.confirm(recorder.log("sales", batch(*numbers), {}, 5))


def test_only_what_is_confirmed_counts(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, NEVER)
    first, second, third = (recorder.log("sales", batch(number), {}, 5) for number in (1, 2, 3))
    assert ids(tmp_path) == []
    recorder.confirm(second)
    recorder.drop(third)
    assert ids(tmp_path) == [2]
    recorder.confirm(first)
    assert ids(tmp_path) == [1, 2]
    assert Segments.of(tmp_path, "sales").since() == 5
    recorder.close()
    assert ids(tmp_path) == [1, 2]
    assert (files(tmp_path, ".parquet"), files(tmp_path, ".wal"), files(tmp_path, ".writing")) == (1, 0, 0)


@pytest.mark.parametrize(
    "rolling", [Rolling(rows=6), Rolling(bytes=3_000), Rolling(seconds=30)], ids=["rows", "bytes", "age"]
)
def test_a_full_journal_becomes_a_file(tmp_path: Path, rolling: Rolling) -> None:
    clock = Hand()
    recorder = Recorder(tmp_path, rolling, clock)
    for number in range(12):
        add(recorder, 2 * number, 2 * number + 1)
        clock.seconds += 10
        assert ids(tmp_path) == list(range(2 * number + 2))
    assert 2 <= files(tmp_path, ".parquet") <= 6
    assert files(tmp_path, ".wal") <= 1
    recorder.close()
    assert ids(tmp_path) == list(range(24))


def test_a_batch_in_hand_keeps_its_journal_from_rolling_and_no_other(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, Rolling(rows=2))
    slow = recorder.log("sales", batch(0), {}, 5)
    for number in range(1, 9):
        add(recorder, number)
    assert files(tmp_path, ".parquet") >= 2
    assert ids(tmp_path) == list(range(1, 9))
    recorder.confirm(slow)
    assert ids(tmp_path) == list(range(9))


def test_readers_see_everything_once_while_writers_roll(tmp_path: Path) -> None:
    """Two recorders and a reader that never rests: what it sees only grows, and holds nothing twice."""
    done, wrong = threading.Event(), []

    def read() -> None:
        seen: set[int] = set()
        while not done.is_set():
            found = ids(tmp_path)
            if len(found) != len(set(found)) or not seen <= set(found):
                wrong.append((len(found), len(set(found)), len(seen - set(found))))
            seen = set(found)

    def write(first: int) -> None:
        recorder = Recorder(tmp_path, Rolling(rows=7))
        for number in range(first, first + 150):
            add(recorder, number)
        recorder.close()

    reader = threading.Thread(target=read)
    writers = [threading.Thread(target=write, args=(first,)) for first in (0, 1_000)]
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    reader.join()
    assert not wrong
    assert ids(tmp_path) == [*range(150), *range(1_000, 1_150)]


def test_orphans_are_adopted_and_what_is_in_doubt_is_given_out(tmp_path: Path) -> None:
    dead, living = Recorder(tmp_path, NEVER), Recorder(tmp_path, NEVER)
    add(dead, 1)
    dead.log("sales", batch(2), {"taken_at": 7}, 5)
    add(living, 3)
    for opened in dead._open.values():
        opened.journal.release()  # as the kernel does for a process that is gone
    heir = Recorder(tmp_path, NEVER)
    heir.adopt("sales")
    (entry,) = heir.unsettled("sales")
    assert heir.logged(entry).header == {"taken_at": 7}
    assert heir.logged(entry).table().equals(batch(2))
    assert ids(tmp_path) == [1, 3]
    Recorder(tmp_path, NEVER).adopt("sales")  # it has an heir already
    heir.confirm(entry)
    assert not heir.in_doubt("sales")
    assert ids(tmp_path) == [1, 2, 3]
    assert files(tmp_path, ".parquet") == 1
    add(living, 4)
    assert ids(tmp_path) == [1, 2, 3, 4]


def test_a_fork_writes_files_of_its_own(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, NEVER)
    add(recorder, 1)
    child = os.fork()
    if child == 0:
        try:
            add(recorder, 2)
            recorder.close()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    add(recorder, 3)
    assert ids(tmp_path) == [1, 2, 3]


@pytest.fixture
def unwritable(tmp_path: Path) -> Path:
    (tmp_path / "sales").write_text("a file where a folder should be")
    return tmp_path


def test_a_folder_that_cannot_be_written_says_so(unwritable: Path) -> None:
    with pytest.raises(RecordingError, match=r"cannot be written to its history in '.*sales'.*Nothing of this batch"):
        add(Recorder(unwritable, NEVER), 1)


def test_a_file_that_cannot_be_rolled_stays_a_journal(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, Rolling(rows=2))
    add(recorder, 1)
    journal = recorder._open["sales"].journal.path
    blocked = journal.with_name(journal.name.replace("journal-", "part-").replace(".wal", ".writing"))
    blocked.mkdir()
    add(recorder, 2)
    assert ids(tmp_path) == [1, 2]
    blocked.rmdir()
    add(recorder, 3, 4)
    assert ids(tmp_path) == [1, 2, 3, 4]
    assert files(tmp_path, ".wal") == 0
