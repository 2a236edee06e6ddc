"""Whole builds with lists of terms and of digests of links: removed, committed to, never shown, and searched for by auditors."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from links import EXACT, attested, audit, project, texts
from project import KNOWN_LINK, TODAY, Project, in_process, row

from release.lists import ImportRequest, ListStore

TERM = "umbrella kettle"
WORDS = '[[step]]\nname = "words"\nkind = "text"\nlists = ["terms"]\n'
DIGESTS = '[[step]]\nname = "link-digests"\nkind = "url"\nlists = ["digests"]\n'


def keep(store: Path, name: str, kind: str, value: str) -> None:
    """Put a list of one entry into a store."""
    path = store.parent / f"{name}.txt"
    path.write_text(value + "\n")
    ListStore(store).import_file(path, ImportRequest(name, TODAY, type=kind, format="text"), TODAY)
    path.unlink()


@pytest.fixture
def told(tmp_path: Path) -> Project:
    """Return a project of 40 captions, one of which holds a listed term; one link is listed, another by its MD5."""
    captions = [f"view {i}" for i in range(40)]
    captions[7] = "An Umbrella  KETTLE, seen from above"
    links = [f"https://pictures.example.org/all/{i}" for i in range(40)]
    links[9] = row(KNOWN_LINK).url
    made = project(tmp_path / "project", {"caption": captions, "url": links}, EXACT + WORDS + DIGESTS)
    keep(made.folder / "lists", "terms", "term", TERM)
    keep(made.folder / "lists", "digests", "url-md5", hashlib.md5(links[11].encode(), usedforsecurity=False).hexdigest())
    return made


def test_listed_captions_and_links_are_gone_and_no_term_is_anywhere(told: Project, tmp_path: Path) -> None:
    """The attestation counts and commits; neither it, nor the card, nor what the build says, holds a term."""
    out = tmp_path / "candidate"
    answer = told.build_here(out)
    assert answer.code == 0, answer.text
    assert texts(out) == [f"view {i}" for i in range(40) if i not in (7, 9, 11)]
    words, digests = attested(out)[1:]
    assert (words["removed"], words["covers"], words["parameters"]) == (1, "declared", {"terms": "whole-words"})
    assert (words["lists"][0]["entries"], digests["lists"][0]["entries"]) == ({"term": 1}, {"url-md5": 1})
    assert (words["selfTest"]["planted"] > 0, digests["removed"]) == (True, 1)
    public = b"".join(path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file() and path.suffix != ".age")
    for form in (TERM.encode(), TERM.title().encode(), b"KETTLE", TERM.encode().hex().encode()):
        assert form not in public
        assert form.decode() not in answer.text
    audited, claims = audit(told, out)
    assert (audited.code, claims["no-listed-row"]["result"]) == (0, "confirmed"), audited.text


def test_an_auditors_own_terms_are_searched_in_published_captions(told: Project, tmp_path: Path) -> None:
    """What the institution's list did not hold is found; the report does not say what, nor where."""
    out = tmp_path / "candidate"
    assert told.build_here(out).code == 0
    own = told.folder / "own-1"
    keep(own, "own-terms", "term", "VIEW 23")
    audited, claims = audit(told, out)
    assert claims["no-listed-row"]["result"] == "refuted"
    assert "23" not in claims["no-listed-row"]["detail"]
    assert "view 23" not in audited.text.lower()


def test_a_list_of_terms_is_shown_by_its_counts_only(told: Project) -> None:
    """`release lists show` tells types and numbers."""
    answer = in_process("lists", "show", "--store", told.folder / "lists")
    assert answer.code == 0
    assert "term" in answer.out
    assert "kettle" not in answer.out.lower()
