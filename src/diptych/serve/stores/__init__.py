"""The byte-level key-value stores that hold online state; keys and values are bytes here, nothing more."""
