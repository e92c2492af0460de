"""What CI proves of every feature: boundaries, properties, two months of flights simulated, and two copies by hand."""

import pandas as pd

from diptych import parity


def last_delay(landings: pd.DataFrame, spine: pd.DataFrame) -> pd.Series:
    """The delay of an aircraft's last flight that had landed, as a notebook would compute it.

    Of two that left at the same instant the larger delay is the later, as everywhere in Diptych.
    """
    known = landings.dropna(subset=["arr_delay", "tailnum"]).sort_values("landed_at")
    asked = spine.sort_values("event_timestamp")
    pairs = asked.merge(known[["tailnum", "departed_at", "landed_at", "arr_delay"]], on="tailnum")
    seen = pairs[(pairs.landed_at < pairs.event_timestamp) & (pairs.departed_at < pairs.event_timestamp)]
    last = seen.sort_values(["departed_at", "arr_delay"]).groupby("row").arr_delay.last()
    return last.reindex(spine.row).astype("Int64")


DEPARTURES_OF_A_DAY = """
SELECT spine.row, count(departures.flight_id) AS count_24h
FROM spine
LEFT JOIN departures
  ON departures.origin = spine.airport
 AND departures.departed_at < spine.event_timestamp
 AND departures.departed_at >= time_bucket(INTERVAL 1 HOUR, spine.event_timestamp - INTERVAL 24 HOUR)
GROUP BY spine.row
"""

suite = parity.Suite(
    simulate=parity.Simulate(cut="2013-02-01", until="2013-03-01", questions=60),
    copies=[
        parity.Copy("origin_traffic:count_24h", sql=DEPARTURES_OF_A_DAY),
        parity.Copy("plane_history:arr_delay_last", function=last_delay, questions=300),
    ],
    examples=10,
    seconds=40,
    seed=1,
)
