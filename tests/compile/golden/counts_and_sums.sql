WITH "entities" /* the entities that the spine asks about */ AS MATERIALIZED (
  SELECT
    ROW_NUMBER() OVER (ORDER BY "spine_keys"."key_user" ASC) AS "entity",
    "spine_keys"."key_user"
  FROM "spine_keys"
  WHERE
    NOT "spine_keys"."key_user" IS NULL
  GROUP BY
    "spine_keys"."key_user"
), "source" /* raw rows as declared: NaN is null, -0.0 is 0.0 */ AS (
  SELECT
    "raw"."at",
    "raw"."user",
    "raw"."x",
    "raw"."late"
  FROM "raw"
), "admitted" /* rows that fit their types, ranges and times */ AS (
  SELECT
    "source"."at",
    "source"."user",
    "source"."x",
    "source"."late"
  FROM "source"
  WHERE
    NOT "source"."at" IS NULL
    AND "source"."at" BETWEEN -62135596800000000 AND 253402300799999999
    AND (
      (
        "source"."user" IS NULL
      ) OR (
        STRLEN("source"."user") <= 4
      )
    )
    AND (
      (
        "source"."user" IS NULL
      ) OR (
        NOT CONTAINS("source"."user", CHR(0))
      )
    )
    AND (
      (
        "source"."x" IS NULL
      ) OR (
        "source"."x" BETWEEN -1000 AND 1000
      )
    )
), "events" /* rows that match the filter and have a key */ AS (
  SELECT
    "entities"."entity",
    "admitted"."at" AS "ts",
    "admitted"."at" AS "known_at",
    "admitted"."x" AS "x0",
    COALESCE("admitted"."late", FALSE) AS "c0"
  FROM "admitted"
  JOIN "entities"
    ON "admitted"."user" = "entities"."key_user"
), "spine" /* each entity's instants, ranked from 0 */ AS MATERIALIZED (
  SELECT
    "spine_keys"."row_id",
    "entities"."entity",
    "spine_keys"."t",
    ROW_NUMBER() OVER (PARTITION BY "entities"."entity" ORDER BY "spine_keys"."t" ASC) - 1 AS "rank",
    COUNT(*) OVER (PARTITION BY "entities"."entity") AS "instants"
  FROM "spine_keys"
  JOIN "entities"
    ON "spine_keys"."key_user" = "entities"."key_user"
), "seen" /* the ranks that see each event: first <= rank < until */ AS MATERIALIZED (
  SELECT
    "events"."entity",
    "events"."ts",
    "events"."x0",
    "events"."c0",
    "first"."rank" AS "first",
    GREATEST(COALESCE("end_24h"."rank", "first"."instants"), "first"."rank") AS "until_24h",
    GREATEST(COALESCE("end_7d"."rank", "first"."instants"), "first"."rank") AS "until_7d"
  FROM "events"
  ASOF JOIN "spine" AS "first"
    ON "events"."entity" = "first"."entity" AND (
      GREATEST("events"."ts", "events"."known_at") + 1
    ) <= "first"."t"
  ASOF LEFT JOIN "spine" AS "end_24h"
    ON "events"."entity" = "end_24h"."entity"
    AND (
      (
        "events"."ts" - (
          (
            (
              "events"."ts" % 3600000000
            ) + 3600000000
          ) % 3600000000
        )
      ) + 90000000000
    ) <= "end_24h"."t"
  ASOF LEFT JOIN "spine" AS "end_7d"
    ON "events"."entity" = "end_7d"."entity"
    AND (
      (
        "events"."ts" - (
          (
            (
              "events"."ts" % 3600000000
            ) + 3600000000
          ) % 3600000000
        )
      ) + 608400000000
    ) <= "end_7d"."t"
), "cells" /* events that the same ranks see, folded together */ AS MATERIALIZED (
  SELECT
    "seen"."entity",
    "seen"."first",
    "seen"."until_24h",
    "seen"."until_7d",
    COUNT(*) AS "count",
    COUNT(CASE WHEN "seen"."c0" THEN 1 END) AS "count_if_c0",
    COALESCE(SUM("seen"."x0"), 0) AS "sum_x0",
    COUNT("seen"."x0") AS "count_x0"
  FROM "seen"
  GROUP BY
    "seen"."entity",
    "seen"."first",
    "seen"."until_24h",
    "seen"."until_7d"
), "changes" /* what each rank adds to every later answer, and what it takes away */ AS (
  SELECT
    "cells"."entity",
    "cells"."first" AS "rank",
    "cells"."count" AS "count_24h",
    "cells"."count_if_c0" AS "count_if_c0_24h",
    "cells"."sum_x0" AS "sum_x0_7d",
    "cells"."count_x0" AS "count_x0_7d"
  FROM "cells"
  UNION ALL
  SELECT
    "cells"."entity",
    "cells"."until_24h" AS "rank",
    -"cells"."count" AS "count_24h",
    -"cells"."count_if_c0" AS "count_if_c0_24h",
    0 AS "sum_x0_7d",
    0 AS "count_x0_7d"
  FROM "cells"
  UNION ALL
  SELECT
    "cells"."entity",
    "cells"."until_7d" AS "rank",
    0 AS "count_24h",
    0 AS "count_if_c0_24h",
    -"cells"."sum_x0" AS "sum_x0_7d",
    -"cells"."count_x0" AS "count_x0_7d"
  FROM "cells"
), "sums" /* the changes at one rank taken together */ AS (
  SELECT
    "changes"."entity",
    "changes"."rank",
    SUM("changes"."count_24h") AS "count_24h",
    SUM("changes"."count_if_c0_24h") AS "count_if_c0_24h",
    SUM("changes"."sum_x0_7d") AS "sum_x0_7d",
    SUM("changes"."count_x0_7d") AS "count_x0_7d"
  FROM "changes"
  GROUP BY
    "changes"."entity",
    "changes"."rank"
), "totals" /* for each spine row, all changes up to its rank */ AS (
  SELECT
    "spine"."row_id",
    SUM(COALESCE("sums"."count_24h", 0)) OVER (PARTITION BY "spine"."entity" ORDER BY "spine"."rank" ASC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS "count_24h",
    SUM(COALESCE("sums"."count_if_c0_24h", 0)) OVER (PARTITION BY "spine"."entity" ORDER BY "spine"."rank" ASC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS "count_if_c0_24h",
    SUM(COALESCE("sums"."sum_x0_7d", 0)) OVER (PARTITION BY "spine"."entity" ORDER BY "spine"."rank" ASC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS "sum_x0_7d",
    SUM(COALESCE("sums"."count_x0_7d", 0)) OVER (PARTITION BY "spine"."entity" ORDER BY "spine"."rank" ASC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS "count_x0_7d"
  FROM "spine"
  LEFT JOIN "sums"
    ON "spine"."entity" = "sums"."entity" AND "spine"."rank" = "sums"."rank"
), "reduced" /* the reductions of each spine row */ AS (
  SELECT
    "spine_keys"."row_id",
    "spine_keys"."t" AS "request_time",
    CAST(COALESCE("totals"."count_24h", 0) AS BIGINT) AS "r0",
    CAST(COALESCE("totals"."count_if_c0_24h", 0) AS BIGINT) AS "r1",
    CASE
      WHEN COALESCE("totals"."sum_x0_7d", 0) BETWEEN -9223372036854775808 AND 9223372036854775807
      THEN CAST(COALESCE("totals"."sum_x0_7d", 0) AS BIGINT)
    END AS "r2",
    NOT (
      COALESCE("totals"."sum_x0_7d", 0) BETWEEN -9223372036854775808 AND 9223372036854775807
    ) AS "r2__overflow",
    CAST(COALESCE("totals"."count_x0_7d", 0) AS BIGINT) AS "r3"
  FROM "spine_keys"
  LEFT JOIN "totals"
    ON "spine_keys"."row_id" = "totals"."row_id"
)
SELECT
  "reduced"."row_id",
  "reduced"."r0" AS "n_1d",
  "reduced"."r1" AS "late_1d",
  CASE WHEN NOT "reduced"."r2__overflow" THEN "reduced"."r2" END AS "sum_1w",
  CAST(CASE
    WHEN NOT "reduced"."r2__overflow"
    THEN (
      CAST("reduced"."r2" AS DOUBLE) / NULLIF(CAST("reduced"."r3" AS DOUBLE), 0.0e0)
    ) + 0.0e0
  END AS DOUBLE) AS "mean_1w",
  CASE WHEN "reduced"."r2__overflow" THEN 'sum_1w' WHEN "reduced"."r2__overflow" THEN 'mean_1w' END AS "overflow"
FROM "reduced"
