"""The door for people: the command ``diptych``. Nothing heavy is imported before a command needs it."""

from diptych.cli.app import main

__all__ = ["main"]
