"""Runs to report on: equal ones, ones with every cause planted, and the odd ends of both; all by seed."""

import math
import random
from typing import Any

from diptych.check.findings import (
    Cause,
    Checked,
    Example,
    Findings,
    Mismatch,
    OutputFindings,
    Point,
    Run,
    Sampling,
)
from diptych.ground.instants import DAY, HOUR

SINCE = 1_377_993_600_000_000
"""2013-09-01."""
UNTIL = SINCE + 121 * DAY
BEGUN = 1_795_372_800_000_000
TARGETS = ("duckdb", "kernel", "online", "online (folded)")

_VIEWS = {
    "origin_traffic": ("airport", ["count_1h", "count_24h", "count_7d", "late_1h", "late_24h", "late_share_7d"]),
    "plane_history": ("tailnum", ["hops_24h", "recency", "arr_delay_mean_24h", "arr_delay_std_7d", "distance_sum_30d"]),
    "carrier_form": (
        "carrier",
        ["dep_delay_mean_6h", "cancelled_24h", "dest_distinct_7d", "last_dest", "delays_last_5"],
    ),
    "route_delays": ("origin", ["arr_delay_max_7d", "arr_delay_min_7d", "air_time_mean_30d", "flights_lifetime"]),
}
_KEYS = {"airport": "JFK", "tailnum": "N725MQ", "carrier": "UA", "origin": "EWR"}

CODE = '''def test_late_event_origin_traffic_count_1h(parity):
    """One landing that was known only after the question was asked."""
    parity.example(
        view="origin_traffic",
        history=[
            {"flight_id": "2013-09-01:UA:1545:EWR", "origin": "JFK", "departed_at": "2013-09-01T10:04:00Z",
             "landed_at": "2013-09-01T12:31:00Z"},
        ],
        ask={"airport": "JFK", "event_timestamp": "2013-09-01T11:00:00Z"},
        offline=0,
        online=1,
    )
'''


def type_of(name: str) -> str:
    if "last" in name:
        return "list of Enum" if name.endswith("5") else "String(3)"
    return "Float64" if any(part in name for part in ("mean", "std", "share", "recency")) else "Int64"


def points(
    name: str, wrong: int = 0, null: int = 0, many: int = 200, seed: int = 0, error: float = 3.0
) -> tuple[Point, ...]:
    rng = random.Random(f"{name}{seed}")
    size = rng.choice([8.0, 60.0, 900.0])
    found = []
    for index in range(many):
        at = SINCE + int((index + rng.random()) / many * (UNTIL - SINCE))
        number = abs(rng.gauss(size, size / 3)) * (1 + 0.4 * math.sin(at / DAY / 3))
        number = float(round(number)) if type_of(name) == "Int64" else number
        found.append(Point(at, number, number, False))
    for _ in range(wrong):
        at = SINCE + int(rng.betavariate(4, 2) * (UNTIL - SINCE))
        number = float(round(abs(rng.gauss(size, size / 3))))
        shift = -abs(round(rng.gauss(error, error / 2), 2)) or -1.0
        found.append(Point(at, number, number + (float(round(shift)) or -1.0), True))
    for index in range(null):
        at = SINCE + int(rng.random() * (UNTIL - SINCE))
        number = abs(rng.gauss(size, size / 3))
        found.append(Point(at, number, None, True) if index % 3 else Point(at, None, number, True))
    return tuple(found)


def output(view: str, name: str, compared: int = 26_180, **given: Any) -> OutputFindings:
    return OutputFindings(
        service=given.pop("service", view),
        output=f"{view}__{name}",
        view=view,
        feature=name,
        type=type_of(name),
        compared=compared,
        mismatches=given.pop("mismatches", 0),
        points=given.pop("points", points(name) if type_of(name) in ("Int64", "Float64") else ()),
        **given,
    )


def mismatch(view: str, name: str, cause: Cause, offline: Any, online: Any, **given: Any) -> Mismatch:
    keys = _VIEWS.get(view, ("airport", []))[0]
    return Mismatch(
        service=view,
        output=f"{view}__{name}",
        view=view,
        feature=name,
        key=given.pop("key", {keys: _KEYS[keys]}),
        at=given.pop("at", SINCE + 37 * DAY + 5 * HOUR),
        offline=offline,
        online=online,
        cause=cause,
        **given,
    )


def checks(views: dict[str, list[str]], failing: tuple[str, ...] = ()) -> tuple[Checked, ...]:
    found = [
        Checked(
            kind=kind,
            view=view,
            feature=name,
            target=target,
            cases=cases,
            seconds=0.12 if kind == "boundaries" else 1.4,
        )
        for view, names in views.items()
        for name in [*names, ""]
        for target in TARGETS
        for kind, cases in (("boundaries", 14 + len(name)), ("properties", 100))
        if name or kind == "properties"
    ]
    found += [
        Checked(
            kind="boundaries",
            view=view,
            feature=name,
            target="online (folded)",
            cases=3,
            seconds=0.2,
            failure="at 2013-09-01 11:00:00 UTC, one hour after the event: offline 1, online 0",
            code=CODE,
            cause=Cause.BOUNDARY,
            detail="The window is closed at its tail: the event is out an hour later.",
        )
        for view, names in views.items()
        for name in names
        if name in failing
    ]
    return tuple(found)


