"""The report as Markdown for a pull request: the verdict, what failed and how to see it again; the rest is folded.

What comes from data is written so that it can be neither markup nor a mention. The text stays below what a comment
may hold, however large the run: what does not fit is counted and left to the page.
"""

import re
from collections.abc import Iterable, Sequence

from diptych.check.findings import Checked, Example, Run
from diptych.check.report import features, overview, words
from diptych.check.report.features import Row

LIMIT = 65_536
"""Characters that a comment on GitHub may have; counted in bytes here, which is never fewer."""

_ROOM = 500
"""Bytes kept free for what says that something was left out."""

_MARKS = {"agree": "✅", "allowed": "⚠️", "refused": "❌", "nothing": "⚠️"}
_WRONG, _FAILURES = 30, 20
_PLAIN = rf"\w\s.,:;/=%()'?\"…·{words.MINUS}{words.NONE}{words.TIMES}"
_MARKUP = re.compile(rf"(?<![^\W_])_+|_+(?![^\W_])|(?<!\w)-+|-+(?!\w)|[^{_PLAIN}_-]")
_LINKED = re.compile(r":(?=/)|(?<=www)\.", re.IGNORECASE)

Cells = Sequence[str]


def markdown(run: Run) -> str:
    """The text; ends with a line break."""
    rows = features.rows(run)
    verdict = overview.verdict(run)
    text = _Text()
    project = f"{_safe(run.project)} · {_safe(run.environment)}"
    text.add(f"## {_MARKS[verdict.state]} Parity: {verdict.sentence}\n\n**{verdict.line}** — {project}\n")
    text.add(_failures(run.failures))
    wrong = [row for row in rows if row.wrong]
    text.table(_WRONG_HEAD, [_wrong_row(row) for row in wrong], most=_WRONG)
    if verdict.state != "agree":
        text.add(f"Run it again:\n\n```sh\n{overview.AGAIN}\n```\n")
    _examples(text, run)
    for check in [check for row in wrong for check in row.failed_checks]:
        text.folded(_check_title(check), _fenced(check.code or check.failure, "python"))
    text.folded("What was run, and how hard it was", _hardness(run))
    everything = f"Everything that was compared or checked ({words.count(len(rows))})"
    text.folded_table(everything, _ALL_HEAD, [_all_row(row) for row in rows])
    return text.finished()


