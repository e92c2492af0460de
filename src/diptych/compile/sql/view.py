"""One view to one statement: the door, the ranks, the two lowerings, and the features at the end."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlglot import exp

from diptych.compile.sql.dialects import Dialect, dialect_named
from diptych.compile.sql.door import door, payload, positive_zero
from diptych.compile.sql.errors import CannotCompile
from diptych.compile.sql.expressions import literal, lower
from diptych.compile.sql.groups import TOTALS, Measure, group_steps, measures_of
from diptych.compile.sql.parts import Part, distinct_parts, is_float, is_group, semigroup_parts
from diptych.compile.sql.ranks import KEYS, entities, labels, seen, spine, until
from diptych.compile.sql.semigroups import found, tree_steps, window_steps
from diptych.compile.sql.tree import (
    Sql,
    Step,
    between,
    case,
    coalesce,
    column,
    integer,
    join,
    select,
    statement,
    typed,
)
from diptych.ground.expression import Column, columns_of
from diptych.ground.values import INT64_MAX, INT64_MIN, Float64, ListOf
from diptych.plan.nodes import REQUEST_TIME, Feature, Kind, Reduction, View, Window

OVERFLOW = "overflow"
"""The last column of every statement: the first feature whose own sum leaves int64, null if none."""


@dataclass(frozen=True, slots=True)
class CompiledView:
    """A statement over the relations ``raw`` and ``spine_keys``.

    Its columns are ``row_id``, one for each of ``features`` in order, then with evidence for each feature
    ``{name}__overflow`` (Bool) and for each float sum or moment ``r{i}__magnitude`` (Float64), and last ``overflow``.
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
    view: View
    features: tuple[Feature, ...]
    used: list[int]
    dialect: Dialect
    evidence: bool

    def statement(self, arrived: bool) -> exp.Select:
        steps = [entities(self.view), *door(self.view, self.dialect, arrived=arrived), spine(self.view)]
        steps += [seen(payload_with_times(self.view), self.windows, self.dialect)]
        if self.cell_parts:
            steps.append(
                Step("cells", self.cells(), "events that the same ranks see, folded together", materialized=True)
            )
        if self.measures:
            steps += group_steps(self.measures, self.windows, self.dialect)
        if self.trees:
            steps += tree_steps(self.dialect)
        for label, parts in self.trees.items():
            steps += window_steps(parts, label, self.dialect)
        steps.append(Step("reduced", self.reduced(), "the reductions of each spine row"))
        return statement(steps, self.answers())

    @property
    def reductions(self) -> list[tuple[int, Reduction]]:
        return [(i, self.view.reductions[i]) for i in self.used]

    @property
    def windows(self) -> dict[Window, str]:
        """The windows in use, shortest first, with their labels."""
        windows = {reduction.window for _, reduction in self.reductions}
        order = sorted(windows, key=lambda w: (w.length is None, w.length or 0, w.hop or 0))
        return labels(order)

    @property
    def measures(self) -> list[Measure]:
        """The running sums of all groups, each once."""
        made = [
            measure
            for _, reduction in self.reductions
            if is_group(self.view, reduction)
            for measure in measures_of(reduction, self.windows[reduction.window], self.dialect)
        ]
        return list({measure.name: measure for measure in made}.values())

    @property
    def trees(self) -> dict[str, list[Part]]:
        """The semigroups' parts of each window, by its label."""
        trees: dict[str, list[Part]] = {}
        for _, reduction in self.reductions:
            if not is_group(self.view, reduction):
                parts = semigroup_parts(reduction, self.dialect, evidence=self.evidence)
                trees.setdefault(self.windows[reduction.window], []).extend(parts)
        return {label: distinct_parts(parts) for label, parts in trees.items()}

    @property
    def cell_parts(self) -> list[Part]:
        grouped = [measure.part for measure in self.measures if measure.part is not None]
        return distinct_parts([*grouped, *(part for parts in self.trees.values() for part in parts)])

    def cells(self) -> exp.Select:
        keys = [
            column("seen", name) for name in ("entity", "first", *(until(label) for label in self.windows.values()))
        ]
        columns: list[tuple[str, Sql]] = [(key.name, key) for key in keys]
        columns += [(part.name, part.lift) for part in self.cell_parts]
        return select(columns, "seen", group=[key.copy() for key in keys])

    def reduced(self) -> exp.Select:
        columns: list[tuple[str, Sql]] = [("row_id", column(KEYS, "row_id")), (REQUEST_TIME, column(KEYS, "t"))]
        for index, reduction in self.reductions:
            columns += self.result(index, reduction)
        query = select(columns, KEYS)
        sources = [TOTALS] if self.measures else []
        for source in [*sources, *(found(label) for label in self.trees)]:
            query = join(query, source, [column(KEYS, "row_id").eq(column(source, "row_id"))], how="LEFT")
        return query

    def result(self, index: int, reduction: Reduction) -> Iterator[tuple[str, Sql]]:
        """The columns of one reduction: ``r{i}``, and what is known about it."""
        label = self.windows[reduction.window]
        if is_group(self.view, reduction):
            totals = [
                coalesce(column(TOTALS, measure.name), integer(0))
                for measure in measures_of(reduction, label, self.dialect)
            ]
            yield from self.group_result(index, reduction, totals)
            return
        names = [part.name for part in semigroup_parts(reduction, self.dialect, evidence=self.evidence)]
        values = [column(found(label), name) for name in names]
        match reduction.kind:
            case Kind.SUM:
                yield f"r{index}", coalesce(values[0], self.dialect.float_literal(0.0))
                if self.evidence:
                    yield f"r{index}__magnitude", coalesce(values[1], self.dialect.float_literal(0.0))
            case Kind.FIRST | Kind.LAST:
                yield f"r{index}", self.dialect.dated_value(values[0])
            case Kind.LATEST:
                yield f"r{index}", self.dialect.oldest_first(values[0])
            case _:
                yield f"r{index}", values[0]

    def group_result(self, index: int, reduction: Reduction, totals: list[Sql]) -> Iterator[tuple[str, Sql]]:
        total = totals[0]
        if reduction.kind is Kind.SUM:
            fits = between(total, integer(INT64_MIN), integer(INT64_MAX))
            yield f"r{index}", case((fits, typed(total.copy(), self.dialect.integer)))
            yield f"r{index}__overflow", exp.Not(this=exp.Paren(this=fits.copy()))
        else:
            yield f"r{index}", typed(total, self.dialect.integer)

    def answers(self) -> exp.Select:
        columns: list[tuple[str, Sql]] = [("row_id", column("reduced", "row_id"))]
        columns += [(feature.name, self.answer(feature)) for feature in self.features]
        if self.evidence:
            columns += [
                (f"{feature.name}__overflow", self.overflows(feature) or exp.false()) for feature in self.features
            ]
            columns += [
                (f"r{i}__magnitude", column("reduced", f"r{i}__magnitude"))
                for i, reduction in self.reductions
                if is_float(self.view, reduction) and reduction.kind is Kind.SUM
            ]
        branches = [
            (over_, exp.Literal.string(f.name)) for f in self.features if (over_ := self.overflows(f)) is not None
        ]
        blame = case(*branches) if branches else typed(exp.null(), self.dialect.text)
        return select([*columns, (OVERFLOW, blame)], "reduced")

    def overflows(self, feature: Feature) -> Sql | None:
        """Whether a sum that the feature reads leaves int64; None where it reads none."""
        sums = [
            column("reduced", f"r{i}__overflow")
            for i in reductions_of(feature)
            if self.view.reductions[i].kind is Kind.SUM and not is_float(self.view, self.view.reductions[i])
        ]
        return exp.or_(*sums) if sums else None

    def answer(self, feature: Feature) -> Sql:
        """The feature's finish; its default where that is null; null where it overflows."""
        finish = lower(feature.finish, lambda name: column("reduced", name), self.dialect)
        if isinstance(feature.type, ListOf):
            return finish
        if isinstance(feature.type, Float64):
            finish = positive_zero(finish, self.dialect)
        if feature.default is not None:
            finish = coalesce(finish, literal(feature.default, feature.type, self.dialect))
        overflow = self.overflows(feature)
        if overflow is not None:
            finish = case((exp.Not(this=exp.Paren(this=overflow)), finish))
        return finish if isinstance(feature.finish, Column) else typed(finish, self.dialect.type_name(feature.type))


def payload_with_times(view: View) -> list[str]:
    """What the ranks carry along of each event."""
    return ["ts", *payload(view)]
