"""Ingestion: what is taken in, what is refused and kept, how states grow, fold and expire."""

import datetime
import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from diptych.admit.door import MissingColumn
from diptych.ground.instants import DAY, HOUR, MINUTE
from diptych.kernel.places import NO_HEADER
from diptych.plan.nodes import Kind, View
from diptych.serve.addresses import Addresses
from diptych.serve.appending import LEAST_LIFE, Target
from diptych.serve.batches import IngestError
from diptych.serve.clock import system_clock
from diptych.serve.folding import Folder
from diptych.serve.ingest import Ingestor
from diptych.serve.ingested import Ingested
from diptych.serve.quarantine import ParquetQuarantine, Rejected
from diptych.serve.reader import OnlineReader
from diptych.serve.stores.errors import StoreRefused
from diptych.serve.stores.protocol import KeyValueStore, Swap
from diptych.serve.stores.valkey import ValkeyStore
from diptych.testing.build import Building, table
from tests.serve.online import Hand, Online, registry_of
from tests.serve.shop import HOURLY, START, by_user, by_user_and_shop, purchases, rows
from tests.serve.test_consumer import VIEWS, agree_with_the_judge

ROW: dict[str, Any] = {
    "id": "e1",
    "at": datetime.datetime.fromtimestamp(START / 1e6, datetime.UTC),
    "user": "u1",
    "shop": 1,
    "amount": 5,
    "weight": 0.5,
    "kind": "a",
}


def ingestor_of(store: KeyValueStore, addresses: Addresses, now: int = START + 1, **options: Any) -> Ingestor:
    return Ingestor(registry_of(*VIEWS), addresses, store, Hand(now), **options)


def count_ever(ingestor: Ingestor, user: str, at: int) -> int:
    reader = OnlineReader(ingestor.registry, ingestor.addresses, ingestor.store, Hand(at))
    count: int = reader.get_online_features(["by_user:count_ever"], [{"user": user}]).to_dict()["by_user__count_ever"][
        0
    ]
    return count


def test_every_form_of_a_batch_counts_once(store: KeyValueStore, addresses: Addresses) -> None:
    """Pushed as dicts, as a frame, as a table and as a batch, the same event is one event in every view."""
    ingestor = ingestor_of(store, addresses)
    frame = pd.DataFrame([ROW])
    arrow = pa.Table.from_pandas(frame, preserve_index=False)
    for batch in ([ROW], frame, arrow, arrow.to_batches()[0]):
        done = ingestor.push("events", batch)
        assert done.events == 1
        assert done.appended == {"by_user": 1, "by_user_and_shop": 1}
        widths = [Target.of(view, addresses).program.layout.record_bytes for view in VIEWS]
        assert done.bytes == sum(widths)
    assert count_ever(ingestor, "u1", START + 1) == 0
    assert count_ever(ingestor, "u1", START + 2) == 1


def test_the_server_stamps_what_is_known_now(store: KeyValueStore, addresses: Addresses) -> None:
    ingestor = Ingestor(registry_of(*VIEWS), addresses, store)
    before = store.now_us()
    ingestor.push("events", [ROW])
    after = store.now_us()
    assert count_ever(ingestor, "u1", before) == 0
    assert count_ever(ingestor, "u1", after + 1) == 1


def test_what_is_refused_is_counted_and_kept(store: KeyValueStore, addresses: Addresses, tmp_path: Path) -> None:
    ingestor = ingestor_of(store, addresses, quarantine=ParquetQuarantine(tmp_path / "kept"))
    given = [
        {**ROW, "id": "good"},
        {**ROW, "id": "range", "amount": 5000},
        {**ROW, "id": "type", "shop": "one"},
        {**ROW, "id": None},
        {**ROW, "id": "when", "at": None},
        {**ROW, "id": "nobody", "user": None},
        {**ROW, "id": "misspelt", "useer": "u1"},
    ]
    done = ingestor.push("events", given)
    assert done.events == 7
    assert done.rejected == {
        "range": 1,
        "type": 1,
        "no_event_id": 1,
        "no_timestamp": 1,
        "unknown_column": 1,
    }
    assert done.keyless == {"by_user": {"null_key": 1}, "by_user_and_shop": {"null_key": 1}}
    assert done.appended == {"by_user": 1, "by_user_and_shop": 1}
    kept = pq.read_table(tmp_path / "kept").to_pylist()
    assert sorted(row["reason"] for row in kept) == [
        "no_entity",
        "no_entity",
        "no_event_id",
        "no_timestamp",
        "range",
        "type",
        "unknown_column",
    ]
    ranged = next(row for row in kept if row["reason"] == "range")
    assert json.loads(ranged["row"])["amount"] == 5000
    assert "amount" in ranged["detail"]
    assert ranged["rejected_at"] == datetime.datetime.fromtimestamp((START + 1) / 1e6, datetime.UTC)


