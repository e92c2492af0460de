"""The fixture ``parity``: what a pasted test, or a test of the team's own, needs of the repository."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from diptych.parity.handwritten import HandWritten
from diptych.parity.selection import feature_of
from diptych.parity.suite import Copy
from diptych.parity.workbench import Workbench
from diptych.plan.nodes import Registry
from diptych.store import FeatureStore
from diptych.testing.example import check_example
from diptych.testing.targets import Target


class Parity:
    """The repository around a test module (or ``--diptych-repo``), ready to be asked."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench

    @property
    def registry(self) -> Registry:
        """The definitions as they are declared."""
        return self._bench.whole

    @property
    def store(self) -> FeatureStore:
        """The repository's feature store; it is closed when the session ends."""
        return self._bench.store

    def example(
        self,
        feature: str,
        *,
        entity: Mapping[str, Any],
        at: str | int | datetime,
        history: Sequence[Mapping[str, Any]],
        expect: Any,
        targets: Sequence[str] = (),
        copy: Copy | None = None,
    ) -> None:
        """Assert that every engine and store gives ``expect`` for a feature over a few rows of its source.

        ``feature`` is ``"view:feature"``, ``entity`` the key parts by name, ``history`` rows as dicts. Instants are
        datetimes, ISO 8601 texts (UTC where they name no zone) or int microseconds. ``targets`` are names (none: all);
        with ``copy`` that hand-written copy is asked, and nothing else. Raises AssertionError, which says who answered
        what, and BadSuite or BadExample for a question that cannot be asked.
        """
        view, found = feature_of(self.registry, feature)
        asked: list[Target] = [self._bench.target(name) for name in self._bench.target_names(targets)]
        if copy is not None:
            asked = [HandWritten(copy, self._bench.wiring.sql_engine)]
        check_example(view, found.name, entity, at, history, expect, asked)
