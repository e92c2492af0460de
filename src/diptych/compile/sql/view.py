"""One view to one statement: the door, the ranks, the two lowerings, and the features at the end."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from diptych.compile.sql.answers import Result, columns_of_result, group_result, semigroup_result
from diptych.compile.sql.dialects import Dialect, dialect_named
from diptych.compile.sql.door import door, key_name, payload, positive_zero
from diptych.compile.sql.errors import CannotCompile
from diptych.compile.sql.evidence import magnitude
from diptych.compile.sql.expressions import literal, lower
from diptych.compile.sql.groups import TOTALS, Measure, group_steps, measures_of
from diptych.compile.sql.parts import Part, distinct_parts, is_group, semigroup_parts
from diptych.compile.sql.ranks import KEYS, entities, labels, seen, spine, until
from diptych.compile.sql.semigroups import found, tree_steps, window_steps
from diptych.compile.sql.tree import (
    Sql,
    Step,
    case,
    coalesce,
    column,
    equal,
    is_null,
    join,
    negated,
    select,
    statement,
    typed,
)
from diptych.ground.expression import Column, columns_of
from diptych.ground.values import Float64
from diptych.plan.nodes import REQUEST_TIME, Feature, Kind, Reduction, View, Window

NULL_KEY = "null_key"
OVERFLOW = "overflow"
"""The last column of every statement: the first feature whose own sum leaves int64, null if none."""


@dataclass(frozen=True, slots=True)
class CompiledView:
    """A statement over the relations ``raw`` and ``spine_keys``.

    Its columns are ``row_id``, one for each of ``features`` in order, then with evidence ``{name}__status`` (text) for
    each, ``{name}__magnitude`` (binary64) for each that is not exact, and last ``overflow``.
    """

    view: View
    dialect: str
    sql: str
    features: tuple[Feature, ...]
    columns: tuple[str, ...]
    evidence: bool


def compile_view(
    view: View,
    dialect: str = "duckdb",
    *,
    features: Sequence[str] | None = None,
    evidence: bool = False,
    arrived: bool = False,
) -> CompiledView:
    """Compile the named features of a view, or all of them.

    ``evidence`` adds what a comparison needs beside each value. ``arrived`` says that ``raw`` has a column
    ``arrived_at`` which outranks the declared ``known_at``. Raises CannotCompile for a dialect that is not proven, or
    a view that the dialect cannot hold.
    """
    spoken = dialect_named(dialect)
    wanted = _wanted(view, features)
    used = _used(view, wanted)
    _check(view, [view.reductions[i] for i in used], spoken)
    query = _Lowering(view, wanted, used, spoken, evidence).statement(arrived)
    text = query.sql(dialect=spoken.name, pretty=True, max_text_width=110)
    return CompiledView(view, spoken.name, text, wanted, tuple(query.named_selects), evidence)


def _wanted(view: View, names: Sequence[str] | None) -> tuple[Feature, ...]:
    if names is None:
        return view.features
    by_name = {feature.name: feature for feature in view.features}
    missing = [name for name in names if name not in by_name]
    if missing:
        raise CannotCompile(f"view {view.name!r} has no feature {missing[0]!r}; it has: {', '.join(by_name)}")
    return tuple(by_name[name] for name in names)


def _used(view: View, wanted: Iterable[Feature]) -> list[int]:
    """Indices of the reductions that the wanted features read."""
    return sorted({index for feature in wanted for index in reductions_of(feature)})


def reductions_of(feature: Feature) -> list[int]:
    """Indices of the reductions that a feature's finish reads, in order."""
    return sorted({int(name[1:]) for name in columns_of(feature.finish) if name != REQUEST_TIME})


def _check(view: View, reductions: Iterable[Reduction], dialect: Dialect) -> None:
    refused = {reduction.kind for reduction in reductions} - dialect.kinds
    if refused:
        raise CannotCompile(f"view {view.name!r}: {dialect.name} was never proven for {', '.join(sorted(refused))}")
    declared = [field.name for field in view.source.columns] + [name for name, _ in view.source.derive]
    _distinct_names(declared, f"source {view.source.name!r}: columns")
    _distinct_names([field.name for field in view.entity.keys], f"entity {view.entity.name!r}: keys")


