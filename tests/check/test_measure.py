"""Measuring counts every mismatch, and keeps a bounded sample to show and to explain."""

import numpy as np
import pytest

from diptych.check.causes import Diagnosis
from diptych.check.findings import Cause
from diptych.check.measure import AGREEMENTS, EXAMINED, measure
from diptych.ground.expression import Column
from diptych.ground.values import Float64, Int64, String
from diptych.plan.nodes import Feature

COUNT = Feature("count_1h", Int64(), Column("r0"))


def measured(offline, online, feature=COUNT, instants=None, keys=None, **options):
    count = len(offline)
    instants = np.arange(count, dtype=np.int64) if instants is None else np.array(instants)
    keys = {"shop": ["A"] * count} if keys is None else keys
    return measure(
        "shop", "takings__count_1h", "takings", feature, offline, online, keys=keys, instants=instants, **options
    )


def test_equal_columns_have_nothing_to_explain():
    found = measured([1, 2, None], [1, 2, None])
    assert (found.findings.compared, found.findings.mismatches, found.findings.equal) == (3, 0, 3)
    assert found.findings.causes == {}
    assert found.examined == found.agreed == found.left == ()


def test_nulls_and_errors_are_counted_apart():
    findings = measured([1, 2, None, 5, 9, None], [1, None, 3, 7, 19, None]).findings
    assert (findings.mismatches, findings.null_offline, findings.null_online) == (4, 1, 1)
    assert (findings.largest_error, findings.typical_error) == (10.0, 6.0)
    assert [(p.at, p.offline, p.online) for p in findings.points[:3]] == [(0, 1.0, 1.0), (1, 2.0, None), (2, None, 3.0)]


def test_a_text_has_neither_errors_nor_points():
    findings = measured(["a", "b"], ["a", "c"], Feature("last", String(3), Column("r0"))).findings
    assert (findings.largest_error, findings.points, findings.type) == (None, (), "String of at most 3 bytes")


def test_a_magnitude_decides_what_is_equal():
    feature = Feature("sum", Float64(), Column("r0"), tolerance=1e-9)
    assert measured([1.0], [1.5], feature, magnitude=np.array([1e9])).findings.mismatches == 0


def test_examined_mismatches_are_spread_over_time_and_examples_are_few():
    instants = np.random.default_rng(1).permutation(10_000)
    found = measured([0] * 10_000, [1] * 10_000, instants=instants)
    assert found.findings.mismatches == len(found.rows) == 10_000
    at = [mismatch.at for mismatch in found.examined]
    assert (len(at), at[0], at[-1]) == (EXAMINED, 0, 9_999)
    assert max(np.diff(at)) < 100
    assert len(found.left) == 1
    assert found.left[0].at not in at
    assert len(found.findings.points) <= 300


def test_agreements_of_the_same_keys_come_first():
    keys = {"shop": ["A"] * 5 + ["B"] * 995}
    found = measured([1] * 1_000, [2] + [1] * 999, keys=keys)
    about = [agreement.key["shop"] for agreement in found.agreed]
    assert about.count("A") >= 4
    assert len(about) == AGREEMENTS


def test_diagnoses_come_back_as_causes_and_what_was_not_examined_says_so():
    found = measured([0] * 300, [1] * 300, examined=120)
    named = [Diagnosis(Cause.BOUNDARY, "counted", "online")] * 100 + [Diagnosis()] * 20
    findings = found.explained(named)
    assert findings.causes == {Cause.UNEXPLAINED: 200, Cause.BOUNDARY: 100}
    assert findings.examples[0].cause == Cause.BOUNDARY
    assert findings.examples[-1].detail == "not examined: 120 of 300 mismatches were"


def test_what_nobody_looked_at_goes_with_the_others_only_where_all_of_those_are_alike():
    found = measured([0] * 300, [1] * 300, examined=120)
    counted, late = Diagnosis(Cause.BOUNDARY, "counted", "online"), Diagnosis(Cause.BOUNDARY, examined=False)
    assert found.explained([counted] * 20 + [late] * 100).causes == {Cause.BOUNDARY: 300}
    few = found.explained([counted] * 11 + [late] * 109)
    assert few.causes == {Cause.UNEXPLAINED: 289, Cause.BOUNDARY: 11}
    mixed = found.explained([counted] * 20 + [Diagnosis()] + [late] * 99)
    assert mixed.causes == {Cause.UNEXPLAINED: 280, Cause.BOUNDARY: 20}
    assert mixed.examples[-1].detail == "not examined: 21 of 300 mismatches were"


def test_statuses_and_request_ids_are_kept():
    found = measured([1], [2], statuses=(None, ["PRESENT"]), request_ids=["r7"])
    mismatch = found.examined[0]
    assert (mismatch.offline_status, mismatch.online_status, mismatch.request_id) == (None, "PRESENT", "r7")


def test_no_questions_at_all():
    assert measured([], []).findings.compared == 0


def test_one_diagnosis_for_each_examined_mismatch():
    with pytest.raises(ValueError, match="zip"):
        measured([0], [1]).explained([])
