"""What declarations become: names, windows, inputs, reductions, finishes, services."""

import decimal
from datetime import datetime

import pytest

import diptych as dt
from diptych.ground.expression import Call, Column, Literal, Op
from diptych.ground.instants import DAY, HOUR, MINUTE, SECOND
from diptych.ground.values import Bool, Decimal, Enum, Float64, Int64, ListOf, String, Timestamp
from diptych.plan import nodes
from diptych.plan.nodes import Kind, Window
from diptych.plan.resolve import resolve
from diptych.plan.resolve_window import default_hop
from tests.plan.declared import AIRPORT, COLUMNS, PROJECT, planned, source, view


def feature(plan: nodes.View, name: str) -> nodes.Feature:
    return next(found for found in plan.features if found.name == name)


def reduction(plan: nodes.View, name: str) -> nodes.Reduction:
    """The reduction of a feature that is one reduction as it is."""
    finish = feature(plan, name).finish
    assert isinstance(finish, Column)
    return plan.reductions[int(finish.name[1:])]


def test_names_are_column_aggregate_window() -> None:
    plan = planned(
        dt.count(windows=["1h", "24h"]),
        dt.count(where="late", windows=["1h"], name="late"),
        dt.mean("arr_delay", windows=["7d"]),
        dt.recency(),
        dt.last("arr_delay"),
        dt.count(windows=["lifetime"], name="ever"),
        dt.last_n("carrier", n=5, windows=["24h"]),
    )
    assert [found.name for found in plan.features] == [
        "count_1h", "count_24h", "late_1h", "arr_delay_mean_7d", "recency", "arr_delay_last", "ever",
        "carrier_last_5_24h",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("length", "hop"),
    [
        (12 * SECOND - 1, None),
        (12 * SECOND, SECOND),
        (120 * SECOND - 1, SECOND),
        (120 * SECOND, 10 * SECOND),
        (12 * MINUTE, MINUTE),
        (HOUR, 5 * MINUTE),
        (12 * HOUR - 1, 5 * MINUTE),
        (12 * HOUR, HOUR),
        (12 * DAY - 1, HOUR),
        (12 * DAY, DAY),
        (365 * DAY, DAY),
    ],
)
def test_the_default_hop_is_the_largest_of_at_most_a_twelfth(length: int, hop: int | None) -> None:
    assert default_hop(length) == hop


def test_windows_hops_and_time_to_live() -> None:
    features = [dt.count(windows=["24h"]), dt.count(windows=["1h"], hop="15m", name="quarter")]
    features += [dt.count(windows=["1h"], hop="exact", name="exactly"), dt.last("arr_delay")]
    plan = planned(*features)
    assert reduction(plan, "count_24h").window == Window(DAY, HOUR)
    assert reduction(plan, "quarter_1h").window == Window(HOUR, 15 * MINUTE)
    assert reduction(plan, "exactly_1h").window == Window(HOUR, None)
    assert reduction(plan, "arr_delay_last").window == Window()
    bounded = planned(*features, ttl="30d")
    assert reduction(bounded, "arr_delay_last").window == Window(30 * DAY, DAY)
    assert bounded.ttl == 30 * DAY


def test_shared_parts_are_computed_once() -> None:
    most = dt.max("arr_delay + 0", windows=["1h"], name="m")
    plan = planned(dt.mean("arr_delay", windows=["1h"]), dt.sum("arr_delay", windows=["1h"]), most)
    assert len(plan.inputs) == 2
    assert sorted(found.kind for found in plan.reductions) == [Kind.COUNT, Kind.MAX, Kind.SUM]


def test_a_mean_is_float_of_sum_by_float_of_count_and_then_scaled() -> None:
    plan = planned(dt.mean("price", windows=["1h"]))
    finish = feature(plan, "price_mean_1h").finish
    assert isinstance(finish, Call)
    assert finish.op is Op.SHIFT
    assert finish.args[1] == Literal(2, Int64())
    quotient = finish.args[0]
    assert isinstance(quotient, Call)
    assert [quotient.op, *(part.op for part in quotient.args if isinstance(part, Call))] == [
        Op.DIV,
        Op.TO_FLOAT,
        Op.TO_FLOAT,
    ]


def test_the_deviation_of_decimals_is_shifted_before_the_root() -> None:
    finish = feature(planned(dt.std("price", windows=["1h"])), "price_std_1h").finish
    r0 = Column("r0", Float64())
    assert finish == Call(Op.SQRT, (Call(Op.SHIFT, (r0, Literal(4, Int64())), Float64()),), Float64())


