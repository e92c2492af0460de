"""What can go wrong between this process and its online store, as errors that say what to do."""

from diptych.ground.errors import DiptychError


class StoreError(DiptychError):
    """Any failure of the online store; the subclasses say of which kind."""


class StoreUnreachable(StoreError):
    """No connection could be made, or the server is not ready; nothing was changed by this call."""


class StoreTimeout(StoreError):
    """The deadline of a call passed before the server answered; nothing was changed by this call."""


class StoreRefused(StoreError):
    """The server answered, and refused: a password, right, setting, full memory, or foreign key is in the way."""


class WriteUncertain(StoreError):
    """A write was sent and its answer never came: it may or may not have been applied, in whole or in part.

    Appends, seeds and swaps may be sent again safely. After an uncertain compare-and-set, read the document first.
    """


class StoreMisuse(StoreError):
    """The caller broke the store's contract (a state without header where one is due, lists of unequal length)."""