def test_quarantine_rolls_and_keeps_all_that_was_put(tmp_path: Path) -> None:
    sink = ParquetQuarantine(tmp_path, segment_rows=3)
    for number in range(8):
        sink.put([Rejected("s", "r", "d", number, "{}")])
        assert len(pq.read_table(tmp_path)) == number + 1
    sink.put([])
    ParquetQuarantine(tmp_path).put([Rejected("s", "r", "d", 8, "{}")])
    assert len(list(tmp_path.glob("*.parquet"))) == 4
    kept = pq.read_table(tmp_path)["rejected_at"].cast(pa.int64()).to_pylist()
    assert sorted(kept) == list(range(9))
    assert not list(tmp_path.glob("*.writing"))


def test_what_cannot_be_taken_in_at_all(store: KeyValueStore, addresses: Addresses) -> None:
    ingestor = ingestor_of(store, addresses)
    with pytest.raises(IngestError, match="there is no source 'nothing' in project 'test'; there are 'events'"):
        ingestor.push("nothing", [ROW])
    with pytest.raises(MissingColumn, match="amount"):
        ingestor.push("events", pd.DataFrame([ROW]).drop(columns=["amount"]))
    without = Ingestor(registry_of(by_user(purchases(event_id=False))), addresses, store, Hand())
    with pytest.raises(IngestError, match="declares no event_id"):
        without.push("events", [ROW])


def test_results_add_up() -> None:
    one = Ingested(2, rejected={"a": 1}, appended={"v": 1}, keyless={"v": {"n": 1}}, oversized=frozenset({b"k"}))
    two = Ingested(3, rejected={"a": 2, "b": 1}, keyless={"v": {"n": 1}, "w": {"n": 4}}, bytes=9)
    both = one + two
    assert (both.events, both.bytes, both.oversized) == (5, 9, frozenset({b"k"}))
    assert both.rejected == {"a": 3, "b": 1}
    assert both.appended == {"v": 1}
    assert both.keyless == {"v": {"n": 2}, "w": {"n": 4}}


def hourly_count() -> View:
    view = Building(purchases(), {"user": view_key()})
    view.feature("count_1h", view.reduce(Kind.COUNT, HOURLY))
    return view.view("hourly")


def view_key() -> Any:
    return by_user().entity.keys[0].type


def test_a_key_expires_after_its_windows_and_a_lifetime_never(store: ValkeyStore, addresses: Addresses) -> None:
    views = (hourly_count(), by_user())
    ingestor = Ingestor(registry_of(*views), addresses, store)
    ingestor.push("events", [ROW])
    soon, never = store.expiries_ms([addresses.states(view) + b"2:u1" for view in views])
    assert never is None
    assert soon is not None
    now = system_clock() // 1000
    assert now + LEAST_LIFE // 1000 - 60_000 < soon < now + LEAST_LIFE // 1000 + 60_000
    future = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=10)
    ingestor.push("events", [{**ROW, "id": "e2", "at": future}])
    later = store.expiries_ms([addresses.states(views[0]) + b"2:u1"])[0]
    assert later is not None
    assert later >= int(future.timestamp() * 1000) + HOUR // 1000
    ingestor.push("events", [{**ROW, "id": "e3"}])
    assert store.expiries_ms([addresses.states(views[0]) + b"2:u1"])[0] == later


def test_states_fold_as_they_grow_and_answer_alike(store: KeyValueStore, addresses: Addresses) -> None:
    """Sixty days of one user: the state stays far below its raw length, and a fold is rare."""
    length = 60 * DAY
    history = rows(4_000, users=1, length=length, repeats=0.05)
    folder = Folder(store, addresses, threshold=4096)
    view = by_user()
    ingestor = Ingestor(registry_of(view), addresses, store, replay=True, folder=folder)
    total = Ingested()
    given = table(purchases(), history)
    for begin in range(0, len(history), 100):
        total += ingestor.push("events", given.slice(begin, 100))
    (state,) = store.get_many([addresses.states(view) + b"2:u0"])
    assert state is not None
    assert int.from_bytes(state[:8], "little", signed=True) == NO_HEADER
    assert len(state) < total.bytes / 3
    assert 0 < total.folds < 60
    assert total.unfolded == 0
    registry = registry_of(view)
    assert registry == ingestor.registry
    agree_of(store, addresses, view, history)


def agree_of(store: KeyValueStore, addresses: Addresses, view: View, history: Sequence[Any]) -> None:
    from diptych.testing.cases import Question
    from diptych.testing.conformance import judged

    now = max(row["known"] for row in history) + 1
    reader = OnlineReader(registry_of(view), addresses, store, Hand(now))
    users = sorted({row["user"] for row in history})
    names = [f"{view.name}:{feature.name}" for feature in view.features]
    answer = reader.get_online_features(names, [{"user": user} for user in users]).to_arrow()
    spine = [Question((user,), now) for user in users]
    judged(view, history, spine, {f.name: answer[f"{view.name}__{f.name}"] for f in view.features})


