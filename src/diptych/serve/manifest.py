"""Manifests: one project's definitions as a content-addressed JSON document, all that a serving process reads.

A manifest is never changed; a pointer names the current one, moves by compare-and-set, and keeps every earlier one,
so that rolling back is pointing back. No team module is imported here, and nothing is unpickled or evaluated.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from diptych.kernel.code import FORMAT as LAYOUT_VERSION
from diptych.plan import serial
from diptych.plan.nodes import Registry, View
from diptych.plan.serial import ManifestError
from diptych.serve import documents
from diptych.serve.addresses import Addresses
from diptych.serve.stores.protocol import DocumentChange, KeyValueStore


class ManifestMoved(ManifestError):
    """Somebody else published since the caller looked."""


@dataclass(frozen=True, slots=True)
class Published:
    """One entry of the pointer's history: which manifest became current, and when (microseconds)."""

    digest: str
    at: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """A registry and the SHA-256 of its document, in hexadecimal."""

    digest: str
    registry: Registry


def encode(registry: Registry) -> bytes:
    """The canonical document of a registry, with the version of the layout of states."""
    return documents.encode({"layout": LAYOUT_VERSION, "definitions": json.loads(serial.encode(registry))})


def decode(digest: str, raw: bytes) -> Manifest:
    """Read a document back; raises ManifestError if it is not the one of that digest, or of another version."""
    if digest_of(raw) != digest:
        raise ManifestError(f"the manifest {digest[:12]} is damaged: its content has another hash; publish it again")
    document = json.loads(raw)
    if document.get("layout") != LAYOUT_VERSION:
        raise ManifestError(
            f"the manifest {digest[:12]} is of layout version {document.get('layout')}, and this Diptych reads and "
            f"writes {LAYOUT_VERSION} only: serve it with the Diptych that published it, or publish and backfill again"
        )
    return Manifest(digest, serial.decode(json.dumps(document["definitions"]).encode()))


def digest_of(raw: bytes) -> str:
    """The address of a document: SHA-256 of its bytes, in hexadecimal."""
    return hashlib.sha256(raw).hexdigest()


@dataclass(frozen=True, slots=True)
class Manifests:
    """The manifests of one project in one environment."""

    store: KeyValueStore
    addresses: Addresses

    def history(self) -> tuple[Published, ...]:
        """Every publication, oldest first; the last is current; empty if nothing was published."""
        document = documents.fetch(self.store, self.addresses.pointer())
        return () if document is None else _history(document)

    def current(self) -> Manifest:
        """The manifest to serve now; raises ManifestError if there is none."""
        history = self.history()
        if not history:
            raise ManifestError(
                f"nothing is published under {self.addresses.root!r}: run `diptych apply`, or look at the project and "
                "environment in diptych.toml"
            )
        return self.load(history[-1].digest)

    def load(self, digest: str) -> Manifest:
        """The manifest of that digest; raises ManifestError."""
        raw = self.store.get_document(self.addresses.manifest(digest))
        if raw is None:
            known = ", ".join(dict.fromkeys(entry.digest[:12] for entry in self.history())) or "none"
            raise ManifestError(f"there is no manifest {digest[:12]} under {self.addresses.root!r}; published: {known}")
        return decode(digest, raw)

    def publish(self, registry: Registry, *, replacing: str | None, now: int) -> Manifest:
        """Make a registry current where ``replacing`` (a digest; None: nothing) still is; raises ManifestMoved.

        Publishing what is current already changes nothing. ``now`` is microseconds since the epoch.
        """
        raw = encode(registry)
        digest = digest_of(raw)
        self.store.put_document(self.addresses.manifest(digest), raw)
        self._point(digest, replacing, now)
        return Manifest(digest, registry)

    def roll_back(self, digest: str, *, replacing: str, now: int) -> Manifest:
        """Make an earlier manifest current again; raises ManifestError or ManifestMoved."""
        manifest = self.load(digest)
        self._point(digest, replacing, now)
        return manifest

    def all_views(self) -> tuple[View, ...]:
        """Every version of every view that any published manifest holds, each version once."""
        versions: dict[tuple[str, str], View] = {}
        for digest in dict.fromkeys(entry.digest for entry in self.history()):
            for view in self.load(digest).registry.views:
                versions.setdefault((view.name, view.fingerprint), view)
        return tuple(versions.values())

    def live_since(self, view: View) -> int | None:
        """When this version of a view was first published, so that ingestion may have begun; None: never."""
        holds: dict[str, bool] = {}
        for entry in self.history():
            if entry.digest not in holds:
                versions = {(other.name, other.fingerprint) for other in self.load(entry.digest).registry.views}
                holds[entry.digest] = (view.name, view.fingerprint) in versions
            if holds[entry.digest]:
                return entry.at
        return None

    def _point(self, digest: str, replacing: str | None, now: int) -> None:
        key = self.addresses.pointer()
        raw = self.store.get_document(key)
        history = () if raw is None else _history(documents.decode(key, raw))
        current = history[-1].digest if history else None
        if current == digest:
            return
        if current != replacing:
            raise ManifestMoved(
                f"the current manifest is {_short(current)}, not {_short(replacing)} as when this change was planned: "
                "plan again"
            )
        entries = [{"digest": entry.digest, "at": entry.at} for entry in (*history, Published(digest, now))]
        if not self.store.compare_and_set(DocumentChange(key, raw, documents.encode({"history": entries}))):
            raise ManifestMoved("somebody else published at the same moment: plan again")


def _history(document: documents.Document) -> tuple[Published, ...]:
    entries: list[dict[str, Any]] = document["history"]
    return tuple(Published(entry["digest"], entry["at"]) for entry in entries)


def _short(digest: str | None) -> str:
    return "nothing" if digest is None else digest[:12]
