"""Skews of order: ties, lists, first and last."""

import re
from dataclasses import replace

from diptych.check.findings import Cause
from diptych.plan.nodes import Kind, Reduction, View
from tests.power.faults.fault import fault, kernel, offline_sql, offline_text, online_view, with_reductions

TIE = {Cause.TIE}
OTHER = {Cause.OTHER_DEFINITION}


def _first_for_last(_: View, reduction: Reduction) -> Reduction:
    return replace(reduction, kind=Kind.FIRST) if reduction.kind is Kind.LAST else reduction


def _one_short(_: View, reduction: Reduction) -> Reduction:
    return replace(reduction, n=reduction.n - 1) if reduction.kind is Kind.LATEST else reduction


def _with_arrival(sql: str) -> str:
    """The statement with each event's arrival among what is seen."""
    return sql.replace(
        '"events"."entity",\n    "events"."ts",', '"events"."entity",\n    "events"."known_at",\n    "events"."ts",', 1
    )


def _tie_by_arrival(sql: str) -> str:
    found = _with_arrival(sql)
    return found.replace("""{'ts': "seen"."ts", 'value'""", """{'ts': "seen"."ts", 'tie': "seen"."known_at", 'value'""")


def _list_by_arrival(sql: str) -> str:
    pair = r"""\{'ts': "seen"."ts", ('value': "seen"."x\d+"\} END, \d+\))"""
    return re.sub(pair, r"""{'ts': "seen"."known_at", \1""", _with_arrival(sql))


FAULTS = (
    fault(
        "tie by arrival in SQL", "offline", "`order by event_time, loaded_at`: of two at once the later loaded is last.",
        TIE, offline_text(_tie_by_arrival),
    ),
    fault(
        "tie by arrival in the read loop", "online", "`last` overwrites only with what is later, so of two at once the "
        "one that came first stays.", TIE,
        kernel("accumulate", "order = compare_between(words, value, acc, at + 2, size)", "order = 0"), slow=True,
    ),
    fault(
        "the smaller value wins a tie", "offline", "`order by event_time, value desc` in one of two queries.", TIE,
        offline_sql(r"""\{'ts': "seen"."ts", 'value': "seen"."x(\d+)"\} END\)""",
                    r"""{'ts': "seen"."ts", 'tie': -ORD(CAST("seen"."x\1" AS VARCHAR)), 'value': "seen"."x\1"} END)"""),
        shows="shop_sales",
    ),
    fault(
        "first for last", "online", "A sort order is turned round when the query is ported.", OTHER,
        online_view(with_reductions(_first_for_last)),
        shows="customer_visits",
    ),
    fault(
        "list in arrival order", "offline", "The list is collected in the order in which rows were loaded.",
        TIE | {Cause.LATE_EVENT}, offline_text(_list_by_arrival),
    ),
    fault(
        "list newest first", "offline", "`array_agg(... order by event_time desc)`: nobody turns it round.",
        TIE | OTHER, offline_sql(r'LIST_REVERSE\(("found_\w+"\."\w+")\)', r"\1"),
    ),
    fault(
        "list one short", "online", "`range(1, n)`: serving keeps one value less.", OTHER,
        online_view(with_reductions(_one_short)),
    ),
)  # fmt: skip