def simulated(outputs: tuple[OutputFindings, ...], **given: Any) -> Findings:
    facts = {
        "shares": {"present": 0.913, "boundary": 0.1042, "known_at": 0.3317, "duplicates": 0.0248},
        "since": SINCE - 243 * DAY,
        "until": UNTIL,
        "requests": 26_180,
        "judged": 1_000,
        "seed": 7,
        "events": {"backfilled": 217_311, "streamed": 110_035},
        "injected": {"late": 10_911, "repeated": 9_644, "repeated beyond the window": 412},
    }
    return Findings(
        kind=given.pop("kind", "simulate"),
        name="the last third of 2013",
        begun_at=BEGUN,
        seconds=48.2,
        outputs=outputs,
        sampling=given.pop(
            "sampling", (Sampling(compared=26_180, of=26_180, by="request", entities=1_212, detectable=0.0),)
        ),
        examples=given.pop("examples", ()),
        facts=facts | given.pop("facts", {}),
        **given,
    )


def run(*findings: Findings, **given: Any) -> Run:
    return Run(
        project="flights",
        environment="local",
        begun_at=BEGUN,
        seconds=given.pop("seconds", 143.0),
        version="0.1.0",
        suites=given.pop("suites", ("parity/test_parity.py::flights",)),
        seed=7,
        versions={"python": "3.11.9", "duckdb": "2.0.1", "valkey": "9.1.0"},
        findings=findings,
        **given,
    )


def views() -> dict[str, list[str]]:
    return {view: names for view, (_, names) in _VIEWS.items()}


def green() -> Run:
    """Everything equal: a simulation of everything and a replay of a part."""
    outputs = tuple(output(view, name) for view, names in views().items() for name in names)
    served = OutputFindings(
        service="delay_model", output="late_share", view="", feature="", type="Float64", compared=26_180, mismatches=0,
        points=points("late_share"),
    )  # fmt: skip
    replayed = Findings(
        kind="replay",
        name="delay_model, last week",
        begun_at=BEGUN,
        seconds=11.0,
        outputs=tuple(
            output("origin_traffic", name, 12_000, service="delay_model") for name in views()["origin_traffic"]
        ),
        sampling=(Sampling(compared=12_000, of=480_211, by="entity", entities=312, detectable=0.00987),),
        facts={"shares": {"present": 0.97, "boundary": 0.0, "known_at": 0.21, "duplicates": 0.0003}},
    )
    return run(simulated((*outputs, served)), replayed, checks=checks(views()))


def planted() -> Run:
    """One skew of every cause, and a few checks that fail."""
    names = [(view, name) for view, each in views().items() for name in each]
    outputs = []
    for number, cause in enumerate(Cause):
        view, name = names[number % 14]
        wrong, null = 4 + (number * 37) % 800, 30 if cause in (Cause.EXPIRED_STATE, Cause.NULL_AGAINST_ZERO) else 0
        numeric = type_of(name) in ("Int64", "Float64")
        outputs.append(
            output(
                view,
                name,
                mismatches=wrong + null,
                causes={cause: wrong + null} if number % 3 else {cause: wrong, Cause.UNEXPLAINED: max(null, 1)},
                null_online=null - null // 3,
                null_offline=null // 3,
                largest_error=2.0 * number + 0.5 if numeric else None,
                typical_error=1.0 + number / 7 if numeric else None,
                points=points(name, min(wrong, 100), null, seed=number, error=2.0 + number) if numeric else (),
                examples=tuple(
                    mismatch(
                        view,
                        name,
                        cause if turn else Cause.UNEXPLAINED,
                        17.0 + turn if numeric else "BOS",
                        None if null and turn else 16 if numeric else "LAX",
                        offline_status="PRESENT",
                        online_status="UNSEEN_ENTITY" if null else "PRESENT",
                        wrong="online" if turn else "",
                        detail="The event 2013-10-08:B6:1006:JFK became known after the question." if turn else "",
                        at=SINCE + (number + 3 * turn) * DAY + turn,
                    )
                    for turn in range(4)
                ),
            )
        )  # fmt: skip
    outputs += [output(view, name) for view, name in names[14:]]
    examples = tuple(
        Example(
            output="origin_traffic__count_1h",
            cause=cause,
            detail="One landing that was known only after the question was asked; online counts it.",
            rows=1 + number % 3,
            code=CODE,
        )
        for number, cause in enumerate(list(Cause)[:5])
    )
    failures = tuple(
        f"{o.view}:{o.feature}: {cause.value} in {n:,} of {o.compared:,} values ({n / o.compared:.2%}); the team allows 0 %"
        for o in outputs
        for cause, n in o.causes.items()
    )
    return run(
        simulated(tuple(outputs), examples=examples),
        checks=checks(views(), ("count_24h", "recency")),
        failures=failures,
        allow={Cause.FLOAT_ROUNDING: 0.001},
    )


