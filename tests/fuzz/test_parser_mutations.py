"""No mutation of a document makes a parser raise anything but the package's own errors; `make fuzz` runs a hundred times as many."""

from __future__ import annotations

import pytest
from fuzz.mutation import Parser, foreign, mutated, parsers

COUNT = 10_000
PARSERS = parsers()


@pytest.mark.parametrize("name", PARSERS)
def test_a_parser_takes_its_corpus(name: str) -> None:
    """There are documents to mutate, and each of them is one that the parser takes."""
    assert PARSERS[name].corpus
    for document in PARSERS[name].corpus:
        PARSERS[name].parse(document)


@pytest.mark.parametrize("name", PARSERS)
def test_a_parser_raises_only_problems(name: str) -> None:
    """Whatever the document has become, it is taken, or refused in our own words."""
    assert foreign(PARSERS[name], COUNT, seed=7) == []


def test_a_foreign_exception_is_noticed() -> None:
    """A parser that only decodes UTF-8 is caught."""
    found = foreign(Parser(bytes.decode, (b"a document", "dalej\u017ce".encode())), 500, seed=7)
    assert found
    assert all("UnicodeDecodeError" in line for line in found)


def test_mutations_are_repeatable_and_mostly_change_something() -> None:
    """The same seed gives the same mutations, and nearly all differ from the document."""
    import random

    document = b'{"a":1,"b":[2,3]}'
    first, again = ([mutated(document, choose) for _ in range(300)] for choose in (random.Random(3), random.Random(3)))  # noqa: S311 - no secret
    assert first == again
    assert sum(data != document for data in first) > 250
