WITH "entities" /* the entities that the spine asks about */ AS MATERIALIZED (
  SELECT
    1 AS "entity"
), "source" /* raw rows as declared: NaN is null, -0.0 is 0.0 */ AS (
  SELECT
    "raw"."x"
  FROM "raw"
), "admitted" /* rows that fit their types, ranges and times */ AS (
  SELECT
    "source"."x"
  FROM "source"
  WHERE
    (
      "source"."x" IS NULL
    ) OR (
      "source"."x" BETWEEN -1000 AND 1000
    )
), "events" /* rows that match the filter and have a key */ AS (
  SELECT
    "entities"."entity",
    -62135596800000000 AS "ts",
    -62135596800000000 AS "known_at"
  FROM "admitted"
  JOIN "entities"
    ON TRUE
), "spine" /* each entity's instants, ranked from 0 */ AS MATERIALIZED (
  SELECT
    "spine_keys"."row_id",
    "entities"."entity",
    "spine_keys"."t",
    ROW_NUMBER() OVER (PARTITION BY "entities"."entity" ORDER BY "spine_keys"."t" ASC) - 1 AS "rank",
    COUNT(*) OVER (PARTITION BY "entities"."entity") AS "instants"
  FROM "spine_keys"
  JOIN "entities"
    ON TRUE
), "seen" /* the ranks that see each event: first <= rank < until */ AS MATERIALIZED (
  SELECT
    "events"."entity",
    "events"."ts",
    "first"."rank" AS "first",
    "first"."instants" AS "until_lifetime"
  FROM "events"
  ASOF JOIN "spine" AS "first"
    ON "events"."entity" = "first"."entity" AND (
      GREATEST("events"."ts", "events"."known_at") + 1
    ) <= "first"."t"
), "cells" /* events that the same ranks see, folded together */ AS MATERIALIZED (
  SELECT
    "seen"."entity",
    "seen"."first",
    "seen"."until_lifetime",
    COUNT(*) AS "count"
  FROM "seen"
  GROUP BY
    "seen"."entity",
    "seen"."first",
    "seen"."until_lifetime"
), "changes" /* what each rank adds to every later answer, and what it takes away */ AS (
  SELECT
    "cells"."entity",
    "cells"."first" AS "rank",
    "cells"."count" AS "count_lifetime"
  FROM "cells"
), "sums" /* the changes at one rank taken together */ AS (
  SELECT
    "changes"."entity",
    "changes"."rank",
    SUM("changes"."count_lifetime") AS "count_lifetime"
  FROM "changes"
  GROUP BY
    "changes"."entity",
    "changes"."rank"
), "totals" /* for each spine row, all changes up to its rank */ AS (
  SELECT
    "spine"."row_id",
    SUM(COALESCE("sums"."count_lifetime", 0)) OVER (PARTITION BY "spine"."entity" ORDER BY "spine"."rank" ASC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS "count_lifetime"
  FROM "spine"
  LEFT JOIN "sums"
    ON "spine"."entity" = "sums"."entity" AND "spine"."rank" = "sums"."rank"
), "reduced" /* the reductions of each spine row */ AS (
  SELECT
    "spine_keys"."row_id",
    "spine_keys"."t" AS "request_time",
    CAST(COALESCE("totals"."count_lifetime", 0) AS BIGINT) AS "r0"
  FROM "spine_keys"
  LEFT JOIN "totals"
    ON "spine_keys"."row_id" = "totals"."row_id"
)
SELECT
  "reduced"."row_id",
  "reduced"."r0" AS "n",
  CAST(NULL AS TEXT) AS "overflow"
FROM "reduced"
