"""``plan``, ``apply`` and ``rollback``: what would change, doing it, and going back."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from diptych.cli.output import confirm, out, progress, report, show_rejected
from diptych.cli.session import Session, instant_of, session_of

if TYPE_CHECKING:
    from diptych.operate.rollout.rollout import Applied, Pruned
    from diptych.operate.rollout.steps import Plan

_STYLES = {"+": "green", "-": "red", "~": "yellow", "·": "dim", ">": "cyan", "!": "bold magenta", " ": ""}

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def plan(context: typer.Context) -> None:
    """Show what applying the definitions would change. Changes nothing."""
    from diptych.operate.rollout.words import as_dict

    session = session_of(context)
    with session.store() as store:
        proposal = store.plan()
    data = {**as_dict(proposal.plan), "current": proposal.base, "staged": proposal.staged}
    report(session, data, lambda console: _show_plan(console, proposal.plan))


def apply(
    context: typer.Context,
    yes: Yes = False,
    cut: Annotated[str | None, typer.Option(help="Backfill what was known before this time; default: now.")] = None,
    prune: Annotated[bool, typer.Option("--prune", help="Then delete the state of versions not served.")] = False,
) -> None:
    """Publish the definitions: backfill what is new beside what is served, then switch."""
    from diptych.operate.rollout.words import as_dict

    session = session_of(context)
    instant = instant_of(cut, "--cut")
    with session.store() as store:
        proposal = store.plan()
        _show_and_confirm(session, proposal.plan, yes or proposal.plan.is_empty, "Apply this?")
        with progress() as watch:
            applied = store.apply(proposal, cut=instant, watch=watch)
        pruned = store.prune() if prune else None
    data = {"plan": as_dict(proposal.plan), "applied": _applied_dict(applied), "pruned": _pruned_dict(pruned)}
    report(session, data, lambda console: _show_applied(console, applied, pruned))


def rollback(
    context: typer.Context,
    to: Annotated[str | None, typer.Option(help="The beginning of a digest; default: the one before.")] = None,
    yes: Yes = False,
) -> None:
    """Serve an earlier manifest again. Its state has been kept up to date; nothing is backfilled."""
    from diptych.operate.rollout.words import as_dict

    session = session_of(context)
    with session.store() as store:
        proposal = store.plan_rollback(to)
        _show_and_confirm(session, proposal.plan, yes, f"Go back to {proposal.digest[:12]}?")
        store.rollback(proposal)
    data = {"plan": as_dict(proposal.plan), "current": proposal.digest, "replaced": proposal.base}
    report(session, data, lambda console: console.print(f"Serving {proposal.digest[:12]} again."))


def _show_and_confirm(session: Session, plan: "Plan", yes: bool, question: str) -> None:
    """Show the plan and ask, unless the answer was given."""
    if not session.json:
        _show_plan(out(), plan)
    confirm(session, yes, question)


def _show_plan(console: Console, plan: "Plan") -> None:
    from diptych.operate.rollout.words import lines

    for line in lines(plan):
        text = Text("    " * line.depth, overflow="fold")
        text.append(f"{line.mark} ", style=_STYLES[line.mark]).append(line.text, style=_STYLES[line.mark])
        console.print(text)


def _show_applied(console: Console, applied: "Applied", pruned: "Pruned | None") -> None:
    for view, filled in applied.filled:
        states = filled.seeded + filled.merged + filled.already
        console.print(f"Filled {view.name}: {filled.events:,} events into {states:,} states in {filled.seconds:.1f} s")
        show_rejected(console, filled.rejected)
    if applied.digest == applied.replaced:
        console.print(f"Serving {applied.digest[:12]}, as before.")
    else:
        console.print(f"Serving {applied.digest[:12]} now.")
    if pruned is not None:
        console.print(f"Pruned {len(pruned.versions)} versions: {pruned.keys:,} states deleted.")


def _applied_dict(applied: "Applied") -> dict[str, Any]:
    filled = [
        {"view": view.name, "fingerprint": view.fingerprint, **{name: getattr(done, name) for name in done.__slots__}}
        for view, done in applied.filled
    ]
    return {"current": applied.digest, "replaced": applied.replaced, "cut_us": applied.cut, "filled": filled}


def _pruned_dict(pruned: "Pruned | None") -> dict[str, Any] | None:
    return None if pruned is None else {"versions": [list(each) for each in pruned.versions], "keys": pruned.keys}
