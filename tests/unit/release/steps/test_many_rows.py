"""Tables of many rows: what is judged column by column has the verdicts that it has row by row, however messy the columns are."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from release import hashing, ledger
from release.fingerprint import Fingerprinter, Fingerprints
from release.fingerprint import fingerprinter as fingerprinting
from release.lists import ImportRequest, ListStore
from release.lists.entries import WIDTHS, decode_hex, is_placeholder
from release.plan import Limits, load
from release.steps import Rows, Step, build_steps, kinds
from release.steps.exact_hash import BAD_HASH, NO_HASH, declared
from release.steps.scores import BAD_SCORE, NO_SCORE, ColumnScores, of_values

TODAY = date(2026, 3, 1)
HEX = st.text(st.sampled_from("0123456789abcdefABCDEF"), min_size=32, max_size=32)
MESSY = st.one_of(
    HEX,
    HEX,
    HEX.map(lambda text: f" {text}\n"),
    HEX.map(lambda text: text[:31]),
    HEX.map(lambda text: text[:31] + "g"),
    st.sampled_from(["", " " * 32, "0" * 32, "d41d8cd98f00b204e9800998ecf8427e", "D41D8CD98F00B204E9800998ECF8427E", "\u00e4" * 16, "x"]),
    st.none(),
)
PLAN = """\
[release]
name = "a/b"
version = "1.0.0"
license = "x"
[source]
path = "source"
format = "links"
columns = { text = "TEXT" }
[[step]]
name = "one"
kind = "url"
lists = ["links"]
"""
LINKS = [
    "https://a.example.org/x?w=1",
    "http://a.example.org/x?w=1",
    "HTTP://a.example.org/x?w=1#part",
    "https://a.example.org/x?w=1&utm_source=feed",
    "https://A.example.org/x?w=1",
    "https://www.listed.example/any",
    "https://listed.example/",
    "https://notlisted.example/",
    "https://listed.example:8080/",
    "https://b.example.org/\u00e9",
    "https://b.example.org/%C3%A9",
    "https://b.example.org/e\u0301",
    "https://c.example.org/",
    "ftp://listed.example/",
    "no link",
    "",
    None,
]


def row_by_row(values: Sequence[str | bytes | None]) -> tuple[bytes, list[str]]:
    """Return digests and reasons as they are when each value is looked at by itself."""
    texts = [value.hex().encode() if isinstance(value, bytes) else (value or "").strip().encode() for value in values]
    digests, refused = decode_hex(texts, WIDTHS["md5"])
    placeholder = is_placeholder("md5", digests)
    return digests.tobytes(), [
        NO_HASH if not text else BAD_HASH if row in refused or placeholder[row] else "" for row, text in enumerate(texts)
    ]


@given(values=st.lists(MESSY, max_size=40), start=st.integers(0, 3))
@settings(max_examples=200, deadline=None)
def test_declared_hashes_of_a_column_are_those_of_its_values(values: list[str | None], start: int) -> None:
    """Text of any kind, and slices of a column, give the digests and the reasons of single values."""
    found = declared(pa.array(values, pa.string()).slice(start), "md5")
    assert (found.digests.tobytes(), found.absent) == row_by_row(values[start:])
    assert found.there.tolist() == [not reason for reason in found.absent]


def test_declared_hashes_may_be_bytes() -> None:
    """A column of bytes is compared as one of text."""
    values = [bytes(range(16)), None, bytes(16), b"short"]
    found = declared(pa.array(values, pa.binary()), "md5")
    assert (found.digests.tobytes(), found.absent) == row_by_row(values)


def links_step(folder: Path, kind: str, entries: Sequence[str]) -> Step:
    """Return a step with one list."""
    (folder / "links.txt").write_text("\n".join(entries))
    ListStore(folder / "lists").import_file(folder / "links.txt", ImportRequest("links", TODAY, type=kind, format="text"), TODAY)
    (folder / "plan.toml").write_text(PLAN)
    (step,) = build_steps(load(folder / "plan.toml", kinds()), ListStore(folder / "lists"), TODAY)
    return step


def told(step: Step, alive: Any) -> tuple[Any, ...]:
    """Return what a step says of the links."""
    batch = pa.record_batch({"URL": pa.array(LINKS, pa.string())})
    images: list[None] = [None] * len(LINKS)
    rows = Rows(n=len(LINKS), batch=batch, fingerprints=Fingerprinter(Limits(), (), perceptual=False).run(images), problems={})
    verdicts = step.screen(rows, alive)
    return (*map(tuple, (verdicts.status.tolist(), verdicts.reason, verdicts.which_list)), verdicts.coverage)


@pytest.mark.parametrize(
    ("kind", "entries", "taken"),
    [
        ("url", ["https://a.example.org/x?w=1", "https://b.example.org/%C3%A9"], {0, 1, 2, 3, 4, 9, 10, 11}),
        ("domain", ["listed.example"], {5, 6, 8}),
        ("url-md5", [hashlib.md5(b"http://a.example.org/x?w=1", usedforsecurity=False).hexdigest()], {1}),
    ],
)
def test_links_of_a_column_have_the_verdicts_of_single_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, entries: list[str], taken: set[int]
) -> None:
    """Plain ones are not parsed when there are many; the verdicts are the same, also where rows are gone already."""
    step = links_step(tmp_path, kind, entries)
    everyone = np.ones(len(LINKS), np.bool_)
    some = everyone.copy()
    some[::2] = False
    for alive in (everyone, some):
        monkeypatch.setattr(hashing, "MANY", 10_000)
        slow = told(step, alive)
        monkeypatch.setattr(hashing, "MANY", 1)
        assert told(step, alive) == slow
        assert {row for row, status in enumerate(slow[0]) if status == 1} == {row for row in taken if alive[row]}


def test_rows_without_any_picture_have_the_fingerprints_of_rows_without_one() -> None:
    """What is made for all of them at once is what is made for each."""
    for conventions in ((), ("full", "nearest-512")):
        made = fingerprinting._Columns([None] * 3, Limits())
        made.digest(range(3))
        one_by_one, at_once = made.fingerprints(conventions), fingerprinting._no_pictures(3, conventions)
        for name in Fingerprints.__slots__:
            assert same(getattr(one_by_one, name), getattr(at_once, name)), name


def same(one: Any, other: Any) -> bool:
    """Compare columns, or columns by name."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    return np.array_equal(one, other) and getattr(one, "dtype", None) == getattr(other, "dtype", None)


