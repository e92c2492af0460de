"""Benchmarks: each compares with a peer or a floor in the same run, checks that the answers are equal, prints ratios."""
