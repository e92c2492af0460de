"""A team's own queries for two features of the shops, as they would be kept beside the compiled ones."""

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

WEIGHED = """
WITH admitted AS (
  SELECT *, CASE WHEN NOT isnan(weight) THEN weight END AS kilos FROM payments
  WHERE coalesce(items, 0) BETWEEN -100 AND 1000
    AND booked_at - paid_at <= INTERVAL 12 HOUR
    AND NOT coalesce(training, false)
), copies AS (
  SELECT *, lag(booked_at) OVER (PARTITION BY shop, payment ORDER BY booked_at, paid_at) AS before
  FROM admitted
), events AS (
  SELECT * FROM copies WHERE before IS NULL OR booked_at - before > INTERVAL 2 HOUR
), asked AS (
  SELECT *, date_trunc('hour', event_timestamp - INTERVAL 24 HOUR) AS tail FROM spine
), hours AS (
  SELECT s.row, date_trunc('hour', e.paid_at) AS hour, sum(e.kilos) AS total, count(e.kilos) AS number
  FROM asked AS s LEFT JOIN events AS e
    ON e.shop = s.shop AND e.paid_at >= s.tail
    AND e.paid_at < s.event_timestamp AND e.booked_at < s.event_timestamp
  GROUP BY s.row, hour
)
SELECT row, sum(total) / sum(number) AS mean FROM hours GROUP BY row
"""
"""``shop_sales:weight_mean_24h``."""
