"""The resolved registry: every name bound, every expression typed, every default made explicit."""
