"""The suite that every online store must pass; a plug-in subclasses `StoreConformance` and gives it a `store` fixture.

    class TestMyStore(StoreConformance):
        @pytest.fixture
        def store(self): ...            # a KeyValueStore in working order, closed afterwards

Each test works under a random prefix of its own, so that a shared server may be used.
"""

import threading
import uuid
from collections.abc import Callable

import pytest

from diptych.serve.stores.errors import StoreMisuse
from diptych.serve.stores.protocol import HEADER_MARK, DocumentChange, KeyValueStore, Seed, Seeded, Swap

HOUR_MS = 3_600_000
RECORD_WIDTH = 8
SLACK_MS = 5_000
"""How much later than asked a key may expire: never earlier."""


def state(generation: int, body: bytes = b"") -> bytes:
    """A state with a header of mark and generation alone, and a body."""
    return HEADER_MARK + generation.to_bytes(8, "little") + body


def records_of(value: bytes) -> list[int]:
    """The record ids of a state whose records are 8-byte integers, its header left out."""
    body = value[16:] if value.startswith(HEADER_MARK) else value
    assert len(body) % RECORD_WIDTH == 0
    return [int.from_bytes(body[at : at + RECORD_WIDTH], "little") for at in range(0, len(body), RECORD_WIDTH)]


