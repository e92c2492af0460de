"""The check of a team's other implementation of a feature against the compiled one, over the real history."""

import time
from dataclasses import dataclass

import pyarrow as pa

from diptych.check import offline
from diptych.check.causes import Evidence, diagnose
from diptych.check.compare import Incomparable
from diptych.check.deliveries import Injection, deliver, instants_of, recorded
from diptych.check.findings import Example, Findings, Mismatch, OutputFindings
from diptych.check.measure import Measured, measure
from diptych.check.past import Past
from diptych.check.questions import INSTANT, made_up
from diptych.check.sampling import sampling
from diptych.parity.gate import judged
from diptych.parity.handwritten import BadCopy, HandWritten
from diptych.parity.outcome import Outcome
from diptych.parity.selection import BadSuite, feature_of, narrowed
from diptych.parity.suite import Copy
from diptych.parity.workbench import Workbench
from diptych.plan.nodes import Registry, Service, View
from diptych.reference import spoken
from diptych.testing.cases import Question
from diptych.testing.example import rows_of, value_of
from diptych.testing.oracle import Judged
from diptych.testing.paste import pasted
from diptych.testing.shrink import differs_from_judge, smallest

SIDES = ("compiled", "hand-written")
DIAGNOSING = 40.0
SHRINKING = 8.0
"""Seconds for the causes of one copy's differences, and for the smallest history that shows one."""


@dataclass(frozen=True, slots=True)
class CopyCheck:
    """See ``Copy``; ``place`` is which of the suite's copies it is."""

    copy: Copy
    place: int
    kind: str = "copy"

    @classmethod
    def of(cls, bench: Workbench, copy: Copy, place: int) -> "CopyCheck":
        """The check of a copy; raises BadSuite where it names no feature or no implementation."""
        feature_of(bench.whole, copy.feature)
        if (copy.sql is None) == (copy.function is None):
            raise BadSuite(f"Copy({copy.feature!r}) needs either sql= or function=")
        return cls(copy, place)

    @property
    def name(self) -> str:
        """``copy[view:feature]``."""
        return f"copy[{self.copy.feature}]"

    def ready(self, bench: Workbench) -> None:
        """Raises NoHistory."""
        bench.tables()

    def run(self, bench: Workbench) -> Outcome:
        """Answer the same questions by compiled SQL and by the copy, compare, and say why they differ."""
        begun, clock = time.time(), time.perf_counter()
        asked = _Asked.of(bench, self.copy)
        copied = HandWritten(self.copy, bench.wiring.sql_engine, bench.tables())
        measured = _measured(bench, asked, copied)
        past = Past({asked.view.source.name: asked.history})
        output = _explained(asked.view, measured, past)
        examples = [self._example(asked, copied, past, output.examples[0])] if output.examples else []
        findings = Findings(
            kind="copy",
            name=self.copy.feature,
            begun_at=int(begun * 1e6),
            seconds=time.perf_counter() - clock,
            outputs=(output,),
            sampling=(sampling(output.compared, None, entities=asked.entities, name=self.copy.feature),),
            examples=tuple(examples),
            facts={"seed": bench.suite.seed},
            sides=SIDES,
        )
        return judged(bench, findings)

    def _example(self, asked: "_Asked", copied: HandWritten, past: Past, mismatch: Mismatch) -> Example:
        """The smallest history on which the copy and the judge differ, as a test to paste below the suite."""
        view, name = asked.view, mismatch.feature
        feature = next(feature for feature in view.features if feature.name == name)
        key = tuple(value_of(mismatch.key[part.name], part.type) for part in view.entity.keys)
        rows = rows_of(view, past.of(view, tuple(mismatch.key.values())))
        question = Question(key, mismatch.at)
        small = smallest(view, rows, question, differs_from_judge(view, name, copied), seconds=SHRINKING)
        verdict = Judged.of(view, small.history, [small.question]).values[name][0]
        why = f"{mismatch.cause.value}: {mismatch.detail}" if mismatch.detail else mismatch.cause.value
        code = pasted(view, name, small.history, small.question, spoken(verdict, feature.type), "as_copied", why)
        ending = "        expect="
        code = code.replace(ending, f"        copy=suite.copies[{self.place}],\n{ending}")
        return Example(
            output=mismatch.output,
            cause=mismatch.cause,
            detail=mismatch.detail,
            rows=len(small.history),
            code=code,
        )


@dataclass(frozen=True, slots=True)
class _Asked:
    """The questions that both implementations answer, and the history that they answer them from."""

    registry: Registry
    view: View
    service: Service
    requests: pa.Table
    history: pa.Table

    @classmethod
    def of(cls, bench: Workbench, copy: Copy) -> "_Asked":
        """Questions around the boundaries of the copied feature's own windows, over all of the history."""
        tolerances = {name: value for name, value in bench.suite.tolerances.items() if name == copy.feature}
        registry = narrowed(bench.whole, [copy.feature], tolerances)
        view, source = registry.views[0], registry.views[0].source
        history = bench.tables()[source.name]
        told = recorded(registry)
        plain = Injection(bench.suite.seed, late=0.0, repeated=0.0, repeated_beyond=0.0)
        delivered = deliver(told.views[0].source, history, plain)
        if not len(delivered.known_at):
            raise BadCopy(f"copy of {copy.feature!r}: source {source.name!r} has no rows: there is nothing to compare")
        start, end = int(delivered.known_at[0]), int(delivered.known_at[-1]) + 1
        wanted = bench.budget.count(copy.questions)
        panels = made_up(told, {source.name: delivered}, start, end, wanted, bench.suite.seed)
        if not panels:
            lacking = ", ".join(view.on)
            raise BadCopy(f"copy of {copy.feature!r}: the history has no column {lacking} to draw entities from")
        service, requests = panels[0]
        return cls(registry, view, service, requests, history)

    @property
    def keys(self) -> list[str]:
        """The entity's key names."""
        return [key.name for key in self.view.entity.keys]

    @property
    def entities(self) -> int:
        """How many different entities are asked about."""
        return int(self.requests.select(self.keys).group_by(self.keys).aggregate([]).num_rows) if self.keys else 1


def _measured(bench: Workbench, asked: _Asked, copied: HandWritten) -> Measured:
    """The copy's answers held against those of compiled SQL."""
    instants = instants_of(asked.requests, INSTANT)
    source = asked.view.source.name
    answers = copied.answers(source, asked.history, asked.requests)
    engine = bench.wiring.sql_engine
    columns = offline.answers(asked.registry, asked.service, asked.requests, instants, {source: asked.history}, engine)
    [column] = columns.values()
    try:
        return measure(
            "copy",
            copied.copy.feature,
            asked.view.name,
            column.feature,
            column.values,
            answers,
            keys={key: asked.requests[key].to_pylist() for key in asked.keys},
            instants=instants,
            magnitude=column.magnitude,
        )
    except Incomparable as error:
        raise BadCopy(f"copy of {copied.copy.feature!r}: {error}") from error


def _explained(view: View, measured: Measured, past: Past) -> OutputFindings:
    """What differs, with causes."""
    if not measured.examined:
        return measured.findings
    evidence = Evidence(view, lambda key: past.of(view, key), measured.asked(), measured.agreements())
    return measured.explained(diagnose(evidence, DIAGNOSING, time.monotonic))