def test_a_rate_is_a_share_of_the_known() -> None:
    plan = planned(dt.rate("late", windows=["1h"]))
    late = Column("late", Bool())
    known = Call(Op.NOT, (Call(Op.IS_NULL, (late,), Bool()),), Bool())
    assert plan.inputs == ()
    assert set(plan.conditions) == {late, known}
    assert {found.kind for found in plan.reductions} == {Kind.COUNT}
    assert feature(plan, "late_rate_1h").type == Float64()


def test_where_of_an_aggregate_and_of_its_reducers_are_both_asked() -> None:
    plan = planned(dt.rate("late", where="diverted", windows=["1h"]))
    assert all(isinstance(found, Call) and found.op is Op.AND for found in plan.conditions)


def test_recency_is_the_time_since_the_greatest_timestamp() -> None:
    plan = planned(dt.recency(), dt.since_first())
    assert plan.inputs == (Column("departed_at", Timestamp()),)
    finish = feature(plan, "recency").finish
    assert isinstance(finish, Call)
    assert finish.op is Op.SECONDS_BETWEEN
    assert finish.args[1] == Column("request_time", Timestamp())
    assert [found.kind for found in plan.reductions] == [Kind.MAX, Kind.MIN]


def test_the_time_of_an_event_may_stand_in_any_expression() -> None:
    hour = dt.function("hour", dt.event_time, "UTC")
    plan = planned(dt.count(where=hour < 6, windows=["7d"], name="night"))
    condition = plan.conditions[0]
    assert isinstance(condition, Call)
    assert isinstance(condition.args[0], Call)
    assert condition.args[0].args[0] == Column("departed_at", Timestamp())


def test_types_of_answers() -> None:
    plan = planned(
        dt.count("carrier", windows=["1h"]),
        dt.sum("price", windows=["1h"]),
        dt.max("landed_at", windows=["1h"]),
        dt.last("origin"),
        dt.last_n("carrier", n=2, windows=["1h"]),
        dt.var("speed", windows=["1h"]),
        dt.count_distinct("dest", windows=["1h"]),
    )
    assert [found.type for found in plan.features] == [
        Int64(), Decimal(2), Timestamp(), Enum("EWR", "JFK", "LGA"), ListOf(String(2), 2), Float64(), Int64(),
    ]  # fmt: skip
    assert [found.tolerance for found in plan.features] == [0.0, 0.0, 0.0, 0.0, 0.0, 1e-9, 0.0]


def test_a_float_sum_that_could_be_infinite_is_made_null_and_one_that_could_not_is_left_alone() -> None:
    plan = planned(dt.sum("speed", windows=["1h"]), dt.sum("hours", windows=["1h"]))
    free, bounded = feature(plan, "speed_sum_1h").finish, feature(plan, "hours_sum_1h").finish
    assert isinstance(free, Call)
    assert free.op is Op.FINITE
    assert isinstance(bounded, Column)


@pytest.mark.parametrize(
    ("aggregate", "default"),
    [
        (dt.max("arr_delay", windows=["1h"], default=3), 3),
        (dt.mean("arr_delay", windows=["1h"], default=3), 3.0),
        (dt.max("price", windows=["1h"], default=decimal.Decimal("1.5")), decimal.Decimal("1.50")),
        (dt.last("origin", default="JFK"), "JFK"),
        (dt.last("landed_at", default=datetime(1970, 1, 2)), DAY),
        (dt.last("diverted", default=False), False),
    ],
)
def test_defaults_become_values_of_the_type(aggregate: dt.Aggregate, default: object) -> None:
    found = planned(aggregate).features[0]
    assert found.default == default
    assert type(found.default) is type(default)


def test_a_default_stands_for_the_empty_window_also_of_what_is_never_null() -> None:
    plan = planned(dt.count(windows=["1h"], default=-1), dt.sum("price", windows=["1h"], default=7))
    assert all(isinstance(found.finish, Call) and found.finish.op is Op.CASE for found in plan.features)


def test_a_composed_aggregate_is_like_a_standard_one() -> None:
    reducers = {"total": dt.reduce.sum("arr_delay"), "n": dt.reduce.count("arr_delay")}
    own = planned(dt.aggregate("arr_delay_mean", reducers=reducers, finish="total / n", windows=["1h"]))
    assert own.fingerprint == planned(dt.mean("arr_delay", windows=["1h"])).fingerprint
    assert own.meaning == planned(dt.mean("arr_delay", windows=["1h"])).meaning


