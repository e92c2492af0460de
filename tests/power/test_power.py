"""Every skew of the catalogue is really active and is caught, and the gate names a right cause for nine in ten.

By default a quarter of the catalogue, and of each fault the one suite that names its cause, over the one view in which it
shows; all of the catalogue in the long run. ``make power`` puts every fault through every suite.
"""

import pytest
from hypothesis import settings

from diptych.check.findings import Cause
from tests.power.faults import FAULTS, Fault
from tests.power.measure import examine, quick

TRIED = FAULTS if settings.get_current_profile_name() == "long" else FAULTS[::4]

MISNAMED = {
    "head closed in the read loop": "only boundary cases show it, and those name the rule instead of a cause",
    "fold takes what may come again": "likewise",
    "horizon ignored": "likewise",
    "keys in lower case": "of two states that become one the backfill keeps one history only, which is no one change",
}
"""Faults that are caught, and whose cause is not named rightly."""


def test_the_catalogue_is_long_and_says_what_each_is() -> None:
    assert len(FAULTS) >= 40
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    for fault in FAULTS:
        assert fault.side in ("offline", "online", "copy")
        assert fault.mistake.endswith(".")
        assert fault.causes
        assert Cause.UNEXPLAINED not in fault.causes


def test_the_cause_is_right_for_nine_in_ten() -> None:
    assert {fault.name for fault in FAULTS} >= set(MISNAMED)
    assert len(MISNAMED) <= 0.1 * len(FAULTS)


def test_honest_shops_pass() -> None:
    """Else the tests below would prove nothing."""
    for stage in examine(None, ["simulate", "replay", "copy"]).stages:
        assert not stage.caught, stage.message


@pytest.mark.parametrize("fault", TRIED, ids=str)
def test_a_fault_is_active_caught_and_named(fault: Fault) -> None:
    """That a suite fails is also that the fault changes an answer: without one none fails."""
    found = quick(fault)
    assert found.caught
    assert found.right is (fault.name not in MISNAMED), f"{found.causes} for {sorted(fault.causes)}"
