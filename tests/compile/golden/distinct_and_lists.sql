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
    "raw"."word"
  FROM "raw"
), "admitted" /* rows that fit their types, ranges and times */ AS (
  SELECT
    "source"."at",
    "source"."user",
    "source"."word"
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
        "source"."word" IS NULL
      ) OR (
        STRLEN("source"."word") <= 5
      )
    )
    AND (
      (
        "source"."word" IS NULL
      ) OR (
        NOT CONTAINS("source"."word", CHR(0))
      )
    )
), "events" /* rows that match the filter and have a key */ AS (
  SELECT
    "entities"."entity",
    "admitted"."at" AS "ts",
    "admitted"."at" AS "known_at",
    "admitted"."word" AS "x0"
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
    "first"."rank" AS "first",
    GREATEST(COALESCE("end_10us"."rank", "first"."instants"), "first"."rank") AS "until_10us"
  FROM "events"
  ASOF JOIN "spine" AS "first"
    ON "events"."entity" = "first"."entity" AND (
      GREATEST("events"."ts", "events"."known_at") + 1
    ) <= "first"."t"
  ASOF LEFT JOIN "spine" AS "end_10us"
    ON "events"."entity" = "end_10us"."entity" AND (
      "events"."ts" + 11
    ) <= "end_10us"."t"
), "cells" /* events that the same ranks see, folded together */ AS MATERIALIZED (
  SELECT
    "seen"."entity",
    "seen"."first",
    "seen"."until_10us",
    MAX(CASE WHEN NOT "seen"."x0" IS NULL THEN {'ts': "seen"."ts", 'value': "seen"."x0"} END, 2) AS "latest2_x0"
  FROM "seen"
  GROUP BY
    "seen"."entity",
    "seen"."first",
    "seen"."until_10us"
), "sightings_distinct_x0_10us" /* the ranks that see each value */ AS (
  SELECT
    "seen"."entity",
    "seen"."x0" AS "value",
    "seen"."first",
    MAX("seen"."until_10us") AS "until"
  FROM "seen"
  WHERE
    NOT "seen"."x0" IS NULL AND "seen"."first" < "seen"."until_10us"
  GROUP BY
    "seen"."entity",
    "seen"."x0",
    "seen"."first"
), "stretches_distinct_x0_10us" /* of each value, ranges that do not overlap */ AS (
  SELECT
    "sightings_distinct_x0_10us"."entity",
    GREATEST(
      "sightings_distinct_x0_10us"."first",
      COALESCE(
        MAX("sightings_distinct_x0_10us"."until") OVER (
          PARTITION BY "sightings_distinct_x0_10us"."entity", "sightings_distinct_x0_10us"."value"
          ORDER BY "sightings_distinct_x0_10us"."first" ASC
          ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ),
        "sightings_distinct_x0_10us"."first"
      )
    ) AS "from",
    GREATEST(
      "sightings_distinct_x0_10us"."until",
      COALESCE(
        MAX("sightings_distinct_x0_10us"."until") OVER (
          PARTITION BY "sightings_distinct_x0_10us"."entity", "sightings_distinct_x0_10us"."value"
          ORDER BY "sightings_distinct_x0_10us"."first" ASC
          ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ),
        "sightings_distinct_x0_10us"."first"
      )
    ) AS "to"
  FROM "sightings_distinct_x0_10us"
), "changes" /* what each rank adds to every later answer, and what it takes away */ AS (
  SELECT
    "stretches_distinct_x0_10us"."entity",
    "stretches_distinct_x0_10us"."from" AS "rank",
    1 AS "distinct_x0_10us"
  FROM "stretches_distinct_x0_10us"
  UNION ALL
  SELECT
    "stretches_distinct_x0_10us"."entity",
    "stretches_distinct_x0_10us"."to" AS "rank",
    -1 AS "distinct_x0_10us"
  FROM "stretches_distinct_x0_10us"
), "sums" /* the changes at one rank taken together */ AS (
  SELECT
    "changes"."entity",
    "changes"."rank",
    SUM("changes"."distinct_x0_10us") AS "distinct_x0_10us"
  FROM "changes"
  GROUP BY
    "changes"."entity",
    "changes"."rank"
), "totals" /* for each spine row, all changes up to its rank */ AS (
  SELECT
    "spine"."row_id",
    SUM(COALESCE("sums"."distinct_x0_10us", 0)) OVER (PARTITION BY "spine"."entity" ORDER BY "spine"."rank" ASC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS "distinct_x0_10us"
  FROM "spine"
  LEFT JOIN "sums"
    ON "spine"."entity" = "sums"."entity" AND "spine"."rank" = "sums"."rank"
), "levels" /* blocks of ranks: size is 2^level */ AS (
  SELECT
    "levels"."range" AS "level",
    CAST((
      1 << "levels"."range"
    ) AS BIGINT) AS "size"
  FROM RANGE(40) AS "levels"
), "blocks" /* each spine row's block of every size */ AS (
  SELECT
    "spine"."row_id",
    "spine"."entity",
    "levels"."level",
    "spine"."rank" // "levels"."size" AS "block"
  FROM "spine"
  JOIN "levels"
    ON "levels"."size" <= "spine"."instants"
), "cuts_10us" /* each range cut at multiples of every size: low <= block < high */ AS (
  SELECT
    "cells"."entity",
    "levels"."level",
    (
      (
        "cells"."first" + "levels"."size"
      ) - 1
    ) // "levels"."size" AS "low",
    "cells"."until_10us" // "levels"."size" AS "high",
    "cells"."latest2_x0"
  FROM "cells"
  JOIN "levels"
    ON "levels"."size" <= (
      "cells"."until_10us" - "cells"."first"
    )
), "pieces_10us" /* the aligned blocks that together are the range */ AS (
  SELECT
    "cuts_10us"."entity",
    "cuts_10us"."level",
    "cuts_10us"."low" AS "block",
    "cuts_10us"."latest2_x0"
  FROM "cuts_10us"
  WHERE
    "cuts_10us"."low" < "cuts_10us"."high" AND (
      "cuts_10us"."low" % 2
    ) = 1
  UNION ALL
  SELECT
    "cuts_10us"."entity",
    "cuts_10us"."level",
    "cuts_10us"."high" - 1 AS "block",
    "cuts_10us"."latest2_x0"
  FROM "cuts_10us"
  WHERE
    "cuts_10us"."low" < "cuts_10us"."high" AND (
      "cuts_10us"."high" % 2
    ) = 1
), "nodes_10us" /* partials that meet in one block */ AS MATERIALIZED (
  SELECT
    "pieces_10us"."entity",
    "pieces_10us"."level",
    "pieces_10us"."block",
    LIST_SLICE(LIST_REVERSE_SORT(FLATTEN(LIST("pieces_10us"."latest2_x0"))), 1, 2) AS "latest2_x0"
  FROM "pieces_10us"
  GROUP BY
    "pieces_10us"."entity",
    "pieces_10us"."level",
    "pieces_10us"."block"
), "found_10us" /* for each spine row, its blocks together */ AS MATERIALIZED (
  SELECT
    "blocks"."row_id",
    LIST_SLICE(LIST_REVERSE_SORT(FLATTEN(LIST("nodes_10us"."latest2_x0"))), 1, 2) AS "latest2_x0"
  FROM "nodes_10us"
  JOIN "blocks"
    ON "nodes_10us"."entity" = "blocks"."entity"
    AND "nodes_10us"."level" = "blocks"."level"
    AND "nodes_10us"."block" = "blocks"."block"
  GROUP BY
    "blocks"."row_id"
), "reduced" /* the reductions of each spine row */ AS (
  SELECT
    "spine_keys"."row_id",
    "spine_keys"."t" AS "request_time",
    CAST(COALESCE("totals"."distinct_x0_10us", 0) AS BIGINT) AS "r0",
    CASE
      WHEN NOT "found_10us"."latest2_x0" IS NULL
      THEN LIST_TRANSFORM(LIST_REVERSE("found_10us"."latest2_x0"), LAMBDA pair : STRUCT_EXTRACT(pair, 'value'))
      ELSE []
    END AS "r1"
  FROM "spine_keys"
  LEFT JOIN "totals"
    ON "spine_keys"."row_id" = "totals"."row_id"
  LEFT JOIN "found_10us"
    ON "spine_keys"."row_id" = "found_10us"."row_id"
)
SELECT
  "reduced"."row_id",
  "reduced"."r0" AS "words",
  "reduced"."r1" AS "latest",
  CAST(NULL AS TEXT) AS "overflow"
FROM "reduced"
