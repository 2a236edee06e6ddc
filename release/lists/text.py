"""Text lists: one value on each line; blank lines, and lines that begin with `#`, count for nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from release.errors import ListError
from release.lists.reading import Batch, Refused, Values, blocks_of_lines

_BY_LENGTH = {32: "md5", 40: "sha1", 192: "photodna", 288: "photodna"}
_AMBIGUOUS = 64
UNKNOWN = "a length that no hash has"


def read(path: Path, kind: str | None) -> Iterator[Batch]:
    """Yield the values of a text list; without a `kind`, MD5, SHA-1 and PhotoDNA are told by their length.

    Raises:
        ListError: the file cannot be read, or a value may be of two types and no `kind` says which.
    """
    for first, block in blocks_of_lines(path):
        stripped = [line.strip() for line in block]
        lines = [first + at for at, line in enumerate(stripped) if line and not line.startswith(b"#")]
        values = [line for line in stripped if line and not line.startswith(b"#")]
        if kind is not None:
            yield Values(kind, lines, values)
        else:
            yield from _by_length(path, lines, values)


def _by_length(path: Path, lines: list[int], values: list[bytes]) -> Iterator[Batch]:
    lengths = [len(value) for value in values]
    if _AMBIGUOUS in lengths:
        raise ListError(
            "64 characters may be a SHA-256 or a PDQ hash",
            where=f"{path.name}, line {lines[lengths.index(_AMBIGUOUS)]}",
            next_step="say which with --type sha256 or --type pdq",
            code="list-type",
        )
    for length, kind in _BY_LENGTH.items():
        chosen = [at for at, found in enumerate(lengths) if found == length]
        yield Values(kind, [lines[at] for at in chosen], [values[at] for at in chosen])
    yield Refused([(lines[at], UNKNOWN) for at, length in enumerate(lengths) if length not in _BY_LENGTH])