def test_the_order_of_text_is_typed_and_words_are_checked_only_for_equality() -> None:
    plan = planned(dt.count(where="origin < 'K' and departed_at >= '2013-01-01'", windows=["1h"]))
    first = plan.conditions[0]
    assert isinstance(first, Call)
    assert isinstance(first.args[1], Call)
    assert first.args[1].args[1] == Literal(1_356_998_400_000_000, Timestamp())


DELAY, PRICE, SPEED = Column("arr_delay", Int64()), Column("price", Decimal(2)), Column("speed", Float64())
CONVERTED = {
    "arr_delay > 1.5": (Call(Op.TO_FLOAT, (DELAY,), Float64()), Literal(1.5, Float64())),
    "price > 1.5": (PRICE, Literal(decimal.Decimal("1.50"), Decimal(2))),
    "speed > 1": (SPEED, Literal(1.0, Float64())),
    "arr_delay > 1": (DELAY, Literal(1, Int64())),
    "price > arr_delay": (PRICE, Call(Op.RESCALE, (DELAY, Literal(2, Int64())), Decimal(2))),
    "price > 1.505": (
        Call(Op.RESCALE, (PRICE, Literal(1, Int64())), Decimal(3)),
        Literal(decimal.Decimal("1.505"), Decimal(3)),
    ),
    "speed > price": (SPEED, Call(Op.SHIFT, (Call(Op.TO_FLOAT, (PRICE,), Float64()), Literal(2, Int64())), Float64())),
}  # fmt: skip


@pytest.mark.parametrize("text", CONVERTED)
def test_conversions_are_explicit(text: str) -> None:
    expected = Call(Op.GT, CONVERTED[text], Bool())
    assert planned(dt.count(where=text, windows=["1h"])).conditions == (expected,)


def test_a_source_and_its_door() -> None:
    registry = resolve([source(filter="late or diverted", lateness="7d", max_skew="5m")], PROJECT)
    found = registry.sources[0]
    assert [column.name for column in found.columns] == sorted(COLUMNS)
    assert (found.dedup_window, found.lateness, found.max_skew) == (DAY, 7 * DAY, 5 * MINUTE)
    assert found.derive[0][1].type == Bool()
    assert found.filter == Call(Op.OR, (Column("late", Bool()), Column("diverted", Bool())), Bool())


def test_a_table_without_time_has_lifetimes_only() -> None:
    table = dt.EventSource("planes", timestamp=None, columns={"airport": dt.String(3), "seats": dt.Int64()})
    plan = resolve(
        [dt.FeatureView("planes", entity=AIRPORT, source=table, features=[dt.last("seats")])], PROJECT
    ).views[0]
    assert plan.on == ("airport",)
    assert plan.reductions[0].window == Window()


def test_an_entity_without_keys_is_one_global_state() -> None:
    world = dt.Entity("world", keys={})
    assert planned(dt.count(windows=["1h"]), entity=world, on=None).on == ()


def test_a_service_with_roles_request_and_derived() -> None:
    traffic = view(dt.count(windows=["1h"]), dt.count(where="late", windows=["1h"], name="late"))
    service = dt.FeatureService(
        "model",
        version=3,
        features=[traffic, traffic["count_1h"].alias("dest_traffic", on={"airport": "dest"})],
        request={"distance": dt.Float64(ge=0, le=20_000)},
        derived={"share": "traffic.late_1h / dest_traffic.count_1h", "hour": "hour(request_time, 'America/New_York')"},
    )
    found = resolve([service], PROJECT).services[0]
    assert [(role.name, role.view, role.on) for role in found.roles] == [
        ("traffic", "traffic", ("airport",)),
        ("dest_traffic", "traffic", ("dest",)),
    ]
    assert [output.name for output in found.outputs] == [
        "traffic__count_1h",
        "traffic__late_1h",
        "dest_traffic__count_1h",
    ]
    assert [(derived.name, derived.type) for derived in found.derived] == [("share", Float64()), ("hour", Int64())]
    share = found.derived[0].expression
    assert isinstance(share, Call)
    assert share.args[1] == Call(Op.TO_FLOAT, (Column("dest_traffic__count_1h", Int64()),), Float64())