def _distinct_names(names: Sequence[str], where: str) -> None:
    """SQL engines do not tell names apart by case."""
    seen_names: dict[str, str] = {}
    for name in names:
        other = seen_names.setdefault(name.casefold(), name)
        if other != name:
            raise CannotCompile(f"{where} {other!r} and {name!r} differ only by case, which SQL ignores; rename one")


@dataclass(frozen=True, slots=True)
class _Lowering:
    """One compilation: the view, what is asked of it, and the dialect."""

    view: View
    features: tuple[Feature, ...]
    used: list[int]
    dialect: Dialect
    evidence: bool

    def statement(self, arrived: bool) -> exp.Select:
        """The whole statement, step by step."""
        steps = [entities(self.view), *door(self.view, self.dialect, arrived=arrived), spine(self.view)]
        if self.used:
            steps.append(seen(["ts", *payload(self.view)], self.windows, self.dialect))
        if self.cell_parts:
            says = "events that the same ranks see, folded together"
            steps.append(Step("cells", self.cells(), says, materialized=True))
        if self.measures:
            steps += group_steps(self.measures, self.windows)
        if self.trees:
            steps += tree_steps(self.dialect)
        for label, parts in self.trees.items():
            steps += window_steps(parts, label, self.dialect)
        steps.append(Step("reduced", self.reduced(), "the reductions of each spine row"))
        return statement(steps, self.answers())

    @property
    def reductions(self) -> list[tuple[int, Reduction]]:
        """The reductions in use, with their indices."""
        return [(i, self.view.reductions[i]) for i in self.used]

    @property
    def windows(self) -> dict[Window, str]:
        """The windows in use, shortest first, with their labels."""
        windows = {reduction.window for _, reduction in self.reductions}
        return labels(sorted(windows, key=lambda w: (w.length is None, w.length or 0, w.hop or 0)))

    def measures_of(self, reduction: Reduction) -> list[Measure]:
        """The running sums of one group; with evidence a SUM is counted too."""
        label = self.windows[reduction.window]
        measures = measures_of(self.view, reduction, label, self.dialect)
        if self.evidence and reduction.kind is Kind.SUM:
            measures += measures_of(self.view, replace(reduction, kind=Kind.COUNT), label, self.dialect)
        return measures

    @property
    def measures(self) -> list[Measure]:
        """The running sums of all groups, each once."""
        groups = [reduction for _, reduction in self.reductions if is_group(self.view, reduction)]
        return list({m.name: m for reduction in groups for m in self.measures_of(reduction)}.values())

    def parts_of(self, reduction: Reduction) -> list[Part]:
        """The partials of one semigroup."""
        return semigroup_parts(reduction, self.dialect, evidence=self.evidence)

    @property
    def trees(self) -> dict[str, list[Part]]:
        """The semigroups' parts of each window, by its label."""
        trees: dict[str, list[Part]] = {}
        for _, reduction in self.reductions:
            if not is_group(self.view, reduction):
                trees.setdefault(self.windows[reduction.window], []).extend(self.parts_of(reduction))
        return {label: distinct_parts(parts) for label, parts in trees.items()}

    @property
    def cell_parts(self) -> list[Part]:
        """All that is folded when cells are made."""
        grouped = [measure.part for measure in self.measures if measure.part is not None]
        return distinct_parts([*grouped, *(part for parts in self.trees.values() for part in parts)])

    def cells(self) -> exp.Select:
        """``seen`` grouped by entity and ranks."""
        ends = [until(label) for label in self.windows.values()]
        keys = [column("seen", name) for name in ("entity", "first", *ends)]
        parts = [(part.name, part.lift) for part in self.cell_parts]
        return select([*((key.name, key) for key in keys), *parts], "seen", group=[key.copy() for key in keys])

    def reduced(self) -> exp.Select:
        """Every row of the spine with ``r0``, ``r1``, ... beside the instant it asks about."""
        columns: list[tuple[str, Sql]] = [("row_id", column(KEYS, "row_id")), (REQUEST_TIME, column(KEYS, "t"))]
        for index, reduction in self.reductions:
            columns += columns_of_result(index, self.result(reduction), evidence=self.evidence)
        if self.evidence:
            columns.append((NULL_KEY, self.null_key()))
        query = select(columns, KEYS)
        totals = [TOTALS] if self.measures else []
        for source in [*totals, *(found(label) for label in self.trees)]:
            query = join(query, source, [equal(column(KEYS, "row_id"), column(source, "row_id"))], how="LEFT")
        return query

    def null_key(self) -> Sql:
        """Whether a part of the row's key is null."""
        parts = [is_null(column(KEYS, key_name(field))) for field in self.view.entity.keys]
        return exp.or_(*parts) if parts else exp.false()

    def result(self, reduction: Reduction) -> Result:
        """The result of one reduction, out of whichever lowering serves it."""
        if is_group(self.view, reduction):
            return group_result(reduction, self.measures_of(reduction), self.dialect)
        label = self.windows[reduction.window]
        return semigroup_result(reduction, self.parts_of(reduction), label, self.dialect)

    def answers(self) -> exp.Select:
        """The features, what is known about them, and the first that overflows."""
        columns: list[tuple[str, Sql]] = [("row_id", column("reduced", "row_id"))]
        columns += [(feature.name, self.answer(feature)) for feature in self.features]
        if self.evidence:
            columns += [(f"{feature.name}__status", self.status(feature)) for feature in self.features]
            sizes = [(f"{f.name}__magnitude", magnitude(self.view, f, self.dialect)) for f in self.features]
            columns += [(name, size) for name, size in sizes if size is not None]
        sums = [(self.overflows(feature), exp.Literal.string(feature.name)) for feature in self.features]
        branches = [(overflow, name) for overflow, name in sums if overflow is not None]
        blame = case(*branches) if branches else typed(exp.null(), self.dialect.text)
        return select([*columns, (OVERFLOW, blame)], "reduced")

    def overflows(self, feature: Feature) -> Sql | None:
        """Whether a sum that the feature reads leaves int64; None where it reads none."""
        reads = [(i, self.view.reductions[i]) for i in reductions_of(feature)]
        exact = [i for i, r in reads if r.kind is Kind.SUM and is_group(self.view, r)]
        return exp.or_(*(column("reduced", f"r{i}__overflow") for i in exact)) if exact else None

    def finished(self, feature: Feature) -> Sql:
        """The finish before overflow and default have their say."""
        finish = lower(feature.finish, lambda name: column("reduced", name), self.dialect)
        return positive_zero(finish, self.dialect) if isinstance(feature.type, Float64) else finish

    def answer(self, feature: Feature) -> Sql:
        """The feature's finish; its default where that is null; null where it overflows."""
        finish, overflow = self.finished(feature), self.overflows(feature)
        if feature.default is not None:
            finish = coalesce(finish, literal(feature.default, feature.type, self.dialect))
        if overflow is not None:
            finish = case((negated(overflow), finish))
        return finish if isinstance(feature.finish, Column) else typed(finish, self.dialect.type_name(feature.type))

    def status(self, feature: Feature) -> Sql:
        """Which kind of answer it is; an entity without any event is told as an empty window."""
        overflow, empty = self.overflows(feature), [column("reduced", f"r{i}__empty") for i in reductions_of(feature)]
        branches: list[tuple[Sql, str]] = [(overflow, "OVERFLOW")] if overflow is not None else []
        if empty:
            branches.append((exp.and_(column("reduced", NULL_KEY), *empty), "NULL_KEY"))
            branches.append((exp.and_(*(e.copy() for e in empty)), "EMPTY_WINDOW"))
        branches.append((is_null(self.finished(feature)), "NULL"))
        worded = [(condition, exp.Literal.string(word)) for condition, word in branches]
        return case(*worded, otherwise=exp.Literal.string("PRESENT"))
