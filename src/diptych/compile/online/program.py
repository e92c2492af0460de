"""A view as a program: its layout, and the code array that makes the kernel answer, fold and seed it."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from diptych.compile.online.finish import (
    instructions,
    reduction_index,
    runs_in_kernel,
    stack_depth,
    word_of,
)
from diptych.compile.online.layout import (
    Layout,
    Reducer,
    operation_of,
    partial_words,
    reducer_of,
    type_of,
    words_of,
)
from diptych.compile.online.records import flag_place, plain_text
from diptych.ground.expression import Column, columns_of
from diptych.ground.values import INT64_MAX, Enum, Float64, Int64, ListOf, ResultType, String
from diptych.kernel import places as k
from diptych.plan.nodes import REQUEST_TIME, Feature, Kind, Reduction, View
from diptych.rows.values import Values


@dataclass(frozen=True, slots=True)
class Answer:
    """Where one feature (or one reduction that an open feature needs) lies in the kernel's output."""

    name: str
    type: ResultType
    offset: int
    words: int
    mode: int
    row: int


@dataclass(frozen=True)
class Program:
    """The layout and the code of a view. ``answers`` are the features in order, then the reductions of open ones."""

    view: View
    layout: Layout
    code: npt.NDArray[np.int64]
    answers: tuple[Answer, ...]

    @classmethod
    def of(cls, view: View) -> "Program":
        """The program of a resolved view."""
        return _Builder(view).build()

    @property
    def features(self) -> tuple[Answer, ...]:
        """The view's features, in order."""
        return self.answers[: len(self.view.features)]

    @cached_property
    def open_features(self) -> tuple[tuple[int, Feature, tuple[int, ...]], ...]:
        """(position, feature, reductions it reads) of those whose finish the caller must evaluate."""
        found = []
        for position, feature in enumerate(self.view.features):
            if self.answers[position].mode == k.LEFT_OPEN:
                found.append((position, feature, tuple(dict.fromkeys(_reads(feature)))))
        return tuple(found)

    def answer_of_reduction(self, index: int) -> Answer:
        """The answer that carries reduction ``index`` for open features."""
        return next(answer for answer in self.answers[len(self.view.features) :] if answer.name == f"r{index}")

    def encode(self, answer: Answer, values: Values) -> npt.NDArray[np.int64]:
        """A column as the (words, n) result words of an answer that is no list."""
        assert not isinstance(answer.type, ListOf)
        if isinstance(answer.type, String | Enum):
            return plain_text(values.data, answer.words).T
        data = values.data + 0.0 if isinstance(answer.type, Float64) else values.data.astype(np.int64)
        return np.ascontiguousarray(data).view(np.int64).reshape(1, -1)

    def default_words(self, feature: int) -> npt.NDArray[np.int64] | None:
        """The result words of a feature's default, if it has one."""
        at = int(self.code[int(self.code[k.FEATURES_AT]) + feature * k.FEA_ROW + k.FEA_DEFAULT])
        return None if at < 0 else self.code[at : at + self.answers[feature].words]

    @property
    def output_words(self) -> int:
        """Words of output per entity."""
        return int(self.code[k.OUTPUT_WORDS])


