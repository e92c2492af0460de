"""Calendar features of the request's own instant, on the clock of one named zone."""


def calendar(zone: str) -> dict[str, str]:
    """Derived features of a service: local hour, ISO weekday, month, and whether it is a weekend."""
    return {
        "hour": f"hour(request_time, '{zone}')",
        "weekday": f"day_of_week(request_time, '{zone}')",
        "month": f"month(request_time, '{zone}')",
        "weekend": f"day_of_week(request_time, '{zone}') >= 6",
    }
