"""Which versions of views ingestion feeds: all that are live, so that any of them can be served at any moment.

The pointer is read for every batch, and after the batch was stamped. That order is what makes a rollout exact: a
batch stamped at or after the instant of staging has seen the staged manifest, and one stamped before it leaves the
versions of that manifest to history.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from diptych.plan.nodes import Source, View
from diptych.serve import documents
from diptych.serve.appending import Target
from diptych.serve.manifest import Manifests


@dataclass(slots=True)
class LiveVersions:
    """The live versions of one project, each loaded and compiled once."""

    manifests: Manifests
    _views: dict[str, tuple[View, ...]] = field(default_factory=dict)
    _targets: dict[tuple[str, str], Target] = field(default_factory=dict)

    def targets(self, source: str, now: int) -> Mapping[Source, tuple[Target, ...]]:
        """The versions over a source to feed with what was stamped at ``now`` (microseconds), by their own door."""
        found: dict[Source, dict[tuple[str, str], Target]] = {}
        for digest in self.manifests.fed(now):
            for view in self._views_of(digest):
                if view.source.name == source:
                    version = (view.name, view.fingerprint)
                    found.setdefault(view.source, {})[version] = self._target(version, view)
        return {door: tuple(targets.values()) for door, targets in found.items()}

    def mark_broken(self, view: View, why: str) -> None:
        """Note that a version missed events, so that it is never served before it has been filled anew."""
        store, addresses = self.manifests.store, self.manifests.addresses
        documents.change(store, addresses.broken(view), lambda held: held or {"why": why})

    def _views_of(self, digest: str) -> tuple[View, ...]:
        if digest not in self._views:
            self._views[digest] = self.manifests.load(digest).registry.views
        return self._views[digest]

    def _target(self, version: tuple[str, str], view: View) -> Target:
        if version not in self._targets:
            self._targets[version] = Target.of(view, self.manifests.addresses)
        return self._targets[version]
