"""Where everything lives in the key-value store: the keys of states, manifests, positions, tombstones and progress.

Every key begins with ``{project}:{environment}:``, so teams, environments and tests share a server safely. What is
not a state has an ``@`` after that, which no view's name may hold, so documents and states never meet.
"""

from dataclasses import dataclass

from diptych.ground.errors import DiptychError
from diptych.plan.nodes import View


class BadAddress(DiptychError):
    """A project or environment whose name cannot be part of a key."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """The keys of one project in one environment."""

    project: str
    environment: str

    def __post_init__(self) -> None:
        """Refuse names that would let two projects share a key."""
        for what, name in (("project", self.project), ("environment", self.environment)):
            if not name or ":" in name or "@" in name or any(mark.isspace() for mark in name):
                raise BadAddress(
                    f"the {what} name {name!r} cannot begin a key: it must have letters, and no colon, at sign or space"
                )

    @property
    def root(self) -> str:
        """What every key of this project and environment begins with."""
        return f"{self.project}:{self.environment}:"

    def states(self, view: View) -> bytes:
        """What the keys of one version of a view begin with; the entity's key bytes follow."""
        return f"{self.root}{view.name}:{view.fingerprint}:".encode()

    def pointer(self) -> bytes:
        """The document that names the current manifest and those before it."""
        return self._document("manifest")

    def manifest(self, digest: str) -> bytes:
        """The manifest of that content."""
        return self._document("manifest", digest)

    def partitions(self, source: str) -> bytes:
        """The document that lists the partitions from which consumers feed a source."""
        return self._document("partitions", source)

    def position(self, source: str, partition: str) -> bytes:
        """How far one partition has been consumed."""
        return self._document("position", source, partition)

    def forgotten(self, entity: str) -> bytes:
        """How many keys of an entity have been forgotten so far."""
        return self._document("forgotten", entity)

    def tombstone(self, entity: str, number: int) -> bytes:
        """The ``number``-th forgotten key of an entity, from 1."""
        return self._document("forgotten", entity, str(number))

    def backfill(self, view: View) -> bytes:
        """Whether a version of a view waits for its history, and what of that is done."""
        return self._document("backfill", view.name, view.fingerprint)

    def broken(self, view: View) -> bytes:
        """Why a version of a view has missed events, if it has."""
        return self._document("broken", view.name, view.fingerprint)

    def _document(self, *parts: str) -> bytes:
        return (self.root + "@" + ":".join(parts)).encode()
