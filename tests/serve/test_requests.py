"""Requests: their forms, their statuses, and what is wrong with the wrong ones."""

import datetime
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from diptych.compile.online import BeforeHorizon, CorruptState
from diptych.ground.expression import Call, Column, Literal, Op
from diptych.ground.instants import DAY, HOUR
from diptych.ground.values import Enum, Float64, Int64, String, Timestamp
from diptych.plan.nodes import REQUEST_TIME, Derived, Field, Output, Role, Service
from diptych.plan.selection import UnknownFeatures
from diptych.serve.answer import Status
from diptych.serve.reader import OnlineReader
from diptych.serve.request import BadRequest
from diptych.serve.stores.protocol import KeyValueStore
from diptych.serve.stores.valkey import ValkeyStore
from tests.serve.online import Online, fresh_addresses, registry_of
from tests.serve.shop import START, by_user, by_user_and_shop, purchases, rows

NOW = START + 2 * DAY
FLOAT = Float64()


def share() -> Call:
    counts = [Call(Op.TO_FLOAT, (Column(name, Int64()),), FLOAT) for name in ("sender__count_1h", "receiver__count_1d")]
    return Call(Op.DIV, tuple(counts), FLOAT)


def scaled() -> Call:
    return Call(Op.MUL, (Column("sender__weight_1h", FLOAT), Column("rate", FLOAT)), FLOAT)


def since_epoch() -> Call:
    return Call(Op.SECONDS_BETWEEN, (Literal(0, Timestamp()), Column(REQUEST_TIME, Timestamp())), FLOAT)


def service(version: int = 1) -> Service:
    asked = ("count_1h", "count_1d", "weight_1h")
    outputs = tuple(
        Output(f"{role}__{feature}", role, feature, kind)
        for role in ("sender", "receiver")
        for feature, kind in (("count_1d", Int64()), ("count_1h", Int64()), ("weight_1h", FLOAT))
    )
    return Service(
        "transfer",
        version,
        (Role("sender", "by_user", ("from",), asked), Role("receiver", "by_user", ("to",), asked)),
        outputs,
        (Field("rate", FLOAT), Field("channel", Enum("web", "shop"))),
        (Derived("share", share(), FLOAT), Derived("scaled", scaled(), FLOAT), Derived("clock", since_epoch(), FLOAT)),
    )


@pytest.fixture
def online(store: KeyValueStore) -> Online:
    online = Online.of(by_user(), store, replay=True)
    registry = replace(registry_of(by_user(), by_user_and_shop()), services=(service(), service(2)))
    online.ingestor.registry = online.reader.registry = registry
    online.replay(rows(60), batch_rows=50)
    online.clock.now = NOW
    return online


class Recording(ValkeyStore):
    """A real store that remembers which keys were fetched."""

    fetched: Sequence[bytes] = ()

    def get_many(self, keys: Sequence[bytes], *, timeout: float | None = None) -> list[bytes | None]:
        self.fetched = keys
        return super().get_many(keys, timeout=timeout)


def test_roles_share_a_view_and_each_entity_is_fetched_once(online: Online) -> None:
    recording = Recording(online.store.address)  # type: ignore[attr-defined]
    online.reader.store = recording
    asked = [("u1", "u2"), ("u2", "u1"), ("u1", "u1"), ("nobody", "u3")]
    given = [{"from": a, "to": b, "rate": 2.0, "channel": "web"} for a, b in asked]
    answer = online.reader.get_online_features("transfer:1", given).to_dict()
    assert list(answer)[:4] == ["from", "to", "rate", "channel"]
    assert list(answer)[4:] == [output.name for output in service().outputs] + ["share", "scaled", "clock"]
    assert len(recording.fetched) == 4
    recording.close()
    for place, (sender, receiver) in enumerate(asked):
        for role, user in (("sender", sender), ("receiver", receiver)):
            alone = online.reader.get_online_features(["by_user:count_1d"], [{"user": user}]).to_dict()
            assert answer[f"{role}__count_1d"][place] == alone["by_user__count_1d"][0]
    assert answer["sender__count_1d"][:2] == answer["receiver__count_1d"][1::-1]
    for place in range(4):
        below = answer["receiver__count_1d"][place]
        expected = answer["sender__count_1h"][place] / below if below else None
        assert answer["share"][place] == expected
        assert answer["scaled"][place] == answer["sender__weight_1h"][place] * 2.0
    assert answer["clock"] == [NOW / 1e6] * 4


def test_rows_and_columns_ask_alike_and_the_twin_answers_alike(online: Online) -> None:
    listed = [{"from": "u1", "to": "u2", "rate": 0.5, "channel": None}]
    columns = {"from": ["u1"], "to": ["u2"], "rate": [0.5], "channel": [None]}
    assert (
        online.reader.get_online_features("transfer", listed).to_dict()
        == online.reader.get_online_features(service(2), columns).to_dict()
    )


