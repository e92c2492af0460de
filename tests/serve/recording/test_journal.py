"""A journal: what is torn or altered is not believed, and what was whole stays."""

import os
import resource
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.serve.recording.journal import Journal, Kind, parse

ROWS = pa.table({"id": [1, 2, 3], "user": ["a", None, "é"]})


def written(path: Path) -> tuple[bytes, list[int]]:
    """A journal of three batches, two of them settled; and where each frame ends."""
    journal = Journal.create(path)
    assert journal is not None
    ends = []
    for number in (1, 2, 3):
        journal.append(number, {"taken_at": number}, ROWS.slice(0, number))
        ends.append(journal.end)
    for number, kind in ((1, Kind.CONFIRMED), (3, Kind.DROPPED)):
        journal.mark(number, kind)
        ends.append(journal.end)
    journal.release()
    return path.read_bytes(), ends


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, list[int]]:
    return written(tmp_path_factory.mktemp("journal") / "a.wal")


def test_what_was_written_is_read(whole: tuple[bytes, list[int]]) -> None:
    contents = parse(whole[0])
    assert [batch.number for batch in contents.batches] == [1, 2, 3]
    assert [batch.number for batch in contents.confirmed] == [1]
    assert [batch.number for batch in contents.in_doubt] == [2]
    assert contents.batches[2].table().equals(ROWS)
    assert contents.batches[1].header == {"taken_at": 2}
    assert contents.end == len(whole[0])


def test_a_journal_torn_at_any_byte_ends_at_the_last_whole_frame(whole: tuple[bytes, list[int]]) -> None:
    raw, ends = whole
    for length in range(len(raw) + 1):
        assert parse(raw[:length]).end == max([0, *(end for end in ends if end <= length)])


@given(st.data())
def test_an_altered_byte_ends_what_is_believed(whole: tuple[bytes, list[int]], data: st.DataObject) -> None:
    raw, ends = whole
    place = data.draw(st.integers(0, len(raw) - 1), "place")
    altered = raw[:place] + bytes([raw[place] ^ data.draw(st.integers(1, 255), "bits")]) + raw[place + 1 :]
    assert parse(altered).end == max([0, *(end for end in ends if end <= place)])


def test_a_torn_tail_is_cut_off_and_written_over(tmp_path: Path) -> None:
    path = tmp_path / "a.wal"
    raw, _ = written(path)
    path.write_bytes(raw + raw[:100])
    journal = Journal.adopt(path)
    assert journal is not None
    assert journal.contents().end == path.stat().st_size == len(raw)
    journal.mark(2, Kind.CONFIRMED)
    assert [batch.number for batch in journal.contents().confirmed] == [1, 2]
    journal.release()


def test_a_journal_belongs_to_one_as_long_as_it_lives(tmp_path: Path) -> None:
    path = tmp_path / "a.wal"
    journal = Journal.create(path)
    assert journal is not None
    assert Journal.create(path) is None
    assert Journal.adopt(path) is None
    journal.release()
    with Journal.adopt(path) or pytest.fail("nobody holds it") as mine:
        assert mine.contents().batches == []
        mine.delete()
    assert Journal.adopt(path) is None


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path / "a.wal")
    assert journal is not None
    journal.append(1, {}, ROWS)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (journal.end + 200, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            journal.append(2, {}, pa.table({"text": ["x" * 10_000]}))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert os.stat(journal.path).st_size == journal.end
    journal.append(3, {}, ROWS)
    assert [batch.number for batch in journal.contents().batches] == [1, 3]
    journal.release()
