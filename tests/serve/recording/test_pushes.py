"""Pushes have no position: what is recorded of them after an error, after a death, and between versions."""

import contextlib
import os
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from diptych.ground.instants import HOUR, MINUTE
from diptych.ground.values import Enum, Int64, Timestamp
from diptych.plan.nodes import Field, Registry
from diptych.serve.addresses import Addresses
from diptych.serve.folding import Folder
from diptych.serve.ingest import Ingestor
from diptych.serve.live import LiveVersions
from diptych.serve.manifest import Manifests
from diptych.serve.recording.recorder import Recorder, RecordingError
from diptych.serve.recording.segments import ARRIVED_AT
from diptych.serve.stores.embedded import EmbeddedValkey
from diptych.serve.stores.errors import StoreUnreachable
from diptych.serve.stores.valkey import ValkeyStore
from diptych.testing.build import table
from tests.serve.online import registry_of
from tests.serve.recording.feeding import POINTS, Dying, ingestor, registry
from tests.serve.recording.reading import agreeing, around, recorded, rows_of
from tests.serve.shop import START, by_user, by_user_and_shop, purchases, rows


def batches(base: int, count: int = 8) -> list[pa.Table]:
    """Purchases of the hour before ``base``, twenty at a time."""
    given = rows(20 * count, 3, length=HOUR, repeats=0)
    moved = [{**row, "at": row["at"] - START + base - HOUR, "known": None} for row in given]
    return [table(purchases(), moved[first : first + 20]) for first in range(0, len(moved), 20)]


def push_all(taking: Ingestor, given: Sequence[pa.Table]) -> None:
    for each in given:
        taking.push("events", each)


@pytest.mark.parametrize("point", [point for point in POINTS if point != "committed"])
def test_killed_while_pushing(
    store: ValkeyStore, online_server: EmbeddedValkey, addresses: Addresses, tmp_path: Path, point: str
) -> None:
    """The batch in hand counts if any of it reached the store, and the rest of it is there after settling."""
    given = batches(store.now_us())
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            dying = Dying(online_server.address, point, 4)
            push_all(ingestor(dying, addresses.project, tmp_path, True), given)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -9
    assert rows_of(tmp_path, registry(True)).num_rows == 60
    taking = ingestor(store, addresses.project, tmp_path, True)
    push_all(taking, given[4:])
    seen = rows_of(tmp_path, registry(True))
    assert seen.num_rows == (140 if point == "before" else 160)
    history = recorded(tmp_path)
    assert agreeing(registry(True), store, addresses, history, around(seen[ARRIVED_AT].to_numpy())) > 1_000
    taking.push("events", given[3])  # nobody acknowledged it, so it is pushed again
    seen = rows_of(tmp_path, registry(True))
    assert len(set(seen["id"].to_pylist())) == 160
    agreeing(registry(True), store, addresses, history, around(seen[ARRIVED_AT].to_numpy()))


class Unsteady(ValkeyStore):
    """A store whose link breaks once: after nothing, half or all of a batch was appended."""

    part: float | None = None

    def append_many(
        self, items: Sequence[tuple[bytes, bytes]], expire_at_ms: Sequence[int | None] | None = None, **more: Any
    ) -> list[int]:
        if self.part is None:
            return super().append_many(items, expire_at_ms, **more)
        count, self.part = int(len(items) * self.part), None
        super().append_many(items[:count], None if expire_at_ms is None else expire_at_ms[:count], **more)
        raise StoreUnreachable("the link broke")


