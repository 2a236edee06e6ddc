"""The two files: a request's records, sorted by ids that only the institution can make, and an answer's ids (SPEC sections 20.1, 20.2).

Both are read as a stranger's bytes: one legal form, counts and lengths checked before anything is taken, and nothing after the end but zeros.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Annotated, BinaryIO, TypeVar

import numpy as np
import numpy.typing as npt

from audit_logs import canonical, documents, merkle
from audit_logs.documents import Rule
from audit_logs.errors import FormatError
from audit_logs.fields import SORTED, Count, Sha256, Text
from release.errors import ExchangeError
from release.exchange.types import DIGESTS, TYPES, WIDTHS

REQUEST_MAGIC = b"vetted-release-request-v1\n"
ANSWER_MAGIC = b"vetted-release-answer-v1\n"
HEADER_LIMIT = 64 * 1024
ID = 32  # bytes
MOST_VALUES = 65_535
_CHUNK = 1 << 20
Ids = npt.NDArray[np.uint8]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RequestHeader:
    """How many records follow, and which fingerprints each has, in order."""

    rows: Count
    types: Annotated[tuple[Text, ...], SORTED]

    def rules(self) -> Iterator[Rule]:
        """Yield what the members must satisfy together."""
        yield bool(self.types) and set(self.types) <= set(TYPES), "types", "one or more of " + ", ".join(TYPES)


@dataclass(frozen=True, slots=True)
class _AnswerHeader:
    """What stands before the ids of an answer."""

    matched: Count
    nonce: Sha256
    request: Sha256
    rows: Count


@dataclass(frozen=True, slots=True)
class Record:
    """One row of a request: its id, and by type the bytes of all its values one after another, none where the row has no such fingerprint."""

    id: bytes
    cells: tuple[bytes, ...]

    def encode(self, types: Sequence[str]) -> bytes:
        """Return the record's bytes."""
        parts = [self.id]
        for kind, cell in zip(types, self.cells, strict=True):
            parts += [struct.pack(">H", len(cell) // WIDTHS[kind]), cell]
        return b"".join(parts)


def record_of(row_id: bytes, types: Sequence[str], cells: Mapping[str, bytes | None]) -> Record:
    """Return the record of a row from its fingerprints by type.

    Raises:
        ExchangeError: a picture has more views than a record can hold.
    """
    found = tuple(cells[kind] or b"" for kind in types)
    if any(len(cell) // WIDTHS[kind] > MOST_VALUES for kind, cell in zip(types, found, strict=True)):
        raise ExchangeError(
            "a picture has too many frames to be asked about", expected=f"at most {MOST_VALUES} views", code="exchange-form"
        )
    return Record(row_id, found)


def row_ids(salt: bytes, first: int, digests: npt.NDArray[np.uint8]) -> Ids:
    """Return the ids (n, 32) of consecutive rows: HMAC(salt, u64(position) || row digest).

    Args:
        salt: 32 bytes.
        first: position of the first row in the source.
        digests: (n, 32) uint8, row digests.
    """
    keyed = hmac.new(salt, digestmod=hashlib.sha256)
    whole = np.ascontiguousarray(digests).tobytes()
    parts = []
    for number in range(len(digests)):
        one = keyed.copy()
        one.update((first + number).to_bytes(8, "big") + whole[32 * number : 32 * number + 32])
        parts.append(one.digest())
    return np.frombuffer(b"".join(parts), np.uint8).reshape(-1, ID)


def request_bytes(header: RequestHeader, sorted_records: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the bytes of a request, from the bytes of its records in the order of their ids."""
    yield _head(REQUEST_MAGIC, documents.write(header))
    yield from sorted_records


def _head(magic: bytes, header: object) -> bytes:
    encoded = canonical.encode(header)
    return magic + len(encoded).to_bytes(8, "big") + encoded


@dataclass(slots=True)
class Reading:
    """A request that is being read; digest and root are known when every record was taken.

    Attributes:
        header: what it says of itself.
        leaves: leaf hashes of the records so far.
        digest: of the request (hex), "" before the end.
        pictures: views of the records so far; a record without any, or with one, counts as one.
    """

    file: BinaryIO
    where: str
    header: RequestHeader
    hashed: hashlib._Hash
    leaves: list[bytes] = field(default_factory=list)
    digest: str = ""
    pictures: int = 0

    @property
    def root(self) -> str:
        """The root (hex) over the records so far."""
        return merkle.root(self.leaves).hex()

    def __iter__(self) -> Iterator[Record]:
        """Yield the records.

        Raises:
            ExchangeError: they are not in their form (`exchange-form`).
        """
        before = b""
        for _ in range(self.header.rows):
            row_id = self._take(ID)
            if row_id <= before:
                raise refused(self.where, "records in the order of their ids, each id once", "another order")
            before, cells, parts, views = row_id, [], [row_id], 1
            for kind in self.header.types:
                count = self._take(2)
                number = int.from_bytes(count, "big")
                if kind in DIGESTS and number > 1:
                    raise refused(self.where, f"one value of {kind} at most in a record", f"{number}")
                cells.append(self._take(number * WIDTHS[kind]))
                parts += [count, cells[-1]]
                views = max(views, number)
            self.pictures += views
            self.leaves.append(merkle.leaf_hash(b"".join(parts)))
            yield Record(row_id, tuple(cells))
        check_zeros(self.file, self.where)
        self.digest = self.hashed.hexdigest()

    def _take(self, size: int) -> bytes:
        data = self.file.read(size)
        if len(data) != size:
            raise refused(self.where, f"{self.header.rows} records", "an earlier end")
        self.hashed.update(data)
        return data


def read_request(file: BinaryIO, where: str) -> Reading:
    """Begin to read an opened request.

    Raises:
        ExchangeError: it does not begin as a request does (`exchange-form`).
    """
    head, header = _read_head(file, REQUEST_MAGIC, RequestHeader, where)
    return Reading(file, where, header, hashlib.sha256(head))


def _read_head(file: BinaryIO, magic: bytes, shape: type[T], where: str) -> tuple[bytes, T]:
    """Return the bytes before the body, and the header in them."""
    start = file.read(len(magic) + 8)
    length = int.from_bytes(start[len(magic) :], "big")
    if len(start) != len(magic) + 8 or not start.startswith(magic) or length > HEADER_LIMIT:
        raise refused(where, f"a file that begins with {magic.decode().strip()} and a short header", "something else")
    data = file.read(length)
    try:
        return start + data, documents.read(shape, canonical.decode(data, where=where, limit=HEADER_LIMIT), where)
    except FormatError as error:
        raise error.recast(ExchangeError, code="exchange-form") from error


def check_zeros(file: BinaryIO, where: str) -> None:
    """Check that a file holds nothing more but padding.

    Raises:
        ExchangeError: it does (`exchange-form`).
    """
    while chunk := file.read(_CHUNK):
        if any(chunk):
            raise refused(where, "zeros after the end", "other bytes")


@dataclass(frozen=True, slots=True)
class Answer:
    """A list holder's answer.

    Attributes:
        request: digest of the request's envelope (hex).
        rows: records that were compared.
        nonce: 32 random bytes (hex).
        ids: (m, 32) uint8: ids of the rows that a list matched, sorted.
    """

    request: str
    rows: int
    nonce: str
    ids: Ids

    def encode(self) -> bytes:
        """Return the answer's bytes, without padding."""
        header = _AnswerHeader(matched=len(self.ids), nonce=self.nonce, request=self.request, rows=self.rows)
        return _head(ANSWER_MAGIC, documents.write(header)) + np.ascontiguousarray(self.ids).tobytes()


def read_answer(file: BinaryIO, where: str) -> Answer:
    """Return the answer in an opened file.

    Raises:
        ExchangeError: it is not in its form (`exchange-form`).
    """
    _, header = _read_head(file, ANSWER_MAGIC, _AnswerHeader, where)
    if header.matched > header.rows:
        raise refused(where, f"at most {header.rows} ids", f"{header.matched}")
    data = file.read(header.matched * ID)
    if len(data) != header.matched * ID:
        raise refused(where, f"{header.matched} ids", f"{len(data) // ID}")
    check_zeros(file, where)
    ids = [data[at : at + ID] for at in range(0, len(data), ID)]
    if any(one >= other for one, other in pairwise(ids)):
        raise refused(where, "ids in order, each once", "another order")
    return Answer(header.request, header.rows, header.nonce, np.frombuffer(data, np.uint8).reshape(-1, ID))


def digest_of_answer(answer: Answer) -> str:
    """Return the digest (hex) of an answer."""
    return hashlib.sha256(answer.encode()).hexdigest()


def refused(where: str, expected: str, found: str) -> ExchangeError:
    """Return the error for a file that is not in its form."""
    step = "ask whoever sent it to send it again"
    return ExchangeError("this is not in its form", where=where, expected=expected, found=found, next_step=step, code="exchange-form")
