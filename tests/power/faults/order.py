"""Skews of order: ties, lists, first and last."""

from contextlib import AbstractContextManager
from dataclasses import replace

from sqlglot import exp

from diptych.check.findings import Cause
from diptych.compile.sql.dialects.duckdb import DuckDB
from diptych.compile.sql.tree import call, column, integer
from diptych.plan.nodes import Kind, Reduction, View
from tests.power.faults.fault import fault, kernel, offline_sql, online_view, swapped, with_reductions

TIE = {Cause.TIE}
OTHER = {Cause.OTHER_DEFINITION}


def _first_for_last(_: View, reduction: Reduction) -> Reduction:
    return replace(reduction, kind=Kind.FIRST) if reduction.kind is Kind.LAST else reduction


def _one_short(_: View, reduction: Reduction) -> Reduction:
    return replace(reduction, n=reduction.n - 1) if reduction.kind is Kind.LATEST else reduction


def _by_arrival() -> AbstractContextManager[None]:
    """Lists are cut and ordered by the rank at which an event is first seen."""

    def newest(self: DuckDB, pairs: exp.Expression, n: int) -> exp.Expression:
        return call(
            "MAX",
            pairs.transform(lambda node: column("seen", "first") if node == column("seen", "ts") else node),
            integer(n),
        )

    return swapped(DuckDB, "newest", newest)


FAULTS = (
    fault(
        "tie by arrival in SQL", "offline", "`order by event_time, loaded_at`: of two at once the later loaded is last.",
        TIE, offline_sql(r"""\{'ts': "seen"."ts", 'value'""", """{'ts': "seen"."ts", 'tie': "seen"."first", 'value'"""),
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
        shows="till_sales",
    ),
    fault(
        "first for last", "online", "A sort order is turned round when the query is ported.", OTHER,
        online_view(with_reductions(_first_for_last)),
        shows="customer_visits",
    ),
    fault(
        "list in arrival order", "offline", "The list is collected in the order in which rows were loaded.",
        TIE | {Cause.LATE_EVENT}, _by_arrival,
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
