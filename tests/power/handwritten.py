"""A team's own query for one feature of the shops, as it would be kept beside the compiled one."""

NOTED = """
WITH admitted AS (
  SELECT * FROM payments
  WHERE coalesce(items, 0) BETWEEN -100 AND 1000
    AND booked_at - paid_at <= INTERVAL 12 HOUR
    AND NOT coalesce(training, false)
), copies AS (
  SELECT *, lag(booked_at) OVER (PARTITION BY shop, till, payment ORDER BY booked_at, paid_at) AS before
  FROM admitted
), events AS (
  SELECT * FROM copies
  WHERE before IS NULL OR booked_at - before > INTERVAL 2 HOUR
), asked AS (
  SELECT *, event_timestamp - INTERVAL 2 HOUR AS tail FROM spine
)
SELECT s.row, count(e.note) AS noted
FROM asked AS s LEFT JOIN events AS e
  ON e.shop = s.shop AND e.till = s.till AND e.paid_at >= s.tail
  AND e.paid_at < s.event_timestamp AND e.booked_at < s.event_timestamp
GROUP BY s.row
"""
"""``till_sales:noted_2h``."""
