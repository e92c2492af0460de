"""The door: one vectorised verdict on raw rows for ingestion, history and training alike."""
