"""What the SQL compiler refuses to compile, and why."""

from diptych.ground.errors import DiptychError


class CannotCompile(DiptychError):
    """The plan, or a part of it, has no proven lowering to the dialect that was asked for."""
