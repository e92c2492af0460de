"""A rollout plan as data: frozen steps that can be shown, compared, written as JSON, or executed."""

from dataclasses import dataclass
from enum import StrEnum


class Thing(StrEnum):
    """What a registry is made of."""

    SOURCE = "source"
    ENTITY = "entity"
    VIEW = "view"
    SERVICE = "service"


@dataclass(frozen=True, slots=True)
class Difference:
    """One fact that is not the same: what it is about, and its old and new words (None: there was or is none)."""

    topic: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class Added:
    """Something new, and what it means."""

    thing: Thing
    name: str
    means: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Removed:
    """Something that is gone; ``lost`` names what nobody can ask for any more."""

    thing: Thing
    name: str
    lost: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FeatureChange:
    """A feature of a changed view, ``old`` and ``new`` in one line each (None: added, or removed)."""

    name: str
    old: str | None
    new: str | None
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True)
class Changed:
    """Something whose values mean something else now; ``features`` of a view alone."""

    thing: Thing
    name: str
    differences: tuple[Difference, ...]
    features: tuple[FeatureChange, ...] = ()


@dataclass(frozen=True, slots=True)
class Retouched:
    """Something of which only words changed, for people: owner, description, tags, freshness, tolerance."""

    thing: Thing
    name: str
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Backfill:
    """A version of a view whose state must be made from history before it can be served.

    ``replaces`` is the fingerprint that is served now (None: the view is new). ``rows`` is the number of rows of
    history, None where nobody counted.
    """

    view: str
    fingerprint: str
    replaces: str | None
    source: str
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class Reuse:
    """A version of a view that is not served now, but whose state is complete and has been kept up to date."""

    view: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Caution:
    """Something that is allowed and that somebody may regret."""

    about: str
    text: str


Step = Added | Removed | Changed | Retouched | Backfill | Reuse | Caution


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps from one registry to another, in a fixed order."""

    project: str
    steps: tuple[Step, ...]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.steps

    @property
    def backfills(self) -> tuple[Backfill, ...]:
        """The views whose state must be made."""
        return tuple(step for step in self.steps if isinstance(step, Backfill))

    @property
    def cautions(self) -> tuple[Caution, ...]:
        """What somebody should think about first."""
        return tuple(step for step in self.steps if isinstance(step, Caution))
