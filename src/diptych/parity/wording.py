"""Failures in words: which feature, which side is wrong, what each said, and why."""

from collections.abc import Sequence

from diptych.check.findings import Cause, Findings, Mismatch
from diptych.ground.instants import moment
from diptych.plan.nodes import View
from diptych.testing.boundaries import Failure
from diptych.testing.owned import Found
from diptych.testing.paste import pasted

SHOWN = 3
"""Examples that a failure shows."""


def refused(findings: Findings, reasons: Sequence[str]) -> str:
    """The text of a comparison that the gate does not let through; its first line says the most."""
    first, *more = sorted(reasons, key=lambda reason: Cause.UNEXPLAINED.value in reason)  # what is known comes first
    lines = [first, *more[:SHOWN]]
    if len(more) > SHOWN:
        lines.append(f"... and {len(more) - SHOWN} more")
    shown = [mismatch for output in findings.outputs for mismatch in output.examples[:SHOWN]]
    for mismatch in sorted(shown, key=lambda each: each.cause)[:SHOWN]:
        lines += ["", *example(mismatch, findings.sides)]
    for each in findings.examples[:1]:
        rows = _counted(each.rows, "row")
        lines += ["", f"The smallest history that shows it ({rows}), as a test to paste:", "", each.code]
    return "\n".join(lines)


def example(mismatch: Mismatch, sides: tuple[str, str]) -> list[str]:
    """One question, and what each side said to it."""
    name = f"{mismatch.view}:{mismatch.feature}" if mismatch.view else mismatch.output
    key = ", ".join(f"{part}={value!r}" for part, value in mismatch.key.items()) or "the one entity"
    wrong = {"offline": sides[0], "online": sides[1], "both": f"{sides[0]} and {sides[1]}"}.get(mismatch.wrong)
    lines = [f"{name} of {key} at {spoken(mismatch.at)}"]
    width = max(map(len, sides))
    lines += [
        f"  {side:<{width}}  {value!r}{'' if status is None else f' ({status})'}"
        for side, value, status in (
            (sides[0], mismatch.offline, mismatch.offline_status),
            (sides[1], mismatch.online, mismatch.online_status),
        )
    ]
    if wrong:
        lines.append(f"  the judge says that {wrong} {'are' if mismatch.wrong == 'both' else 'is'} wrong")
    return [*lines, f"  cause: {mismatch.cause.value}{f', {mismatch.detail}' if mismatch.detail else ''}"]


def spoken(at: int) -> str:
    """An instant as people read it."""
    return moment(at).isoformat().replace("+00:00", "Z")


def missed(view: View, feature: str, target: str, failures: Sequence[Failure]) -> str:
    """The text of boundary cases that a target got wrong: the rule, the rows, and what was said."""
    count = len(failures)
    first = failures[0]
    lines = [
        f"{view.name}:{feature} on {target}: {_counted(count, 'boundary case')} wrong, first: {first.case.name}",
        f"  the rule: {first.case.rule}",
    ]
    if first.difference is None:
        lines.append(f"  {target} raised {first.error}")
    else:
        asked = first.difference.question
        key = ", ".join(f"{part.name}={value!r}" for part, value in zip(view.entity.keys, asked.key, strict=True))
        lines.append(f"  {key or 'the one entity'} at {spoken(asked.t)} ({asked.t})")
        width = max(len(target), len("the judge"))
        lines.append(f"    {target:<{width}}  {first.difference.got!r}")
        lines.append(f"    {'the judge':<{width}}  {first.difference.expected!r}")
    lines += [f"  also wrong: {failure.case.name}" for failure in failures[1 : 1 + SHOWN]]
    if count > 1 + SHOWN:
        lines.append(f"  ... and {count - 1 - SHOWN} more")
    return "\n".join(lines)


def found_by_search(view: View, target: str, found: Sequence[Found]) -> tuple[str, str]:
    """The text of what a search found, and the test to paste."""
    first = found[0]
    feature = next(feature for feature in view.features if feature.name == first.feature)
    key = ", ".join(f"{part.name}={value!r}" for part, value in zip(view.entity.keys, first.question.key, strict=True))
    said = f"raised {first.error}" if first.error else f"answers {first.got!r}, the judge {first.expected!r}"
    lines = [
        f"{view.name}:{first.feature} on {target}: {said}",
        f"  of {key or 'the one entity'} at {spoken(first.question.t)}, over {_counted(len(first.history), 'row')}",
    ]
    lines += [f"  also wrong: {each.feature}" for each in found[1:]]
    code = pasted(view, feature.name, first.history, first.question, first.expected, target, lines[0])
    return "\n".join(lines), code


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
