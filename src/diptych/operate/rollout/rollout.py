"""From one published registry to another without a gap: stage, fill, flip; and back by flipping back.

The new manifest is *staged* first, with an instant a moment ahead, which is the cut: a writer looks at the pointer
after it has stamped what it takes in, so whatever is stamped at the cut or later goes to the new versions too, whatever
is stamped before it does not, and comes from history. Nothing is missed, and nothing comes twice, with or without ids.
Only when every version is filled does the pointer move. A stop at any point leaves the old manifest served, and
applying again goes on with the same cut.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from diptych.ground.errors import DiptychError
from diptych.ground.ledger import Progress, Watcher, unwatched
from diptych.operate.backfill import DONE, Backfill, Backfilled, History, announce
from diptych.operate.rollout.difference import Version, diff
from diptych.operate.rollout.steps import Plan
from diptych.operate.rollout.sweep import drop_unlisted, drop_versions
from diptych.plan.nodes import Registry, View
from diptych.serve import documents
from diptych.serve.clock import Clock
from diptych.serve.manifest import Manifest, ManifestMoved, Manifests, Published, digest_of, encode

LEAD = 1_000_000
"""How far ahead of staging the cut lies, in microseconds: more than staging takes."""
LOOK_SECONDS = 1.0
"""How often a running backfill looks whether its manifest is still the staged one."""


class RolloutError(DiptychError):
    """A change that cannot be carried out."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A plan with what it was made for: the registry, and the digests that were current and staged then."""

    plan: Plan
    registry: Registry
    base: str | None
    staged: str | None


@dataclass(frozen=True, slots=True)
class RollbackProposal:
    """What flipping back to an earlier manifest would change; what is removed is what would be lost."""

    plan: Plan
    digest: str
    base: str


@dataclass(frozen=True, slots=True)
class Applied:
    """What was done: the manifest that is current now, the one before it, and the versions that were filled."""

    digest: str
    replaced: str | None
    cut: int | None
    filled: tuple[tuple[View, Backfilled], ...]


@dataclass(frozen=True, slots=True)
class Pruned:
    """The versions that are fed no longer, and how many keys were deleted."""

    versions: tuple[Version, ...]
    keys: int


