"""Meaning to program: compilers from the resolved plan to what an engine runs; no I/O in here."""