class _Builder:
    """Lays the tables of one view behind each other into a code array."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.layout = Layout.of(view)
        self.cells: list[int] = [0] * k.HEAD_WORDS
        self.windows = tuple(dict.fromkeys(reduction.window for reduction in view.reductions))
        sizes = [_result_words(self.layout, reduction) for reduction in view.reductions]
        self.places = tuple(sum(sizes[:index]) for index in range(len(sizes)))
        self.sizes = tuple(sizes)
        self.answers: list[Answer] = []
        self.deepest = 1

    def build(self) -> Program:
        layout, cells = self.layout, self.cells
        cells[k.RECORD_WORDS], cells[k.TILE_WORDS], cells[k.SEEN_WORDS] = (
            layout.record_words,
            layout.tile_words,
            layout.seen_words,
        )
        source = self.view.source
        # Without an event id the stream's own position is the id: its copies are always the same event, however late.
        cells[k.REPEAT_GAP] = INT64_MAX if source.event_id is None else source.dedup_window
        cells[k.FOLD_AGE] = 0 if source.event_id is None else source.dedup_window
        cells[k.LIFETIME] = int(layout.keeps_lifetime)
        cells[k.RESULT_WORDS] = max(1, sum(self.sizes))
        self._payload()
        self._reducers()
        self._windows()
        self._hops()
        self._features()
        cells[k.STACK_WORDS] = self.deepest + 1
        return Program(self.view, layout, np.array(cells, dtype=np.int64), tuple(self.answers))

    def _table(self, count_cell: int, at_cell: int, rows: list[list[int]]) -> None:
        self.cells[count_cell], self.cells[at_cell] = len(rows), len(self.cells)
        for row in rows:
            self.cells.extend(row)

    def _payload(self) -> None:
        rows = []
        for place in self.layout.inputs:
            if place.flag is not None:
                rows.append([*flag_place(place.flag), place.offset, place.words])
        rows.extend([*flag_place(flag), 0, 0] for flag in self.layout.conditions)
        self._table(k.PAYLOAD_ROWS, k.PAYLOAD_AT, rows)

    def _reducers(self) -> None:
        rows, acc, tiled, tables = [], 0, 0, 0
        filters: dict[tuple[int, ...], int] = {}
        for reducer, partial in zip(self.layout.reducers, self.layout.partials, strict=True):
            row = [0] * k.RED_ROW
            size = 1 + partial_words(self.layout.inputs, reducer)
            row[k.RED_OP] = operation_of(self.layout.inputs, reducer)
            if reducer.input is not None:
                place = self.layout.inputs[reducer.input]
                row[k.RED_VALUE], row[k.RED_WORDS] = place.offset, place.words
            else:
                row[k.RED_WORDS] = 1
            self._masks(row, reducer)
            chosen = tuple(row[k.RED_MASK : k.RED_MASK_2 + 1])
            row[k.RED_FILTER] = filters.setdefault(chosen, len(filters))
            row[k.RED_ACC], row[k.RED_ACC_WORDS], row[k.RED_TILE] = acc, size, partial
            row[k.RED_TILED] = int(reducer.tiled)
            row[k.RED_TILE_FLAG], row[k.RED_TILE_BIT] = divmod(tiled, 64)
            row[k.RED_LENGTH], row[k.RED_TABLE] = reducer.n, tables
            row[k.RED_USES] = sum(reducer_of(reduction) == reducer for reduction in self.view.reductions)
            rows.append(row)
            acc, tiled = acc + size, tiled + reducer.tiled
            tables += reducer.kind is Kind.DISTINCT
        self.cells[k.ACC_WORDS], self.cells[k.DISTINCTS] = max(1, acc), tables
        self._table(k.REDUCERS, k.REDUCERS_AT, rows)

    def _masks(self, row: list[int], reducer: Reducer) -> None:
        """What a record's flags must say: not counted for the tiles' share, input not null, condition true."""
        needs: dict[int, int] = {}
        flags = [] if reducer.where is None else [self.layout.conditions[reducer.where]]
        valid = None if reducer.input is None else self.layout.inputs[reducer.input].flag
        for flag in [*flags, *([] if valid is None else [valid])]:
            word, bit = flag_place(flag)
            needs[word] = needs.get(word, 0) | (1 << bit)
        expected = needs.pop(0, 0)
        row[k.RED_MASK] = _signed(expected | (k.COUNTED if reducer.tiled else 0))
        row[k.RED_EXPECT] = _signed(expected)
        for (word, mask), cell in zip(needs.items(), (k.RED_FLAG_1, k.RED_FLAG_2), strict=False):
            row[cell], row[cell + 1] = word, _signed(mask)

    def _windows(self) -> None:
        windows: list[list[int]] = []
        reductions: list[list[int]] = []
        for window in self.windows:
            members = [index for index, reduction in enumerate(self.view.reductions) if reduction.window == window]
            length = k.ENDLESS if window.length is None else window.length
            windows.append([length, window.step, len(reductions), len(members)])
            for index in members:
                reduction = self.view.reductions[index]
                reducer = self.layout.reducers.index(reducer_of(reduction))
                reductions.append([reducer, index, self.places[index], self._form(reduction)])
        self._table(k.WINDOWS, k.WINDOWS_AT, windows)
        self._table(k.REDUCTIONS, k.REDUCTIONS_AT, reductions)

    def _form(self, reduction: Reduction) -> int:
        kind = None if reduction.input is None else self.layout.inputs[reduction.input].type
        if isinstance(kind, Float64):
            return k.FLOATING
        return k.TEXT if isinstance(kind, String | Enum) else k.WHOLE

    def _hops(self) -> None:
        self._table(k.HOPS, k.HOPS_AT, [[length, hop] for length, hop in self.layout.hops])
        sizes = sorted({hop for _, hop in self.layout.hops})
        self._table(k.SIZES, k.SIZES_AT, [[size] for size in sizes])

    def _features(self) -> None:
        rows, offset = [], 0
        for row, feature in enumerate(self.view.features):
            words = _type_words(feature.type)
            rows.append(self._feature_row(feature, offset, words))
            self.answers.append(Answer(feature.name, feature.type, offset, words, rows[-1][k.FEA_MODE], row))
            offset += words
        needed = dict.fromkeys(
            index
            for feature, row_cells in zip(self.view.features, rows, strict=True)
            if row_cells[k.FEA_MODE] == k.LEFT_OPEN
            for index in _reads(feature)
        )
        for index in needed:
            kind = result_type(self.view, index)
            column = Feature(f"r{index}", kind, Column(f"r{index}", None))
            rows.append(self._feature_row(column, offset, self.sizes[index]))
            self.answers.append(Answer(column.name, kind, offset, self.sizes[index], k.DIRECT, len(rows) - 1))
            offset += self.sizes[index]
        self.cells[k.OUTPUT_WORDS] = offset
        self._table(k.FEATURES, k.FEATURES_AT, rows)

    def _feature_row(self, feature: Feature, offset: int, words: int) -> list[int]:
        row = [0] * k.FEA_ROW
        row[k.FEA_OUT], row[k.FEA_WORDS], row[k.FEA_DEFAULT] = offset, words, -1
        row[k.FEA_FLOAT] = int(isinstance(feature.type, Float64))
        if isinstance(feature.finish, Column) and feature.finish.name != REQUEST_TIME:
            row[k.FEA_MODE], row[k.FEA_SOURCE] = k.DIRECT, reduction_index(feature.finish.name)
        elif runs_in_kernel(feature.finish) and not self._reads_text(feature):
            steps = instructions(feature.finish, self.places)
            row[k.FEA_MODE], row[k.FEA_SOURCE], row[k.FEA_STEPS] = k.COMPUTED, len(self.cells), len(steps)
            self.deepest = max(self.deepest, stack_depth(steps))
            self.cells.extend(cell for step in steps for cell in step)
        else:
            row[k.FEA_MODE] = k.LEFT_OPEN
        uses = [cell for index in dict.fromkeys(_reads(feature)) for cell in (index, self.places[index])]
        row[k.FEA_USES_AT], row[k.FEA_USES] = len(self.cells), len(uses) // 2
        self.cells.extend(uses)
        if feature.default is not None and not isinstance(feature.type, ListOf):
            row[k.FEA_DEFAULT] = len(self.cells)
            self.cells.extend(_default_words(feature, words))
        return row

    def _reads_text(self, feature: Feature) -> bool:
        return any(self.sizes[index] != 1 or _is_text(result_type(self.view, index)) for index in _reads(feature))


def result_type(view: View, index: int) -> ResultType:
    """The type of a reduction's result."""
    reduction = view.reductions[index]
    if reduction.type is not None:
        return reduction.type
    if reduction.kind in (Kind.COUNT, Kind.DISTINCT):
        return Int64()
    if reduction.kind is Kind.MOMENTS:
        return Float64()
    assert reduction.input is not None
    kind = type_of(view.inputs[reduction.input])
    return ListOf(kind, reduction.n) if reduction.kind is Kind.LATEST else kind


def _reads(feature: Feature) -> list[int]:
    return [reduction_index(name) for name in columns_of(feature.finish) if name != REQUEST_TIME]


def _result_words(layout: Layout, reduction: Reduction) -> int:
    if reduction.kind in (Kind.FIRST, Kind.LAST) and reduction.input is not None:
        return layout.inputs[reduction.input].words
    if reduction.kind is Kind.LATEST and reduction.input is not None:
        return 1 + reduction.n * layout.inputs[reduction.input].words
    return 1


def _type_words(kind: ResultType) -> int:
    if isinstance(kind, ListOf):
        return 1 + kind.n * words_of(kind.element)
    return words_of(kind)


def _is_text(kind: ResultType) -> bool:
    return isinstance(kind, String | Enum)


def _default_words(feature: Feature, words: int) -> list[int]:
    assert feature.default is not None
    if isinstance(feature.default, str):
        return [int(word) for word in plain_text(np.array([feature.default.encode()]), words)[0]]
    assert not isinstance(feature.type, ListOf)
    return [word_of(feature.default, feature.type)]


def _signed(mask: int) -> int:
    return mask - (1 << 64) if mask >> 63 else mask
