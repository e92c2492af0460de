"""The online side: what serves a feature's value for now out of a key-value store."""