class StoreConformance:
    """Tests of the contract in `diptych.serve.stores.protocol`."""

    @pytest.fixture
    def prefix(self) -> bytes:
        """A prefix that no other test uses."""
        return b"conformance:" + uuid.uuid4().hex.encode() + b":"

    def test_get_many_keeps_order_repeats_and_gaps(self, store: KeyValueStore, prefix: bytes) -> None:
        """Answers stand where their keys stand."""
        store.append_many([(prefix + b"a", b"1"), (prefix + b"b", b"\x00\r\n\xff")])
        keys = [prefix + b"b", prefix + b"none", prefix + b"a", prefix + b"b"]
        assert store.get_many(keys) == [b"\x00\r\n\xff", None, b"1", b"\x00\r\n\xff"]
        assert store.get_many([]) == []

    def test_more_keys_than_one_command_holds(self, store: KeyValueStore, prefix: bytes) -> None:
        """Large requests are split, and come back whole and in order."""
        items = [(prefix + b"%d" % number, b"%d" % number) for number in range(9_000)]
        assert store.append_many(items) == [len(value) for _, value in items]
        assert store.get_many([key for key, _ in items]) == [value for _, value in items]
        assert store.delete_many([key for key, _ in items]) == len(items)

    def test_an_append_without_instant_leaves_the_expiry_alone(self, store: KeyValueStore, prefix: bytes) -> None:
        """Keys with and without an expiry go in one call."""
        soon = store.now_us() // 1000 + HOUR_MS
        items = [(prefix + b"a", b"12345678"), (prefix + b"b", b"1"), (prefix + b"a", b"2"), (prefix + b"c", b"1")]
        assert store.append_many(items, [soon, None, None, soon]) == [8, 1, 9, 1]
        assert store.append_many([(prefix + b"a", b"3"), (prefix + b"b", b"3")], [None, None]) == [10, 2]
        first, none, last = store.expiries_ms([prefix + b"a", prefix + b"b", prefix + b"c"])
        assert none is None
        assert first is not None
        assert last is not None
        assert soon <= first <= soon + SLACK_MS
        assert soon <= last <= soon + SLACK_MS

    def test_records_beyond_the_size_of_a_batch(self, store: KeyValueStore, prefix: bytes) -> None:
        """A record larger than a pipeline's bound travels alone; lengths are in order."""
        items = [(prefix + b"big", bytes(size)) for size in (700_000, 3_000_000, 1, 700_000)]
        assert store.append_many(items) == [700_000, 3_700_000, 3_700_001, 4_400_001]
        assert store.lengths([prefix + b"big", prefix + b"none"]) == [4_400_001, 0]

    def test_append_returns_each_length_also_of_repeated_keys(self, store: KeyValueStore, prefix: bytes) -> None:
        """Records of one key stay in order and each has its own length, with and without expiry."""
        now_ms = store.now_us() // 1000
        a, b = prefix + b"a", prefix + b"b"
        assert store.append_many([(a, b"11"), (b, b"2"), (a, b"333"), (a, b"")]) == [2, 1, 5, 5]
        expiries = [now_ms + HOUR_MS] * 3
        assert store.append_many([(b, b"4"), (a, b"5"), (b, b"66")], expiries) == [2, 6, 4]
        assert store.get_many([a, b]) == [b"113335", b"2466"]
        assert store.append_many([]) == []
        assert store.append_many([], []) == []

    async def test_async_twins_agree(self, store: KeyValueStore, prefix: bytes) -> None:
        """The asyncio methods do what the blocking ones do."""
        expiry = [store.now_us() // 1000 + HOUR_MS]
        assert await store.append_many_async([(prefix + b"a", b"12")], expiry) == [2]
        assert await store.append_many_async([(prefix + b"a", b"3")]) == [3]
        assert await store.get_many_async([prefix + b"none", prefix + b"a"]) == [None, b"123"]
        assert store.get_many([prefix + b"a"]) == [b"123"]

    def test_expiry_is_only_ever_extended(self, store: KeyValueStore, prefix: bytes) -> None:
        """A new key gets its expiry; a later instant extends it, an earlier one or none leaves it."""
        key, now_ms = prefix + b"a", store.now_us() // 1000
        store.append_many([(key, b"1")], [now_ms + 2 * HOUR_MS])
        self._expires_at(store, key, now_ms + 2 * HOUR_MS)
        store.append_many([(key, b"2")], [now_ms + HOUR_MS])
        self._expires_at(store, key, now_ms + 2 * HOUR_MS)
        store.append_many([(key, b"3")])
        self._expires_at(store, key, now_ms + 2 * HOUR_MS)
        store.append_many([(key, b"4")], [now_ms + 3 * HOUR_MS])
        self._expires_at(store, key, now_ms + 3 * HOUR_MS)
        store.append_many([(key, b"5"), (key, b"6")], [now_ms + 5 * HOUR_MS, now_ms + 4 * HOUR_MS])
        self._expires_at(store, key, now_ms + 5 * HOUR_MS)

    def test_a_key_without_expiry_gets_one(self, store: KeyValueStore, prefix: bytes) -> None:
        """GT alone does nothing to a key without expiry."""
        key, now_ms = prefix + b"a", store.now_us() // 1000
        store.append_many([(key, b"1")])
        assert store.expiries_ms([key, prefix + b"none"]) == [None, None]
        store.append_many([(key, b"2")], [now_ms + HOUR_MS])
        self._expires_at(store, key, now_ms + HOUR_MS)

    @pytest.mark.parametrize("instant", [-1, 0, 1, 1_600_000_000_000])
    def test_an_instant_that_has_passed_never_deletes(self, store: KeyValueStore, prefix: bytes, instant: int) -> None:
        """Neither a new key, nor one without expiry, nor one with."""
        now_ms = store.now_us() // 1000
        new, endless, expiring, seeded = (prefix + name for name in (b"new", b"endless", b"expiring", b"seeded"))
        store.append_many([(endless, b"1")])
        store.append_many([(expiring, b"1")], [now_ms + HOUR_MS])
        assert store.append_many([(new, b"2"), (endless, b"2"), (expiring, b"2")], [instant] * 3) == [1, 2, 2]
        assert store.seed_many([Seed(seeded, state(1), instant)]) == [Seeded.WRITTEN]
        assert store.seed_many([Seed(endless, state(1), instant)]) == [Seeded.MERGED]
        assert store.lengths([new, endless, expiring, seeded]) == [1, 18, 2, 16]
        self._expires_at(store, expiring, now_ms + HOUR_MS)

    def test_unequal_lists_are_refused_before_anything_is_sent(self, store: KeyValueStore, prefix: bytes) -> None:
        """A record without its instant is a mistake of the caller."""
        with pytest.raises(StoreMisuse, match="1 records and 2 instants"):
            store.append_many([(prefix + b"a", b"1")], [1, 2])
        assert store.get_many([prefix + b"a"]) == [None]

    def test_swap_keeps_the_tail_and_the_expiry(self, store: KeyValueStore, prefix: bytes) -> None:
        """Appends between read and swap follow the fold; headless first, then by generation."""
        key, expiry = prefix + b"a", store.now_us() // 1000 + HOUR_MS
        store.append_many([(key, b"raw-one.")], [expiry])
        store.append_many([(key, b"raw-two.")])
        assert store.swap(Swap.of(key, b"raw-one.", state(1, b"FOLD")))
        assert store.get_many([key]) == [state(1, b"FOLDraw-two.")]
        assert store.swap(Swap.of(key, state(1, b"FOLDraw-two."), state(2, b"ALL")))
        assert store.get_many([key]) == [state(2, b"ALL")]
        self._expires_at(store, key, expiry)

    def test_swap_of_a_wrong_generation_changes_nothing(self, store: KeyValueStore, prefix: bytes) -> None:
        """Of two folders of one snapshot the second is refused, also when the bodies are equal."""
        key = prefix + b"a"
        store.seed_many([Seed(key, state(1, b"body"))])
        first, second = (Swap.of(key, state(1, b"body"), state(new, b"body")) for new in (2, 3))
        assert store.swap_many([first, second]) == [True, False]
        assert store.get_many([key]) == [state(2, b"body")]
        assert not store.swap(Swap.of(key, b"headless", state(4)))
        assert store.get_many([key]) == [state(2, b"body")]

    def test_a_swap_that_is_repeated_says_that_it_was_done(self, store: KeyValueStore, prefix: bytes) -> None:
        """After a lost answer the same swap is sent again: it neither fails nor cuts the tail."""
        key = prefix + b"a"
        store.seed_many([Seed(key, state(1, b"body"))])
        swap = Swap.of(key, state(1, b"body"), state(2, b"fold"))
        assert store.swap(swap)
        store.append_many([(key, b"tail")])
        assert store.swap(swap)
        assert store.get_many([key]) == [state(2, b"foldtail")]

    def test_swap_after_delete_and_blind_recreation(self, store: KeyValueStore, prefix: bytes) -> None:
        """The new key is another history: no swap computed from the old one may touch it."""
        headed, headless, gone = prefix + b"headed", prefix + b"headless", prefix + b"gone"
        store.seed_many([Seed(headed, state(1, b"body"))])
        store.append_many([(headless, b"old-old.")])
        store.delete_many([headed, headless])
        store.append_many([(headed, bytes(40)), (headless, b"new-new.more")])
        swaps = [
            Swap.of(headed, state(1, b"body"), state(2)),
            Swap.of(headless, b"old-old.", state(2)),
            Swap.of(gone, b"old-old.", state(2)),
            Swap.of(gone, state(1, b"body"), state(2)),
        ]
        assert store.swap_many(swaps) == [False] * 4
        assert store.get_many([headed, headless, gone]) == [bytes(40), b"new-new.more", None]

    def test_swap_of_a_value_shorter_than_its_snapshot(self, store: KeyValueStore, prefix: bytes) -> None:
        """The same generation does not make up for missing bytes."""
        key = prefix + b"a"
        store.seed_many([Seed(key, state(1, b"bo"))])
        assert not store.swap(Swap.of(key, state(1, b"body"), state(2)))
        assert store.swap(Swap.of(key, state(1, b"bo"), state(2)))

    def test_misuse_of_swap_and_seed(self) -> None:
        """What could lose or double records cannot be built."""
        with pytest.raises(StoreMisuse, match="has no header"):
            Swap.of(b"k", b"raw", b"no header here..")
        with pytest.raises(StoreMisuse, match="new random"):
            Swap.of(b"k", state(1), state(1, b"other"))
        with pytest.raises(StoreMisuse, match="at least one byte"):
            Swap.of(b"k", b"", state(1))
        with pytest.raises(StoreMisuse, match="has no header"):
            Seed(b"k", HEADER_MARK)
        with pytest.raises(StoreMisuse, match="not both"):
            Swap(b"k", 3, state(1))

    def test_seed_absent_blind_and_present(self, store: KeyValueStore, prefix: bytes) -> None:
        """Written, merged before what live ingestion appended, or left; a second seed is always left."""
        absent, blind, present = (prefix + name for name in (b"absent", b"blind", b"present"))
        store.append_many([(blind, b"live")])
        store.seed_many([Seed(present, state(9, b"kept"))])
        seeds = [Seed(key, state(1, b"seed")) for key in (absent, blind, present)]
        assert store.seed_many(seeds) == [Seeded.WRITTEN, Seeded.MERGED, Seeded.ALREADY]
        assert store.seed_many(seeds) == [Seeded.ALREADY] * 3
        assert store.get_many([absent, blind, present]) == [
            state(1, b"seed"),
            state(1, b"seedlive"),
            state(9, b"kept"),
        ]

    def test_seed_extends_an_expiry_and_none_removes_it(self, store: KeyValueStore, prefix: bytes) -> None:
        """A seed must live as long as the longer of the two."""
        now_ms = store.now_us() // 1000
        soon, late, new, endless = (prefix + name for name in (b"soon", b"late", b"new", b"endless"))
        store.append_many([(soon, b"1"), (late, b"1")], [now_ms + HOUR_MS, now_ms + 3 * HOUR_MS])
        store.append_many([(endless, b"1")], [now_ms + HOUR_MS])
        instant = now_ms + 2 * HOUR_MS
        store.seed_many([*(Seed(key, state(1), instant) for key in (soon, late, new)), Seed(endless, state(1))])
        self._expires_at(store, soon, instant)
        self._expires_at(store, late, now_ms + 3 * HOUR_MS)
        self._expires_at(store, new, instant)
        assert store.expiries_ms([endless]) == [None]

    def test_documents(self, store: KeyValueStore, prefix: bytes) -> None:
        """Compare-and-set from absent, from a value, from a wrong value, from an empty one."""
        key = prefix + b"manifest"
        assert store.get_document(key) is None
        assert not store.compare_and_set(DocumentChange(key, b"", b"0"))
        assert store.compare_and_set(DocumentChange(key, None, b""))
        assert not store.compare_and_set(DocumentChange(key, None, b"1"))
        assert store.compare_and_set(DocumentChange(key, b"", b"1"))
        assert not store.compare_and_set(DocumentChange(key, b"2", b"3"))
        assert store.get_document(key) == b"1"
        store.put_document(key, b"4")
        assert store.get_document(key) == b"4"

    def test_positions_move_after_the_appends(self, store: KeyValueStore, prefix: bytes) -> None:
        """A stale position is reported, and the appends stand all the same."""
        key, place = prefix + b"a", prefix + b"position"
        first = store.append_with_positions([(key, b"1")], None, DocumentChange(place, None, b"p1"))
        stale = store.append_with_positions([(key, b"2")], None, DocumentChange(place, None, b"p2"))
        assert (first.lengths, first.moved, stale.lengths, stale.moved) == ([1], True, [2], False)
        assert store.get_many([key, place]) == [b"12", b"p1"]

    def test_scan_yields_the_prefix_literally(self, store: KeyValueStore, prefix: bytes) -> None:
        """Signs of patterns in a prefix mean themselves; more keys than a page holds all come."""
        odd = prefix + b"*[a]?\\^-"
        wanted = {odd + b"%d" % number for number in range(3_000)}
        store.append_many([(key, b"1") for key in [*wanted, prefix + b"xxa?", prefix + b"*a?\\^-1"]])
        assert set(store.scan(odd)) == wanted
        assert set(store.scan(prefix + b"nothing")) == set()
        store.delete_many(list(wanted))

    def test_clock_lengths_and_memory(self, store: KeyValueStore, prefix: bytes) -> None:
        """The clock goes forward; memory counts more than the bytes."""
        store.append_many([(prefix + b"a", bytes(1000))])
        assert 1_600_000_000_000_000 < store.now_us() <= store.now_us()
        memory, none = store.memory_of([prefix + b"a", prefix + b"none"])
        assert memory is not None
        assert memory > 1000
        assert none is None

    def test_no_append_is_lost_under_folding(self, store: KeyValueStore, prefix: bytes) -> None:
        """Four writers append while two folders swap the same keys: each record is there exactly once."""
        keys = [prefix + b"%d" % number for number in range(3)]
        rounds, writers = 60, 4
        done = threading.Event()
        failures: list[BaseException] = []

        def write(writer: int) -> None:
            for step in range(rounds):
                ids = ((writer * rounds + step) * len(keys) + place for place in range(len(keys)))
                store.append_many([(key, number.to_bytes(8, "little")) for key, number in zip(keys, ids, strict=True)])

        def fold() -> None:
            while not done.is_set():
                swaps = [
                    Swap.of(key, value, state(uuid.uuid4().int >> 64, b"".join(_packed(sorted(records_of(value))))))
                    for key, value in zip(keys, store.get_many(keys), strict=True)
                    if value is not None
                ]
                swapped.extend(store.swap_many(swaps))

        def guarded(work: Callable[..., None], *arguments: int) -> None:
            try:
                work(*arguments)
            except BaseException as error:
                failures.append(error)

        swapped: list[bool] = []
        writing = [threading.Thread(target=guarded, args=(write, writer)) for writer in range(writers)]
        folding = [threading.Thread(target=guarded, args=(fold,)) for _ in range(2)]
        for thread in writing + folding:
            thread.start()
        for thread in writing:
            thread.join()
        done.set()
        for thread in folding:
            thread.join()
        assert not failures
        assert any(swapped)
        found = [records_of(value or b"") for value in store.get_many(keys)]
        expected = [list(range(place, writers * rounds * len(keys), len(keys))) for place in range(len(keys))]
        assert [sorted(ids) for ids in found] == expected

    def _expires_at(self, store: KeyValueStore, key: bytes, instant_ms: int) -> None:
        found = store.expiries_ms([key])[0]
        assert found is not None
        assert instant_ms <= found <= instant_ms + SLACK_MS


def _packed(ids: list[int]) -> list[bytes]:
    return [number.to_bytes(8, "little") for number in ids]
