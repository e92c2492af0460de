"""Live pushes, recorded history and logged requests: replay is exact where history knows what arrived when."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import diptych as dt
from diptych.check.findings import Findings
from tests.check.replay.shop import DEFINITIONS, Shop

SETTINGS = """
project = "shops"
modules = ["feature_repo"]
[environments.local.sources]
sales = { path = "sales.parquet" }
[environments.local.recording]
history = "recorded"
requests = { path = "requests" }
[environments.bare.sources]
sales = { path = "sales.parquet" }
"""


def sold(number: int, ago: timedelta) -> dict[str, Any]:
    """A sale that its source says was known at once."""
    at = datetime.now(UTC) - ago
    return {"id": number, "at": at, "known": at, "shop": "s0", "region": "north", "amount": number}


def replayed(root: Path, environment: str) -> Findings:
    with dt.FeatureStore(root, environment=environment) as store:
        return store.replay(root / "requests")


def mismatches(found: Findings) -> dict[str, int]:
    return {output.output: output.mismatches for output in found.outputs if output.mismatches}


def test_recorded_history_says_what_serving_could_know(tmp_path: Path) -> None:
    (tmp_path / "diptych.toml").write_text(SETTINGS)
    (tmp_path / "feature_repo").mkdir()
    (tmp_path / "feature_repo" / "__init__.py").touch()
    shop = Shop(tmp_path)
    shop.define(DEFINITIONS)
    early = [sold(number, timedelta(hours=3, minutes=number)) for number in range(4)]
    late = [sold(10 + number, timedelta(minutes=30 + number)) for number in range(3)]
    shop.history(early)
    rows = [{"shop": "s0", "region": "north", "basket": 7}, {"shop": "s1", "region": None, "basket": 7}]
    counts = []
    with dt.FeatureStore(tmp_path) as store:
        store.apply()
        for pushed in (None, late[:1], late[1:], late[:1]):  # the last one is a repeat
            if pushed is not None:
                store.push("sales", pushed)
            answer = store.get_online_features("scoring", rows)
            counts.append(answer.to_dict()["traffic__count_24h"][0])
    assert counts == [4, 5, 7, 7]
    found = replayed(tmp_path, "local")
    assert mismatches(found) == {}, [output.examples for output in found.outputs if output.examples]
    assert found.compared == 4 * 2 * 6
    shop.history([*early, *late])  # an export that knows only what the source says of itself
    assert mismatches(replayed(tmp_path, "bare"))["traffic__count_24h"] == 2
