"""``describe``: everything there is to say about a feature, a view or a service, as data and as plain text."""

import difflib
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from diptych.compile.sql import CannotCompile, compile_view
from diptych.describe.cost import feature_cost, view_cost
from diptych.describe.facts import Fact, door_facts, feature_facts, metadata_facts, view_facts
from diptych.describe.service import service_facts, summary
from diptych.ground.errors import DiptychError
from diptych.plan.nodes import Registry, Service, View

DIALECT = "duckdb"
_SHOWN = 12
_NARROWEST, _WIDEST = 14, 34
"""Columns for the topics of a section."""


class UnknownName(DiptychError):
    """A name that is neither a view, nor a service, nor a feature of the registry."""


@dataclass(frozen=True, slots=True)
class Section:
    """Facts under one title."""

    title: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """The SQL that computes something of a view for training; ``refused`` says why there is none."""

    view: str
    dialect: str
    sql: str = ""
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Description:
    """What was asked for, its kind (``feature``, ``view`` or ``service``), and what is to say about it."""

    kind: str
    name: str
    sections: tuple[Section, ...]
    statements: tuple[Statement, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The same as plain values for JSON."""
        return {
            "kind": self.kind,
            "name": self.name,
            "sections": [
                {"title": section.title, "facts": [_fact_dict(fact) for fact in section.facts]}
                for section in self.sections
            ],
            "sql": [
                {
                    "view": found.view,
                    "dialect": found.dialect,
                    "sql": found.sql or None,
                    "refused": found.refused or None,
                }
                for found in self.statements
            ],
        }

    def text(self, *, sql: bool = True, width: int = 110) -> str:
        """The same as plain text, wrapped at ``width`` columns."""
        blocks = [f"{self.kind} {self.name}"]
        for section in self.sections:
            indent = min(max(len(fact.topic) for fact in section.facts), _WIDEST)
            lines = [line for fact in section.facts for line in _fact_lines(fact, max(indent, _NARROWEST), width)]
            blocks.append("\n".join([section.title, *lines]))
        if sql:
            blocks += [_statement_text(statement) for statement in self.statements]
        return "\n\n".join(blocks) + "\n"


def describe(registry: Registry, name: str) -> Description:
    """The description of ``"view:feature"`` (or ``"view__feature"``), of a view, or of a service (``"name"`` for its
    newest version, ``"name:version"``).

    Raises UnknownName, which lists what exists.
    """
    views = {view.name: view for view in registry.views}
    head, colon, tail = name.partition(":")
    if not colon and "__" in name:
        head, colon, tail = name.partition("__")
    if head in views and colon:
        return _feature(views[head], tail)
    if name in views:
        return _view(views[name])
    versions = [s for s in registry.services if s.name == head and (not colon or str(s.version) == tail)]
    if versions:
        return _service(registry, max(versions, key=lambda service: service.version))
    raise _unknown(registry, name)


def _feature(view: View, name: str) -> Description:
    found = next((feature for feature in view.features if feature.name == name), None)
    if found is None:
        names = [feature.name for feature in view.features]
        raise UnknownName(f"the view {view.name!r} has no feature {name!r}; {_exists(name, names)}")
    about = (Fact("description", found.description),) if found.description else ()
    tags = tuple(Fact(f"tag {key}", value) for key, value in found.tags)
    sections = (
        Section("What it answers at an instant t", feature_facts(view, found)),
        Section(f"What holds for all of {view.name}", view_facts(view)),
        Section("What it costs", feature_cost(view, found)),
        Section("Who cares", (*about, *tags, *metadata_facts(view))),
    )
    return Description("feature", f"{view.name}:{name}", _filled(sections), (_statement(view, [name]),))


def _view(view: View) -> Description:
    sections = (
        Section("What holds for every feature", view_facts(view)),
        Section("Features", tuple(Fact(feature.name, summary(view, feature)) for feature in view.features)),
        Section("What is let in", door_facts(view.source)),
        Section("What it costs", view_cost(view)),
        Section("Who cares", metadata_facts(view)),
        Section("Version", (Fact("fingerprint", view.fingerprint),)),
    )
    return Description("view", view.name, _filled(sections), (_statement(view, None),))


def _service(registry: Registry, service: Service) -> Description:
    sections = (
        *(Section(title, facts) for title, facts in service_facts(registry, service).items()),
        Section("Who cares", metadata_facts(service)),
    )
    return Description("service", f"{service.name}:{service.version}", _filled(sections))


def _statement(view: View, features: list[str] | None) -> Statement:
    try:
        return Statement(view.name, DIALECT, compile_view(view, DIALECT, features=features).sql)
    except CannotCompile as error:
        return Statement(view.name, DIALECT, refused=str(error))


def _filled(sections: Iterable[Section]) -> tuple[Section, ...]:
    return tuple(section for section in sections if section.facts)


def _unknown(registry: Registry, name: str) -> UnknownName:
    services = [f"{service.name}:{service.version}" for service in registry.services]
    names = [*(view.name for view in registry.views), *services]
    kind = "nothing is called" if names else "the registry is empty, so nothing is called"
    return UnknownName(
        f'{kind} {name!r} in project {registry.project!r}; {_exists(name, names)}; features: "view:feature"'
    )


def _exists(name: str, names: list[str]) -> str:
    shown = ", ".join(sorted(names)[:_SHOWN]) or "none"
    more = f", ... ({len(names)} in all)" if len(names) > _SHOWN else ""
    near = difflib.get_close_matches(name, names, n=1)
    return f"exists: {shown}{more}" + (f"; did you mean {near[0]!r}?" if near else "")


def _fact_dict(fact: Fact) -> dict[str, Any]:
    plain: dict[str, Any] = {"topic": fact.topic, "text": fact.text}
    return plain if fact.value is None else {**plain, "value": fact.value}


def _fact_lines(fact: Fact, indent: int, width: int) -> list[str]:
    topic, rest = f"  {fact.topic:<{indent}}  ", " " * (indent + 4)
    lines = textwrap.wrap(
        fact.text, width, initial_indent=topic, subsequent_indent=rest, break_on_hyphens=False, break_long_words=False
    )
    return lines or [topic.rstrip()]


def _statement_text(statement: Statement) -> str:
    title = f"SQL ({statement.dialect}) over the relations raw and spine_keys"
    return f"{title}\n\n{statement.sql or 'refused: ' + statement.refused}"
