"""Rollouts on a real server: what is served is always what the judge says, before, during and after."""

from dataclasses import replace

import pytest

import diptych as dt
from diptych.ground.instants import DAY, HOUR
from diptych.ground.ledger import Progress
from diptych.operate.rollout.rollout import LEAD, RolloutError
from diptych.serve.addresses import Addresses
from diptych.serve.manifest import ManifestMoved
from diptych.serve.stores.protocol import KeyValueStore
from tests.operate.builders import orders
from tests.operate.world import START, World, shop


@pytest.fixture
def world(store: KeyValueStore, addresses: Addresses) -> World:
    return World(store, addresses, shop())


def test_the_first_apply_serves_what_history_holds(world: World) -> None:
    world.busy(0)
    world.log["orders"] = [
        {
            "order_id": f"h{n}",
            "ordered_at": START - n * HOUR,
            "customer": "a",
            "amount": n,
            "arrived_at": START - n * HOUR,
        }
        for n in range(1, 5)
    ]
    done = world.rollout.apply(world.rollout.propose(world.registry))
    assert done.replaced is None
    assert done.cut == START + LEAD
    assert sum(filled.events for _, filled in done.filled) == 4
    assert world.check(world.registry) > 0


def test_nothing_to_do_does_nothing(world: World) -> None:
    world.rollout.apply(world.rollout.propose(world.registry))
    before = world.manifests.history()
    again = world.rollout.propose(world.registry)
    assert again.plan.is_empty
    assert world.rollout.apply(again).filled == ()
    assert world.manifests.history() == before


def apply(world: World, *windows: str, **options: object) -> None:
    world.rollout.apply(world.rollout.propose(shop(*windows, **options)))  # type: ignore[arg-type]


def test_events_before_during_and_after_a_backfill_all_count_once(world: World) -> None:
    apply(world)
    world.busy()
    world.while_waiting = world.busy  # between staging and the cut
    new = shop("1h", "30m", pages="3h")
    world.rollout.apply(world.rollout.propose(new), watch=lambda _: world.busy(1))
    world.busy()
    assert world.check(new) > 0


def test_the_old_version_is_served_and_fed_until_the_flip(world: World) -> None:
    apply(world)
    world.busy()
    seen = []

    def look(progress: Progress) -> None:
        world.busy(1)
        seen.append(world.check(world.registry))

    world.rollout.apply(world.rollout.propose(shop("2h")), watch=look)
    assert seen


def test_metadata_alone_moves_the_pointer_without_a_backfill(world: World) -> None:
    apply(world)
    world.busy()
    described = shop()
    first = described.views[0]
    retouched = replace(described, views=(replace(first, owner="sales", metadata="other"), *described.views[1:]))
    done = world.rollout.apply(world.rollout.propose(retouched))
    assert done.filled == ()
    assert done.cut is None
    world.check(retouched)


class Stopped(Exception):
    """A process that ended."""


@pytest.mark.parametrize("stop_at", [1, 9, 16, 17, 32])
def test_an_apply_that_stops_half_way_and_runs_again_ends_in_the_same_state(world: World, stop_at: int) -> None:
    apply(world)
    world.busy()
    new, calls = shop("1h", "30m", pages="3h"), 0

    def stop(progress: Progress) -> None:
        nonlocal calls
        calls += 1
        world.busy(1)
        if calls == stop_at:
            raise Stopped

    with pytest.raises(Stopped):
        world.rollout.apply(world.rollout.propose(new), watch=stop)
    world.check(world.registry)
    world.busy()
    again = world.rollout.propose(new)
    assert [step.view for step in again.plan.backfills] == (["browsing", "spending"] if stop_at <= 16 else ["browsing"])
    world.rollout.apply(again, watch=lambda _: world.busy(1))
    world.busy()
    assert world.check(new) > 0
    assert world.rollout.propose(new).plan.is_empty


def test_a_change_given_up_half_way_leaves_no_trace_in_the_next(world: World) -> None:
    """Its version missed events while nothing was staged, so its state must be made anew."""
    apply(world)
    world.busy()

    def stop(progress: Progress) -> None:
        if progress.task.endswith("spending"):
            raise Stopped

    given_up = shop("1h", "30m", pages="3h")
    with pytest.raises(Stopped):
        world.rollout.apply(world.rollout.propose(given_up), watch=stop)
    world.busy()
    world.rollout.apply(world.rollout.propose(shop("2h")))
    world.busy()
    world.check(shop("2h"))
    world.rollout.apply(world.rollout.propose(given_up))
    world.busy()
    assert world.check(given_up) > 0


def test_of_two_at_once_one_wins_and_the_other_is_told(world: World) -> None:
    apply(world)
    world.busy()
    one, other = world.rollout.propose(shop("2h")), world.rollout.propose(shop("3h"))
    world.rollout.apply(one)
    with pytest.raises(ManifestMoved, match="plan again"):
        world.rollout.apply(other)
    world.check(shop("2h"))


