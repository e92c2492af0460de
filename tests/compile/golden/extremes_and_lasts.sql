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
    "raw"."word"
  FROM "raw"
), "admitted" /* rows that fit their types, ranges and times */ AS (
  SELECT
    "source"."at",
    "source"."user",
    "source"."x",
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
        "source"."x" IS NULL
      ) OR (
        "source"."x" BETWEEN -1000 AND 1000
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
    "admitted"."x" AS "x0",
    "admitted"."word" AS "x1",
    "admitted"."at" AS "x2"
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
    "events"."x1",
    "events"."x2",
    "first"."rank" AS "first",
    GREATEST(COALESCE("end_24h"."rank", "first"."instants"), "first"."rank") AS "until_24h",
    "first"."instants" AS "until_lifetime"
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
    "seen"."until_lifetime",
    MAX("seen"."x0") AS "max_x0",
    MIN(CASE WHEN NOT "seen"."x1" IS NULL THEN {'ts': "seen"."ts", 'value': "seen"."x1"} END) AS "first_x1",
    MAX(CASE WHEN NOT "seen"."x1" IS NULL THEN {'ts': "seen"."ts", 'value': "seen"."x1"} END) AS "last_x1",
    MAX("seen"."x2") AS "max_x2"
  FROM "seen"
  GROUP BY
    "seen"."entity",
    "seen"."first",
    "seen"."until_24h",
    "seen"."until_lifetime"
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
), "cuts_24h" /* each range cut at multiples of every size: low <= block < high */ AS (
  SELECT
    "cells"."entity",
    "levels"."level",
    (
      (
        "cells"."first" + "levels"."size"
      ) - 1
    ) // "levels"."size" AS "low",
    "cells"."until_24h" // "levels"."size" AS "high",
    "cells"."max_x0"
  FROM "cells"
  JOIN "levels"
    ON "levels"."size" <= (
      "cells"."until_24h" - "cells"."first"
    )
), "pieces_24h" /* the aligned blocks that together are the range */ AS (
  SELECT
    "cuts_24h"."entity",
    "cuts_24h"."level",
    "cuts_24h"."low" AS "block",
    "cuts_24h"."max_x0"
  FROM "cuts_24h"
  WHERE
    "cuts_24h"."low" < "cuts_24h"."high" AND (
      "cuts_24h"."low" % 2
    ) = 1
  UNION ALL
  SELECT
    "cuts_24h"."entity",
    "cuts_24h"."level",
    "cuts_24h"."high" - 1 AS "block",
    "cuts_24h"."max_x0"
  FROM "cuts_24h"
  WHERE
    "cuts_24h"."low" < "cuts_24h"."high" AND (
      "cuts_24h"."high" % 2
    ) = 1
), "nodes_24h" /* partials that meet in one block */ AS MATERIALIZED (
  SELECT
    "pieces_24h"."entity",
    "pieces_24h"."level",
    "pieces_24h"."block",
    MAX("pieces_24h"."max_x0") AS "max_x0"
  FROM "pieces_24h"
  GROUP BY
    "pieces_24h"."entity",
    "pieces_24h"."level",
    "pieces_24h"."block"
), "found_24h" /* for each spine row, its blocks together */ AS MATERIALIZED (
  SELECT
    "blocks"."row_id",
    MAX("nodes_24h"."max_x0") AS "max_x0"
  FROM "nodes_24h"
  JOIN "blocks"
    ON "nodes_24h"."entity" = "blocks"."entity"
    AND "nodes_24h"."level" = "blocks"."level"
    AND "nodes_24h"."block" = "blocks"."block"
  GROUP BY
    "blocks"."row_id"
), "cuts_lifetime" /* each range cut at multiples of every size: low <= block < high */ AS (
  SELECT
    "cells"."entity",
    "levels"."level",
    (
      (
        "cells"."first" + "levels"."size"
      ) - 1
    ) // "levels"."size" AS "low",
    "cells"."until_lifetime" // "levels"."size" AS "high",
    "cells"."first_x1",
    "cells"."last_x1",
    "cells"."max_x2"
  FROM "cells"
  JOIN "levels"
    ON "levels"."size" <= (
      "cells"."until_lifetime" - "cells"."first"
    )
), "pieces_lifetime" /* the aligned blocks that together are the range */ AS (
  SELECT
    "cuts_lifetime"."entity",
    "cuts_lifetime"."level",
    "cuts_lifetime"."low" AS "block",
    "cuts_lifetime"."first_x1",
    "cuts_lifetime"."last_x1",
    "cuts_lifetime"."max_x2"
  FROM "cuts_lifetime"
  WHERE
    "cuts_lifetime"."low" < "cuts_lifetime"."high" AND (
      "cuts_lifetime"."low" % 2
    ) = 1
  UNION ALL
  SELECT
    "cuts_lifetime"."entity",
    "cuts_lifetime"."level",
    "cuts_lifetime"."high" - 1 AS "block",
    "cuts_lifetime"."first_x1",
    "cuts_lifetime"."last_x1",
    "cuts_lifetime"."max_x2"
  FROM "cuts_lifetime"
  WHERE
    "cuts_lifetime"."low" < "cuts_lifetime"."high" AND (
      "cuts_lifetime"."high" % 2
    ) = 1
), "nodes_lifetime" /* partials that meet in one block */ AS MATERIALIZED (
  SELECT
    "pieces_lifetime"."entity",
    "pieces_lifetime"."level",
    "pieces_lifetime"."block",
    MIN("pieces_lifetime"."first_x1") AS "first_x1",
    MAX("pieces_lifetime"."last_x1") AS "last_x1",
    MAX("pieces_lifetime"."max_x2") AS "max_x2"
  FROM "pieces_lifetime"
  GROUP BY
    "pieces_lifetime"."entity",
    "pieces_lifetime"."level",
    "pieces_lifetime"."block"
), "found_lifetime" /* for each spine row, its blocks together */ AS MATERIALIZED (
  SELECT
    "blocks"."row_id",
    MIN("nodes_lifetime"."first_x1") AS "first_x1",
    MAX("nodes_lifetime"."last_x1") AS "last_x1",
    MAX("nodes_lifetime"."max_x2") AS "max_x2"
  FROM "nodes_lifetime"
  JOIN "blocks"
    ON "nodes_lifetime"."entity" = "blocks"."entity"
    AND "nodes_lifetime"."level" = "blocks"."level"
    AND "nodes_lifetime"."block" = "blocks"."block"
  GROUP BY
    "blocks"."row_id"
), "reduced" /* the reductions of each spine row */ AS (
  SELECT
    "spine_keys"."row_id",
    "spine_keys"."t" AS "request_time",
    "found_24h"."max_x0" AS "r0",
    STRUCT_EXTRACT("found_lifetime"."first_x1", 'value') AS "r1",
    STRUCT_EXTRACT("found_lifetime"."last_x1", 'value') AS "r2",
    "found_lifetime"."max_x2" AS "r3"
  FROM "spine_keys"
  LEFT JOIN "found_24h"
    ON "spine_keys"."row_id" = "found_24h"."row_id"
  LEFT JOIN "found_lifetime"
    ON "spine_keys"."row_id" = "found_lifetime"."row_id"
)
SELECT
  "reduced"."row_id",
  "reduced"."r0" AS "max_1d",
  "reduced"."r1" AS "first",
  COALESCE("reduced"."r2", 'none') AS "last",
  CAST((
    CAST("reduced"."request_time" - "reduced"."r3" AS DOUBLE) / 1000000.0e0
  ) + 0.0e0 AS DOUBLE) AS "recency",
  CAST(NULL AS TEXT) AS "overflow"
FROM "reduced"
