"""Skews of the catalogue are really active, and are caught by the comparison over the view in which they show.

Every sixth by default, all in the long run; ``make power`` puts each of them through the whole default suite, and says
which cause the gate names and whether it is right.
"""

import pytest
from hypothesis import settings

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


TRIED = FAULTS if settings.get_current_profile_name() == "long" else FAULTS[::6]


@pytest.mark.parametrize("fault", TRIED, ids=str)
def test_a_fault_is_active_and_caught(fault: Fault) -> None:
    """That a comparison differs is also that the fault changes an answer."""
    found = quick(fault)
    assert found.caught
    assert found.causes.total() > 0, "what is caught gets a cause, be it that nobody can explain it"
