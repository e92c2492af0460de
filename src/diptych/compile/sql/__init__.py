"""Compiled SQL: a view of the plan to one statement per dialect; sqlglot stays in this room."""

from diptych.compile.sql.errors import CannotCompile
from diptych.compile.sql.view import OVERFLOW, CompiledView, compile_view

__all__ = ["OVERFLOW", "CannotCompile", "CompiledView", "compile_view"]
