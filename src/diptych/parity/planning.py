"""Which checks a suite consists of: one for each feature, view or comparison that can fail for itself."""

from diptych.parity.checks.boundaries import BoundariesCheck
from diptych.parity.checks.copies import CopyCheck
from diptych.parity.checks.properties import PropertiesCheck
from diptych.parity.checks.replay import ReplayCheck
from diptych.parity.checks.simulation import SimulationCheck
from diptych.parity.gate import allowed
from diptych.parity.outcome import Check
from diptych.parity.selection import BadSuite
from diptych.parity.workbench import Workbench


def checks(bench: Workbench) -> list[Check]:
    """The checks of a suite over its repository; raises BadSuite for one that cannot be meant."""
    suite = bench.suite
    allowed(suite.allow)
    found: list[Check] = []
    targets = bench.target_names()
    if suite.boundaries:
        found += [
            BoundariesCheck(view, feature.name, target)
            for view in bench.registry.views
            for target in targets
            for feature in view.features
        ]
    if suite.properties:
        searches = [(view, target) for view in bench.registry.views for target in targets]
        found += [PropertiesCheck(view, target, 1 / len(searches)) for view, target in searches]
    if suite.simulate is not None:
        found.append(SimulationCheck())
    if suite.replay is not None:
        found.append(ReplayCheck())
    found += [CopyCheck.of(bench, copy, place) for place, copy in enumerate(suite.copies)]
    if not found:
        raise BadSuite("everything is turned off: there is nothing to check")
    return found
