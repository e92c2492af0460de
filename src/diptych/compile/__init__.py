"""Meaning to programs: views become SQL, or a layout and a code for the kernel; no I/O in here."""
