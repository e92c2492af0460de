"""Manifests: the whole registry as bytes and back, canonical, and refused when they are not right."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

import diptych as dt
from diptych.ground.expression import Literal
from diptych.ground.values import Float64
from diptych.plan import nodes
from diptych.plan.resolve import resolve
from diptych.plan.serial import ManifestError, canonical, decode, digest, encode
from tests.plan.declared import FEATURES, PROJECT, view


def registry() -> nodes.Registry:
    traffic = view(*FEATURES, owner="ops", tags={"tier": "1"}, ttl="90d", freshness="10m")
    service = dt.FeatureService(
        "model",
        features=[traffic, traffic["count_1h"].alias("dest", on={"airport": "dest"})],
        request={"distance": dt.Float64(ge=0.5), "fare": dt.Decimal(2, ge=0, le=100)},
        derived={"x": "traffic.late_1h / dest.count_1h + distance * 1.5", "fee": "fare * 1.10"},
    )
    return resolve([service], PROJECT)


def test_a_registry_comes_back_equal() -> None:
    there = registry()
    back = decode(encode(there))
    assert back == there
    assert encode(back) == encode(there)
    assert isinstance(back.views[0].reductions[0].kind, nodes.Kind)


def test_equal_registries_have_one_address() -> None:
    assert digest(encode(registry())) == digest(encode(registry()))
    assert len(digest(b"")) == 64


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_comes_back_to_the_bit(value: float) -> None:
    back = json.loads(canonical(Literal(value, Float64())))
    found = back.get("value", 0.0)
    assert found == value
    assert math.copysign(1.0, found) == math.copysign(1.0, value)


@given(st.binary(max_size=40))
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ManifestError):
        decode(data)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda manifest: manifest | {"format": 2}, "the manifest has format 2, this version of Diptych reads 1"),
        (lambda manifest: manifest | {"registry": []}, "corrupt"),
        (lambda manifest: manifest | {"registry": {"is": "Window", "views": []}}, "corrupt"),
        (lambda manifest: {"format": 1}, "no manifest"),
        (lambda manifest: manifest | {"registry": manifest["registry"] | {"sources": []}}, "corrupt"),
        (lambda manifest: manifest | {"registry": manifest["registry"] | {"is": "Popen"}}, "corrupt"),
    ],
)
def test_a_manifest_that_is_not_right_is_refused(change: object, message: str) -> None:
    manifest = json.loads(encode(registry()))
    with pytest.raises(ManifestError, match=message):
        decode(json.dumps(change(manifest)).encode())  # type: ignore[operator]
