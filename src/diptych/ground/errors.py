"""The root of every error that Diptych raises on purpose."""


class DiptychError(Exception):
    """Something that the user can mend; the message says what, where, what exists and what to do."""