@pytest.mark.parametrize("part", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("again", [True, False], ids=["pushed again", "given up"])
def test_a_push_that_failed(
    online_server: EmbeddedValkey, addresses: Addresses, tmp_path: Path, part: float, again: bool
) -> None:
    """Settled before the next push: it counts if any of it had been appended, whether it comes again or not."""
    with Unsteady(online_server.address, read_timeout=10, write_timeout=10) as store:
        given = batches(store.now_us(), 4)
        taking = ingestor(store, addresses.project, tmp_path, True)
        push_all(taking, given[:2])
        store.part = part
        with pytest.raises(StoreUnreachable):
            taking.push("events", given[2])
        assert rows_of(tmp_path, registry(True)).num_rows == 40
        push_all(taking, given[2 if again else 3 :])
        seen = rows_of(tmp_path, registry(True))
        assert seen.num_rows == 60 + 20 * again + 20 * (part > 0)
        assert agreeing(registry(True), store, addresses, recorded(tmp_path), around(seen[ARRIVED_AT].to_numpy()))


def test_a_batch_that_cannot_be_recorded_is_not_applied(
    store: ValkeyStore, addresses: Addresses, tmp_path: Path
) -> None:
    (tmp_path / "events").write_text("a file where a folder should be")
    taking = ingestor(store, addresses.project, tmp_path, True)
    with pytest.raises(RecordingError, match="Nothing of this batch was applied"):
        taking.push("events", batches(store.now_us(), 1)[0])
    assert list(store.scan(addresses.root.encode())) == []
    (tmp_path / "events").unlink()
    taking.push("events", batches(store.now_us(), 1)[0])
    assert rows_of(tmp_path, registry(True)).num_rows == 20


def test_threads_that_push_at_once(store: ValkeyStore, addresses: Addresses, tmp_path: Path) -> None:
    given = batches(store.now_us(), 12)
    taking = ingestor(store, addresses.project, tmp_path, True)
    threads = [threading.Thread(target=push_all, args=(taking, given[place::3])) for place in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seen = rows_of(tmp_path, registry(True))
    assert sorted(seen["id"].to_pylist()) == sorted(name for each in given for name in each["id"].to_pylist())
    agreeing(registry(True), store, addresses, recorded(tmp_path), around(seen[ARRIVED_AT].to_numpy()))


def test_dicts_are_recorded_as_declared_and_refused_rows_are_not(
    store: ValkeyStore, addresses: Addresses, tmp_path: Path
) -> None:
    base = store.now_us()
    taking = ingestor(store, addresses.project, tmp_path, True)
    good = {"id": "p", "at": base - MINUTE, "user": "u1", "shop": 1, "amount": 5.0, "weight": float("nan")}
    done = taking.push("events", [good, {**good, "id": "q", "amount": 5_000}, {**good, "id": "r", "user": None}])
    assert done.rejected == {"range": 1}
    (row, keyless) = Segmented(tmp_path).rows()
    assert keyless["id"] == "r"
    assert row["at"].timestamp() == pytest.approx((base - MINUTE) / 1e6)
    assert [row[name] for name in ("id", "user", "shop", "amount", "weight", "kind", "known")] == [
        "p", "u1", 1, 5, None, None, None
    ]  # fmt: skip


class Segmented:
    """What lies in the files."""

    def __init__(self, folder: Path) -> None:
        self.location = recorded(folder)

    def rows(self) -> list[dict[str, Any]]:
        fresh = self.location.recorded().fresh
        assert fresh is not None
        return fresh.to_pylist()


def test_rows_that_only_another_version_lets_in_are_recorded_too(
    store: ValkeyStore, addresses: Addresses, tmp_path: Path
) -> None:
    """Two live versions with doors of their own: each version's history is what each one's state was fed."""
    narrow = purchases()
    wide = _changed(narrow, "shop", Int64(ge=0)), _changed(narrow, "kind", Enum("a", "bb", "é"))
    older, newer = registry_of(by_user(wide[1], "by_user")), registry_of(by_user_and_shop(wide[0]))
    manifests = Manifests(store, addresses)
    first = manifests.publish(older, replacing=None, now=1)
    manifests.publish(newer, replacing=first.digest, now=2)
    folds = Folder(store, addresses, threshold=1 << 40)
    taking = Ingestor(newer, addresses, store, folder=folds, live=LiveVersions(manifests), recorder=Recorder(tmp_path))
    given = batches(store.now_us(), 3)
    odd = given[0].set_column(7, "kind", pa.array(["zz"] * 20)), given[1].set_column(4, "shop", pa.array([-1] * 20))
    assert odd[0].column_names == given[0].column_names == odd[1].column_names
    push_all(taking, [*odd, given[2]])
    plans: list[Registry] = [older, newer]
    for plan in plans:
        seen = rows_of(tmp_path, plan)
        assert seen.num_rows == 60
        agreeing(plan, store, addresses, recorded(tmp_path), around(seen[ARRIVED_AT].to_numpy()))


def _changed(source: Any, name: str, kind: Any) -> Any:
    columns = tuple(Field(name, kind) if field.name == name else field for field in source.columns)
    return replace(source, columns=columns)


@pytest.mark.parametrize("name", ["arrived_at", "_offset"])
def test_a_column_with_a_name_of_the_recording_is_refused(
    store: ValkeyStore, addresses: Addresses, tmp_path: Path, name: str
) -> None:
    over = replace(purchases(), columns=(*purchases().columns, Field(name, Timestamp())))
    taking = Ingestor(registry_of(by_user(over)), addresses, store, recorder=Recorder(tmp_path))
    with pytest.raises(RecordingError, match=f"declares a column '{name}'"):
        taking.push("events", table(over, [{"id": "p", "at": 5, "user": "u1"}]))
    assert list(store.scan(addresses.root.encode())) == []


def test_a_known_at_of_that_name_is_the_stamp(store: ValkeyStore, addresses: Addresses, tmp_path: Path) -> None:
    plain = purchases()
    columns = tuple(Field("arrived_at", f.type) if f.name == "known" else f for f in plain.columns)
    over = replace(plain, columns=columns, known_at="arrived_at")
    plan = registry_of(by_user(over))
    folds = Folder(store, addresses, threshold=1 << 40)
    taking = Ingestor(plan, addresses, store, folder=folds, recorder=Recorder(tmp_path))
    for each in batches(store.now_us(), 2):
        taking.push("events", each.rename_columns([n if n != "known" else "arrived_at" for n in each.column_names]))
    seen = rows_of(tmp_path, plan)
    assert len(np.unique(seen["arrived_at"].to_numpy())) == 2
    agreeing(plan, store, addresses, recorded(tmp_path), around(seen["arrived_at"].to_numpy()))