@pytest.mark.parametrize("there", [[True, False, True], [False] * 3, [True] * 3, []])
def test_digests_are_a_column_with_nulls_where_there_are_none(there: list[bool]) -> None:
    """Bytes and nulls come out as they went in."""
    digests = np.arange(20 * len(there), dtype=np.uint8).reshape(len(there), 20)
    expected = [row.tobytes() if ok else None for row, ok in zip(digests, there, strict=True)]
    assert ledger.binary(digests, np.array(there, np.bool_)).to_pylist() == expected
    assert ledger.binary(digests).to_pylist() == [row.tobytes() for row in digests]


@pytest.mark.parametrize("make", [lambda values: ColumnScores("one", "x").scores(column(values), np.ones(len(values), np.bool_))])
def test_scores_of_a_column(make: Callable[[list[float | None]], Any]) -> None:
    """Null has its reason, what is no finite number its own, and a reason that was there stays."""
    assert make([0.5, None, float("nan"), float("inf")]).absent == ["", NO_SCORE, BAD_SCORE, BAD_SCORE]
    assert make([0.5, 1.0]).absent == ["", ""]
    assert of_values(np.array([np.nan, np.nan, 1.0]), ["why", "", "why"]).absent == ["why", BAD_SCORE, "why"]


def column(values: list[float | None]) -> Rows:
    """Return rows with one column of numbers."""
    batch = pa.record_batch({"x": pa.array(values, pa.float32())})
    return Rows(len(values), batch, Fingerprinter(Limits(), (), perceptual=False).run([None] * len(values)), {})
