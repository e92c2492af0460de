"""Replay: what each logged request should have got, recomputed offline and compared value by value."""
