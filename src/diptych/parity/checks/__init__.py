"""The kinds of checks that a suite has, one module each."""
