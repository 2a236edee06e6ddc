"""Steps that search captions for what a confidential list holds, and what such a list may hold."""

from __future__ import annotations

import time
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from scoring import read, rows_of

from release import canary
from release.errors import ListError, PlanError, StepError
from release.lists import ImportRequest, ListStore
from release.lists.phrases import plain
from release.plan import Columns
from release.screen import canary_batch
from release.steps import KEPT, REMOVED, UNSCREENABLE, Looks, Step, kinds

TODAY = date(2026, 3, 1)
COLUMNS = Columns(None, "caption", None, {})


def keep(folder: Path, name: str, kind: str, *values: str | bytes) -> list[str]:
    """Import a list of terms or expressions, and return why lines were rejected."""
    path = folder / f"{name}.txt"
    path.write_bytes(b"\n".join(value if isinstance(value, bytes) else value.encode() for value in values))
    report = ListStore(folder / "lists").import_file(path, ImportRequest(name, TODAY, type=kind, format="text"), TODAY)
    return [rejection.reason for rejection in report.rejected]


def opened(folder: Path, step: str, *lists: str) -> Step:
    """Return a text step with its lists open."""
    names = ", ".join(f'"{name}"' for name in lists)
    (planned,) = read(folder, f'kind = "text"\nlists = [{names}]\n{step}\n').steps
    store = ListStore(folder / "lists")
    return kinds()["text"].build(planned, tuple(store.open(name) for name in lists), COLUMNS)


def statuses(step: Step, captions: list[str | None]) -> list[int]:
    """Return the status of each caption."""
    rows = rows_of(caption=pa.array(captions, pa.string()))
    return step.screen(rows, np.ones(rows.n, np.bool_)).status.tolist()


@pytest.mark.parametrize(
    "caption",
    [
        "the blue kettle",
        "BLUE KETTLE!",
        "a blue   kettle",
        "a blue\nkettle",
        "\uff42\uff4c\uff55\uff45 \uff4b\uff45\uff54\uff54\uff4c\uff45",  # full-width letters
        "blue ket\u00adtle",  # a soft hyphen
        "blue\u200d kettle",  # a joiner that does not show
        "x-blue kettle-y",
    ],
)
def test_a_term_is_found_however_a_caption_writes_it(tmp_path: Path, caption: str) -> None:
    """Case, width, white space and characters that do not show make no difference."""
    keep(tmp_path, "words", "term", "Blue Kettle")
    assert statuses(opened(tmp_path, "", "words"), [caption]) == [REMOVED]


def test_a_term_is_a_whole_word_unless_the_plan_says_otherwise(tmp_path: Path) -> None:
    """Letters, marks and digits beside a term make it part of another word; `anywhere` does not mind."""
    keep(tmp_path, "words", "term", "kettle", "stra\u00dfe", "\u6c34")
    captions = ["kettles", "kettle2", "a kettle\u0301", "kettle", "die STRASSE", "\u5c71\u6c34\u753b", "\u6c34"]
    assert statuses(opened(tmp_path, "", "words"), captions) == [KEPT, KEPT, KEPT, REMOVED, REMOVED, KEPT, REMOVED]
    anywhere = opened(tmp_path, 'terms = "anywhere"', "words")
    assert statuses(anywhere, captions) == [REMOVED, REMOVED, KEPT, REMOVED, REMOVED, REMOVED, REMOVED]


def test_null_is_unscreenable_and_an_empty_caption_holds_nothing(tmp_path: Path) -> None:
    """What is missing might have held a term."""
    keep(tmp_path, "words", "term", "kettle")
    step = opened(tmp_path, "", "words")
    assert statuses(step, [None, "", "tea"]) == [UNSCREENABLE, KEPT, KEPT]
    rows = rows_of(caption=pa.array([None, "kettle", "kettle"], pa.string()))
    verdicts = step.screen(rows, np.array([True, True, False]))
    assert (verdicts.reason[0], verdicts.which_list[1], verdicts.coverage) == ("no-text", "words", {"text": 1})


def test_expressions_are_searched_in_the_one_form_of_a_caption(tmp_path: Path) -> None:
    """Their own case is of no account; the first list of the plan is named."""
    keep(tmp_path, "words", "term", "tea")
    keep(tmp_path, "shapes", "regex", r"Pot(s|\b)", r"[0-9]{3}-[0-9]{2}", r"(?P<one>x)y", r"(?P<one>z)y")
    step = opened(tmp_path, "", "shapes", "words")
    assert statuses(step, ["two POTS", "pottery", "nr 123-45", "tea", "xy", "zy"]) == [REMOVED, KEPT, *[REMOVED] * 4]


