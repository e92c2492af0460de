"""What moves the online state: backfills from history."""
