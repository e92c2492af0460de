"""The invariant of the online state: after any life, every read from the horizon on is what the judge says."""

from hypothesis import settings

from tests.kernel.life import Life

TestLife = Life.TestCase
TestLife.settings = settings(stateful_step_count=40)


def test_folds_happen() -> None:
    """The machine above is no proof of anything if nothing is ever folded."""
    Life.folds = 0
    TestLife("runTest").runTest()
    assert Life.folds > 50
