"""What CI runs: two months of flights through the whole store, every view asked around its own boundaries."""

from datetime import UTC, datetime
from pathlib import Path

import diptych as dt


def test_training_and_serving_are_equal(repository: Path) -> None:
    with dt.FeatureStore(repository) as store:
        verdict = store.simulate(
            cut=datetime(2013, 2, 1, tzinfo=UTC), until=datetime(2013, 3, 1, tzinfo=UTC), questions=60, seed=1
        )
    assert verdict.equal, verdict.to_dict()
    assert verdict.compared > 4_000
    hard = verdict.shares.to_dict()
    assert all(share > 0 for share in hard.values()), hard
