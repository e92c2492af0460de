"""Small helpers that put questions to an engine."""

from typing import Any

import pyarrow as pa

from diptych.ground.values import Timestamp
from diptych.plan.nodes import Field
from diptych.run.columns import arrow_type


def key_array(field: Field, values: list[Any]) -> pa.Array:
    """Key parts as an engine takes them: instants as int64."""
    return pa.array(values, pa.int64() if isinstance(field.type, Timestamp) else arrow_type(field.type))
