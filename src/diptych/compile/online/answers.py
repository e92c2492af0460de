"""Reading states: bytes of many entities in, typed answers with validity and status out."""

import decimal
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from diptych.compile.online.layout import words_of
from diptych.compile.online.program import Answer, Program
from diptych.ground.errors import DiptychError
from diptych.ground.instants import moment
from diptych.ground.values import Bool, Decimal, Enum, Float64, ListOf, Scalar, String, ValueType
from diptych.kernel import places as k
from diptych.kernel.point import read_points
from diptych.rows.values import Values

Element = Scalar | None | list[Scalar]


class CorruptState(DiptychError):
    """A stored state that is no whole number of records, or of another format."""


class BeforeHorizon(DiptychError):
    """A read at an instant whose records were folded away already."""


@dataclass(frozen=True, slots=True, eq=False)
class Lists:
    """A column of n lists: entity i holds ``values`` from ``offsets[i]`` to ``offsets[i + 1]``, oldest first."""

    values: Values
    offsets: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """The answers of a view's features for n entities.

    ``words``: (program.output_words, n) int64. ``valid`` and ``status``: (answers, n) uint8, a status being one of the
    codes PRESENT, EMPTY_WINDOW, UNSEEN_ENTITY, NULL_KEY, OVERFLOW, NULL of ``diptych.kernel.places``. Defaults are in
    place already. Features whose finish the caller must evaluate (``program.open_features``) hold nothing until
    ``settle``.
    """

    program: Program
    words: npt.NDArray[np.int64]
    valid: npt.NDArray[np.uint8]
    status: npt.NDArray[np.uint8]
    instants: npt.NDArray[np.int64]

    def at(self, places: npt.NDArray[np.int64]) -> "Answers":
        """The answers of the entities at some places."""
        return Answers(
            self.program,
            self.words.T.take(places, axis=0).T,
            self.valid.T.take(places, axis=0).T,
            self.status.T.take(places, axis=0).T,
            self.instants[places],
        )

    def lists(self) -> list[list[Element]]:
        """Python values per feature, per entity: None where null."""
        whole = self.words.tolist()
        floats = self.words.view(np.float64).tolist()
        clean = self.valid.all()
        columns: list[list[Element]] = []
        for answer in self.program.features:
            if isinstance(answer.type, Float64):
                column = floats[answer.offset]
            elif isinstance(answer.type, ListOf | String | Enum | Decimal | Bool):
                column = self._decode(answer)
            else:
                column = whole[answer.offset]
            if not clean:
                valid = self.valid[answer.row].tolist()
                column = [value if ok else None for value, ok in zip(column, valid, strict=True)]
            columns.append(column)
        return columns

    def decode(self, feature: int) -> list[Element]:
        """Python values of one feature, None where null: int (instants too), float, bool, Decimal, str or list."""
        answer = self.program.features[feature]
        valid = self.valid[answer.row].tolist()
        return [value if ok else None for value, ok in zip(self._decode(answer), valid, strict=True)]

    def to_values(self, feature: int) -> Values:
        """One feature that is no list, as a typed column."""
        return self._values(self.program.features[feature])

    def reduction(self, index: int) -> Values:
        """The result of a reduction that an open feature reads."""
        return self._values(self.program.answer_of_reduction(index))

    def to_lists(self, feature: int) -> Lists:
        """One feature that is a list, as a column of lists."""
        answer = self.program.features[feature]
        assert isinstance(answer.type, ListOf)
        lengths = self.words[answer.offset]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        size = words_of(answer.type.element)
        block = self.words[answer.offset + 1 : answer.offset + answer.words].T.reshape(
            len(lengths), answer.type.n, size
        )
        held = np.arange(answer.type.n)[None, :] < lengths[:, None]
        flat = block[held]
        return Lists(Values(_typed(answer.type.element, flat.T), np.ones(len(flat), dtype=np.bool_)), offsets)

    def settle(self, feature: int, values: Values) -> None:
        """Puts in the values of an open feature, whose finish the caller has evaluated; nulls take the default."""
        answer = self.program.features[feature]
        assert answer.mode == k.LEFT_OPEN
        awaited = self.valid[answer.row].astype(np.bool_)  # false: overflowed, which stays null
        filled = self.program.encode(answer, values)
        default = self.program.default_words(feature)
        replace = awaited & ~values.valid
        if default is not None:
            filled = np.where(replace[None, :], default[:, None], filled)
        present = self.status[answer.row] == k.PRESENT
        self.status[answer.row][present & replace] = k.NULL
        known = awaited & (values.valid if default is None else np.bool_(True))
        self.words[answer.offset : answer.offset + answer.words] = np.where(known[None, :], filled, 0)
        self.valid[answer.row] = known

    def _values(self, answer: Answer) -> Values:
        assert not isinstance(answer.type, ListOf)
        block = self.words[answer.offset : answer.offset + answer.words]
        return Values(_typed(answer.type, block), self.valid[answer.row].astype(np.bool_))

    def _decode(self, answer: Answer) -> list[Any]:
        if not isinstance(answer.type, ListOf):
            return _plain(answer.type, self.words[answer.offset : answer.offset + answer.words])
        size = words_of(answer.type.element)
        block = self.words[answer.offset + 1 : answer.offset + answer.words].T.reshape(-1, size).T
        flat = _plain(answer.type.element, block)
        lengths = self.words[answer.offset].tolist()
        return [flat[i * answer.type.n : i * answer.type.n + held] for i, held in enumerate(lengths)]


