"""Explanations as people read them: the answers first, then windows, events, the stored state, and what differs."""

from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from diptych.check.explain import (
    DerivedExplanation,
    Explanation,
    Fate,
    ReductionShown,
    Side,
    StateDifference,
    StateShown,
)
from diptych.check.explain.telling import sentences, told_value
from diptych.check.explain.wording import PLAIN, said, spelled_length
from diptych.ground.instants import spell

NARROW = 100
"""Columns below which lists are written in two lines an entry."""
_STYLES = {Fate.COUNTED: "green", Fate.REFUSED: "red", Fate.REPEAT: "yellow", Fate.LATE: "yellow", Fate.TILED: "cyan"}
Entry = tuple[Fate, str, str, str]
"""Fate, when, name, details."""


def show(console: Console, explained: Explanation | DerivedExplanation) -> None:
    """Write an explanation."""
    if isinstance(explained, DerivedExplanation):
        _show_derived(console, explained)
    else:
        _show_feature(console, explained)


def _show_derived(console: Console, explained: DerivedExplanation) -> None:
    version = f":{explained.version}" if explained.version else ""
    console.print(_title(f"{explained.name} of {explained.service}{version}", explained.at))
    console.print(Text(f"  {explained.formula}", style="cyan"))
    _sides(console, explained)
    for name, value in explained.request.items():
        console.print(Text(f"  request input {name} = {told_value(value)}"))
    _notes(console, explained.notes)
    for name, each in explained.inputs.items():
        console.print()
        console.rule(Text(name, style="cyan"), align="left", characters="-")
        _show_feature(console, each)


def _show_feature(console: Console, explained: Explanation) -> None:
    key = ", ".join(f"{name}={value}" for name, value in explained.key.items()) or explained.entity
    console.print(_title(f"{explained.view}:{explained.feature} of {key}", explained.at))
    _sides(console, explained)
    _notes(console, explained.notes)
    _windows(console, explained)
    _events(console, explained)
    if explained.state is not None:
        _state(console, explained.state)
    if explained.difference is not None:
        _difference(console, explained.difference)


def _title(what: str, at: int) -> Text:
    return Text.assemble((what, "bold"), " at ", (said(at), "bold"))


def _sides(console: Console, explained: Explanation | DerivedExplanation) -> None:
    table = _table("side", "value", "status", "verdict")
    sides: list[tuple[str, Side | None]] = [("by law", explained.law), ("offline", explained.offline)]
    for name, side in [*sides, ("online", explained.online), ("logged", explained.logged)]:
        if side is None:
            continue
        if side.missing:
            table.add_row(f"  {name}", "-", "", Text(side.missing, style="dim"))
            continue
        verdict = {True: Text("agrees", style="green"), False: Text("DIFFERS", style="bold red")}
        said_of = Text() if name == "by law" else verdict.get(bool(side.agrees), Text())
        table.add_row(f"  {name}", Text(told_value(side.value), style="bold"), side.status or "", said_of)
    console.print(table)


def _notes(console: Console, notes: Iterable[str]) -> None:
    for note in notes:
        console.print(Text(f"  note: {note}", style="yellow"))


def _windows(console: Console, explained: Explanation) -> None:
    _heading(console, f"What {explained.feature} reads", f"= {explained.formula}" if explained.reductions else "")
    for reduction in explained.reductions:
        where = f" where {reduction.where}" if reduction.where else ""
        what = f"  {reduction.name}  {reduction.kind}({reduction.of}){where}"
        console.print(Text.assemble((what, "bold"), f", {_counted(reduction.counted, 'event')}"))
        console.print(Text(f"      {_ends(reduction)}"))
        values = [("law", reduction.law), ("offline", reduction.offline), ("online", reduction.online)]
        told = [f"{name} {told_value(value)}" for name, value in values if value is not None or name == "law"]
        console.print(Text(f"      {', '.join(told)}", style="dim"))


def _ends(reduction: ReductionShown) -> str:
    if reduction.start is None:
        return f"{reduction.window}: everything before {said(reduction.end)}"
    hop = "exact" if reduction.hop is None else f"the start on a hop of {spell(reduction.hop)}"
    name = reduction.window.removesuffix(" exact")
    return f"{name}: from {said(reduction.start)}, inclusive, to {said(reduction.end)}, exclusive; {hop}"


