"""The windows that this team uses, so that two views never differ by an accident of typing."""

RECENT = ("1h", "3h", "24h")
"""What happened on this shift and today."""

SEASONAL = ("24h", "7d", "30d")
"""What is usual for this week and month."""
