"""The demo's report: what was defined, moved, compared and measured, on one screen."""

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from diptych.demo.job import Outcome, Prepared
from diptych.demo.measure import Latencies
from diptych.operate.rollout.words import lines
from diptych.plan.nodes import Registry

_HARD = {
    "present": "hold something: their window is not empty",
    "boundary": "would change if the request came a microsecond earlier or later",
    "known_at": "would change if training saw events before they were known",
    "duplicates": "would change if repeated deliveries were counted (repeats are synthetic, by seed)",
}


def show_definitions(console: Console, prepared: Prepared) -> None:
    """What the repository declares, in one line."""
    registry = prepared.registry
    features = sum(len(view.features) for view in registry.views)
    console.print(
        f"[bold]Registry[/]  {len(registry.entities)} entities, {len(registry.sources)} sources, "
        f"{len(registry.views)} views, {features} features, {len(registry.services)} services; no mistakes"
    )


def show_plan(console: Console, outcome: Outcome) -> None:
    """The first level of the plan that was applied."""
    for line in lines(outcome.proposal.plan):
        if line.depth == 0:
            console.print(Text(f"  {line.mark} {line.text}", style="green" if line.mark == "+" else "dim"))


def show_outcome(console: Console, prepared: Prepared, outcome: Outcome) -> None:
    """The verdict, how hard it was, and the figures."""
    verdict = outcome.verdict
    console.print(_moved(outcome))
    console.print(_hardness(outcome))
    console.print(_figures(prepared.registry, outcome))
    console.print(_verdict_panel(outcome))
    for panel in verdict.panels:
        for output in panel.outputs:
            for example in output.examples[:1]:
                why = f"{example.cause.value}: {example.detail or example}"
                console.print(f"  [red]{output.output}[/] {output.mismatches} differ: {escape(why)}", highlight=False)


def _moved(outcome: Outcome) -> Table:
    verdict = outcome.verdict
    injected = verdict.injected
    table = _table("What moved", ("", "left"), ("", "right"))
    table.add_row("backfilled up to 2013-10-01, events per view", f"{verdict.backfilled.events:,}")
    table.add_row("streamed after that, in order of arrival", f"{verdict.ingested.events:,}")
    table.add_row("  of the whole history: made late, by seed", f"{injected.late:,}")
    table.add_row(
        "  of the whole history: delivered again, by seed", f"{injected.repeated + injected.repeated_beyond:,}"
    )
    table.add_row("refused at the door while streaming", f"{sum(verdict.ingested.rejected.values()):,}")
    table.add_row("states folded while streaming", f"{verdict.ingested.folds:,}")
    table.add_row("requests, each at its own instant", f"{sum(panel.requests for panel in verdict.panels):,}")
    return table


def _hardness(outcome: Outcome) -> Table:
    shares = outcome.verdict.shares
    table = _table("Of the values compared", ("share", "right"), ("", "left"))
    for name, words in _HARD.items():
        share = shares.share(name)
        table.add_row(Text(f"{share:.1%}", style="red" if share == 0 else "bold"), words)
    return table


def _figures(registry: Registry, outcome: Outcome) -> Table:
    table = _table("Figures, on this machine", ("", "left"), ("p50", "right"), ("p99", "right"), ("", "left"))
    for label, measured in (("1 row", outcome.one), ("100 rows", outcome.hundred)):
        _add_latency(table, label, measured)
    rate = outcome.training_rows / outcome.training_seconds
    table.add_row("training", f"{rate:,.0f} rows/s", "", f"{outcome.training_rows:,} rows, all features")
    states = sum(size.entities for size in outcome.sizes)
    total = sum(size.bytes for size in outcome.sizes)
    features = sum(len(view.features) for view in registry.views)
    per_entity = total / max(states, 1)
    note = f"{states:,} states of {len(outcome.sizes)} views, {total / 1e6:.1f} MB, {features} features"
    table.add_row("state", f"{per_entity:,.0f} B", "", f"per entity and view: {note}")
    return table


def _add_latency(table: Table, label: str, measured: Latencies) -> None:
    read, floor = measured.read, measured.floor
    note = f"{measured.ratio:.1f}x the bare MGET of the same {measured.keys} keys"
    table.add_row(f"online read, {label}", f"{read.p50:.2f} ms", f"{read.p99:.2f} ms", note)
    table.add_row("  the bare MGET", f"{floor.p50:.2f} ms", f"{floor.p99:.2f} ms", "", style="dim")


def _verdict_panel(outcome: Outcome) -> Panel:
    verdict = outcome.verdict
    judged = sum(panel.judged for panel in verdict.panels)
    if outcome.passed:
        text = f"{verdict.compared:,} values compared, 0 mismatches; the judge agrees on {judged:,} of them"
        return Panel(Text(text, style="bold green"), title="both panels are one picture", expand=False)
    reason = "values differ" if verdict.mismatches else "a hard case never occurred, so this proves nothing about it"
    text = f"{verdict.compared:,} values compared, {verdict.mismatches} mismatches: {reason}"
    return Panel(Text(text, style="bold red"), title="not proved", expand=False)


def _table(title: str, *columns: tuple[str, str]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 1))
    for header, justify in columns:
        table.add_column(header, justify="right" if justify == "right" else "left", header_style="dim")
    return table