def test_a_state_above_the_limit_is_reported(store: KeyValueStore, addresses: Addresses) -> None:
    """All in the last minute: nothing can be folded, and nothing is silently dropped."""
    folder = Folder(store, addresses, limit=20_000)
    ingestor = Ingestor(registry_of(by_user()), addresses, store, Hand(START + HOUR), folder=folder)
    given = table(purchases(), rows(400, users=1, length=MINUTE, repeats=0))
    total = sum((ingestor.push("events", given.slice(begin, 50)) for begin in range(0, 400, 50)), Ingested())
    assert total.oversized == {addresses.states(by_user()) + b"2:u0"}
    assert count_ever(ingestor, "u0", START + HOUR + 1) == 400


class Unwilling(ValkeyStore):
    """A real store whose server refuses to swap."""

    def swap_many(self, swaps: Sequence[Swap], *, timeout: float | None = None) -> list[bool]:
        raise StoreRefused("no swaps today")


def test_a_fold_that_fails_loses_nothing(store: ValkeyStore, addresses: Addresses) -> None:
    unwilling = Unwilling(store.address)
    folder = Folder(unwilling, addresses, 0, 0, worthwhile=1.0)
    ingestor = Ingestor(registry_of(by_user()), addresses, unwilling, replay=True, folder=folder)
    history = rows(300, users=1, repeats=0)
    given = table(purchases(), history)
    total = sum((ingestor.push("events", given.slice(begin, 30)) for begin in range(0, 300, 30)), Ingested())
    unwilling.close()
    assert total.folds == 0
    assert total.unfolded > 0
    agree_of(store, addresses, by_user(), history)


def test_a_corrupt_state_does_not_stop_ingestion(store: KeyValueStore, addresses: Addresses) -> None:
    store.append_many([(addresses.states(by_user()) + b"2:u1", b"junk")])
    ingestor = ingestor_of(store, addresses, folder=Folder(store, addresses, 0, 0))
    assert ingestor.push("events", [ROW]).unfolded == 1
    assert ingestor.push("events", [{**ROW, "user": "u2"}]).unfolded == 0


def test_two_ingestors_and_a_folder_at_once(store: ValkeyStore, addresses: Addresses) -> None:
    """Appends and swaps interleave as they like; every event counts once."""
    history = rows(3_000, users=3, repeats=0, length=30 * DAY)
    given = table(purchases(), history)
    target = Target.of(by_user(), addresses)
    failures: list[BaseException] = []
    reached = [START, START]  # what each has still to bring was known no earlier
    folds = 0

    def feed(number: int) -> None:
        own = ValkeyStore(store.address)
        try:
            quiet = Folder(own, addresses, threshold=1 << 40)
            ingestor = Ingestor(registry_of(by_user()), addresses, own, replay=True, folder=quiet)
            for begin in range(number * 20, len(history), 40):
                reached[number] = history[begin]["known"]
                ingestor.push("events", given.slice(begin, 20))
            reached[number] = history[-1]["known"]
        except BaseException as error:
            failures.append(error)
        finally:
            own.close()

    def fold() -> None:
        nonlocal folds
        own = ValkeyStore(store.address)
        folder = Folder(own, addresses, 0, 0, worthwhile=1.0)
        keys = [target.prefix + b"2:u%d" % user for user in range(3)]
        try:
            while any(feeder.is_alive() for feeder in feeders):
                folds += folder.fold_keys(target, keys, min(reached)).folds
        except BaseException as error:
            failures.append(error)
        finally:
            own.close()

    feeders = [threading.Thread(target=feed, args=(number,)) for number in (0, 1)]
    folders = [threading.Thread(target=fold) for _ in range(2)]
    for thread in (*feeders, *folders):
        thread.start()
    for thread in (*feeders, *folders):
        thread.join()
    assert not failures
    assert folds > 0
    agree_of(store, addresses, by_user(), history)


def test_a_batch_of_nothing(store: KeyValueStore, addresses: Addresses) -> None:
    ingestor = ingestor_of(store, addresses)
    assert ingestor.push("events", []) == Ingested(appended={"by_user": 0, "by_user_and_shop": 0})
    assert ingestor.push("events", table(purchases(), [])).events == 0


def test_online_keeps_what_another_view_of_the_source_cannot(store: KeyValueStore) -> None:
    online = Online.of(by_user_and_shop(), store, replay=False)
    online.clock.now = START + 5
    done = online.ingestor.push("events", [{**ROW, "shop": None}, {**ROW, "id": "e2"}])
    assert done.appended == {"by_user_and_shop": 1}
    assert done.keyless == {"by_user_and_shop": {"null_key": 1}}


def test_agreement_after_plain_pushes(store: KeyValueStore, addresses: Addresses) -> None:
    history = rows(80)
    ingestor = ingestor_of(store, addresses, replay=True)
    ingestor.push("events", table(purchases(), history))
    agree_with_the_judge(store, addresses, history, max(row["known"] for row in history) + 1)
