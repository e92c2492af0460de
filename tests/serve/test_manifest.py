"""Manifests: published, pointed to, rolled back, and refused when they are not ours."""

import json
from dataclasses import replace

import pytest

from diptych.plan.serial import ManifestError
from diptych.serve import documents
from diptych.serve.addresses import Addresses, BadAddress
from diptych.serve.manifest import ManifestMoved, Manifests, decode, digest_of, encode
from diptych.serve.reader import OnlineReader
from diptych.serve.stores.protocol import KeyValueStore
from tests.serve.online import registry_of
from tests.serve.shop import by_user, by_user_and_shop

OLD, NEW = registry_of(by_user()), registry_of(by_user(), by_user_and_shop())


@pytest.fixture
def manifests(store: KeyValueStore, addresses: Addresses) -> Manifests:
    return Manifests(store, addresses)


def test_a_serving_process_reads_what_was_published(manifests: Manifests) -> None:
    published = manifests.publish(OLD, replacing=None, now=5)
    assert manifests.current() == published
    assert manifests.current().registry == OLD
    reader = OnlineReader.published(manifests.addresses, manifests.store)
    answer = reader.get_online_features(["by_user:count_1h"], [{"user": "u1"}])
    assert answer.to_dict() == {"user": ["u1"], "by_user__count_1h": [0]}


def test_nothing_published_is_a_clear_error(manifests: Manifests) -> None:
    with pytest.raises(ManifestError, match="nothing is published under"):
        manifests.current()
    with pytest.raises(ManifestError, match="there is no manifest abc"):
        manifests.load("abc")


def test_publishing_again_changes_nothing(manifests: Manifests) -> None:
    first = manifests.publish(OLD, replacing=None, now=5)
    again = manifests.publish(OLD, replacing=None, now=9)
    assert first.digest == again.digest
    assert [entry.at for entry in manifests.history()] == [5]


def test_rolling_back_points_back_and_keeps_the_history(manifests: Manifests) -> None:
    old = manifests.publish(OLD, replacing=None, now=1)
    new = manifests.publish(NEW, replacing=old.digest, now=2)
    assert manifests.roll_back(old.digest, replacing=new.digest, now=3).registry == OLD
    assert manifests.current().digest == old.digest
    assert [(entry.digest, entry.at) for entry in manifests.history()] == [
        (old.digest, 1),
        (new.digest, 2),
        (old.digest, 3),
    ]
    assert {view.name for view in manifests.all_views()} == {"by_user", "by_user_and_shop"}
    assert manifests.live_since(by_user()) == 1
    assert manifests.live_since(by_user_and_shop()) == 2
    assert manifests.live_since(replace(by_user(), fingerprint="other")) is None


def test_the_pointer_moves_only_from_where_the_caller_saw_it(manifests: Manifests) -> None:
    old = manifests.publish(OLD, replacing=None, now=1)
    with pytest.raises(ManifestMoved, match="not nothing as when this change was planned"):
        manifests.publish(NEW, replacing=None, now=2)
    assert manifests.current().digest == old.digest


def test_another_layout_version_is_refused(manifests: Manifests) -> None:
    document = json.loads(encode(OLD))
    raw = documents.encode({**document, "layout": document["layout"] + 1})
    digest = digest_of(raw)
    manifests.store.put_document(manifests.addresses.manifest(digest), raw)
    with pytest.raises(ManifestError, match="is of layout version"):
        manifests.load(digest)


def test_another_format_of_definitions_is_refused() -> None:
    document = json.loads(encode(OLD))
    document["definitions"]["format"] += 1
    raw = documents.encode(document)
    with pytest.raises(ManifestError, match="format"):
        decode(digest_of(raw), raw)


def test_a_damaged_manifest_is_refused(manifests: Manifests) -> None:
    published = manifests.publish(OLD, replacing=None, now=1)
    key = manifests.addresses.manifest(published.digest)
    manifests.store.put_document(key, encode(NEW))
    with pytest.raises(ManifestError, match="is damaged"):
        manifests.current()


@pytest.mark.parametrize("name", ["", "a:b", "a b", "@a"])
def test_names_that_could_share_a_key_are_refused(name: str) -> None:
    with pytest.raises(BadAddress, match="cannot begin a key"):
        Addresses(name, "test")
    with pytest.raises(BadAddress):
        Addresses("test", name)


def test_documents_and_states_never_share_a_key(addresses: Addresses) -> None:
    view = by_user()
    states = addresses.states(view)
    for key in (
        addresses.pointer(),
        addresses.manifest("0"),
        addresses.position("s", "p"),
        addresses.tombstone("e", 1),
        addresses.backfill(view),
    ):
        assert key.startswith(addresses.root.encode() + b"@")
    assert states.startswith(addresses.root.encode())
    assert not states.startswith(addresses.root.encode() + b"@")
