"""Compiled SQL: a view of the plan to one statement per dialect; sqlglot stays in this room."""

from diptych.compile.sql.errors import CannotCompile
from diptych.compile.sql.row import ROWS, compile_derived
from diptych.compile.sql.view import OVERFLOW, CompiledView, compile_view

__all__ = ["OVERFLOW", "ROWS", "CannotCompile", "CompiledView", "compile_derived", "compile_view"]
