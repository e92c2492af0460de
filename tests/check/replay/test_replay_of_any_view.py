"""A log of true answers replays without a difference, whatever the view, the history and the instants are."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diptych.check.findings import Findings
from diptych.check.replay.replay import Options, Replay
from diptych.plan.nodes import View
from diptych.run.engines.duckdb import DuckDBEngine
from diptych.run.location import Frame
from diptych.serve.folding import Folder
from diptych.serve.reader import OnlineReader
from diptych.serve.requestlog.log import RequestLog
from diptych.serve.stores.valkey import ValkeyStore
from diptych.testing.build import table
from diptych.testing.cases.case import Question
from diptych.testing.strategies import histories, spines
from diptych.testing.targets.corner import Corner, in_order, known, registry_of
from diptych.testing.views import views

Row = Mapping[str, Any]


def replayed(view: View, history: Sequence[Row], spine: Sequence[Question], store: ValkeyStore) -> Findings | None:
    """Ask every question at its own instant with a log, then replay the log; None where nothing was asked."""
    live = any("arrived_at" in row for row in history)
    folder = Folder(store, None, 0, 0, worthwhile=1.0)  # type: ignore[arg-type]  # lends its settings only
    corner = Corner.of(view, store, replay=not live, folder=folder)
    rows = in_order(view, history)
    registry = registry_of(view)
    names = [key.name for key in view.entity.keys]
    wanted = [f"{view.name}:{feature.name}" for feature in view.features]
    with tempfile.TemporaryDirectory() as root:
        log = RequestLog(Path(root), corner.addresses)
        reader = OnlineReader(registry, corner.addresses, store, corner.clock, log)
        done = 0
        try:
            for t, key in sorted(((question.t, question.key) for question in spine), key=lambda pair: pair[0]):
                while live and done < len(rows) and (known(view, rows[done]) or 0) < t:
                    corner.clock.now = known(view, rows[done]) or 0
                    corner.push(rows[done])
                    done += 1
                if not live:
                    corner.replay(rows, upto=t)
                reader.get_online_features(wanted, [dict(zip(names, key, strict=True))], at=t)
        finally:
            log.close()
            corner.clear()
        assert log.counted().written == len(spine), log.counted()
        if not spine:
            return None
        histories_of = {view.source.name: Frame(table(view.source, list(history)))}
        replay = Replay(Path(root), registry, histories_of, DuckDBEngine(), lambda: 0.0, None, Options())
        return replay.run(0)


@settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=60)
@given(st.data())
def test_true_answers_replay_without_a_difference(store: ValkeyStore, data: st.DataObject) -> None:
    view = data.draw(views(), "view")
    history = data.draw(histories(view, arrivals=view.source.event_id is not None), "history")
    spine = data.draw(spines(view, history), "spine")
    found = replayed(view, history, spine, store)
    if found is not None:
        assert found.compared == len(spine) * len(view.features)
        assert found.mismatches == 0, [output.examples for output in found.outputs if output.mismatches]
