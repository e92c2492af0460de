"""Unpacking a state: stored bytes to plain records for people and checks, header, tiles and raw records one by one.

Nothing here is on the way of a request. Values are Python's, as columns store them: whole numbers of a Decimal's last
digit, instants as microseconds, text as ``str``.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from diptych.compile.online.answers import CorruptState
from diptych.compile.online.layout import InputPlace, Layout, Reducer, operation_of, partial_words
from diptych.compile.online.records import flag_place, sortable_float
from diptych.ground.values import Bool, Enum, Float64, String
from diptych.kernel import places as k

Words = npt.NDArray[np.int64]
Held = bool | int | float | str
_SIGN = np.uint64(1 << 63)


@dataclass(frozen=True, slots=True)
class Header:
    """What a fold or a backfill wrote in front: no read before ``horizon``; ``seed`` 0 where no backfill seeded it."""

    generation: int
    horizon: int
    format: int
    seed: int


@dataclass(frozen=True, slots=True)
class Partial:
    """What a tile holds for one reducer; ``value`` None where it has seen nothing.

    A count, sum, least or greatest is that value; first and last are ``(ts, value)``; exact moments are
    ``(n, sum, sum of squares)``, those of floats ``(n, mean, sum of squared deviations)``.
    """

    reducer: Reducer
    value: Held | tuple[Held, ...] | None


@dataclass(frozen=True, slots=True)
class Tile:
    """Events of ``start <= ts < start + size``; the base tile (``start`` None, ``size`` 0) holds all that is older."""

    start: int | None
    size: int
    partials: tuple[Partial, ...]

    @property
    def end(self) -> int | None:
        """The first instant after the tile; None for the base tile."""
        return None if self.start is None else self.start + self.size


@dataclass(frozen=True, slots=True)
class Record:
    """One raw record: ``counted`` when tiles hold it too, ``id_hash`` as an unsigned word; a null input is None."""

    place: int
    ts: int
    known_at: int
    id_hash: int
    counted: bool
    inputs: tuple[Held | None, ...]
    conditions: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A whole state: ``header`` None for one of appends alone; tiles oldest first, records as they were appended."""

    header: Header | None
    tiles: tuple[Tile, ...]
    records: tuple[Record, ...]


def unpack(layout: Layout, state: bytes | None) -> Unpacked:
    """The parts of a state; of none, or of empty bytes, no parts. Raises CorruptState."""
    if len(state or b"") % 8:
        raise _corrupt(layout, len(state or b""))
    words = np.frombuffer(state or b"", dtype=np.int64)
    if len(words) == 0 or words[0] != k.NO_HEADER:
        return Unpacked(None, (), _records(layout, words, len(words)))
    if len(words) < k.HEADER_WORDS or int(words[k.HEADER_SHAPE]) >> 32 != k.FORMAT:
        raise _corrupt(layout, 8 * len(words))
    count = int(words[k.HEADER_SHAPE]) & 0xFFFFFFFF
    raw = k.HEADER_WORDS + count * layout.tile_words
    if raw > len(words):
        raise _corrupt(layout, 8 * len(words))
    header = Header(
        generation=int(words[k.HEADER_GENERATION]),
        horizon=int(words[k.HEADER_HORIZON]),
        format=int(words[k.HEADER_SHAPE]) >> 32,
        seed=int(words[k.HEADER_SEED]),
    )
    tiles = words[k.HEADER_WORDS : raw].reshape(count, layout.tile_words)
    return Unpacked(header, _tiles(layout, tiles), _records(layout, words[raw:], len(words)))


def _corrupt(layout: Layout, size: int) -> CorruptState:
    return CorruptState(
        f"view {layout.view.name}: a stored state has {size} bytes, which is no header, tiles of {layout.tile_bytes} "
        f"and records of {layout.record_bytes} bytes; forget that entity or backfill the view again"
    )


