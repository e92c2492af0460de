"""Benchmarks: each compares with a peer or a floor in the same run, checks that answers are equal, prints ratios."""
