"""The boundary cases of any view, made out of its own meaning: the same view always gets the same cases."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from diptych.ground.expression import columns_of
from diptych.plan.nodes import View
from diptych.testing.boundaries.arrivals import copies, crowds, delays, limits, several, ties
from diptych.testing.boundaries.case import Boundaries, BoundaryCase, Gap, Rule
from diptych.testing.boundaries.cast import Cast
from diptych.testing.boundaries.contents import conditions, extremes, keys, nulls, refusals
from diptych.testing.boundaries.stage import Stage
from diptych.testing.boundaries.windows import calendars, empties, heads, tails

TIMED = (heads, tails, delays, limits, ties, copies, crowds, calendars)
"""What there is to try only where events have a time."""
ALWAYS = (empties, several, nulls, conditions, extremes, refusals, keys)


@lru_cache(maxsize=64)
def boundaries(view: View) -> Boundaries:
    """Every case of a view, and what they leave open."""
    cast = Cast.of(view)
    if cast is None:
        why = "none of the rows that were drawn from the declared types passes the door: widen the filter, or the types"
        return Boundaries((), (Gap(Rule.DOOR, "every case", why),))
    found = list(_played(Stage(cast)))
    missing = set(range(len(view.reductions))) - frozenset().union(
        *(r.counts(view) for r in (*cast.mine, *cast.varied))
    )
    gaps = [each for each in found if isinstance(each, Gap)]
    for feature in view.features:
        unseen = [n for n in sorted(missing) if f"r{n}" in columns_of(feature.finish)]
        if unseen:
            why = "none of the rows that were drawn is taken in by all that it is made of"
            gaps.append(Gap(Rule.WHERE, f"feature {feature.name}", why))
    return Boundaries(_named([case for case in found if isinstance(case, BoundaryCase)]), tuple(gaps))


def cases(view: View) -> list[BoundaryCase]:
    """The boundary cases of a resolved view: deterministic, few rows each, judged by nobody yet."""
    return list(boundaries(view).cases)


def gaps(view: View) -> list[Gap]:
    """What the cases of a view could not cover, and why."""
    return list(boundaries(view).gaps)


def _played(stage: Stage) -> Iterator[BoundaryCase | Gap]:
    families = (*(TIMED if stage.view.source.timestamp is not None else ()), *ALWAYS)
    for family in families:
        yield from family(stage)


def _named(found: list[BoundaryCase]) -> tuple[BoundaryCase, ...]:
    """The cases, of which no two have one name."""
    seen: Counter[str] = Counter()
    named = []
    for case in found:
        seen[case.name] += 1
        named.append(case if seen[case.name] == 1 else replace(case, name=f"{case.name} ({seen[case.name]})"))
    return tuple(named)