def _events(console: Console, explained: Explanation) -> None:
    counts = ", ".join(f"{count:,} {fate}" for fate, count in sorted(explained.counts.items(), key=lambda c: -c[1]))
    _heading(console, "Events offline", counts or "none")
    entries = [
        (
            event.fate,
            "-" if event.ts is None else _when(event.ts, event.known_at),
            event.event_id or f"row {event.row}",
            _details(event.inputs, event.why, event.fate),
        )
        for event in explained.events
    ]
    _list(console, entries, explained.hidden)
    for count, where in ((explained.older, "long before"), (explained.newer, "long after")):
        if count:
            console.print(Text(f"  {count:,} events {where} every window were not looked at", style="dim"))


def _state(console: Console, state: StateShown) -> None:
    folded = (
        "never folded" if state.horizon is None else f"horizon {said(state.horizon)}, generation {state.generation}"
    )
    seeded = ", seeded by a backfill" if state.seeded else ""
    _heading(console, "State online", f"{state.size:,} bytes, {folded}{seeded}")
    console.print(Text(f"  {_counted(state.tile_count, 'tile')}", style="bold"))
    entries: list[Entry] = []
    for tile in state.tiles:
        when = "all that is older" if tile.start is None else f"{said(tile.start)} +{spell(tile.size)}"
        held = {name: value for name, value in tile.partials.items() if value is not None}
        entries.append((tile.fate, when, "", _details(held, tile.why, tile.fate)))
    _list(console, entries, state.tile_count - len(state.tiles) if state.tiles else 0)
    console.print(Text(f"  {_counted(state.record_count, 'raw record')}", style="bold"))
    entries = [
        (
            record.fate,
            _when(record.ts, record.known_at),
            record.id_hash,
            _details(record.inputs, record.why, record.fate),
        )
        for record in state.records
    ]
    _list(console, entries, state.record_count - len(state.records) if state.records else 0)


def _difference(console: Console, difference: StateDifference) -> None:
    lines = list(sentences(difference))
    if not lines:
        since = "" if difference.since is None else f" since {said(difference.since)}"
        _heading(
            console, "Difference of the two", f"none: the state holds every offline event{since} once, and no other"
        )
        return
    verdict = "harmless: repeats fall to their id" if difference.empty else ""
    _heading(console, "Difference of the two", verdict)
    for line in lines:
        console.print(Text(f"  {line.text}", style="dim" if line.harmless else "red"))
    if difference.hidden:
        console.print(Text(f"  and {difference.hidden:,} more", style="dim"))


def _list(console: Console, entries: Sequence[Entry], hidden: int) -> None:
    if console.width < NARROW:
        for fate, when, name, details in entries:
            console.print(Text.assemble((f"  {fate.value:<9}", _STYLES.get(fate, "dim")), f" {when}"))
            console.print(Text(f"    {' · '.join(part for part in (name, details) if part)}", style="dim"))
    elif entries:
        table = _table("fate", "when", "name", "details")
        for fate, when, name, details in entries:
            table.add_row(Text(f"  {fate.value}", style=_STYLES.get(fate, "dim")), when, Text(name), Text(details))
        console.print(table)
    if hidden > 0:
        console.print(Text(f"  and {hidden:,} more", style="dim"))


def _table(*columns: str) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for name in columns[:-1]:
        table.add_column(name, no_wrap=name in ("fate", "side", "when"), overflow="fold")
    table.add_column(columns[-1], overflow="fold")
    return table


def _heading(console: Console, title: str, rest: str) -> None:
    console.print()
    console.print(Text.assemble((title, "cyan"), f"  {rest}" if rest else ""))


def _when(ts: int, known_at: int | None) -> str:
    """When something happened, and how long after that it was known."""
    if known_at is None or known_at == ts:
        return said(ts)
    return f"{said(ts)} {_length(known_at - ts)}"


def _length(length: int) -> str:
    return f"known {'+' if length > 0 else '-'}{spelled_length(abs(length))}"


def _details(inputs: dict[str, Any], why: str, fate: Fate) -> str:
    """What an entry says, and why it has its fate, unless that is plain."""
    told = ", ".join(f"{name} = {told_value(value)}" for name, value in inputs.items())
    return " · ".join(part for part in (told, "" if fate is Fate.COUNTED and why == PLAIN else why) if part)


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
