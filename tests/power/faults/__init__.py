"""The catalogue: skews that really happen to teams, each planted in one side of the product."""

from tests.power.faults import copies, definitions, duplicates, keys, numbers, order, states, times, values, windows
from tests.power.faults.fault import Fault

FAULTS: tuple[Fault, ...] = (
    *windows.FAULTS,
    *times.FAULTS,
    *duplicates.FAULTS,
    *order.FAULTS,
    *values.FAULTS,
    *numbers.FAULTS,
    *keys.FAULTS,
    *definitions.FAULTS,
    *states.FAULTS,
    *copies.FAULTS,
)

__all__ = ["FAULTS", "Fault"]