def read(
    program: Program,
    states: Sequence[bytes | None],
    instants: npt.NDArray[np.int64],
    null_keys: Sequence[int] = (),
) -> Answers:
    """The answers of every entity at its instant: one compiled call for the view.

    ``states``: the stored bytes of each entity, None (or empty) where there are none. ``instants``: int64 (n,).
    ``null_keys``: positions of request rows whose key has a null part; their state must be None.
    Raises BeforeHorizon or CorruptState, naming the positions.
    """
    joined = b"".join([state for state in states if state])
    lengths = np.array([len(state) if state else 0 for state in states], dtype=np.int64)
    answers, faults = _run(program, joined, lengths, instants)
    if faults is None or faults.any():
        _raise_fault(program, states, instants, faults)
    if len(null_keys):
        answers.status[:, list(null_keys)] = k.NULL_KEY
    return answers


def _run(
    program: Program, joined: bytes, lengths: npt.NDArray[np.int64], instants: npt.NDArray[np.int64]
) -> tuple[Answers, npt.NDArray[np.uint8] | None]:
    count, rows = len(lengths), len(program.answers)
    out = np.empty((program.output_words, count), dtype=np.int64)
    marks = np.empty((2 * rows + 1, count), dtype=np.uint8)
    answers = Answers(program, out, marks[:rows], marks[rows : 2 * rows], instants)
    if len(joined) % 8 != 0:
        return answers, None
    whole = read_points(program.code, np.frombuffer(joined, dtype=np.int64), lengths, instants, out, marks)
    return answers, marks[2 * rows] if whole else None


def _raise_fault(
    program: Program,
    states: Sequence[bytes | None],
    instants: npt.NDArray[np.int64],
    faults: npt.NDArray[np.uint8] | None,
) -> None:
    view = program.view.name
    if faults is None:
        broken = [place for place, state in enumerate(states) if state and len(state) % 8]
    else:
        broken = np.flatnonzero(faults == k.CORRUPT).tolist()
    if broken:
        state = states[broken[0]]
        assert state is not None
        raise CorruptState(
            f"view {view}: the stored state of entity {broken[0]} of this request has {len(state)} bytes, which is no "
            f"header, tiles of {program.layout.tile_bytes} and records of {program.layout.record_bytes} bytes; "
            "forget that entity or backfill the view again"
        )
    early = int(np.flatnonzero(faults == k.BEFORE_HORIZON)[0])
    horizon = horizon_of(states[early])
    assert horizon is not None
    raise BeforeHorizon(
        f"view {view}: a read at {moment(int(instants[early])).isoformat()} comes before the horizon "
        f"{moment(horizon).isoformat()} of entity {early} of this request; older records are folded into tiles, so ask "
        "for an instant from the horizon on, or read this one from history"
    )


def horizon_of(state: bytes | None) -> int | None:
    """The horizon in a state's header; None where there is no header."""
    if not state or len(state) < 8 * k.HEADER_WORDS:
        return None
    header = np.frombuffer(state, dtype=np.int64, count=k.HEADER_WORDS)
    return int(header[k.HEADER_HORIZON]) if header[0] == k.NO_HEADER else None


def _typed(kind: ValueType, block: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    """(words, n) result words as the data of Values."""
    match kind:
        case String() | Enum():
            padded: npt.NDArray[Any] = np.ascontiguousarray(block.T).view(f"S{8 * len(block)}").reshape(-1)
            return padded.astype(f"S{max(1, kind.max_bytes)}")
        case Float64():
            floats: npt.NDArray[Any] = np.ascontiguousarray(block[0]).view(np.float64)
            return floats
        case Bool():
            truths: npt.NDArray[Any] = block[0] != 0
            return truths
        case _:
            whole: npt.NDArray[Any] = block[0]
            return whole


def _plain(kind: ValueType, block: npt.NDArray[np.int64]) -> list[Any]:
    """(words, n) result words as Python values."""
    if isinstance(kind, String | Enum):
        size, joined = 8 * len(block), block.T.tobytes()
        return [joined[at : at + size].rstrip(b"\0").decode() for at in range(0, len(joined), size)]
    plain: list[Any] = _typed(kind, block).tolist()
    if isinstance(kind, Decimal):
        return [decimal.Decimal(unscaled).scaleb(-kind.scale) for unscaled in plain]
    return plain
