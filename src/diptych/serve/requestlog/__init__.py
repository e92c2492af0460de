"""The request log: what serving answered, to whom, when, and out of what, kept as Parquet beside the hot path."""
