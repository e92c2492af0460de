"""The judge: the reference interpreter that every engine is compared with.

It is slow and obvious, and it imports nothing but the plan and the ground. ``Judge`` answers features of one view
over raw rows, ``serve`` a whole service, ``door`` says which rows are events and why the others are not.
"""

from diptych.reference.door import ARRIVED_AT, Door, Event, Rejected, door
from diptych.reference.expression import evaluate
from diptych.reference.judge import TOLERANCE, Answer, BadQuestion, Judge, Status, serve
from diptych.reference.values import Reason, Result, Unfit, Value, held, order, spoken

__all__ = [
    "ARRIVED_AT",
    "TOLERANCE",
    "Answer",
    "BadQuestion",
    "Door",
    "Event",
    "Judge",
    "Reason",
    "Rejected",
    "Result",
    "Status",
    "Unfit",
    "Value",
    "door",
    "evaluate",
    "held",
    "order",
    "serve",
    "spoken",
]
