"""How small a skew a sample would have found: the honest footnote under a comparison that did not compare everything."""

import math

from diptych.check.findings import Sampling

CONFIDENCE = 0.95


def sampling(
    compared: int,
    of: int | None,
    *,
    by: str = "request",
    entities: int,
    entities_of: int | None = None,
    name: str = "",
) -> Sampling:
    """What ``compared`` questions out of ``of`` (None: without end) say, about so many distinct entities.

    ``by`` is what was drawn: ``"request"``, or ``"entity"`` with all of its questions. Values of one entity go together,
    so then the unit is the entity, out of ``entities_of`` (None: not known), and ``detectable`` is a share of entities.
    """
    drawn, population = (entities, entities_of) if by == "entity" else (compared, of)
    smallest = detectable(drawn, population)
    return Sampling(compared=compared, of=of, by=by, entities=entities, detectable=smallest, name=name)


def detectable(drawn: int, of: int | None, confidence: float = CONFIDENCE) -> float:
    """The smallest share of skewed units of which ``drawn`` units, all different, hold at least one with confidence.

    ``of`` None is a population without end: the share p with ``(1 - p)^drawn = 1 - confidence``. In a population of
    ``of`` units it is the least k / of for which k skewed ones are all missed with a probability of at most
    ``1 - confidence``. 0.0 where every unit was drawn, 1.0 where none was: then not even skew everywhere is found.
    """
    if drawn <= 0:
        return 1.0
    if of is None:
        return -math.expm1(math.log(1 - confidence) / drawn)
    if drawn >= of:
        return 0.0
    allowed = (1 - confidence) * (1 + 1e-12)  # the products are rounded, and one in twenty is not more than 0.05
    few, many = 0, of - drawn + 1  # more skewed units than are left out cannot all be missed
    while many - few > 1:
        skewed = (few + many) // 2
        if missed(skewed, drawn, of) <= allowed:
            many = skewed
        else:
            few = skewed
    return many / of


def missed(skewed: int, drawn: int, of: int) -> float:
    """The probability that none of ``skewed`` units is among ``drawn`` different ones out of ``of``."""
    if skewed + drawn > of:
        return 0.0
    few, many = sorted((skewed, drawn))
    return math.exp(math.fsum(math.log1p(-many / (of - i)) for i in range(few)))
