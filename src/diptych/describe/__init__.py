"""What a definition means, in words with its own numbers, what it costs in bytes, and what SQL it becomes."""

from diptych.describe.description import Description, Section, Statement, UnknownName, describe
from diptych.describe.facts import Fact

__all__ = ["Description", "Fact", "Section", "Statement", "UnknownName", "describe"]