async def test_the_async_twin_answers_alike(online: Online) -> None:
    wanted = ["by_user:count_1d", "by_user_and_shop:count_1d"]
    asked = [{"user": f"u{i % 5}", "shop": i % 3} for i in range(40)]
    sync = online.reader.get_online_features(wanted, asked)
    twin = await online.reader.get_online_features_async(wanted, asked)
    assert sync.to_dict() == twin.to_dict()
    assert sync.to_arrow() == twin.to_arrow()
    await online.store.close_async()  # type: ignore[attr-defined]


def test_forms_of_the_answer(online: Online) -> None:
    names = [feature.name for feature in by_user().features]
    answer = online.reader.get_online_features([f"by_user:{name}" for name in names], [{"user": "u1"}, {"user": None}])
    plain, arrow, arrays = answer.to_dict(), answer.to_arrow(), answer.to_numpy()
    assert arrow.column_names == list(plain)
    for name in names:
        column = f"by_user__{name}"
        assert arrow[column].to_pylist() == plain[column]
        assert list(arrays[column]) == plain[column] or np.ma.getmaskarray(arrays[column]).any()
    assert arrow.schema.field("by_user__last_3").type == pa.list_(pa.int64())
    assert arrays["by_user__count_1d"].dtype == np.int64
    assert arrays["by_user__recency"].dtype == np.float64
    assert plain["by_user__last_3"][1] == []


def test_statuses(online: Online) -> None:
    asked = [{"user": user} for user in ("u1", "nobody", None)]
    answer = online.reader.get_online_features(["by_user:count_ever", "by_user:std_1d", "by_user:count_10m"], asked)
    statuses = answer.statuses()
    assert statuses["by_user__count_ever"] == [Status.PRESENT, Status.UNSEEN_ENTITY, Status.NULL_KEY]
    assert statuses["by_user__count_10m"][0] in (Status.EMPTY_WINDOW, Status.PRESENT)
    assert answer.to_dict()["by_user__count_ever"][1:] == [0, 0]


def test_short_names(online: Online) -> None:
    answer = online.reader.get_online_features(["by_user:count_1h"], [{"user": "u1"}], full_feature_names=False)
    assert list(answer.to_dict()) == ["user", "count_1h"]
    wanted = ["by_user:count_1d", "by_user_and_shop:count_1d"]
    with pytest.raises(UnknownFeatures, match="two columns named 'count_1d'"):
        online.reader.get_online_features(wanted, [], full_feature_names=False)


def test_the_newest_version_is_the_default_and_no_rows_are_an_answer(online: Online) -> None:
    answer = online.reader.get_online_features("transfer", [])
    assert answer.service.version == 2
    assert set(map(len, answer.to_dict().values())) == {0}
    assert answer.to_arrow().num_rows == 0


def test_one_feature_may_be_named_by_itself(online: Online) -> None:
    alone = online.reader.get_online_features("by_user:count_1h", [{"user": "u1"}]).to_dict()
    assert alone == online.reader.get_online_features(["by_user:count_1h"], [{"user": "u1"}]).to_dict()
    with pytest.raises(UnknownFeatures, match="did you mean 'count_1h'"):
        online.reader.get_online_features("by_user:count1h", [{"user": "u1"}])
    with pytest.raises(UnknownFeatures, match="did you mean 'transfer'"):
        online.reader.get_online_features("transfers", [{"user": "u1"}])


def test_a_datetime_asks_like_its_instant(online: Online) -> None:
    naive = datetime.datetime.fromtimestamp(NOW / 1e6, datetime.UTC).replace(tzinfo=None)
    asked = [{"user": "u1"}]
    at = online.reader.get_online_features(["by_user:recency"], asked, at=naive)
    assert at.to_dict() == online.reader.get_online_features(["by_user:recency"], asked, at=NOW).to_dict()


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("nothing", "no feature service 'nothing'; it has transfer:1, transfer:2"),
        ("transfer:9", "no feature service 'transfer:9'"),
        (["by_user"], 'is not of the form "view:feature"'),
        (["by_user:nothing"], "the view 'by_user' has no feature 'nothing'; it has count_10m, "),
        (["nothing:x"], "there is no view 'nothing'; there are by_user, by_user_and_shop"),
        ([], "empty list"),
    ],
)
def test_unknown_features(online: Online, wanted: str | list[str], message: str) -> None:
    with pytest.raises(UnknownFeatures, match=message):
        online.reader.get_online_features(wanted, [{"user": "u1"}])


