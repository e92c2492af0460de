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
    CASE WHEN NOT ISNAN("raw"."f") THEN "raw"."f" + 0.0e0 END AS "f"
  FROM "raw"
), "admitted" /* rows that fit their types, ranges and times */ AS (
  SELECT
    "source"."at",
    "source"."user",
    "source"."f"
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
        "source"."f" IS NULL
      ) OR ISFINITE("source"."f")
    )
    AND (
      (
        "source"."f" IS NULL
      ) OR (
        (
          -1000000.0e0
        ) <= "source"."f"
      )
    )
    AND (
      (
        "source"."f" IS NULL
      ) OR (
        "source"."f" <= 1000000.0e0
      )
    )
), "events" /* rows that match the filter and have a key */ AS (
  SELECT
    "entities"."entity",
    "admitted"."at" AS "ts",
    "admitted"."at" AS "known_at",
    "admitted"."f" AS "x0"
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
    SUM("seen"."x0") AS "sum_x0",
    COUNT("seen"."x0") AS "n_x0",
    AVG("seen"."x0") AS "mean_x0",
    VAR_POP("seen"."x0") * COUNT("seen"."x0") AS "m2_x0"
  FROM "seen"
  GROUP BY
    "seen"."entity",
    "seen"."first",
    "seen"."until_24h"
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
    "cells"."sum_x0",
    "cells"."n_x0",
    "cells"."mean_x0",
    "cells"."m2_x0"
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
    "cuts_24h"."sum_x0",
    "cuts_24h"."n_x0",
    "cuts_24h"."mean_x0",
    "cuts_24h"."m2_x0"
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
    "cuts_24h"."sum_x0",
    "cuts_24h"."n_x0",
    "cuts_24h"."mean_x0",
    "cuts_24h"."m2_x0"
  FROM "cuts_24h"
  WHERE
    "cuts_24h"."low" < "cuts_24h"."high" AND (
      "cuts_24h"."high" % 2
    ) = 1
), "means_nodes_24h" /* the common means */ AS (
  SELECT
    "pieces_24h"."entity",
    "pieces_24h"."level",
    "pieces_24h"."block",
    SUM("pieces_24h"."mean_x0" * "pieces_24h"."n_x0") / SUM("pieces_24h"."n_x0") AS "mean_x0"
  FROM "pieces_24h"
  GROUP BY
    "pieces_24h"."entity",
    "pieces_24h"."level",
    "pieces_24h"."block"
), "nodes_24h" /* partials that meet in one block */ AS MATERIALIZED (
  SELECT
    "pieces_24h"."entity",
    "pieces_24h"."level",
    "pieces_24h"."block",
    SUM("pieces_24h"."sum_x0") AS "sum_x0",
    SUM("pieces_24h"."n_x0") AS "n_x0",
    MAX("means_nodes_24h"."mean_x0") AS "mean_x0",
    SUM(
      "pieces_24h"."m2_x0" + (
        "pieces_24h"."n_x0" * (
          "pieces_24h"."mean_x0" - "means_nodes_24h"."mean_x0"
        ) * (
          "pieces_24h"."mean_x0" - "means_nodes_24h"."mean_x0"
        )
      )
    ) AS "m2_x0"
  FROM "pieces_24h"
  JOIN "means_nodes_24h"
    ON "pieces_24h"."entity" = "means_nodes_24h"."entity"
    AND "pieces_24h"."level" = "means_nodes_24h"."level"
    AND "pieces_24h"."block" = "means_nodes_24h"."block"
  GROUP BY
    "pieces_24h"."entity",
    "pieces_24h"."level",
    "pieces_24h"."block"
), "means_found_24h" /* the common means */ AS (
  SELECT
    "blocks"."row_id",
    SUM("nodes_24h"."mean_x0" * "nodes_24h"."n_x0") / SUM("nodes_24h"."n_x0") AS "mean_x0"
  FROM "nodes_24h"
  JOIN "blocks"
    ON "nodes_24h"."entity" = "blocks"."entity"
    AND "nodes_24h"."level" = "blocks"."level"
    AND "nodes_24h"."block" = "blocks"."block"
  GROUP BY
    "blocks"."row_id"
), "found_24h" /* for each spine row, its blocks together */ AS MATERIALIZED (
  SELECT
    "blocks"."row_id",
    SUM("nodes_24h"."sum_x0") AS "sum_x0",
    SUM("nodes_24h"."n_x0") AS "n_x0",
    MAX("means_found_24h"."mean_x0") AS "mean_x0",
    SUM(
      "nodes_24h"."m2_x0" + (
        "nodes_24h"."n_x0" * (
          "nodes_24h"."mean_x0" - "means_found_24h"."mean_x0"
        ) * (
          "nodes_24h"."mean_x0" - "means_found_24h"."mean_x0"
        )
      )
    ) AS "m2_x0"
  FROM "nodes_24h"
  JOIN "blocks"
    ON "nodes_24h"."entity" = "blocks"."entity"
    AND "nodes_24h"."level" = "blocks"."level"
    AND "nodes_24h"."block" = "blocks"."block"
  JOIN "means_found_24h"
    ON "blocks"."row_id" = "means_found_24h"."row_id"
  GROUP BY
    "blocks"."row_id"
), "reduced" /* the reductions of each spine row */ AS (
  SELECT
    "spine_keys"."row_id",
    "spine_keys"."t" AS "request_time",
    COALESCE("found_24h"."sum_x0", 0.0e0) AS "r0",
    CASE WHEN 2 <= "found_24h"."n_x0" THEN "found_24h"."m2_x0" / CAST("found_24h"."n_x0" - 1 AS DOUBLE) END AS "r1"
  FROM "spine_keys"
  LEFT JOIN "found_24h"
    ON "spine_keys"."row_id" = "found_24h"."row_id"
)
SELECT
  "reduced"."row_id",
  "reduced"."r0" + 0.0e0 AS "sum_1d",
  CAST(CASE WHEN 0.0e0 <= "reduced"."r1" THEN SQRT("reduced"."r1") END + 0.0e0 AS DOUBLE) AS "std_1d",
  CAST(NULL AS TEXT) AS "overflow"
FROM "reduced"
