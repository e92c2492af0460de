"""Is it true? Comparison of answers, and everything that is built on it."""
