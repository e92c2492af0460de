"""What moves the state: backfill, and the rollout of changed definitions."""
