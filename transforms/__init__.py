"""The team's shared transforms: plain functions that return features, used by more than one feature view."""