@dataclass(frozen=True, slots=True)
class Rollout:
    """Changes what one project serves in one environment.

    ``clock`` must be the one that stamps what ingestion takes in; None is the server's. ``pause`` waits some seconds.
    """

    manifests: Manifests
    history: History
    clock: Clock | None = None
    pause: Callable[[float], None] = field(default=time.sleep)

    def propose(self, registry: Registry, rows: Mapping[str, int] | None = None) -> Proposal:
        """The plan from what is current to ``registry``; ``rows`` counts the history of sources. Changes nothing."""
        staged = self.manifests.staged()
        current = self._current()
        before = None if current is None else current.registry
        plan = diff(before, registry, ready=self._ready(registry), rows=rows)
        base = None if current is None else current.digest
        return Proposal(plan, registry, base, None if staged is None else staged.digest)

    def apply(self, proposal: Proposal, *, cut: int | None = None, watch: Watcher = unwatched) -> Applied:
        """Carry out a proposal; returns when the new manifest is current.

        ``cut`` (microseconds) is the instant up to which history is taken; None: when this change was staged, which
        needs a history that is complete up to now. An earlier one needs the stream to be read again from it. Raises
        ManifestMoved when somebody else changed what was planned upon, and what filling raises; after all of them
        what was served is served still, and applying again goes on.
        """
        registry, base = proposal.registry, proposal.base
        digest = digest_of(encode(registry))
        if digest == base:
            return Applied(digest, base, None, ())
        if not self._unfilled(registry) and not self._fresh(registry, digest):
            self.manifests.publish(registry, replacing=base, now=self._now())
            return Applied(digest, base, None, ())
        since = self._stage(proposal, digest)
        filled = tuple((view, self._fill(view, digest, cut, watch)) for view in self._unfilled(registry))
        self._check_unbroken(registry)
        self.manifests.flip(digest, replacing=base, now=self._now())
        return Applied(digest, base, since if cut is None else cut, filled)

    def propose_rollback(self, to: str | None = None) -> RollbackProposal:
        """What going back would change: to the manifest whose digest begins with ``to``, or to the one before.

        Raises RolloutError when there is no such manifest, or when its state has been pruned. Changes nothing.
        """
        current = self.manifests.current()
        target = self.manifests.load(self._earlier(current.digest, to))
        plan = diff(current.registry, target.registry, ready=self._ready(target.registry))
        if plan.backfills:
            names = ", ".join(step.view for step in plan.backfills)
            raise RolloutError(f"cannot go back to {target.digest[:12]}: the state of {names} is not there any more")
        return RollbackProposal(plan, target.digest, current.digest)

    def roll_back(self, proposal: RollbackProposal) -> None:
        """Make the earlier manifest current; raises ManifestMoved when somebody else published meanwhile."""
        self.manifests.roll_back(proposal.digest, replacing=proposal.base, now=self._now())

    def prune(self) -> Pruned:
        """Feed nothing but what is current, and delete every key of other versions, in small batches.

        For when every serving process reads the current manifest: whoever still reads an older one finds no state.
        """
        current = self.manifests.current()
        retired = self.manifests.retire(replacing=current.digest)
        live = {(view.name, view.fingerprint) for view in self.manifests.all_views()}
        keys = drop_unlisted(self.manifests.store, self.manifests.addresses, live)
        return Pruned(tuple((view.name, view.fingerprint) for view in retired), keys)

    def _current(self) -> Manifest | None:
        return self.manifests.current() if self.manifests.history() else None

    def _live(self, digest: str) -> set[Version]:
        """The versions fed without a break: of what was published, and of what is staged with ``digest``."""
        staged = self.manifests.staged()
        digests = {entry.digest for entry in self.manifests.history()}
        if staged is not None and staged.digest == digest:
            digests.add(digest)
        views = [view for each in digests for view in self.manifests.load(each).registry.views]
        return {(view.name, view.fingerprint) for view in views if self._why_broken(view) is None}

    def _ready(self, registry: Registry) -> set[Version]:
        """The versions of a registry that are fed and filled, whether they are served or not."""
        live = self._live(digest_of(encode(registry)))
        versions = {(view.name, view.fingerprint): view for view in registry.views}
        return {version for version, view in versions.items() if version in live and self.is_filled(view)}

    def _fresh(self, registry: Registry, digest: str) -> list[View]:
        live = self._live(digest)
        return [view for view in registry.views if (view.name, view.fingerprint) not in live]

    def _unfilled(self, registry: Registry) -> list[View]:
        """What has to be filled, the views of one source together: they may share what was read of it."""
        return sorted((view for view in registry.views if not self.is_filled(view)), key=lambda view: view.source.name)

    def fill(
        self, views: Iterable[str] | None = None, *, cut: int | None = None, watch: Watcher = unwatched
    ) -> dict[str, Backfilled]:
        """Fill versions that are current, by the names of their views (None: all), each with the cut it began with.

        ``cut`` (microseconds; None: since when the version is fed) is for those that have none yet. Raises RolloutError
        for a name that is not published.
        """
        current = {view.name: view for view in self.manifests.current().registry.views}
        names = list(current) if views is None else list(views)
        unknown = [name for name in names if name not in current]
        if unknown:
            raise RolloutError(f"there is no published view {unknown[0]!r}; there are {', '.join(sorted(current))}")
        together = sorted(names, key=lambda name: current[name].source.name)
        return {name: self._backfill(current[name], cut, watch) for name in together}

    def cut_of(self, source: str) -> int | None:
        """The latest cut of the current views over a source (microseconds): events known before it are history."""
        views = [view for view in self.manifests.current().registry.views if view.source.name == source]
        cuts = [cut for view in views if isinstance(cut := self._mark(view).get("cut"), int)]
        return max(cuts, default=None)

    def is_filled(self, view: View) -> bool:
        """Whether the state of this version holds all of its history up to its cut, and missed nothing since."""
        return self._mark(view).get("state") == DONE and self._why_broken(view) is None

    def _why_broken(self, view: View) -> str | None:
        found = documents.fetch(self.manifests.store, self.manifests.addresses.broken(view))
        return None if found is None else str(found["why"])

    def _check_unbroken(self, registry: Registry) -> None:
        broken = [(view.name, why) for view in registry.views if (why := self._why_broken(view)) is not None]
        if broken:
            lines = "\n".join(f"  view {name}: {why}" for name, why in broken)
            raise RolloutError(
                f"not served, because versions have missed events that came in meanwhile:\n{lines}\n"
                "Mend the stream or the definition, and apply again; until then what was served is served still"
            )

    def _mark(self, view: View) -> dict[str, object]:
        return documents.fetch(self.manifests.store, self.manifests.addresses.backfill(view)) or {}

    def _stage(self, proposal: Proposal, digest: str) -> int:
        """Have ingestion feed the new versions too; returns the instant from which it does, which has then come."""
        store, addresses = self.manifests.store, self.manifests.addresses
        if proposal.staged is not None and proposal.staged != digest:
            self.manifests.unstage(proposal.staged)
            self.pause(LEAD / 1e6)  # for what is being appended to its versions at this moment
        fresh = self._fresh(proposal.registry, digest)
        # What is not live has missed events since it was: what may be left of it must not be taken for its state.
        drop_versions(store, addresses, fresh)
        for view in fresh:
            announce(store, addresses, view)
        at = self._now() + LEAD
        self.manifests.stage(proposal.registry, replacing=proposal.base, instead_of=None, now=at)
        since = self._staged(digest).at
        if since == at and self._now() >= since:
            self.manifests.unstage(digest)
            raise RolloutError(
                f"the store took more than {LEAD / 1e6:g} s to stage the manifest {digest[:12]}, so events may have "
                "been missed. Nothing that is served has changed: look at the store, and apply again"
            )
        self.pause(max(0, since - self._now()) / 1e6)
        return since

    def _fill(self, view: View, digest: str, cut: int | None, watch: Watcher) -> Backfilled:
        """Fill one version, as long as its manifest is the staged one."""
        looked = time.monotonic()

        def watch_and_look(progress: Progress) -> None:
            nonlocal looked
            if time.monotonic() - looked > LOOK_SECONDS:
                self._staged(digest)
                looked = time.monotonic()
            watch(progress)

        self._staged(digest)
        return self._backfill(view, cut, watch_and_look)

    def _backfill(self, view: View, cut: int | None, watch: Watcher) -> Backfilled:
        """Fill a live version, or go on with that, up to the cut that it has begun with."""
        live = self.manifests.live_since(view)
        begun = self._mark(view).get("cut")
        chosen = begun if isinstance(begun, int) else live if cut is None else cut
        assert chosen is not None, "what is not live is not filled"
        store, addresses = self.manifests.store, self.manifests.addresses
        return Backfill(self.history, store, addresses, view, chosen, live_since=live).run(watch)

    def _staged(self, digest: str) -> Published:
        """The staged manifest, which must be this one: work for one that was replaced would be for nothing."""
        staged = self.manifests.staged()
        if staged is None or staged.digest != digest:
            raise ManifestMoved(f"somebody else took over: {digest[:12]} is not staged any more; plan again")
        return staged

    def _earlier(self, current: str, to: str | None) -> str:
        digests = list(dict.fromkeys(entry.digest for entry in self.manifests.history()))
        others = [entry.digest for entry in self.manifests.history() if entry.digest != current]
        if to is None:
            if not others:
                raise RolloutError(f"there is nothing to go back to: {current[:12]} is all that is published")
            return others[-1]
        found = [digest for digest in digests if digest.startswith(to)]
        if len(found) != 1:
            known = ", ".join(digest[:12] for digest in digests)
            many = "more than one manifest begins" if found else "no manifest that is kept begins"
            raise RolloutError(f"{many} with {to!r}; kept: {known} (the last is the newest)")
        return found[0]

    def _now(self) -> int:
        return self.manifests.store.now_us() if self.clock is None else self.clock()
