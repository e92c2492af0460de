"""What can be wrong with a spine, a history or the values that come out of them."""

from diptych.ground.errors import DiptychError


class BadSpine(DiptychError):
    """A spine that does not say who is asked about and when, or not in the declared types."""


class BadHistory(DiptychError):
    """A history that cannot be read as its source declares it."""


class Overflow(DiptychError):
    """A window's own sum leaves int64."""