def only_null() -> Run:
    found = output(
        "plane_history", "recency", 900, mismatches=40, null_online=30, null_offline=10,
        causes={Cause.EXPIRED_STATE: 40}, points=points("recency", 0, 40, 60),
    )  # fmt: skip
    return run(simulated((found,)), failures=("plane_history:recency: expired state in 40 of 900 values",))


def one_point() -> Run:
    found = output(
        "plane_history", "recency", 1, mismatches=1, causes={Cause.UNEXPLAINED: 1}, largest_error=1.0, typical_error=1.0,
        points=(Point(SINCE, 3.0, 4.0, True),),
        examples=(mismatch("plane_history", "recency", Cause.UNEXPLAINED, 3.0, 4.0),),
    )  # fmt: skip
    return run(simulated((found,)), failures=("plane_history:recency: unexplained in 1 of 1 values",))


def huge() -> Run:
    """Errors over twenty decades, at both ends of what a float can hold."""
    rng = random.Random(3)
    pairs = [Point(SINCE + i * HOUR, float(i), i * (1 + 10 ** rng.uniform(-12, 9)), True) for i in range(1, 90)]
    ends = [Point(SINCE, -1.7e308, 1.7e308, True), Point(SINCE + HOUR, 0.0, 5e-324, True)]
    found = [
        output("route_delays", "air_time_mean_30d", 5_000, mismatches=89, points=tuple(pairs), causes={Cause.TIME_UNIT: 89},
               largest_error=max(abs(p.offline - p.online) for p in pairs), typical_error=0.001),
        output("route_delays", "arr_delay_max_7d", 5_000, mismatches=2, points=tuple(ends), causes={Cause.UNEXPLAINED: 2},
               largest_error=1.7e308, typical_error=1.0),
    ]  # fmt: skip
    return run(simulated(tuple(found)), failures=("route_delays:arr_delay_max_7d: unexplained in 2 of 5,000 values",))


def many(features: int = 400, wrong: int = 0, *, plain: bool = False) -> Run:
    """A large repository: ten views of as many features, ``wrong`` of which differ; ``plain``: without points."""
    by_view = {f"view_of_something_{n}": [f"amount_mean_{i}h" for i in range(features // 10)] for n in range(10)}
    outputs = []
    for place, (view, name) in enumerate((view, name) for view, names in by_view.items() for name in names):
        if place % (features // wrong if wrong else features + 1) == 0 and wrong:
            outputs.append(
                output(view, name, mismatches=80, causes={Cause.STALE_INGESTION: 70, Cause.UNEXPLAINED: 10},
                       largest_error=4.0, typical_error=1.0, points=() if plain else points(name, 80, 20, seed=place),
                       examples=tuple(mismatch(view, name, Cause.STALE_INGESTION, i, i + 1, detail="stale " * 20)
                                      for i in range(12)))
            )  # fmt: skip
        else:
            outputs.append(output(view, name, points=() if plain else points(name, seed=place)))
    failures = tuple(
        f"{o.view}:{o.feature}: unexplained in 10 of {o.compared:,} values" for o in outputs if o.mismatches
    )
    return run(simulated(tuple(outputs)), checks=checks(by_view), failures=failures)


def hostile() -> Run:
    """Names, keys and values that would be markup, mentions or table cells if nobody looked."""
    bad = '<script>alert("1")</script> | `x` @everyone #1 </pre></code> ```'
    found = OutputFindings(
        service=bad, output=bad, view=bad, feature=bad, type=bad, compared=3, mismatches=3, causes={Cause.KEY_ENCODING: 3},
        largest_error=math.inf, typical_error=math.nan,
        points=(Point(SINCE, math.nan, 1.0), Point(2**63 - 1, 1.0, math.inf), Point(-(2**63), 1.0, 2.0)),
        examples=(Mismatch(service=bad, output=bad, view=bad, feature=bad, key={bad: bad}, at=2**63 - 1, offline=bad,
                           online=[bad, None, 1.5], detail=bad, request_id=bad, cause=Cause.KEY_ENCODING, wrong="both",
                           offline_status=bad, online_status=bad),),
    )  # fmt: skip
    example = Example(output=bad, cause=Cause.KEY_ENCODING, detail=bad, rows=1, code=bad)
    check = Checked(kind=bad, view=bad, feature=bad, target=bad, cases=1, seconds=0.1, failure=bad, code=bad)
    facts = {"shares": {bad: 0.5}, bad: {bad: bad}, "targets": [bad], "versions": {bad: bad}}
    findings = Findings(kind=bad, name=bad, begun_at=0, seconds=1, outputs=(found,), examples=(example,), facts=facts)
    return Run(project=bad, environment=bad, begun_at=0, seconds=0.0, version=bad, suites=(bad,), versions={bad: bad},
               checks=(check,), findings=(findings,), failures=(bad,))  # fmt: skip


def nothing() -> Run:
    return run(seconds=0.0)


SAMPLES = {
    "green": green,
    "planted": planted,
    "only_null": only_null,
    "one_point": one_point,
    "huge": huge,
    "many": many,
    "many_wrong": lambda: many(wrong=400),
    "hostile": hostile,
    "nothing": nothing,
}
