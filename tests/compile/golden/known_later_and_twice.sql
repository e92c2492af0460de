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
    "raw"."known",
    "raw"."id",
    "raw"."user",
    "raw"."x"
  FROM "raw"
), "admitted" /* rows that fit their types, ranges and times */ AS (
  SELECT
    "source"."at",
    "source"."known",
    "source"."id",
    "source"."user",
    "source"."x"
  FROM "source"
  WHERE
    NOT "source"."at" IS NULL
    AND "source"."at" BETWEEN -62135596800000000 AND 253402300799999999
    AND (
      (
        "source"."known" IS NULL
      ) OR (
        "source"."known" BETWEEN -62135596800000000 AND 253402300799999999
      )
    )
    AND NOT "source"."id" IS NULL
    AND STRLEN("source"."id") <= 12
    AND NOT CONTAINS("source"."id", CHR(0))
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
    AND NOT "source"."known" IS NULL
    AND (
      "source"."known" - "source"."at"
    ) <= 86400000000
), "derived" /* with derived columns */ AS (
  SELECT
    "admitted"."at",
    "admitted"."known",
    "admitted"."id",
    "admitted"."user",
    "admitted"."x",
    (
      "admitted"."x" > 15
    ) AS "late"
  FROM "admitted"
), "kept" /* rows that match the filter and have a key */ AS (
  SELECT
    "entities"."entity",
    "derived"."at" AS "ts",
    "derived"."known" AS "known_at",
    "derived"."id" AS "event_id",
    COALESCE("derived"."late", FALSE) AS "c0"
  FROM "derived"
  JOIN "entities"
    ON "derived"."user" = "entities"."key_user"
  WHERE
    (
      "derived"."x" >= 0
    )
), "copies" /* each copy of an event beside the time at which the one before was known */ AS (
  SELECT
    "kept"."entity",
    "kept"."ts",
    "kept"."known_at",
    "kept"."c0",
    LAG("kept"."known_at") OVER (
      PARTITION BY "kept"."entity", "kept"."event_id"
      ORDER BY "kept"."known_at" ASC, "kept"."ts" ASC, "kept"."c0" ASC NULLS FIRST
    ) AS "known_before"
  FROM "kept"
), "events" /* events with their repeats taken out */ AS (
  SELECT
    "copies"."entity",
    "copies"."ts",
    "copies"."known_at",
    "copies"."c0"
  FROM "copies"
  WHERE
    (
      "copies"."known_before" IS NULL
    )
    OR (
      3600000000 < (
        "copies"."known_at" - "copies"."known_before"
      )
    )
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
    "events"."c0",
    "first"."rank" AS "first",
    GREATEST(COALESCE("end_24h"."rank", "first"."instants"), "first"."rank") AS "until_24h"
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
), "cells" /* events that the same ranks see, folded together */ AS MATERIALIZED (
  SELECT
    "seen"."entity",
    "seen"."first",
    "seen"."until_24h",
    COUNT(*) AS "count",
    COUNT(CASE WHEN "seen"."c0" THEN 1 END) AS "count_if_c0"
  FROM "seen"
  GROUP BY
    "seen"."entity",
    "seen"."first",
    "seen"."until_24h"
), "changes" /* what each rank adds to every later answer, and what it takes away */ AS (
  SELECT
    "cells"."entity",
    "cells"."first" AS "rank",
    "cells"."count" AS "count_24h",
    "cells"."count_if_c0" AS "count_if_c0_24h"
  FROM "cells"
  UNION ALL
  SELECT
    "cells"."entity",
    "cells"."until_24h" AS "rank",
    -"cells"."count" AS "count_24h",
    -"cells"."count_if_c0" AS "count_if_c0_24h"
  FROM "cells"
), "sums" /* the changes at one rank taken together */ AS (
  SELECT
    "changes"."entity",
    "changes"."rank",
    SUM("changes"."count_24h") AS "count_24h",
    SUM("changes"."count_if_c0_24h") AS "count_if_c0_24h"
  FROM "changes"
  GROUP BY
    "changes"."entity",
    "changes"."rank"
), "totals" /* for each spine row, all changes up to its rank */ AS (
  SELECT
    "spine"."row_id",
    SUM(COALESCE("sums"."count_24h", 0)) OVER (PARTITION BY "spine"."entity" ORDER BY "spine"."rank" ASC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS "count_24h",
    SUM(COALESCE("sums"."count_if_c0_24h", 0)) OVER (PARTITION BY "spine"."entity" ORDER BY "spine"."rank" ASC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS "count_if_c0_24h"
  FROM "spine"
  LEFT JOIN "sums"
    ON "spine"."entity" = "sums"."entity" AND "spine"."rank" = "sums"."rank"
), "reduced" /* the reductions of each spine row */ AS (
  SELECT
    "spine_keys"."row_id",
    "spine_keys"."t" AS "request_time",
    CAST(COALESCE("totals"."count_24h", 0) AS BIGINT) AS "r0",
    CAST(COALESCE("totals"."count_if_c0_24h", 0) AS BIGINT) AS "r1"
  FROM "spine_keys"
  LEFT JOIN "totals"
    ON "spine_keys"."row_id" = "totals"."row_id"
)
SELECT
  "reduced"."row_id",
  "reduced"."r0" AS "n",
  "reduced"."r1" AS "late",
  CAST(NULL AS TEXT) AS "overflow"
FROM "reduced"
