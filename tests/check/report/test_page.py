"""The HTML page: well formed, whole without anything else, nothing left out, nothing unescaped, however odd the run."""

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from diptych.check.findings import Cause, Checked, Example, Run
from diptych.check.report import features, html
from diptych.check.report.overview import verdict
from tests.check.report.samples import (
    SAMPLES,
    green,
    hostile,
    many,
    mismatch,
    one_point,
    output,
    planted,
    run,
    simulated,
)

VOID = {"meta", "input", "br", "wbr", "hr", "img", "link"}
SELF_CLOSING = {"path", "rect", "circle", "line"}
LARGEST = 2_000_000


class Page(HTMLParser):
    """A page taken apart; raises where a tag is not closed, or closed without having been opened."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.scripts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == [], self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in SELF_CLOSING, tag
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> without <{tag}>"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)
        elif not self.open or self.open[-1] != "style":
            self.text.append(data)

    @property
    def said(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.text))

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module", params=list(SAMPLES))
def sample(request: pytest.FixtureRequest) -> tuple[Run, str]:
    made = SAMPLES[request.param]()
    return made, html(made)


def test_every_page_is_well_formed_and_below_two_megabytes(sample: tuple[Run, str]) -> None:
    page = Page(sample[1])
    assert len(sample[1].encode()) < LARGEST
    assert [tag for tag, _ in page.tags].count("h1") == 1
    assert "{{" not in sample[1]
    assert "{%" not in sample[1]


def test_a_page_names_no_other_file_and_runs_no_other_script(sample: tuple[Run, str]) -> None:
    page = Page(sample[1])
    for tag, attributes in page.tags:
        assert not {"src", "srcset", "action", "data", "poster", "background"} & set(attributes), tag
        assert not any(name.startswith("on") for name in attributes), tag
        assert (attributes.get("href") or "#").startswith("#"), attributes
        assert tag not in ("link", "iframe", "object", "embed", "base", "form", "image", "use", "img")
    assert not re.search(r"url\(|@import|https?://", sample[1])
    assert len(page.scripts) == 1
    digest = base64.b64encode(hashlib.sha256(page.scripts[0].encode()).digest()).decode()
    [policy] = [tag["content"] for tag in page.of("meta") if tag.get("http-equiv") == "Content-Security-Policy"]
    assert policy == f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"


def test_a_page_names_every_feature_every_failure_and_every_cause(sample: tuple[Run, str]) -> None:
    made, text = sample
    said = Page(text).said.replace("_ ", "_")
    for row in features.rows(made):
        assert re.sub(r"\s+", " ", row.name or row.group) in said
        for cause in row.every_cause:
            assert cause.value in said
    for failure in made.failures[:100]:
        assert failure in said
    assert verdict(made).line in said


def test_links_lead_somewhere_and_names_are_given_once(sample: tuple[Run, str]) -> None:
    page = Page(sample[1])
    names = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(names) == len(set(names))
    assert {(attributes.get("href") or "")[1:] for attributes in page.of("a")} <= set(names)


def test_tables_have_headers_and_pictures_say_what_they_show(sample: tuple[Run, str]) -> None:
    page = Page(sample[1])
    assert all(header.get("scope") in ("col", "row", "rowgroup") for header in page.of("th"))
    for picture in page.of("svg"):
        assert picture.get("aria-hidden") == "true" or (picture.get("role") == "img" and picture.get("aria-label"))
    assert not re.search(r"\b(nan|NaN|inf)\b", re.sub(r"<script.*</script>", "", sample[1], flags=re.DOTALL))


def test_what_comes_from_data_is_never_markup() -> None:
    made = hostile()
    page = Page(html(made))
    assert len(page.of("script")) == 1
    assert "alert" not in "".join(page.scripts)
    shown = page.said
    assert shown.count('<script>alert("1")</script> | `x` @everyone #1 </pre></code> ```') > 10


def test_plots_are_made_for_the_worst_and_the_page_says_so() -> None:
    text = html(many(80, wrong=80))
    page = Page(text)
    assert sum(picture.get("role") == "img" for picture in page.of("svg")) == 2 * 40 + 1
    assert "The 40 features with the most mismatches; the table above names all 80." in page.said


def test_examples_are_code_as_it_was_given() -> None:
    page = Page(html(planted()))
    code = planted().findings[0].examples[0].code
    assert code.rstrip() in "".join(page.text)


def test_a_green_page_shows_coverage_hardness_and_how_values_are_spread() -> None:
    page = Page(html(green()))
    for words in (
        "Training and serving agree.",
        "All 26,180 requests compared, over 1,212 entities. Every one was looked at",
        "12,000 of 480,211 questions (2.5 %) compared, drawn by entity, over 312 entities. "
        "A skew in 0.99 % of the entities or more would have shown, with 95 % confidence.",
        "33.2 % decided by known-at",
        "proves nothing: no value would change if the question came a microsecond earlier or later",
        "2013-01-01 to 2013-12-31 (364 days)",
    ):
        assert words in page.said
    assert sum(picture.get("class") == "spark" for picture in page.of("svg")) == 19
    assert "Causes" not in page.said
    assert "Where they differ" not in page.said


def test_one_mismatch_is_shown_with_its_key_instant_and_both_values() -> None:
    said = Page(html(one_point())).said
    assert 'tailnum = "N725MQ" 2013-10-08 05:00:00 UTC 3.0 4.0 unexplained' in said
    assert "1 value differs of 1 (100 %)" in said


def test_a_copy_is_shown_under_the_names_of_its_sides() -> None:
    found = output(
        "plane_history", "recency", 9, mismatches=1, causes={Cause.OTHER_DEFINITION: 1},
        examples=(mismatch("plane_history", "recency", Cause.OTHER_DEFINITION, 3.0, 4.0, wrong="online"),),
    )  # fmt: skip
    copy = simulated((found,), kind="copy", sides=("compiled", "hand-written"))
    said = Page(html(run(copy, failures=("recency differs",)))).said
    assert "Compiled against hand-written" in said
    assert "hand-written − compiled" in said  # noqa: RUF001
    assert "hand-written wrong" in said
    assert "Two copies differ." in said


CHECK = Checked(kind="boundaries", view="v", feature="f", target="kernel", cases=3, seconds=0.1)
FAILED = Checked(
    kind="boundaries", view="v", feature="f", target="kernel", cases=3, seconds=0.1, failure="offline 1, kernel 2",
    code="def test_it(): ...", cause=Cause.TIE, detail="two at one instant",
)  # fmt: skip
EQUAL = simulated((output("v", "f", 10),))
UNEQUAL = simulated((output("v", "f", 10, mismatches=1, causes={Cause.TIE: 1}),))


@pytest.mark.parametrize(
    ("made", "state", "sentence", "line"),
    [
        (run(EQUAL), "agree", "Training and serving agree.", "10 values compared, 0 mismatches"),
        (run(UNEQUAL), "allowed", "Training and serving differ, within what the team allows.",
         "10 values compared, 1 mismatch"),
        (run(UNEQUAL, failures=("x",)), "refused", "Training and serving differ.", "10 values compared, 1 mismatch"),
        (run(EQUAL, failures=("x",)), "refused", "The gate refuses this run.", "10 values compared, 0 mismatches"),
        (run(EQUAL, checks=(FAILED,), failures=("x",)), "refused", "1 check failed.",
         "10 values compared, 0 mismatches"),
        (run(checks=(CHECK,)), "agree", "Every check passed.", "3 cases checked, 0 failed; no values compared"),
        (run(), "nothing", "Nothing was compared.", "0 values compared, so nothing is proved"),
        (run(simulated((output("v", "f", 10),), contradicted=2), failures=("x",)), "refused",
         "Training and serving agree, and the judge contradicts both.", "10 values compared, 0 mismatches"),
    ],
)  # fmt: skip
def test_the_verdict_is_one_sentence_and_one_number(made: Run, state: str, sentence: str, line: str) -> None:
    found = verdict(made)
    assert (found.state, found.sentence, found.line) == (state, sentence, line)


def test_a_check_that_failed_without_a_mismatch_is_told_with_cause_and_code() -> None:
    said = Page(html(run(EQUAL, checks=(FAILED,), failures=("v:f: tie",)))).said
    assert "v:f boundaries on kernel tie" in said
    assert "two at one instant offline 1, kernel 2 def test_it(): ..." in said
    assert "✗ boundaries on kernel" in said
    assert "and 1 failed check in 1 feature" in said


COPY = simulated((output("v", "f", 10, mismatches=1, causes={Cause.TIE: 1}),), kind="copy", sides=("sql", "python"))


def test_the_checks_of_a_feature_stand_in_one_row_even_where_only_a_copy_was_compared() -> None:
    [row] = features.rows(run(COPY, checks=(CHECK,)))
    assert row.sides == ("sql", "python")
    assert row.cells["kernel"].passed
    both = features.rows(run(COPY, EQUAL, checks=(CHECK,)))
    assert [(row.sides, list(row.cells)) for row in both] == [
        (("sql", "python"), []),
        (("offline", "online"), ["kernel"]),
    ]


def test_copies_stand_in_one_table_behind_the_comparisons() -> None:
    page = Page(html(run(COPY, EQUAL)))
    assert page.said.index("33.2 % decided by known-at") < page.said.index("Second copy, written by hand")
    assert "the last third of 2013✗ 1101,212any48 s" in page.said  # cells side by side
    assert sum(picture.get("preserveaspectratio") == "none" for picture in page.of("svg")) == 1


def test_features_that_were_only_checked_are_not_said_to_agree() -> None:
    said = Page(html(run(checks=(CHECK,)))).said
    assert "1 feature passed every check" in said
    assert "agree" not in said


def test_code_that_is_too_long_is_cut_and_the_page_says_so() -> None:
    example = Example(output="v__f", cause=Cause.TIE, detail="", rows=10**5, code="x = 1\n" * 10**6)
    text = html(run(simulated((output("v", "f", 10),), examples=(example,))))
    assert len(text.encode()) < 100_000
    assert "The first 20,000 of 6,000,000 characters; the run's file has them all." in Page(text).said


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green_, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green_ + 0.0722 * blue


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_colour_of_text_stands_out_from_its_ground(scheme: str) -> None:
    style = re.search(r"<style>(.*?)</style>", html(green()), re.DOTALL)
    assert style is not None
    light, dark = style[1].split("@media (prefers-color-scheme: dark)", 1)
    part = light if scheme == "light" else dark.split("\n}", 1)[0]
    grounds = re.findall(r"--(?:paper|raised): (#\w{6})", part)
    texts = re.findall(r"--(?:ink|muted|accent): (#\w{6})", part)
    assert (len(grounds), len(texts)) == (2, 5)
    for ground in grounds:
        for text in texts:
            one, other = sorted((luminance(ground), luminance(text)))
            assert (other + 0.05) / (one + 0.05) >= 4.5, (ground, text)
