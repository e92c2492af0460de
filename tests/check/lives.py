"""Lives of one entity whose raw records carry the identities that ingestion gives, and whose history is what was sent."""

from typing import Any

from diptych.admit.door import check
from diptych.admit.project import project
from diptych.compile.online import pack
from diptych.testing.build import table
from tests.kernel.life import Entity


class Lived(Entity):
    """An entity whose appends go through the door of ingestion."""

    def record(self, row: dict[str, Any]) -> bytes:
        checked = check(self.view.source, table(self.view.source, [row]))
        events = project(self.view, checked)
        assert events.id_hash is not None
        packed = pack(self.program.layout, events.ts, events.known_at, events.id_hash, events.inputs, events.conditions)
        return packed.tobytes()
