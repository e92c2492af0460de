"""Rollout: what changed between two registries as data, and the careful way from one to the other and back."""
