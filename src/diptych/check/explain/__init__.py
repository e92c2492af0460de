"""Why a value is what it is: by law, offline and online, down to events, tiles and raw records, and their difference."""

from diptych.check.explain.asking import Answered, History, bare
from diptych.check.explain.explaining import explain, state_difference
from diptych.check.explain.explanation import (
    DerivedExplanation,
    Disagreement,
    EventShown,
    Explanation,
    Fate,
    MissingEvent,
    RecordShown,
    ReductionShown,
    Side,
    StateDifference,
    StateShown,
    SurplusCopy,
    TileDifference,
    TileShown,
    UnknownRecord,
)
from diptych.check.explain.state import Stored
from diptych.check.explain.telling import Sentence, sentences

__all__ = [
    "Answered",
    "DerivedExplanation",
    "Disagreement",
    "EventShown",
    "Explanation",
    "Fate",
    "History",
    "MissingEvent",
    "RecordShown",
    "ReductionShown",
    "Sentence",
    "Side",
    "StateDifference",
    "StateShown",
    "Stored",
    "SurplusCopy",
    "TileDifference",
    "TileShown",
    "UnknownRecord",
    "bare",
    "explain",
    "sentences",
    "state_difference",
]
