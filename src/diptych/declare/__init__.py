"""What authors write: frozen values that say what exists, without I/O, clock or global registry."""
