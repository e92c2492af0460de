"""Replay is silent on true logs, finds what went wrong, and says what it could not look at."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import diptych as dt
from diptych.check.findings import Cause, Findings
from diptych.check.gate import failures
from diptych.check.replay import replay as replay_module
from diptych.check.replay.replay import NothingToReplay
from diptych.cli import main
from diptych.declare.project import SettingsError
from diptych.run.errors import BadHistory
from diptych.serve.requestlog import reading
from diptych.serve.requestlog.hashing import WeakKey
from diptych.serve.requestlog.reading import BadLog, logged_services
from tests.check.replay.shop import DEFINITIONS, NOON, Shop, sale, sales

KEY = "a key of more than sixteen characters"
OUTPUTS = 6
ROWS = 44


def replayed(shop: Shop, **options: Any) -> Findings:
    with dt.FeatureStore(shop.root) as store:
        return store.replay(**options)


def mismatches(found: Findings) -> dict[str, int]:
    return {output.output: output.mismatches for output in found.outputs if output.mismatches}


def causes(found: Findings, view: str) -> set[Cause]:
    return {cause for output in found.outputs if output.view == view for cause in output.causes}


def test_a_true_log_is_equal(tmp_path: Path) -> None:
    shop = Shop.of(tmp_path)
    shop.serve()
    found = replayed(shop)
    assert mismatches(found) == {}, [output.examples for output in found.outputs if output.examples]
    assert found.compared == ROWS * OUTPUTS
    assert (found.kind, found.facts["requests"], found.sampling[0].detectable) == ("replay", 11, 0.0)
    assert failures(found, {}) == []
    assert {service["changed_since"] == [] for service in found.facts["services"]} == {True}


def test_parts_give_what_the_whole_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop.of(tmp_path)
    shop.serve([row for row in sales() if row["id"] != 41])
    whole = replayed(shop)
    monkeypatch.setattr(replay_module, "PART_ROWS", 10)
    monkeypatch.setattr(reading, "BATCH_ROWS", 7)
    parts = replayed(shop)
    assert mismatches(parts) == mismatches(whole) != {}
    assert parts.compared == whole.compared
    for one, other in zip(whole.outputs, parts.outputs, strict=True):
        assert (one.causes, one.largest_error, one.null_online) == (
            other.causes,
            other.largest_error,
            other.null_online,
        )
        assert len(other.points) == len(one.points)


def test_an_event_that_was_never_ingested_is_found(tmp_path: Path) -> None:
    shop = Shop.of(tmp_path)
    shop.serve([row for row in sales() if row["id"] != 41])
    found = replayed(shop)
    wrong = mismatches(found)
    assert wrong["traffic__count_24h"] == 7  # shop s2 from minute 50 on
    assert causes(found, "traffic") == {Cause.MISSING_INGESTION}
    example = next(o for o in found.outputs if o.output == "traffic__count_24h").examples[0]
    assert example.key == {"shop": "s2"}
    assert example.request_id == "at 50"
    assert (example.offline - example.online, example.wrong) == (1, "online")
    assert "sales was applied to offset" in example.detail


def test_an_event_that_came_later_than_history_says_is_found(tmp_path: Path) -> None:
    shop = Shop.of(tmp_path)
    late = [row | {"known": NOON + timedelta(minutes=95)} if row["id"] == 41 else row for row in sales()]
    shop.serve(sorted(late, key=lambda row: row["known"]))
    found = replayed(shop)
    assert mismatches(found)["traffic__count_24h"] == 5  # at minutes 50 to 90
    assert causes(found, "traffic") <= {Cause.LATE_EVENT, Cause.STALE_INGESTION, Cause.MISSING_INGESTION}


def test_a_definition_that_changed_since_is_replayed_as_it_answered(tmp_path: Path) -> None:
    shop = Shop.of(tmp_path)
    shop.serve()
    shop.define(
        DEFINITIONS.replace('dt.count(windows=["1h"', 'dt.count(where="amount > 20", name="count", windows=["1h"')
    )
    found = replayed(shop)
    assert mismatches(found) == {}
    assert found.facts["services"][0]["changed_since"] == ["traffic"]
    today = replayed(shop, current=True)
    assert set(mismatches(today)) == {"traffic__count_1h", "traffic__count_24h"}
    assert causes(today, "traffic") == {Cause.OTHER_DEFINITION}
    assert today.facts["services"][0]["not_replayed"] == {}


def test_features_that_are_gone_today_are_named_not_compared(tmp_path: Path) -> None:
    shop = Shop.of(tmp_path)
    shop.serve()
    shop.define(
        DEFINITIONS.replace('dt.sum("amount", windows=["24h"]), ', "").replace(
            'derived={"share": "basket / traffic.amount_sum_24h"},', ""
        )
    )
    found = replayed(shop, current=True)
    assert set(found.facts["services"][0]["not_replayed"]) >= {"traffic__amount_sum_24h", "share"}
    assert {output.output for output in found.outputs} == {
        "traffic__count_1h", "traffic__count_24h", "traffic__amount_last", "regional__count_24h"
    }  # fmt: skip
    assert found.mismatches == 0


def test_values_that_agree_with_other_statuses_differ(tmp_path: Path) -> None:
    shop = Shop.of(tmp_path)
    shop.serve()
    shop.history([*sales(), sale(500, -60, shop="nobody", amount=0)])
    found = replayed(shop)
    total = next(output for output in found.outputs if output.output == "traffic__amount_sum_24h")
    assert total.mismatches == 11  # a sum of 0 over one event is no empty window
    assert total.null_online == total.null_offline == 0
    assert "statuses do not" in total.examples[0].detail


class TestHashed:
    MORE = ', hash = ["shop", "region"], key_variable = "LOG_KEY"'

    def test_hashed_keys_are_found_again_in_history(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LOG_KEY", KEY)
        shop = Shop.of(tmp_path, self.MORE)
        shop.serve()
        (batch,) = logged_services(tmp_path / "requests")[0].batches()
        assert not set(batch.table["shop"].to_pylist()) & {"s0", "s1", "s2", "nobody"}
        found = replayed(shop)
        assert (mismatches(found), found.compared) == ({}, ROWS * OUTPUTS)
        shop.history([row for row in sales() if row["id"] != 41])
        assert mismatches(replayed(shop))["traffic__count_24h"] == 7

    def test_without_the_key_only_the_rest_is_replayed_and_it_says_so(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("LOG_KEY", KEY)
        shop = Shop.of(tmp_path, ', hash = ["shop"], key_variable = "LOG_KEY"')
        shop.serve()
        for key, why in ((None, "the key is not at hand"), ("another key, also long", "hashed with another key")):
            if key is None:
                monkeypatch.delenv("LOG_KEY")
            else:
                monkeypatch.setenv("LOG_KEY", key)
            found = replayed(shop)
            assert [output.output for output in found.outputs] == ["regional__count_24h"]
            lost = found.facts["services"][0]["not_replayed"]
            assert set(lost) == {
                "traffic__count_1h", "traffic__count_24h", "traffic__amount_sum_24h", "traffic__amount_last", "share"
            }  # fmt: skip
            assert all(why in reason for reason in lost.values())

    def test_a_hashed_input_loses_only_what_reads_it(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LOG_KEY", KEY)
        shop = Shop.of(tmp_path, ', hash = ["basket"], key_variable = "LOG_KEY"')
        shop.serve()
        found = replayed(shop)
        assert set(found.facts["services"][0]["not_replayed"]) == {"share"}
        assert (found.compared, found.mismatches) == (ROWS * (OUTPUTS - 1), 0)

    def test_serving_refuses_to_begin_without_its_key(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("LOG_KEY", raising=False)
        shop = Shop.of(tmp_path, self.MORE)
        with dt.FeatureStore(shop.root) as store, pytest.raises(SettingsError, match="LOG_KEY, which is not set"):
            _ = store.request_log
        monkeypatch.setenv("LOG_KEY", "short")
        with dt.FeatureStore(shop.root) as store, pytest.raises(WeakKey):
            _ = store.request_log

    def test_a_misspelt_column_is_refused_lest_it_be_written_down(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("LOG_KEY", KEY)
        shop = Shop.of(tmp_path, ', hash = ["shpo"], key_variable = "LOG_KEY"')
        with dt.FeatureStore(shop.root) as store, pytest.raises(SettingsError, match="'shpo', which is no key"):
            _ = store.request_log


class TestDrawn:
    @pytest.fixture
    def shop(self, tmp_path: Path) -> Shop:
        made = Shop.of(tmp_path)
        made.serve()
        return made

    def test_a_share_of_the_requests_is_drawn_by_seed(self, shop: Shop) -> None:
        one, again, other = (replayed(shop, share=0.5, seed=seed) for seed in (1, 1, 2))
        assert one.compared == again.compared
        assert 0 < one.compared < ROWS * OUTPUTS
        assert one.compared % (4 * OUTPUTS) == 0  # whole requests
        assert 0 < one.sampling[0].detectable < 1
        assert (one.sampling[0].of, one.sampling[0].by) == (ROWS, "request")
        assert other.facts["requests"] > 0

    def test_entities_are_drawn_with_all_of_their_requests(self, shop: Shop) -> None:
        found = next(f for seed in range(20) if (f := replayed(shop, share=0.5, by="entity", seed=seed)).compared)
        assert found.compared % (11 * OUTPUTS) == 0
        assert found.sampling[0].by == "entity"
        assert found.sampling[0].entities == found.compared // (11 * OUTPUTS) < 4

    def test_a_budget_of_values_lowers_the_share(self, shop: Shop) -> None:
        found = replayed(shop, values=ROWS * OUTPUTS // 2, seed=3)
        assert 0 < found.compared < ROWS * OUTPUTS

    def test_a_range_of_time(self, shop: Shop) -> None:
        found = replayed(shop, since=NOON + timedelta(minutes=30), until=NOON + timedelta(minutes=60))
        assert found.facts["requests"] == 3
        with pytest.raises(NothingToReplay, match="no request in"):
            replayed(shop, since=NOON + timedelta(days=1))


def test_a_log_that_was_sampled_says_so_in_what_could_be_found(tmp_path: Path) -> None:
    shop = Shop.of(tmp_path, ", share = 0.5, seed = 2")
    shop.serve()
    found = replayed(shop)
    assert 0 < found.compared < ROWS * OUTPUTS
    assert found.sampling[0].of is None
    assert found.sampling[0].detectable > 0


def test_what_cannot_be_replayed_is_an_error_that_says_why(tmp_path: Path) -> None:
    shop = Shop.of(tmp_path)
    with pytest.raises(BadLog, match="there is no request log"):
        replayed(shop)
    shop.serve()
    (tmp_path / "sales.parquet").unlink()
    with pytest.raises(BadHistory):
        replayed(shop)
    shop.history(sales())
    broken = next((tmp_path / "requests").rglob("*.parquet"))
    broken.write_bytes(b"PAR1 no more")
    with pytest.raises(BadLog, match="cannot read"):
        replayed(shop)
    settings = tmp_path / "diptych.toml"
    settings.write_text(settings.read_text().split("[environments.local.recording]")[0])
    with pytest.raises(SettingsError, match="no request log"):
        replayed(shop)


def test_the_command_says_equal_or_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shop = Shop.of(tmp_path)
    shop.serve()

    def run(*arguments: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            main(["--repo", str(tmp_path), "parity", "replay", *arguments])
        return int(ended.value.code or 0), capsys.readouterr().out

    code, text = run()
    assert code == 0
    assert f"{ROWS * OUTPUTS} values compared, 0 mismatches: equal" in text
    shop.history([row for row in sales() if row["id"] != 41])
    report = tmp_path / "replay.json"
    code, text = run("--report", str(report))
    assert code == 1
    assert "traffic__count_24h" in text
    assert "not equal" in text
    assert json.loads(report.read_text())["kind"] == "replay"
    code, text = run("--json", "--share", "0.5", "--by", "entity", "--seed", "1")
    data = json.loads(text)
    assert data["equal"] is (code == 0)
    assert data["sampling"][0]["by"] == "entity"
    assert run("--log", str(tmp_path / "nowhere"))[0] == 2
