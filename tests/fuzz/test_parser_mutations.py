"""No mutation of a document makes a parser raise anything but the package's own errors; `make fuzz` runs a hundred times as many."""

from __future__ import annotations

import pytest
from fuzz.mutation import Parser, fuzz, mutation, parsers

from audit_logs.errors import FormatError, Problem

COUNT = 10_000
PARSERS = parsers()
REPORTS = "card"  # tells what is wrong instead of raising


@pytest.mark.parametrize("name", PARSERS)
def test_a_parser_takes_its_corpus(name: str) -> None:
    """There are documents to mutate, and each of them is one that the parser takes."""
    assert PARSERS[name].corpus
    for document in PARSERS[name].corpus:
        PARSERS[name].parse(document)


@pytest.mark.parametrize("name", PARSERS)
def test_a_parser_raises_only_problems(name: str) -> None:
    """Whatever the document has become, it is taken, or refused in our own words."""
    outcome = fuzz(PARSERS[name], COUNT, seed=7)
    assert (outcome.count, outcome.foreign) == (COUNT, ())
    assert outcome.taken < COUNT or name == REPORTS


def test_a_foreign_exception_is_noticed() -> None:
    """A parser that only decodes UTF-8 is caught."""
    found = fuzz(Parser(bytes.decode, (b"a document", "dalej\u017ce".encode())), 500, seed=7).foreign
    assert found
    assert all("UnicodeDecodeError" in line for line in found)


def test_a_parser_without_documents_is_noticed() -> None:
    """No documents, or one that the parser does not take, would make a run that shows nothing."""
    with pytest.raises(SystemExit, match="without documents"):
        fuzz(Parser(bytes.decode, ()), 500, seed=7)

    def refuses(_: bytes) -> None:
        raise FormatError("no")

    with pytest.raises(Problem):
        fuzz(Parser(refuses, (b"x",)), 500, seed=7)


def test_mutations_are_repeatable_and_change_something() -> None:
    """The same seed gives the same mutations, all differ from the document, and most from each other."""
    import random

    for document in (b'{"a":1,"b":[2,3]}', b"origin\n3\n"):
        first, again = ([mutation(document, choose) for _ in range(300)] for choose in (random.Random(3), random.Random(3)))  # noqa: S311 - no secret
        assert first == again
        assert document not in first
        assert len(set(first)) > 150
