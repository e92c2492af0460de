"""Every skew of the catalogue is really active, is caught, and the gate names a right cause for nine in ten.

Quick: the comparison that names causes, over the view in which a fault shows. ``make power`` runs the whole suite.
"""

import pytest

from diptych.check.findings import Cause
from tests.power.faults import FAULTS, Fault
from tests.power.measure import examine, quick


def test_the_catalogue_is_long_and_says_what_each_is() -> None:
    assert len(FAULTS) >= 40
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    for fault in FAULTS:
        assert fault.side in ("offline", "online", "copy")
        assert fault.mistake.endswith(".")
        assert fault.causes
        assert Cause.UNEXPLAINED not in fault.causes


def test_honest_shops_pass() -> None:
    """Else the tests below would prove nothing."""
    for stage in examine(None, ["simulate", "replay", "copy"]).stages:
        assert not stage.caught, stage.message


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_fault_is_active_and_caught(fault: Fault) -> None:
    """That a comparison differs is also that the fault changes an answer."""
    found = quick(fault)
    assert found.caught
    assert found.right, f"{found.causes} for {sorted(fault.causes)}"