def _records(layout: Layout, words: Words, whole: int) -> tuple[Record, ...]:
    if len(words) % layout.record_words:
        raise _corrupt(layout, 8 * whole)
    rows = words.reshape(-1, layout.record_words)
    columns = [_input(place, rows) for place in layout.inputs]
    truths = [_flag(rows, flag).tolist() for flag in layout.conditions]
    ts, known_at = rows[:, k.TS].tolist(), rows[:, k.KNOWN_AT].tolist()
    ids = rows[:, k.EVENT_ID].view(np.uint64).tolist()
    counted = (rows[:, k.FLAGS] & k.COUNTED != 0).tolist()
    return tuple(
        Record(
            place,
            ts[place],
            known_at[place],
            ids[place],
            counted[place],
            tuple(column[place] for column in columns),
            tuple(truth[place] for truth in truths),
        )
        for place in range(len(rows))
    )


def _input(place: InputPlace, rows: Words) -> list[Held | None]:
    if place.flag is None:
        return list(_values(place, rows[:, place.offset : place.offset + place.words]))
    valid = _flag(rows, place.flag)
    values = iter(_values(place, rows[valid, place.offset : place.offset + place.words]))
    return [next(values) if ok else None for ok in valid.tolist()]


def _flag(rows: Words, flag: int) -> npt.NDArray[np.bool_]:
    word, bit = flag_place(flag)
    raised: npt.NDArray[np.bool_] = (rows[:, k.FLAGS + word] >> bit) & 1 != 0
    return raised


def _values(place: InputPlace, block: Words) -> list[Held]:
    """(n, words) sortable words as n values of the input's type."""
    match place.type:
        case String() | Enum():
            size = 8 * block.shape[1]
            text = (np.ascontiguousarray(block).view(np.uint64) ^ _SIGN).astype(">u8").tobytes()
            return [
                text[at : at + size].rstrip(b"\0").decode(errors="replace") for at in range(0, size * len(block), size)
            ]
        case Float64():
            floats: list[Held] = sortable_float(np.ascontiguousarray(block[:, 0])).view(np.float64).tolist()
            return floats
        case Bool():
            truths: list[Held] = (block[:, 0] != 0).tolist()
            return truths
        case _:
            whole: list[Held] = block[:, 0].tolist()
            return whole


def _tiles(layout: Layout, tiles: Words) -> tuple[Tile, ...]:
    tiled = [(r, at) for r, at in zip(layout.reducers, layout.partials, strict=True) if at >= 0]
    found = []
    for tile in tiles:
        partials = []
        for number, (reducer, at) in enumerate(tiled):
            word, bit = divmod(number, 64)
            seen = (int(tile[k.TILE_SEEN + word]) >> bit) & 1
            words = tile[at : at + partial_words(layout.inputs, reducer)]
            partials.append(Partial(reducer, _partial(layout, reducer, words) if seen else None))
        start = int(tile[k.TILE_START])
        found.append(Tile(None if start == k.NO_HEADER else start, int(tile[k.TILE_SIZE]), tuple(partials)))
    return tuple(found)


def _partial(layout: Layout, reducer: Reducer, words: Words) -> Held | tuple[Held, ...]:
    operation = operation_of(layout.inputs, reducer)
    if operation == k.SUM_FLOAT:
        return float(words.view(np.float64)[0])
    if operation == k.SUM_WIDE:
        return _wide(words)
    if operation == k.MOMENTS_EXACT:
        return int(words[0]), _wide(words[1:3]), _wide(words[3:5])
    if operation == k.MOMENTS_FLOAT:
        floats = words.view(np.float64)
        return int(words[0]), float(floats[1]), float(floats[2])
    if operation in (k.COUNT, k.SUM_NARROW):
        return int(words[0])
    place = InputPlace(0, 1, None, Bool()) if reducer.input is None else layout.inputs[reducer.input]
    if operation in (k.FIRST, k.LAST):
        return int(words[0]), _values(place, words[1:].reshape(1, -1))[0]
    return _values(place, words.reshape(1, -1))[0]


def _wide(words: Words) -> int:
    """A signed 128-bit number out of two words."""
    return int(words[0].view(np.uint64)) + (int(words[1]) << 64)
