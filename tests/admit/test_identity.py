"""Identities of events: stable numbers that never change, and keys that never read alike."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.admit.identity import Positions, hashed, hashed_positions
from diptych.admit.keys import BadKey, entity_keys, factorise, key_of
from diptych.ground.values import Bool, Enum, Float64, Int64, String, Timestamp, ValueType
from diptych.plan.nodes import Entity, Field
from diptych.rows.objects import from_list
from diptych.rows.values import Values
from diptych.testing.strategies import values_of


def ids(kind: ValueType, *items: object) -> list[int]:
    return hashed(kind, from_list(kind, items).values).tolist()


def entity(*kinds: ValueType) -> Entity:
    return Entity("thing", tuple(Field(f"k{i}", kind) for i, kind in enumerate(kinds)))


def test_hashes_are_what_they_have_always_been() -> None:
    assert ids(String(12), "UA1", "", "départ-1234") == [
        0x2E8D42272B8C3273,
        0x910A2DEC89025CC1,
        0x10B50D1F5FA50DB3,
    ]
    assert ids(Int64(), 0, -1) == [0xBCCDFD9C96A18897, 0x4189FB2D4145C5C6]


def test_a_text_and_a_number_that_look_alike_differ() -> None:
    assert ids(String(2), "1") != ids(Int64(), 1)
    assert ids(Int64(), 1) != ids(Timestamp(), 1)


@given(st.lists(st.sampled_from(["", "a", "ab", "éé", "abcdefgh", "abcdefghi", "b" * 20]), min_size=1))
def test_the_declared_width_does_not_matter(texts: list[str]) -> None:
    assert ids(String(20), *texts) == ids(String(64), *texts)


def test_no_two_of_many_ids_collide() -> None:
    many = np.arange(200_000)
    texts = hashed(String(12), Values(np.array([b"e%d" % i for i in range(200_000)]), many >= 0))
    numbers = hashed(Int64(), Values(many, many >= 0))
    places = hashed_positions(Positions("t", many % 7, many))
    assert len(np.unique(np.concatenate([texts, numbers, places]))) == 600_000


def test_topics_and_partitions_have_positions_of_their_own() -> None:
    zero, one = np.array([0]), np.array([1])
    found = [Positions("a", zero, one), Positions("a", one, zero), Positions("b", zero, one)]
    assert len({int(hashed_positions(position)[0]) for position in found}) == 3


def test_keys_are_written_with_their_lengths() -> None:
    two = entity(String(4), String(4))
    assert key_of(two, {"k0": "a", "k1": "bc"}) == b"1:a2:bc"
    assert key_of(two, {"k0": "ab", "k1": "c"}) == b"2:ab1:c"
    assert key_of(entity(Int64(), Bool()), {"k0": -12, "k1": True}) == b"3:-121:t"
    assert key_of(entity(String(4)), {"k0": "é"}) == b"2:\xc3\xa9"
    assert key_of(entity(Timestamp()), {"k0": 7}) == b"1:7"
    assert key_of(entity(), {}) == b""


def test_the_text_1_and_the_integer_1_write_alike_but_neither_passes_for_the_other() -> None:
    with pytest.raises(BadKey, match=r"k0 = '1' is not of type Int64\(\)"):
        key_of(entity(Int64()), {"k0": "1"})
    with pytest.raises(BadKey, match="k0 = 1 is not of type String"):
        key_of(entity(String(3)), {"k0": 1})
    with pytest.raises(BadKey, match="True is not of type"):
        key_of(entity(Int64()), {"k0": True})


@pytest.mark.parametrize(
    ("kind", "item"),
    [(String(2), "abc"), (String(2), "éa"), (String(2), "\0"), (Enum("a"), "b"), (Int64(ge=0), -1), (Int64(), 2**63)],
)
def test_a_key_that_does_not_fit_is_an_error(kind: ValueType, item: object) -> None:
    with pytest.raises(BadKey, match="key part k0"):
        key_of(entity(kind), {"k0": item})


def test_a_null_part_is_no_key_and_a_missing_part_is_an_error() -> None:
    two = entity(String(4), Int64())
    assert key_of(two, {"k0": None, "k1": 1}) is None
    assert key_of(two, {"k0": "a", "k1": None}) is None
    with pytest.raises(BadKey, match="needs key part 'k1'"):
        key_of(two, {"k0": "a", "k2": 1})


def test_floats_are_no_keys() -> None:
    with pytest.raises(BadKey, match="Float64 cannot be part"):
        key_of(entity(Float64()), {"k0": 1.0})


KINDS = (String(9), Int64(), Bool(), Timestamp(), Enum("x", "né", ""))


@given(st.data())
def test_one_row_and_many_rows_have_the_same_keys(data: st.DataObject) -> None:
    kinds = data.draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=3))
    present = st.tuples(*(values_of(kind).filter(lambda value: value is not None) for kind in kinds))
    rows = data.draw(st.lists(present, min_size=1, max_size=6))
    parts = [from_list(kind, [row[i] for row in rows]).values for i, kind in enumerate(kinds)]
    thing = entity(*kinds)
    keys = entity_keys(thing, parts)
    assert keys == [key_of(thing, {f"k{i}": value for i, value in enumerate(row)}) for row in rows]
    codes, first = factorise(parts)
    assert [keys[first[code]] for code in codes] == keys
    assert len(first) == len(set(keys))
    assert codes.max() == len(first) - 1


def test_an_entity_without_keys_has_one_code() -> None:
    codes, first = factorise([], rows=3)
    assert (codes.tolist(), first.tolist()) == ([0, 0, 0], [0])
    assert entity_keys(entity(), [], 2) == [b"", b""]
    assert factorise([], rows=0)[1].tolist() == []
