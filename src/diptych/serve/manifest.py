"""Manifests: one project's definitions as a content-addressed JSON document, all that a serving process reads.

A manifest is never changed; a pointer names the current one, moves by compare-and-set, and keeps every earlier one,
so that rolling back is pointing back. Beside them it may name a *staged* one: ingestion feeds its versions already, and
nobody reads them yet. What the pointer names is live. No team module is imported here, and nothing is unpickled.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from diptych.kernel.places import FORMAT as LAYOUT_VERSION
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
            raise ManifestError(self._nothing())
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

    def staged(self) -> Published | None:
        """The manifest that is fed and not read yet, and since when; None if there is none."""
        return _staged(documents.fetch(self.store, self.addresses.pointer()))

    def stage(self, registry: Registry, *, replacing: str | None, instead_of: str | None, now: int) -> Manifest:
        """Have the versions of a registry fed from now on, where ``replacing`` still is current.

        ``instead_of`` is the digest of the staged manifest that the caller saw (None: none), which is given up unless
        it is this one. Raises ManifestMoved when the pointer is not what the caller saw.
        """
        raw = encode(registry)
        digest = digest_of(raw)
        self.store.put_document(self.addresses.manifest(digest), raw)
        key, found, history, staged = self._pointer()
        self._check_current(history, replacing)
        if staged is not None and staged.digest not in (digest, instead_of):
            raise ManifestMoved(
                f"another change has been under way since this one was planned: the manifest {_short(staged.digest)} "
                "is being filled; plan again, and if that other change was given up, applying this one replaces it"
            )
        if staged is None or staged.digest != digest:
            self._swap(DocumentChange(key, found, _encode(history, Published(digest, now))))
        return Manifest(digest, registry)

    def unstage(self, digest: str) -> None:
        """Have a staged manifest fed no longer; where another one is staged, or none, nothing changes."""
        key, found, history, staged = self._pointer()
        if staged is not None and staged.digest == digest:
            self._swap(DocumentChange(key, found, _encode(history, None)))

    def flip(self, digest: str, *, replacing: str | None, now: int) -> None:
        """Make the staged manifest current; raises ManifestMoved when it is not staged any more.

        Where it is current already nothing changes.
        """
        key, found, history, staged = self._pointer()
        if history and history[-1].digest == digest:
            return
        self._check_current(history, replacing)
        if staged is None or staged.digest != digest:
            now_staged = "nothing is" if staged is None else f"{_short(staged.digest)} is"
            raise ManifestMoved(f"somebody else took over: {now_staged} staged, not {_short(digest)}; plan again")
        self._swap(DocumentChange(key, found, _encode((*history, Published(digest, now)), None)))

    def retire(self, *, replacing: str) -> tuple[View, ...]:
        """Keep only what is current (and staged) live; returns the versions that no live manifest holds any more.

        ``replacing`` must still be current. What was retired is fed no longer, and cannot be rolled back to.
        """
        before = self.all_views()
        key, found, history, staged = self._pointer()
        self._check_current(history, replacing)
        self._swap(DocumentChange(key, found, _encode(history[-1:], staged)))
        kept = {(view.name, view.fingerprint) for view in self.all_views()}
        return tuple(view for view in before if (view.name, view.fingerprint) not in kept)

    def fed(self, now: int) -> tuple[str, ...]:
        """Digests of the manifests to feed with what was stamped at ``now``: a staged one from its instant on.

        Raises ManifestError when nothing is published or staged: what is taken in would be lost.
        """
        _, _, history, staged = self._pointer()
        if not history and staged is None:
            raise ManifestError(self._nothing())
        entries = (*history, staged) if staged is not None and staged.at <= now else history
        return tuple(dict.fromkeys(entry.digest for entry in entries))

    def live(self) -> tuple[str, ...]:
        """Digests of all manifests that ingestion feeds, each once: earlier ones, the current, the staged."""
        _, _, history, staged = self._pointer()
        entries = (*history, staged) if staged is not None else history
        return tuple(dict.fromkeys(entry.digest for entry in entries))

    def all_views(self) -> tuple[View, ...]:
        """Every version of every view that any live manifest holds, each version once."""
        versions: dict[tuple[str, str], View] = {}
        for digest in self.live():
            for view in self.load(digest).registry.views:
                versions.setdefault((view.name, view.fingerprint), view)
        return tuple(versions.values())

    def live_since(self, view: View) -> int | None:
        """When this version of a view was first staged or published, since when it is fed; None: it is not live."""
        holds: dict[str, bool] = {}
        staged = self.staged()
        for entry in (*self.history(), *([staged] if staged is not None else [])):
            if entry.digest not in holds:
                versions = {(other.name, other.fingerprint) for other in self.load(entry.digest).registry.views}
                holds[entry.digest] = (view.name, view.fingerprint) in versions
            if holds[entry.digest]:
                return entry.at
        return None

    def _nothing(self) -> str:
        return (
            f"nothing is published under {self.addresses.root!r}: run `diptych apply`, or look at the project and "
            "environment in diptych.toml"
        )

    def _pointer(self) -> tuple[bytes, bytes | None, tuple[Published, ...], Published | None]:
        """The pointer's key, its bytes, its history and what is staged."""
        key = self.addresses.pointer()
        raw = self.store.get_document(key)
        document = None if raw is None else documents.decode(key, raw)
        return key, raw, () if document is None else _history(document), _staged(document)

    def _point(self, digest: str, replacing: str | None, now: int) -> None:
        key, raw, history, _ = self._pointer()
        if history and history[-1].digest == digest:
            return
        self._check_current(history, replacing)
        self._swap(DocumentChange(key, raw, _encode((*history, Published(digest, now)), None)))

    def _check_current(self, history: tuple[Published, ...], replacing: str | None) -> None:
        current = history[-1].digest if history else None
        if current != replacing:
            raise ManifestMoved(
                f"the current manifest is {_short(current)}, not {_short(replacing)} as when this change was planned: "
                "plan again"
            )

    def _swap(self, change: DocumentChange) -> None:
        if not self.store.compare_and_set(change):
            raise ManifestMoved("somebody else published at the same moment: plan again")


def _history(document: documents.Document) -> tuple[Published, ...]:
    entries: list[dict[str, Any]] = document["history"]
    return tuple(Published(entry["digest"], entry["at"]) for entry in entries)


def _staged(document: documents.Document | None) -> Published | None:
    entry = None if document is None else document.get("staged")
    return None if entry is None else Published(entry["digest"], entry["at"])


def _encode(history: tuple[Published, ...], staged: Published | None) -> bytes:
    document: dict[str, Any] = {"history": [{"digest": entry.digest, "at": entry.at} for entry in history]}
    if staged is not None:
        document["staged"] = {"digest": staged.digest, "at": staged.at}
    return documents.encode(document)


def _short(digest: str | None) -> str:
    return "nothing" if digest is None else digest[:12]
