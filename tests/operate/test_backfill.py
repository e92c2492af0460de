"""Backfills: the state that history makes is the state that ingestion would have made, and can be added to."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diptych.admit.door import check
from diptych.admit.keys import entity_keys
from diptych.admit.project import ViewEvents, project
from diptych.ground.instants import DAY, HOUR, MINUTE
from diptych.ground.ledger import Progress
from diptych.operate.backfill import Backfill, BackfillError, announce
from diptych.plan.nodes import View
from diptych.run.history import LocatedHistory, TableHistory, events_at
from diptych.run.location import Frame
from diptych.serve.addresses import Addresses
from diptych.serve.appending import Target
from diptych.serve.folding import Folder
from diptych.serve.forget import UnknownEntity, forget
from diptych.serve.ingest import Ingestor
from diptych.serve.manifest import Manifests
from diptych.serve.reader import OnlineReader
from diptych.serve.stores.protocol import KeyValueStore
from diptych.testing.build import table
from diptych.testing.conformance import Answers, Question, judged
from diptych.testing.strategies import histories, spines
from diptych.testing.views import views
from tests.serve.online import Hand, Online, fresh_addresses, in_order, known, registry_of
from tests.serve.shop import START, by_user, by_user_and_shop, purchases, rows

CUT = START + DAY


@dataclass
class RowHistory:
    """The history of a view as rows; asked for a bucket in ``broken`` it fails."""

    rows: Sequence[Any]
    broken: set[int] = field(default_factory=set)
    asked: list[int] = field(default_factory=list)

    def buckets(self, view: View) -> int:
        return 16

    def events(self, view: View, cut: int, bucket: int, buckets: int) -> ViewEvents:
        self.asked.append(bucket)
        if bucket in self.broken:
            raise ConnectionError("the warehouse went away")
        early = [row for row in in_order(view, self.rows) if (known(view, row) or 0) < cut]
        events = project(view, check(view.source, table(view.source, early)))
        keys = entity_keys(view.entity, events.key, len(events.ts))
        mine = np.array([zlib.crc32(key) % buckets == bucket for key in keys], np.bool_)
        return events_at(events, np.flatnonzero(mine))


def agree(store: KeyValueStore, addresses: Addresses, history: Sequence[Any], *instants: int) -> None:
    view = by_user()
    reader = OnlineReader(registry_of(view), addresses, store, Hand())
    users = sorted({row["user"] for row in history})
    for at in instants:
        names = [f"{view.name}:{feature.name}" for feature in view.features]
        answer = reader.get_online_features(names, [{"user": user} for user in users], at=at).to_arrow()
        spine = [Question((user,), at) for user in users]
        judged(view, history, spine, {f.name: answer[f"{view.name}__{f.name}"] for f in view.features})


def ingestor_of(store: KeyValueStore, addresses: Addresses, fold: bool = True) -> Ingestor:
    folder = Folder(store, addresses, 0, 0 if fold else 1 << 40, worthwhile=1.0)
    return Ingestor(registry_of(by_user()), addresses, store, replay=True, folder=folder)


def replayed(ingestor: Ingestor, history: Sequence[Any], since: int, until: int = START + 90 * DAY) -> None:
    given = [row for row in history if since <= row["known"] < until]
    for begin in range(0, len(given), 25):
        ingestor.push("events", table(purchases(), given[begin : begin + 25]))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_history_then_the_stream_from_the_cut(store: KeyValueStore, addresses: Addresses, seed: int) -> None:
    history = rows(400, seed=seed)
    filled = Backfill(RowHistory(history), store, addresses, by_user(), CUT, buckets=3).run()
    assert filled.seeded == 5
    assert filled.events == sum(row["known"] < CUT for row in history)
    agree(store, addresses, [row for row in history if row["known"] < CUT], CUT, CUT + HOUR)
    replayed(ingestor_of(store, addresses), history, CUT)
    agree(store, addresses, history, START + 3 * DAY, START + 4 * DAY)


@pytest.mark.parametrize("overlap", [MINUTE, 9 * MINUTE])
def test_live_before_the_backfill_ends(store: KeyValueStore, addresses: Addresses, overlap: int) -> None:
    """Appends that came first stay as the tail, and the events in both count once."""
    history = rows(400, seed=4)
    announce(store, addresses, by_user())
    ingestor = ingestor_of(store, addresses)
    replayed(ingestor, history, CUT - overlap, CUT + HOUR)
    filled = Backfill(RowHistory(history), store, addresses, by_user(), CUT, buckets=2).run()
    assert filled.merged > 0
    replayed(ingestor, history, CUT + HOUR)
    agree(store, addresses, history, START + 3 * DAY)


def test_live_since_long_before_the_cut(store: KeyValueStore, addresses: Addresses) -> None:
    """Ids are kept from where ingestion began, however much longer that is than the window of duplicates."""
    history = rows(400, seed=5)
    since = CUT - 12 * HOUR
    announce(store, addresses, by_user())
    ingestor = ingestor_of(store, addresses)
    replayed(ingestor, history, since)
    Backfill(RowHistory(history), store, addresses, by_user(), CUT, 2, live_since=since).run()
    agree(store, addresses, history, START + 3 * DAY)
    Folder(store, addresses, 0, 0, worthwhile=1.0).fold_keys(
        Target.of(by_user(), addresses), [addresses.states(by_user()) + b"2:u1"], START + 10 * DAY
    )
    agree(store, addresses, history, START + 10 * DAY)


def test_without_its_ids_an_overlap_would_count_twice(store: KeyValueStore, addresses: Addresses) -> None:
    """The same without ``live_since`` disagrees: the parameter is what makes the overlap safe."""
    history = rows(400, seed=5)
    announce(store, addresses, by_user())
    replayed(ingestor_of(store, addresses), history, CUT - 12 * HOUR)
    Backfill(RowHistory(history), store, addresses, by_user(), CUT, 2).run()
    with pytest.raises(AssertionError, match="count_"):
        agree(store, addresses, history, START + 3 * DAY)


def test_an_interrupted_backfill_goes_on_where_it_stopped(store: KeyValueStore, addresses: Addresses) -> None:
    history = rows(400, seed=6, users=40)
    broken = RowHistory(history, broken={2})
    seen: list[Progress] = []
    with pytest.raises(ConnectionError):
        Backfill(broken, store, addresses, by_user(), CUT, 4).run(seen.append)
    assert [progress.done for progress in seen] == [1, 2]
    replayed(ingestor_of(store, addresses), history, CUT, CUT + HOUR)
    whole = RowHistory(history)
    filled = Backfill(whole, store, addresses, by_user(), CUT, 4).run()
    assert whole.asked == [2, 3]
    assert filled.resumed == 2
    replayed(ingestor_of(store, addresses), history, CUT + HOUR)
    agree(store, addresses, history, START + 3 * DAY)


def test_a_crash_between_seeding_and_remembering_is_harmless(store: KeyValueStore, addresses: Addresses) -> None:
    history = rows(200, seed=7)
    backfill = Backfill(RowHistory(history), store, addresses, by_user(), CUT, 2)
    first = backfill.run()
    store.delete_many([addresses.backfill(by_user())])
    again = backfill.run()
    assert (again.seeded, again.merged, again.already) == (0, 0, first.seeded)
    agree(store, addresses, [row for row in history if row["known"] < CUT], CUT)


def test_rejected_rows_are_counted_across_an_interruption(store: KeyValueStore, addresses: Addresses) -> None:
    good = table(purchases(), rows(200, seed=7))
    bad = good.slice(0, 30).set_column(
        good.column_names.index("user"), "user", pa.array([None] * 20 + ["far too long a name"] * 10)
    )
    spoilt = LocatedHistory({"events": Frame(pa.concat_tables([good, bad]))}, threads=1)
    whole = Backfill(spoilt, store, fresh_addresses(), by_user(), CUT, 4).run()
    assert whole.rejected == {"null_key": 20, "length": 10}
    interrupted = _Interrupted(spoilt, after=2)
    with pytest.raises(ConnectionError):
        Backfill(interrupted, store, addresses, by_user(), CUT, 4).run()
    again = Backfill(spoilt, store, addresses, by_user(), CUT).run()
    assert (again.buckets, again.resumed) == (4, 2)
    assert again.rejected == whole.rejected
    assert Backfill(spoilt, store, addresses, by_user(), CUT).run().rejected == whole.rejected
    tables = TableHistory({"events": pa.concat_tables([good, bad])})
    assert Backfill(tables, store, fresh_addresses(), by_user(), CUT, 4).run().rejected == whole.rejected


@dataclass
class _Interrupted:
    """A history that goes away after some buckets."""

    history: LocatedHistory
    after: int

    def buckets(self, view: View) -> int:
        return self.history.buckets(view)

    def events(self, view: View, cut: int, bucket: int, buckets: int) -> ViewEvents:
        if bucket >= self.after:
            raise ConnectionError("the warehouse went away")
        return self.history.events(view, cut, bucket, buckets)


def test_run_twice_does_nothing_and_another_cut_is_refused(store: KeyValueStore, addresses: Addresses) -> None:
    history = RowHistory(rows(100))
    Backfill(history, store, addresses, by_user(), CUT, 2).run()
    again = Backfill(history, store, addresses, by_user(), CUT, 2).run()
    assert (again.resumed, again.events, again.seeded) == (2, 0, 0)
    with pytest.raises(BackfillError, match=r"was filled up to 2023-11-15T22:13:20\+00:00 in 2 buckets"):
        Backfill(history, store, addresses, by_user(), CUT + 1, 2).run()


def test_states_that_were_folded_before_their_history_came_are_reported(
    store: KeyValueStore, addresses: Addresses
) -> None:
    history = rows(300, seed=8)
    replayed(ingestor_of(store, addresses), history, CUT)
    with pytest.raises(BackfillError, match="folded before their history came"):
        Backfill(RowHistory(history), store, addresses, by_user(), CUT, 2).run()


def test_announced_states_are_not_folded(store: KeyValueStore, addresses: Addresses) -> None:
    history = rows(300, seed=8)
    announce(store, addresses, by_user())
    ingestor = ingestor_of(store, addresses)
    replayed(ingestor, history, CUT)
    Backfill(RowHistory(history), store, addresses, by_user(), CUT, 2).run()
    before = store.lengths([addresses.states(by_user()) + b"2:u1"])
    announce(store, addresses, by_user())
    replayed(ingestor, [{**history[-1], "user": "u1", "id": "last"}], CUT)
    assert store.lengths([addresses.states(by_user()) + b"2:u1"]) < before
    agree(store, addresses, [*history, {**history[-1], "user": "u1", "id": "last"}], START + 3 * DAY)


def test_a_stream_without_ids_must_be_cut_where_ingestion_began(store: KeyValueStore, addresses: Addresses) -> None:
    view = by_user(purchases(event_id=False))
    with pytest.raises(BackfillError, match="Cut where ingestion began"):
        Backfill(RowHistory([]), store, addresses, view, CUT, live_since=CUT - 1).run()
    filled = Backfill(RowHistory(rows(50, repeats=0)), store, addresses, view, CUT, live_since=CUT).run()
    assert filled.events > 0


def test_an_entity_that_no_window_can_see_is_not_seeded(store: KeyValueStore) -> None:
    view = by_user_and_shop()
    addresses = fresh_addresses()
    history = rows(50)
    late = Backfill(RowHistory(history), store, addresses, view, START + 30 * DAY, 1).run()
    assert late.gone > 0
    assert late.seeded == 0


def test_forgotten_entities_stay_forgotten(store: KeyValueStore, addresses: Addresses) -> None:
    """Every version goes, a redelivery or a backfill does not bring it back, and a new life may begin."""
    history = rows(200, seed=9)
    old, new = by_user(), replace(by_user(), fingerprint="second")
    manifests = Manifests(store, addresses)
    first = manifests.publish(registry_of(old, by_user_and_shop()), replacing=None, now=1)
    manifests.publish(registry_of(new, by_user_and_shop()), replacing=first.digest, now=2)
    for view in (old, new):
        Ingestor(registry_of(view), addresses, store, replay=True).push("events", table(purchases(), history))
    keys = [addresses.states(view) + b"2:u1" for view in (old, new)]
    assert all(store.lengths(keys))
    gone = forget(manifests, "entity", {"user": "u1"}, clock=Hand(START + DAY))
    assert (gone.entities, gone.states, gone.versions) == (1, 2, 2)
    assert store.lengths(keys) == [0, 0]
    ingestor = Ingestor(registry_of(new), addresses, store, replay=True)
    again = ingestor.push("events", table(purchases(), history))
    rest = [row for row in history if min(row["at"], row["known"]) >= START + DAY or row["user"] != "u1"]
    assert again.forgotten == len(history) - len(rest) > 0
    assert again.appended["by_user"] == len(rest)
    third = replace(by_user(), fingerprint="third")
    filled = Backfill(RowHistory(history), store, addresses, third, START + DAY, 1).run()
    assert filled.forgotten == sum(row["user"] == "u1" and row["known"] < START + DAY for row in history)
    assert store.lengths([addresses.states(third) + b"2:u1"]) == [0]
    with pytest.raises(UnknownEntity, match="about an entity 'plane'; there are entity, visit"):
        forget(manifests, "plane", {"tailnum": "N1"})


class TestBackfilledAndReplayed:
    """Any view, any history, any cut: what a backfill made and a replay added to answers like the judge."""

    @pytest.fixture(autouse=True)
    def _serve(self, store: KeyValueStore) -> None:
        self.store = store

    @settings(suppress_health_check=list(HealthCheck), deadline=None)
    @given(st.data())
    def test_agrees_with_the_judge(self, data: st.DataObject) -> None:
        view = data.draw(views().filter(lambda view: view.source.event_id is not None), "view")
        history = data.draw(histories(view), "history")
        spine = data.draw(spines(view, history), "spine")
        cut = data.draw(st.sampled_from([question.t for question in spine] or [0]), "cut")
        overlap = data.draw(st.sampled_from((0, 1, view.source.dedup_window)), "overlap")
        spine = sorted((question for question in spine if question.t >= cut), key=lambda question: question.t)
        judged(view, history, spine, self.answer(view, history, spine, cut, overlap))

    def answer(self, view: View, history: Sequence[Any], spine: Sequence[Question], cut: int, overlap: int) -> Answers:
        online = Online.of(view, self.store, replay=True)
        ordered = in_order(view, history)
        announce(self.store, online.addresses, view)
        live = [row for row in ordered if (known(view, row) or 0) >= cut - overlap]
        online.replay(live, upto=cut)
        Backfill(RowHistory(ordered), self.store, online.addresses, view, cut, 2).run()
        found: list[dict[str, Any]] = []
        for question in spine:
            online.replay(live, upto=question.t)
            online.fold(now=question.t)
            found.append(online.ask(question))
        names = [feature.name for feature in view.features]
        return {name: [value for answer in found for value in answer[name].to_pylist()] for name in names}
