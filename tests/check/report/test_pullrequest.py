"""The Markdown: short, below the limit whatever the run, and data in it is only ever read."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from diptych.check.findings import Cause, Example, Run
from diptych.check.report import markdown
from diptych.check.report.pullrequest import LIMIT
from tests.check.report.samples import SAMPLES, green, hostile, many, output, planted, run, simulated

CELLS = re.compile(r"(?<!\\)\|")


@pytest.fixture(scope="module", params=list(SAMPLES))
def text(request: pytest.FixtureRequest) -> str:
    return markdown(SAMPLES[request.param]())


def prose(text: str) -> str:
    """The text without its blocks of code."""
    return re.sub(r"(?ms)^(`{3,})\w*\n.*?^\1$", "", text)


def test_every_text_fits_a_comment_and_folds_are_closed(text: str) -> None:
    assert len(text.encode()) <= LIMIT
    said = prose(text)
    assert said.count("<details>") == said.count("</details>") == said.count("<summary>") == said.count("</summary>")


def test_every_row_of_a_table_has_as_many_cells_as_its_head(text: str) -> None:
    said = prose(text)
    for table in re.findall(r"(?m)(?:^\|.*\|\n)+", said):
        assert len({len(CELLS.findall(line)) for line in table.splitlines()}) == 1


def test_the_verdict_comes_first_and_what_failed_before_what_is_folded() -> None:
    said = markdown(planted())
    assert said.startswith(
        "## ❌ Parity: Training and serving differ.\n\n**628,320 values compared, 5,793 mismatches**"
    )
    assert said.index("late event in 4 of 26,180") < said.index("| Feature |") < said.index("<details>")
    assert said.index("diptych parity run") < said.index("<details>")


def test_a_green_text_is_a_line_and_folds() -> None:
    said = markdown(green())
    assert said.startswith("## ✅ Parity: Training and serving agree.\n\n**621,780 values compared, 0 mismatches**")
    before = said[: said.index("<details>")]
    assert len(before) < 200
    assert "A skew in 0.99 %" in said


def test_data_is_neither_markup_nor_a_mention_nor_an_issue() -> None:
    said = prose(markdown(hostile()))
    assert set(re.findall(r"</?(\w+)", said)) == {"details", "summary", "code"}
    assert "@" not in said
    assert not re.search(r"#\d", said.replace("&#", ""))
    outside = re.sub(r"<code>.*?</code>", "", said)
    assert outside.count("&#64;") == outside.count("&#64;&#8288;") > 0


@given(st.text(max_size=300))
@example("https://example.com/ and www.example.com")
@example("__init__ a__b *x* ~y~ [z](w) ![v] <u> `t` \\| \r\n# heading\n- item\n1. one")
def test_names_are_read_back_as_they_were(name: str) -> None:
    said = prose(markdown(run(failures=(name,))))
    [line] = [line for line in said.splitlines() if line.startswith("- ") and "**" not in line]
    back = re.sub(r"&#(\d+);", lambda found: chr(int(found[1])), line[2:]).replace("\u2060", "")
    assert back.rstrip("…") == " ".join(name.split()).replace("\u2060", "")[: len(back.rstrip("…"))]
    assert not re.search(r"[*`<>\[\]|~\\]|://|www\.|(?<!\w)_|_(?!\w)", line[2:])


@pytest.mark.parametrize("size", [0, 3_000, 60_000, 70_000, 500_000])
def test_what_does_not_fit_is_counted_and_left_to_the_page(size: int) -> None:
    example = Example(output="v__f", cause=Cause.TIE, detail="", rows=1, code="ä" * (size // 2))
    said = markdown(run(simulated((output("v", "f", 10),), examples=(example,)), failures=("x" * size,) * 50))
    assert len(said.encode()) <= LIMIT
    assert ("1 part did not fit here" in said) is (size >= 60_000)


def test_a_large_repository_is_cut_with_a_count() -> None:
    said = markdown(many(2_000, wrong=1_000, plain=True))
    assert len(said.encode()) <= LIMIT
    assert "and 970 more, in the HTML report." in said
    assert re.search(r"and \d,\d+ more, in the HTML report\.\n\n</details>", said)


def test_code_with_fences_in_it_stays_inside_its_own() -> None:
    code = "x = '''\n```\n````\n'''"
    example = Example(output="v__f", cause=Cause.TIE, detail="", rows=1, code=code)
    said = markdown(run(simulated((output("v", "f", 10),), examples=(example,))))
    assert f"`````python\n{code}\n`````\n" in said


def test_one_example_of_each_cause_is_enough_for_a_pull_request() -> None:
    made: Run = planted()
    twice = replace(made, findings=(replace(made.findings[0], examples=made.findings[0].examples * 2),))
    assert markdown(twice).count("Smallest example") == 5