def test_a_second_apply_that_began_meanwhile_is_refused_until_it_has_seen_the_first(world: World) -> None:
    apply(world)
    late = world.rollout.propose(shop("3h"))
    refused = []

    def second(_: Progress) -> None:
        if not refused:
            with pytest.raises(ManifestMoved, match="another change has been under way") as error:
                world.rollout.apply(late)
            refused.append(error)

    world.rollout.apply(world.rollout.propose(shop("2h")), watch=second)
    assert refused
    world.check(shop("2h"))


def test_who_takes_over_wins_and_the_one_before_stops(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diptych.operate.rollout.rollout.LOOK_SECONDS", -1.0)
    apply(world)
    world.busy()
    taken = []

    def take_over(_: Progress) -> None:
        if not taken:
            taken.append(True)
            world.rollout.apply(world.rollout.propose(shop("3h")))

    with pytest.raises(ManifestMoved, match="somebody else took over"):
        world.rollout.apply(world.rollout.propose(shop("2h")), watch=take_over)
    world.busy()
    world.check(shop("3h"))


def test_rolling_back_serves_the_old_meaning_with_all_that_came_since(world: World) -> None:
    apply(world)
    world.busy()
    apply(world, "2h")
    world.busy()
    back = world.rollout.propose_rollback()
    assert back.plan.backfills == ()
    assert [change.name for step in back.plan.steps for change in getattr(step, "features", ()) if change.new is None]
    world.rollout.roll_back(back)
    world.busy()
    assert world.check(world.registry) > 0
    forward = world.rollout.propose(shop("2h"))
    assert forward.plan.backfills == ()
    world.rollout.apply(forward)
    assert world.check(shop("2h")) > 0


def test_rolling_back_by_the_beginning_of_a_digest(world: World) -> None:
    apply(world)
    first = world.manifests.current().digest
    apply(world, "2h")
    apply(world, "3h")
    assert world.rollout.propose_rollback(first[:8]).digest == first
    with pytest.raises(RolloutError, match="no manifest that is kept begins with 'zz'; kept: "):
        world.rollout.propose_rollback("zz")


def test_there_is_nothing_to_go_back_to_at_first(world: World) -> None:
    apply(world)
    with pytest.raises(RolloutError, match="nothing to go back to"):
        world.rollout.propose_rollback()


def test_pruning_deletes_old_versions_alone_and_ends_their_feeding(world: World) -> None:
    apply(world)
    world.busy()
    apply(world, "2h")
    world.busy()
    old = next(view for view in world.registry.views if view.name == "spending")
    assert list(world.store.scan(world.addresses.states(old)))
    done = world.rollout.prune()
    assert done.versions == (("spending", old.fingerprint),)
    assert done.keys == 3
    world.busy()
    assert list(world.store.scan(world.addresses.states(old))) == []
    assert world.check(shop("2h")) > 0
    with pytest.raises(RolloutError, match="nothing to go back to"):
        world.rollout.propose_rollback()


def test_a_pruned_version_that_comes_again_is_filled_anew(world: World) -> None:
    apply(world)
    world.busy()
    apply(world, "2h")
    world.rollout.prune()
    world.busy()
    again = world.rollout.propose(shop())
    assert [step.view for step in again.plan.backfills] == ["spending"]
    world.rollout.apply(again)
    world.busy()
    assert world.check(shop()) > 0


def test_pruning_finds_what_a_given_up_change_left(world: World) -> None:
    apply(world)
    world.busy()

    def stop(progress: Progress) -> None:
        if progress.done == 16:
            raise Stopped

    with pytest.raises(Stopped):
        world.rollout.apply(world.rollout.propose(shop(pages="9h")), watch=stop)
    apply(world, "2h")
    left = next(view for view in shop(pages="9h").views if view.name == "browsing")
    assert list(world.store.scan(world.addresses.states(left)))
    world.rollout.prune()
    assert list(world.store.scan(world.addresses.states(left))) == []
    assert world.store.get_document(world.addresses.backfill(left)) is None


def test_a_version_that_wants_more_than_the_stream_brings_is_never_served(world: World) -> None:
    apply(world)
    world.busy()
    more = orders(columns={**orders().columns, "shop": dt.String(4)})
    proposal = world.rollout.propose(shop(source=more))
    world.while_waiting = lambda: None
    with pytest.raises(RolloutError, match=r"view spending: .*shop"):
        world.rollout.apply(proposal, watch=lambda _: world.busy(1))
    world.busy()
    assert world.check(world.registry) > 0


def test_a_day_later_everything_still_holds(world: World) -> None:
    apply(world)
    world.busy()
    apply(world, "2h", pages="4h")
    world.now += DAY
    world.busy()
    assert world.check(shop("2h", pages="4h")) > 0