def test_rows_of_other_languages_pass_and_rows_of_none_do_not(tmp_path: Path) -> None:
    """A word of one language may mean nothing in another; where the language is not known, the list is applied."""
    keep(tmp_path, "words", "term", "gift")
    step = opened(tmp_path, 'language_column = "lang"\nlanguages = ["de", "de-AT"]', "words")
    languages = ["de", "en", None, "DE", "", "de-at", "nl"]
    rows = rows_of(caption=["gift"] * 7, lang=pa.array(languages, pa.string()))
    verdicts = step.screen(rows, np.ones(7, np.bool_))
    assert verdicts.status.tolist() == [REMOVED, KEPT, REMOVED, REMOVED, REMOVED, REMOVED, KEPT]
    assert verdicts.coverage == {"text": 5}
    assert isinstance(step, Looks)
    with pytest.raises(StepError, match="cannot use the column 'lang'"):
        step.check(rows_of(lang=[1]).batch.schema)


def test_the_self_test_finds_its_own_entries_and_nothing_else(tmp_path: Path) -> None:
    """A list that lost its reserved entries stops the build; a row with the canary's words is no hit."""
    keep(tmp_path, "both", "term", "kettle")
    keep(tmp_path, "shapes", "regex", "pot")
    step = opened(tmp_path, "", "both", "shapes")
    caption = rows_of(caption=[canary.TEXT])
    assert step.self_test(caption).planted == 2
    assert statuses(step, [canary.TEXT]) == [KEPT]
    with pytest.raises(StepError, match="self-test"):
        step.self_test(rows_of(caption=["kettle"]))
    batch = canary_batch(pa.schema([("caption", pa.string())]), COLUMNS)
    assert batch["caption"].to_pylist() == [canary.TEXT]


def test_no_entry_stands_in_an_error_or_a_report(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A list is refused by line and reason; RE2 itself would print the expression."""
    reasons = keep(tmp_path, "bad", "regex", "fine", "secret(", "x*", "(?:secret{1000}){1000}", "secret" * 50, canary.TEXT)
    assert sorted(reasons) == sorted(
        [
            "regex: an expression that matches the empty text, and so every text",
            "regex: longer than 256 bytes",
            "regex: not an expression of RE2, or one that needs too much memory",
            "regex: not an expression of RE2, or one that needs too much memory",
            "regex: reserved for the self-test",
        ]
    )
    assert keep(tmp_path, "terms", "term", "tea", "\u00ad", canary.TEXT.upper()) == ["term: empty", "term: reserved for the self-test"]
    with pytest.raises(ListError) as refused:
        keep(tmp_path, "none", "regex", "secret(")
    assert "secret" not in str(refused.value) + "".join(capfd.readouterr())


def test_a_hostile_expression_takes_time_in_proportion(tmp_path: Path) -> None:
    """An expression that makes a backtracking engine run for ever ends at once here."""
    keep(tmp_path, "hostile", "regex", "(a+)+$x", "(a|aa)+b")
    step = opened(tmp_path, "", "hostile")
    started = time.monotonic()
    assert statuses(step, ["a" * 200_000]) == [KEPT]
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ('terms = "some"', "one of whole-words, anywhere"),
        ('language_column = "lang"', "together with language_column"),
        ('languages = ["de"]', "together with language_column"),
    ],
)
def test_what_a_plan_cannot_say_of_texts(tmp_path: Path, step: str, told: str) -> None:
    """Each fault names its key and what may stand there."""
    keep(tmp_path, "words", "term", "kettle")
    with pytest.raises(PlanError, match=told):
        opened(tmp_path, step, "words")


def test_a_commitment_is_to_the_texts_and_an_update_keeps_them(tmp_path: Path) -> None:
    """The entries of a list of terms are the terms, whose keyed digests are those of SPEC section 17."""
    keep(tmp_path, "words", "term", "Kettle", "kettle", "tea")
    stored = ListStore(tmp_path / "lists").open("words")
    assert stored.entries == {"term": 2}
    texts = [bytes(line).rstrip(b"\0") for chunk in stored.raw_entries("term") for line in chunk]
    assert texts == [b"kettle", b"tea"]
    assert len(list(stored.keyed_entries(bytes(32), "term"))) == 2
    assert len(stored.commitment(bytes(32))) == 32
    (tmp_path / "more.txt").write_text("pot\n")
    ListStore(tmp_path / "lists").extend(tmp_path / "more.txt", ImportRequest("words", TODAY, type="term", replace=True), TODAY)
    assert ListStore(tmp_path / "lists").open("words").entries == {"term": 3}


def test_the_one_form_of_a_text_does_not_change_again() -> None:
    """Bringing it to one form twice changes nothing, or a term could be stored in a form that no caption has."""
    for text in ("\u0130stanbul", "\ufb01ne", "\u1e9e", "a\u00a0b", "\u0345", "\u03a3\u03c2", "  x \u200b y "):
        assert plain(plain(text)) == plain(text)
