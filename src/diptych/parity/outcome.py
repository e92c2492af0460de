"""What a check is, what it leaves behind, and how it fails: values that the plugin turns into reports."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from diptych.check.findings import Checked, Findings
from diptych.parity.workbench import Workbench


class NotEqual(AssertionError):
    """A check that found a difference; the message is what a person reads, and all that pytest shows."""

    __module__ = "builtins"  # so that pytest's short summary begins with the message, not with the place of this class


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one check found.

    ``skipped`` says why there was nothing to check, where that is no mistake. ``failure`` is empty when the gate lets it
    through; its first line says which feature differs and why. ``properties`` are few and small: they go into JUnit's XML.
    """

    checks: tuple[Checked, ...] = ()
    findings: tuple[Findings, ...] = ()
    failure: str = ""
    skipped: str = ""
    properties: Mapping[str, object] = field(default_factory=dict)


class Check(Protocol):
    """One item of a suite, as pytest runs it."""

    @property
    def name(self) -> str:
        """What pytest calls the item, such as ``boundaries[view:feature-duckdb]``."""
        ...

    @property
    def kind(self) -> str:
        """The word before the bracket."""
        ...

    def ready(self, bench: Workbench) -> None:
        """Raise a DiptychError, which says what to do, where the check cannot be carried out at all."""
        ...

    def run(self, bench: Workbench) -> Outcome:
        """Carry it out."""
        ...
