"""Every kind of mistake by name: what it says, what exists, what to do; and all of them at once."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import diptych as dt
from diptych.declare.mistakes import RegistryError
from diptych.declare.project import Environment, Project, SourceLocation
from diptych.plan.resolve import resolve
from tests.plan.declared import AIRPORT, COLUMNS, PROJECT, mistakes, source, view

DAY = ["24h"]


def service(*features: Any, **changes: Any) -> dt.FeatureService:
    return dt.FeatureService("model", features=list(features), **changes)


TRAFFIC = view(dt.count(windows=DAY), dt.last_n("carrier", n=3, windows=DAY), dt.sum("arr_delay", windows=DAY))

FEATURES: dict[str, tuple[dt.Aggregate, str, str]] = {
    "unknown column": (
        dt.mean("arr_dealy", windows=DAY),
        "input of 'arr_dealy_mean' of view 'traffic' 'arr_dealy': unknown column 'arr_dealy' of source 'flights'",
        "did you mean 'arr_delay'?",
    ),
    "unknown columns together": (
        dt.count(where="foo > bar", windows=DAY),
        "unknown columns 'bar', 'foo' of source 'flights'",
        "",
    ),
    "unknown function": (
        dt.count(where="flor(speed) > 1", windows=DAY),
        "where of 'count' of view 'traffic' 'flor(speed) > 1': function 'flor' is not supported",
        "",
    ),
    "unreadable": (dt.count(where="speed >", windows=DAY), "cannot be read", "what loads"),
    "no condition": (
        dt.count(where="arr_delay", windows=DAY),
        "must be a condition (Bool), not Int64",
        "compare: x > 0",
    ),
    "types that do not meet": (
        dt.count(where="arr_delay > carrier", windows=DAY),
        "gt: Int64 and String(2) do not go together",
        "",
    ),
    "number beside text": (dt.count(where="carrier = 3", windows=DAY), "eq: String(2) and 3 do not go together", ""),
    "bool as number": (dt.sum("late", windows=DAY), "sum takes Int64, Decimal, Float64, not Bool", "count(where="),
    "minimum of text": (dt.min("carrier", windows=DAY), "min takes Int64, Decimal, Float64, Timestamp", ""),
    "arithmetic on text": (dt.sum("carrier + 1", windows=DAY, name="x"), "add needs Int64 or Float64 or Decimal", ""),
    "arithmetic on times": (
        dt.sum("landed_at - departed_at", windows=DAY, name="x"),
        "sub needs Int64 or Float64 or Decimal, not Timestamp",
        "seconds_between(start, end)",
    ),
    "word outside the vocabulary": (
        dt.count(where="origin = 'JFX'", windows=DAY),
        "'JFX' is not in the vocabulary of 'origin'",
        "did you mean 'JFK'?",
    ),
    "word in a list outside the vocabulary": (
        dt.count(where="origin in ('JFK', 'SFO')", windows=DAY),
        "'SFO' is not in the vocabulary of 'origin'",
        "",
    ),
    "word that is too long": (
        dt.count(where="carrier = 'Delta'", windows=DAY),
        "'Delta' can never equal 'carrier', which has at most 2 bytes",
        "",
    ),
    "comparison with null": (dt.count(where="arr_delay = null", windows=DAY), "is never true", "write: x is null"),
    "ln in a row": (dt.sum("ln(hours)", windows=DAY, name="x"), "ln cannot be used here", "derived features"),
    "unknown zone": (
        dt.count(where="hour(departed_at, 'America/NewYork') > 3", windows=DAY),
        "unknown time zone 'America/NewYork'",
        "did you mean 'America/New_York'?",
    ),
    "overflow": (
        dt.sum("anything + 1", windows=DAY, name="x"),
        "add: the result could be anything from -9223372036854775807 to 9223372036854775808, which leaves 64 bits",
        "declare ge and le",
    ),
    "overflow of minus": (dt.sum("-anything", windows=DAY, name="x"), "neg: the result could be", "declare ge and le"),
    "overflow of a finish": (
        dt.aggregate(
            "spread",
            reducers={"hi": dt.reduce.max("anything"), "lo": dt.reduce.min("anything")},
            finish="hi - lo",
            windows=DAY,
        ),
        "finish of 'spread' of view 'traffic' 'hi - lo': sub: the result could be",
        "declare ge and le",
    ),
    "literal beyond 64 bits": (
        dt.count(where="arr_delay > 9223372036854775808", windows=DAY),
        "9223372036854775808 does not fit into 64 bits",
        "",
    ),
    "deviation without a range": (
        dt.std("anything", windows=DAY),
        "std and var of whole numbers and decimals need a range within 2^53",
        "declare ge and le",
    ),
    "no windows": (dt.mean("arr_delay"), "'arr_delay_mean' of view 'traffic' has no windows", 'windows=["1h", "24h"]'),
    "window that cannot be read": (dt.count(windows=["1 day"]), "cannot read '1 day' as a duration", ""),
    "window of nothing": (dt.count(windows=["0s"]), "a duration must be positive", ""),
    "window longer than time": (dt.count(windows=["9999999d"]), "is longer than all of time", 'write "lifetime"'),
    "window not longer than its hop": (
        dt.count(windows=["1h"], hop="1h"),
        "window 1h of 'count' of view 'traffic' is not longer than its hop 1h",
        'hop="exact"',
    ),
    "unused hop": (dt.last("arr_delay", hop="1h"), "hop of 'arr_delay_last' of view 'traffic' is unused", ""),
    "hop that cannot be read": (dt.count(windows=DAY, hop="hourly"), "hop of 'count' of view 'traffic'", ""),
    "input without a name": (dt.mean("arr_delay / 60", windows=DAY), "has no name", 'name="..."'),
    "name with the separator": (
        dt.count(windows=DAY, name="a__b"),
        "feature of view 'traffic' has a name that cannot be used: 'a__b_24h'",
        "single underscores",
    ),
    "default of another type": (
        dt.max("arr_delay", windows=DAY, default=1.5),
        "default of 'arr_delay_max' of view 'traffic': 1.5 is not a value of Int64",
        "",
    ),
    "default outside the vocabulary": (dt.last("origin", default="SFO"), "'SFO' is not a value of Enum(", ""),
    "default of a list": (
        dt.last_n("carrier", n=3, windows=DAY, default="x"),
        "has a default, but a list is never null",
        "empty list",
    ),
    "list that is too long": (dt.last_n("carrier", n=0, windows=DAY), "n must be from 1 to 1024, not 0", ""),
    "tolerance below zero": (dt.sum("speed", windows=DAY, tolerance=-1.0), "must be a number from 0, not -1.0", ""),
    "finish over an unknown reducer": (
        dt.aggregate("s", reducers={"hi": dt.reduce.max("arr_delay")}, finish="high + 1", windows=DAY),
        "unknown reducer 'high' of 's' of view 'traffic'",
        "",
    ),
    "finish that computes with a list": (
        dt.aggregate("s", reducers={"x": dt.reduce.latest("arr_delay", 3)}, finish="x + 1", windows=DAY),
        "computes with a list",
        "a list is an answer by itself",
    ),
    "no reducers": (dt.aggregate("s", reducers={}, finish="1", windows=DAY), "has no reducers", ""),
    "reserved reducer": (
        dt.aggregate("s", reducers={"request_time": dt.reduce.count()}, finish="request_time", windows=DAY),
        "reserved name 'request_time'",
        "",
    ),
    "expression too large": (
        dt.sum("greatest(" * 8 + "hours" + ", 1.0, 2.0)" * 8, windows=DAY, name="x"),
        "is larger than 2000 operations or deeper than 100",
        "derive",
    ),
    "expression too deep": (dt.sum("-(" * 5000 + "hours" + ")" * 5000, windows=DAY, name="x"), "deep", ""),
    "scale too large": (
        dt.sum("price * 1.00000000000000001", windows=DAY, name="x"),
        "the product needs 19 digits after the point; 18 is the most",
        "cast",
    ),
}


@pytest.mark.parametrize("name", FEATURES)
def test_mistakes_in_features(name: str) -> None:
    feature, what, hint = FEATURES[name]
    found = mistakes([view(feature)])
    assert len(found) == 1
    assert what in found[0].what
    assert hint in found[0].hint
    assert re.fullmatch(rf"{re.escape(__file__)}:\d+", found[0].where)


SOURCES: dict[str, tuple[dict[str, Any], str]] = {
    "timestamp missing": (
        {"timestamp": "departd_at"},
        "timestamp of source 'flights' is an unknown column 'departd_at'",
    ),
    "known_at missing": ({"known_at": "landed"}, "known_at of source 'flights' is an unknown column 'landed'"),
    "event_id missing": ({"event_id": "id"}, "event_id of source 'flights' is an unknown column 'id'"),
    "timestamp of another type": (
        {"timestamp": "arr_delay"},
        "timestamp 'arr_delay' of source 'flights' must be a Timestamp, not Int64",
    ),
    "known_at of another type": ({"known_at": "carrier"}, "known_at 'carrier' of source 'flights' must be a Timestamp"),
    "event_id of another type": ({"event_id": "speed"}, "event_id 'speed' of source 'flights' must be Int64 or String"),
    "dedup window": ({"dedup_window": "soon"}, "dedup_window of source 'flights': cannot read 'soon'"),
    "lateness": ({"lateness": "1x"}, "lateness of source 'flights': cannot read '1x'"),
    "derived over an unknown column": (
        {"derive": {"late": "arr_dly > 15"}},
        "derived column 'late' of source 'flights' 'arr_dly > 15': unknown column 'arr_dly'",
    ),
    "derived with a taken name": ({"derive": {"dest": "1"}}, "has the name of another column"),
    "derived before it is there": ({"derive": {"a": "b", "b": "arr_delay"}}, "unknown column 'b' of source 'flights'"),
    "filter": ({"filter": "arr_delay"}, "filter of source 'flights' 'arr_delay': must be a condition"),
    "empty range": ({"columns": COLUMNS | {"x": dt.Int64(ge=2, le=1)}}, "nothing is between ge=2 and le=1"),
    "range of another type": ({"columns": COLUMNS | {"x": dt.Int64(ge=0.5)}}, "ge=0.5 is not a value of Int64"),  # type: ignore[arg-type]
    "range beyond 64 bits": ({"columns": COLUMNS | {"x": dt.Int64(le=2**63)}}, "the range leaves 64 bits"),
    "scale": ({"columns": COLUMNS | {"x": dt.Decimal(19)}}, "a Decimal has 0 to 18 digits after the point, not 19"),
    "text of no length": ({"columns": COLUMNS | {"x": dt.String(0)}}, "a String has 1 to 1024 bytes, not 0"),
    "empty vocabulary": ({"columns": COLUMNS | {"x": dt.Enum()}}, "an Enum needs at least one value"),
    "repeated word": ({"columns": COLUMNS | {"x": dt.Enum("a", "a")}}, "a word of the Enum is repeated"),
    "reserved column": (
        {"columns": COLUMNS | {"request_time": dt.Int64()}},
        "column 'request_time' of source 'flights' has a name that cannot be used",
    ),
}


@pytest.mark.parametrize("name", SOURCES)
def test_mistakes_in_sources(name: str) -> None:
    changes, what = SOURCES[name]
    found = mistakes([source(**changes)])
    assert len(found) == 1
    assert what in found[0].what


def test_known_at_without_timestamp() -> None:
    table = dt.EventSource("planes", timestamp=None, known_at="at", columns={"at": dt.Timestamp()})
    assert "known_at of source 'planes' means nothing without a timestamp" in mistakes([table])[0].what


def test_a_bounded_window_over_a_table_without_time() -> None:
    table = dt.EventSource("planes", timestamp=None, columns={"airport": dt.String(3), "seats": dt.Int64()})
    features = [dt.count(windows=["24h"]), dt.recency()]
    found = mistakes([dt.FeatureView("planes", entity=AIRPORT, source=table, features=features)])
    assert ["bounded window" in found[0].what, "needs the time of events" in found[1].what] == [True, True]


VIEWS: dict[str, tuple[dict[str, Any], str, str]] = {
    "on with an unknown key": (
        {"on": {"airprt": "origin"}},
        "on of view 'traffic': 'airprt' is no key of entity 'airport'",
        "did you mean 'airport'?",
    ),
    "on without a key": ({"on": {}}, "on of view 'traffic' does not say which column holds key 'airport'", ""),
    "on with an unknown column": (
        {"on": {"airport": "orgin"}},
        "key 'airport' of view 'traffic' is an unknown column 'orgin' of source 'flights'",
        "did you mean 'origin'?",
    ),
    "no on, no column": ({"on": None}, "key 'airport' of view 'traffic' is an unknown column 'airport'", ""),
    "key of another type": ({"on": {"airport": "arr_delay"}}, "it is Int64, the key String(3)", ""),
    "key that is too long": ({"on": {"airport": "flight_id"}}, "it has up to 16 bytes, the key 3", ""),
    "time to live": ({"ttl": "forever"}, "ttl of view 'traffic': cannot read 'forever'", ""),
    "freshness": ({"freshness": timedelta(0)}, "freshness of view 'traffic': a duration must be positive", ""),
    "name": ({"name": "my__view"}, "view 'my__view' has a name that cannot be used", "single underscores"),
}


@pytest.mark.parametrize("name", VIEWS)
def test_mistakes_in_views(name: str) -> None:
    changes, what, hint = VIEWS[name]
    options: dict[str, Any] = {"name": "traffic", "entity": AIRPORT, "source": source(), "on": {"airport": "origin"}}
    found = mistakes([dt.FeatureView(features=[dt.count(windows=DAY)], **(options | changes))])
    assert any(what in mistake.what and hint in mistake.hint for mistake in found)


def test_two_features_of_one_name() -> None:
    found = mistakes([view(dt.count(windows=DAY), dt.count(where="late", windows=DAY))])
    assert found[0].what == "view 'traffic' has two features 'count_24h'"


def test_hops_that_do_not_divide() -> None:
    found = mistakes([view(dt.count(windows=["1h"], hop="4m"), dt.mean("speed", windows=["1h"], hop="6m"))])
    assert found[0].what == "view 'traffic' has hops 4m and 6m, which do not divide"


@pytest.mark.parametrize("type_", [dt.Float64(), dt.Decimal(2)])
def test_keys_that_are_no_keys(type_: Any) -> None:
    found = mistakes([dt.Entity("e", keys={"k": type_})])
    assert "key 'k' of entity 'e' cannot be" in found[0].what


def test_reserved_names_of_keys() -> None:
    found = mistakes([dt.Entity("e", keys={"event_timestamp": dt.Timestamp()})])
    assert "has a reserved name: 'event_timestamp'" in found[0].what


SERVICES: dict[str, tuple[dt.FeatureService, str, str]] = {
    "unknown feature": (
        service(TRAFFIC["count_24", "count_24h"]),
        "'traffic' of service 'model': view 'traffic' has no feature 'count_24'",
        "did you mean 'count_24h'?",
    ),
    "feature twice": (service(TRAFFIC["count_24h", "count_24h"]), "selects 'count_24h' twice", ""),
    "view twice": (service(TRAFFIC, TRAFFIC["count_24h"]), "service 'model' uses 'traffic' twice", ".alias("),
    "alias with an unknown key": (
        service(TRAFFIC.alias("dest", on={"airprt": "dest"})),
        "on of 'dest' of service 'model': 'airprt' is no key of entity 'airport'",
        "did you mean 'airport'?",
    ),
    "alias with a bad name": (service(TRAFFIC.alias("a__b")), "has a name that cannot be used: 'a__b'", ""),
    "no features": (service(), "service 'model' has no features", ""),
    "version": (service(TRAFFIC, version=0), "version of service 'model' must be a whole number from 1, not 0", ""),
    "derived over an unknown feature": (
        service(TRAFFIC, derived={"x": "traffic.count_42h + 1"}),
        "derived feature 'x' of service 'model' 'traffic.count_42h + 1': unknown input 'traffic.count_42h'",
        "did you mean 'traffic.count_24h'?",
    ),
    "derived over a feature not asked for": (
        service(TRAFFIC["count_24h"], derived={"x": "traffic.arr_delay_sum_24h"}),
        "unknown input 'traffic.arr_delay_sum_24h'",
        "",
    ),
    "derived over a list": (
        service(TRAFFIC, derived={"x": "traffic.carrier_last_3_24h"}),
        "unknown input 'traffic.carrier_last_3_24h'",
        "",
    ),
    "derived overflow": (
        service(TRAFFIC, derived={"x": "traffic.arr_delay_sum_24h + 1"}),
        "add: the result could be anything",
        "cast(x as double)",
    ),
    "derived of a reserved name": (service(TRAFFIC, derived={"request_time": "1"}), "has a reserved name", ""),
    "derived and request": (
        service(TRAFFIC, request={"x": dt.Int64()}, derived={"x": "1"}),
        "service 'model' has a request input and a derived feature 'x'",
        "another name",
    ),
    "request and key of another type": (
        service(TRAFFIC, request={"airport": dt.Int64()}),
        "request input 'airport' of service 'model' is Int64, and a key of that name is String(3)",
        "another name",
    ),
    "reserved request": (service(TRAFFIC, request={"event_timestamp": dt.Timestamp()}), "has a reserved name", ""),
}


@pytest.mark.parametrize("name", SERVICES)
def test_mistakes_in_services(name: str) -> None:
    declared, what, hint = SERVICES[name]
    found = mistakes([declared])
    assert len(found) == 1
    assert what in found[0].what
    assert hint in found[0].hint


def test_two_declarations_of_one_name_that_differ() -> None:
    found = mistakes([dt.Entity("e", keys={"k": dt.Int64()}), dt.Entity("e", keys={"k": dt.String(3)})])
    assert found[0].what.startswith("two entities named 'e' differ: the other one is at ")


def test_two_services_of_one_version_that_differ() -> None:
    found = mistakes([service(TRAFFIC), service(TRAFFIC["count_24h"])])
    assert "two services named 'model' with version 1 differ" in found[0].what


def test_the_same_declaration_twice_is_no_mistake() -> None:
    registry = resolve([TRAFFIC, TRAFFIC, AIRPORT, service(TRAFFIC), service(TRAFFIC, version=2)], PROJECT)
    assert [(found.name, found.version) for found in registry.services] == [("model", 1), ("model", 2)]


def test_a_location_of_an_unknown_source() -> None:
    located = Environment(sources={"flihgts": SourceLocation(path="x")})
    project = Project("demo", ("m",), environments={"local": located})
    found = mistakes([TRAFFIC], project)
    assert found[0].what == "environments.local.sources: unknown source 'flihgts'"
    assert found[0].hint == "did you mean 'flights'?"


def test_one_mistake_is_told_once_and_hides_no_other() -> None:
    """What is spoilt by a mistake is not told again; everything else is."""
    spoilt = source(derive={"late": "arr_dly > 15"}, lateness="1x")
    features = [dt.count(where="late", windows=DAY, name="late"), dt.mean("sped", windows=DAY)]
    traffic = view(*features, source=spoilt, ttl="never")
    declared = service(traffic, derived={"x": "traffic.late_24h / 2", "y": "nothing"})
    found = [mistake.what for mistake in mistakes([declared])]
    assert len(found) == 5
    for part in ("'arr_dly'", "lateness", "'sped'", "ttl", "'nothing'"):
        assert sum(part in what for what in found) == 1


def test_the_error_prints_all_of_it() -> None:
    traffic = view(dt.mean("arr_dealy", windows=DAY))
    nameless = dt.Entity("a b", keys={})
    with pytest.raises(RegistryError) as caught:
        resolve([nameless, traffic], PROJECT)
    lines = str(caught.value).splitlines()
    assert lines[0] == "the definitions do not load: 2 mistakes"
    assert lines[1].startswith(f"{Path(__file__)}:")
    assert lines[2].startswith("    exists: anything, arr_delay, ")
    assert lines[3] == "    hint: did you mean 'arr_delay'?"
