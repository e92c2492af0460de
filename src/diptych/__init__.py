"""Diptych: declare a feature once, train and serve from it, and prove the two equal."""
