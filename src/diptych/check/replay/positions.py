"""How far each stream was applied when a request was answered, said beside the examples of what differs."""

from collections.abc import Iterable, Mapping

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from diptych.check.findings import Mismatch, OutputFindings
from diptych.serve.requestlog.schema import POSITIONS, REQUEST_ID


def positions_of(request_ids: Iterable[str | None], table: pa.Table) -> dict[str, str]:
    """What the log says of the streams at some requests, in words, by the request's id; none where it says nothing."""
    wanted = pa.array([each for each in set(request_ids) if each is not None], pa.string())
    if not len(wanted):
        return {}
    found = table.select([REQUEST_ID, POSITIONS]).filter(pc.is_in(table[REQUEST_ID], wanted))
    told = {}
    for row in found.to_pylist():
        words = [
            f"{each['source']} was applied to offset {each['offset']:,} of {each['partition']}, committed at "
            f"{each['committed_at'].isoformat()}"
            for each in row[POSITIONS] or []
            if each["offset"] is not None
        ]
        if words:
            told[row[REQUEST_ID]] = "; ".join(words)
    return told


def with_positions(findings: OutputFindings, positions: Mapping[str, str]) -> OutputFindings:
    """The findings, with the positions of each example's request in its detail."""
    return msgspec.structs.replace(findings, examples=tuple(_told(example, positions) for example in findings.examples))


def _told(example: Mismatch, positions: Mapping[str, str]) -> Mismatch:
    words = positions.get(example.request_id or "")
    if not words:
        return example
    return msgspec.structs.replace(example, detail=f"{example.detail}; {words}" if example.detail else words)