RIGHT = {"from": "u1", "to": "u2", "rate": 1.0, "channel": "web"}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({}, "in row 1: missing from, to, rate, channel; it needs from, to, rate, channel"),
        ({**RIGHT, "more": 1}, "in row 1: unknown more"),
        ({**RIGHT, "from": 1}, "'from', key 'user' of entity 'entity', is 1 in row 1, which is not of type String"),
        ({**RIGHT, "from": "1234567"}, "which is longer than"),
        ({**RIGHT, "from": "ééééé"}, "which is longer than"),
        ({**RIGHT, "from": "a\0"}, "which contains a NUL"),
        ({**RIGHT, "rate": "1"}, "request input 'rate' is '1' in row 1, which is not of type Float64"),
        ({**RIGHT, "rate": float("inf")}, "is inf in row 1, which is infinite"),
        ({**RIGHT, "channel": "post"}, "which is not one of the words of"),
        ({**RIGHT, "channel": ["web"]}, "request input 'channel' is"),
        ("u1", "row 1 is of type str"),
    ],
)
def test_wrong_rows(online: Online, row: object, message: str) -> None:
    with pytest.raises(BadRequest, match=message):
        online.reader.get_online_features("transfer", [RIGHT, row])  # type: ignore[list-item]


def test_wrong_columns(online: Online) -> None:
    with pytest.raises(BadRequest, match="differ in length"):
        online.reader.get_online_features(["by_user_and_shop:count_1d"], {"user": ["a"], "shop": [1, 2]})
    with pytest.raises(BadRequest, match="missing shop; unknown x"):
        online.reader.get_online_features(["by_user_and_shop:count_1d"], {"user": ["a"], "x": [1]})
    with pytest.raises(BadRequest, match="is True in row 0"):
        online.reader.get_online_features(["by_user_and_shop:count_1d"], {"user": ["a"], "shop": [True]})


def test_ranges_of_a_key_with_a_zero_bound(store: KeyValueStore) -> None:
    view = by_user_and_shop()
    keys = (Field("user", String(6)), Field("shop", Int64(ge=0, le=0)))
    narrow = replace(view, entity=replace(view.entity, keys=keys))
    reader = OnlineReader(registry_of(narrow), fresh_addresses(), store)
    for shop in (-1, 1):
        with pytest.raises(BadRequest, match="outside the range"):
            reader.get_online_features(["by_user_and_shop:count_1d"], [{"user": "a", "shop": shop}])


def test_a_read_before_the_horizon_is_refused(online: Online) -> None:
    online.fold(now=NOW)
    asked = [{"user": "nobody"}, {"user": "u1"}]
    online.reader.get_online_features(["by_user:count_1h"], asked, at=NOW)
    with pytest.raises(
        BeforeHorizon, match=r"view 'by_user': entity '2:u1' can be read from 2023-11-16T22:13:20\+00:00 on"
    ):
        online.reader.get_online_features(["by_user:count_1h"], asked, at=NOW - 1)


@pytest.mark.parametrize("junk", [b"x", b"12345678", b"\0" * 7 + b"\x80" + b"12345678" * 5])
def test_a_corrupt_state_is_named(online: Online, junk: bytes) -> None:
    key = online.addresses.states(by_user()) + b"3:bad"
    online.store.append_many([(key, junk)])
    with pytest.raises(CorruptState, match="view 'by_user': the stored state of entity '3:bad' is corrupt"):
        online.reader.get_online_features(["by_user:count_1h"], [{"user": "u1"}, {"user": "bad"}], at=NOW + HOUR)


def test_an_entity_without_keys(store: KeyValueStore) -> None:
    view = by_user()
    view = replace(view, entity=replace(view.entity, keys=()), on=())
    online = Online.of(view, store, replay=True)
    online.replay(rows(30, repeats=0))
    online.clock.now = NOW
    assert online.reader.get_online_features(["by_user:count_ever"], [{}]).to_dict() == {"by_user__count_ever": [30]}
    assert online.reader.get_online_features(["by_user:count_ever"], {}).to_dict() == {"by_user__count_ever": [30]}


def test_a_text_finish_is_settled(store: KeyValueStore) -> None:
    over = purchases()
    view = by_user(over)
    last = next(feature for feature in view.features if feature.name == "last_kind")
    loud = Call(Op.CONCAT, (last.finish, Literal("!", String(1))), String(9))
    view = replace(view, features=(*view.features, replace(last, name="loud", finish=loud, type=String(9))))
    online = Online.of(view, store, replay=True)
    online.replay(rows(40))
    online.clock.now = NOW
    answer = online.reader.get_online_features(
        ["by_user:last_kind", "by_user:loud"], [{"user": f"u{i}"} for i in range(6)]
    ).to_dict()
    assert answer["by_user__loud"] == [None if kind is None else kind + "!" for kind in answer["by_user__last_kind"]]
    assert any(answer["by_user__loud"])
