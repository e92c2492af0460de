"""Declarations are frozen values that know where they were written."""

from pathlib import Path

import pytest

import diptych as dt
from diptych.declare.mistakes import DeclarationError

ENTITY = dt.Entity("airport", keys={"airport": dt.String(3)})
SOURCE = dt.EventSource("flights", timestamp="at", columns={"at": dt.Timestamp(), "x": dt.Int64()})


def test_declarations_are_equal_by_value_and_not_by_place() -> None:
    again = dt.Entity("airport", keys={"airport": dt.String(3)})
    assert again == ENTITY
    assert again.place != ENTITY.place
    assert Path(again.place.file) == Path(__file__)


def test_declarations_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        ENTITY.name = "plane"  # type: ignore[misc]
    with pytest.raises(TypeError):
        SOURCE.columns["y"] = dt.Bool()  # type: ignore[index]


@pytest.mark.parametrize(
    ("aggregate", "label"),
    [
        (dt.count(windows=["1h"]), "count"),
        (dt.count("x", windows=["1h"]), "x_count"),
        (dt.count(where="late", windows=["1h"], name="late"), "late"),
        (dt.mean("arr_delay", windows=["1h"]), "arr_delay_mean"),
        (dt.mean(dt.col("arr_delay"), windows=["1h"]), "arr_delay_mean"),
        (dt.last_n("carrier", n=5, windows=["1h"]), "carrier_last_5"),
        (dt.count_distinct("dest", windows=["1h"]), "dest_count_distinct"),
        (dt.recency(), "recency"),
        (dt.rate("late", windows=["1h"]), "late_rate"),
        (dt.mean("a + b", windows=["1h"]), None),
    ],
)
def test_names_of_aggregates(aggregate: dt.Aggregate, label: str | None) -> None:
    assert aggregate.label == label


def test_one_window_may_stand_without_a_list() -> None:
    assert dt.count(windows="24h") == dt.count(windows=["24h"])


def test_selections_and_aliases_compose_either_way() -> None:
    view = dt.FeatureView("v", entity=ENTITY, source=SOURCE, features=[dt.count(windows=["1h"]), dt.last("x")])
    assert view["count_1h"] == view["count_1h",]
    assert (
        view["count_1h"].alias("dest", on={"airport": "dest"}) == view.alias("dest", on={"airport": "dest"})["count_1h"]
    )


@pytest.mark.parametrize(
    "declare",
    [
        lambda: dt.Entity("e", keys={"k": int}),  # type: ignore[dict-item]
        lambda: dt.Entity("e", keys="k"),  # type: ignore[arg-type]
        lambda: dt.FeatureView("v", entity="airport", source=SOURCE, features=[]),  # type: ignore[arg-type]
        lambda: dt.FeatureView("v", entity=ENTITY, source=SOURCE, features=["count"]),  # type: ignore[list-item]
        lambda: dt.FeatureService("s", features=["v"]),  # type: ignore[list-item]
        lambda: dt.mean(3, windows=["1h"]),  # type: ignore[arg-type]
        lambda: dt.count(windows=[3600]),  # type: ignore[list-item]
        lambda: dt.aggregate("a", reducers={"x": "max"}, finish="x", windows=["1h"]),  # type: ignore[dict-item]
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_where_it_is_written(declare: object) -> None:
    with pytest.raises(DeclarationError):
        declare()  # type: ignore[operator]
