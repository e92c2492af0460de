"""The vectorised door and the judge's, row by row over random sources, views and histories."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from diptych.admit.copies import copies
from diptych.admit.door import Checked, check, check_rows
from diptych.admit.keys import factorise
from diptych.admit.project import ViewEvents, project
from diptych.ground.values import Decimal, Int64, ValueType
from diptych.plan.nodes import View
from diptych.reference.door import ARRIVED_AT, Door, door
from diptych.rows.values import Values, to_list
from diptych.testing.build import table
from diptych.testing.strategies import histories
from diptych.testing.views import views


def held(kind: ValueType | None, column: Values) -> list[Any]:
    """As the judge holds values: decimals in units of their last digit."""
    assert kind is not None
    return to_list(Int64() if isinstance(kind, Decimal) else kind, column)


def agree(view: View, checked: Checked, expected: Door) -> None:
    """Every row has the same fate on both sides, and every event the same content."""
    events = project(view, checked)
    codes, _ = factorise(events.key, len(events.ts))
    stands = copies(events, codes, view.source.dedup_window).stands
    assert checked.offered == len(checked.rows) + checked.filtered + checked.quarantine.num_rows
    assert sum(events.rejected.values()) == len(events.refused)
    refused = sorted([*checked.rejected.elements(), *_spread(events)])  # type: ignore[attr-defined]
    assert refused == sorted(str(rejected.reason) for rejected in expected.rejected)
    assert checked.filtered == len(expected.filtered)
    passed = sorted([*(event.row for event in expected.admitted), *expected.repeated])
    assert events.rows.tolist() == passed
    _same_events(view, events, expected)
    # of exact repeats either may stand: what counts is which contents stand, and how often
    mine = sorted(_content(view, events, row) for row in np.flatnonzero(stands))
    assert mine == sorted(repr((e.key, e.ts, e.known_at, e.inputs, e.conditions)) for e in expected.admitted)


def _spread(events: ViewEvents) -> list[str]:
    return [reason for reason, count in events.rejected.items() for _ in range(count)]


def _content(view: View, events: ViewEvents, row: int) -> str:
    one = np.array([row])
    key = tuple(held(f.type, part.take(one))[0] for f, part in zip(view.entity.keys, events.key, strict=True))
    inputs = tuple(held(t.type, v.take(one))[0] for t, v in zip(view.inputs, events.inputs, strict=True))
    conditions = tuple(bool(condition[row]) for condition in events.conditions)
    return repr((key, int(events.ts[row]), int(events.known_at[row]), inputs, conditions))


def _same_events(view: View, events: ViewEvents, expected: Door) -> None:
    by_row = {event.row: event for event in expected.admitted}
    for row, number in enumerate(events.rows.tolist()):
        if number in by_row:
            event = by_row[number]
            content = repr((event.key, event.ts, event.known_at, event.inputs, event.conditions))
            assert _content(view, events, row) == content


@given(st.data())
def test_a_table_of_history(data: st.DataObject) -> None:
    view = data.draw(views())
    history = data.draw(histories(view))
    agree(view, check(view.source, table(view.source, history)), door(view, history))


@given(st.data())
def test_rows_that_a_program_pushes(data: st.DataObject) -> None:
    view = data.draw(views())
    history = data.draw(histories(view, arrivals=False))
    agree(view, check_rows(view.source, history), door(view, history))


@given(st.data())
def test_rows_stamped_on_arrival(data: st.DataObject) -> None:
    view = data.draw(views())
    history = data.draw(histories(view))
    arrivals = data.draw(st.lists(st.integers(0, 2**40), min_size=len(history), max_size=len(history)))
    stamped = [row | {ARRIVED_AT: at} for row, at in zip(history, arrivals, strict=True)]
    checked = check(view.source, table(view.source, history), arrived_at=np.array(arrivals, np.int64))
    agree(view, checked, door(view, stamped))