class _Text:
    """A text that takes no more than there is room for, and counts what it left out."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._size = 0
        self._left = 0

    def add(self, part: str) -> bool:
        """Take one part with an empty line behind it; whether it still fitted."""
        size = len(part.encode()) + 1
        if part and self._size + size > LIMIT - _ROOM:
            self._left += 1
            return False
        if part:
            self._parts.append(part)
            self._size += size
        return True

    def table(self, head: Cells, rows: Sequence[Cells], most: int) -> None:
        """A table of the first rows, as many as fit."""
        if rows:
            self.add(self._fitting(head, rows[:most], len(rows)))

    def folded(self, title: str, said: str) -> None:
        """A part that opens on a click."""
        self.add(f"<details><summary>{title}</summary>\n\n{said}\n</details>\n")

    def folded_table(self, title: str, head: Cells, rows: Sequence[Cells]) -> None:
        """A table of as many rows as fit, that opens on a click."""
        if rows:
            said = self._fitting(head, rows, len(rows))
            self.add(f"<details><summary>{title}</summary>\n\n{said}\n</details>\n")

    def _fitting(self, head: Cells, rows: Sequence[Cells], total: int) -> str:
        lines = [_line(head), _line(["---", *("---:" for _ in head[1:])])]
        room = LIMIT - _ROOM - self._size - 200 - sum(len(line.encode()) + 1 for line in lines)
        taken = 0
        for row in rows:
            line = _line(row)
            room -= len(line.encode()) + 1
            if room < 0:
                break
            lines.append(line)
            taken += 1
        rest = f"\nand {words.count(total - taken)} more, in the HTML report.\n" if taken < total else ""
        return "\n".join(lines) + "\n" + rest

    def finished(self) -> str:
        """The whole text."""
        left = f"\n_{words.counted(self._left, 'part')} did not fit here; the HTML report has them._\n"
        return "\n".join(self._parts) + (left if self._left else "")


_WRONG_HEAD = ("Feature", "Compared", "Mismatches", "Causes", "Null on one side", "Largest error", "Checks")
_ALL_HEAD = ("Feature", "Compared", "Mismatches", "Checks")


def _wrong_row(row: Row) -> Cells:
    null = sum(row.nulls)
    numbers = row.causes
    causes = ", ".join(f"{c.value} {words.count(numbers[c])}" if c in numbers else c.value for c in row.every_cause)
    return (
        _code(_name(row)),
        words.count(row.compared),
        words.count(row.mismatches),
        causes or words.NONE,
        words.count(null),
        _safe(words.number(row.largest_error)),
        _checks(row),
    )


def _all_row(row: Row) -> Cells:
    return _code(_name(row)), words.count(row.compared), words.count(row.mismatches), _checks(row)


def _checks(row: Row) -> str:
    failed = row.failed_checks
    if failed:
        return "failed: " + ", ".join(f"{_safe(check.kind)} on {_safe(check.target)}" for check in failed[:6])
    cases = sum(sum(cell.cases.values()) for cell in row.cells.values())
    return words.counted(cases, "case") if cases else words.NONE


def _name(row: Row) -> str:
    return f"{row.group}:{row.name}" if row.name else row.group


def _failures(failures: Sequence[str]) -> str:
    shown = "".join(f"- {_safe(words.shortened(failure, 500))}\n" for failure in failures[:_FAILURES])
    rest = len(failures) - _FAILURES
    return shown + (f"- and {words.count(rest)} more\n" if rest > 0 else "")


def _examples(text: _Text, run: Run) -> None:
    seen = set()
    for example in (example for findings in run.findings for example in findings.examples):
        if example.cause not in seen:
            seen.add(example.cause)
            text.folded(_example_title(example), _fenced(example.code, "python"))


def _example_title(example: Example) -> str:
    size = words.counted(example.rows, "row")
    return f"Smallest example: {example.cause.value}, {_code(example.output)}, {size}"


def _check_title(check: Checked) -> str:
    name = f"{check.view}:{check.feature}" if check.feature else check.view
    return f"Failed: {_safe(check.kind)} of {_code(name)} on {_safe(check.target)}"


def _hardness(run: Run) -> str:
    lines = [f"- **{name}**: {_safe(said)}" for name, said in overview.ran(run)]
    for findings in run.findings:
        kind = overview.KINDS.get(findings.kind, findings.kind)
        lines.append(
            f"- **{_safe(kind)} {_safe(findings.name)}**: {words.counted(findings.compared, 'value')} compared, "
            f"{words.counted(findings.mismatches, 'mismatch', 'mismatches')}"
        )
        lines += [f"  - {words.share(m.share)} {_safe(m.name)}" for m in overview.meters(findings)]
        lines += [f"  - {overview.sampled(s)}" for s in findings.sampling[:1] if len(findings.sampling) == 1]
        lines += [f"  - {said}" for said in overview.detectable(findings.sampling)]
    return "\n".join(lines) + "\n"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _safe(text: str) -> str:
    """Text that is only read: no markup, no link, and no mention of a person or an issue."""
    return _escaped(text).replace("&#64;", "&#64;&#8288;").replace("&#35;", "&#35;&#8288;")


def _code(text: str) -> str:
    """Text as code, in which nothing is ever a mention."""
    return f"<code>{_escaped(text)}</code>"


def _escaped(text: str) -> str:
    """Every mark that could be markup written as its number; underscores and hyphens inside a word cannot."""
    flat = " ".join(text.split())
    return _LINKED.sub(_numbered, _MARKUP.sub(_numbered, flat))


def _numbered(found: re.Match[str]) -> str:
    return "".join(f"&#{ord(mark)};" for mark in found[0])


def _fenced(code: str, language: str) -> str:
    """A block of code with a fence longer than any in it."""
    longest, run = 2, 0
    for mark in code:
        run = run + 1 if mark == "`" else 0
        longest = max(longest, run)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{code.rstrip()}\n{fence}\n"
