"""Columns of links at once: which are plain, the entries under which those may be listed, and the hosts of all.

A link that is not plain is brought to its one form by `release.lists.urls`, one at a time. Of few links none is taken for plain, so that
nothing has to be compiled for them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from release import hashing
from release.lists import urls
from release.lists.entries import URL_DIGESTS, WIDTHS, Entries, link_entry, url_digest
from release.values import in_one_piece

_AFTER_SCHEME = 3  # ://
_SCHEME = b"https"
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]")
_SHA256 = ("url-sha256", "url")


@dataclass(frozen=True, slots=True)
class PlainLinks:
    """The plain links of a column of n.

    Attributes:
        flags: (n,) bool, which are plain.
        rows: (k,) int64, which those are.
        data: the bytes in which they lie.
        starts: (k,) int64, where each begins.
        rest: (k,) int64, where its `://` begins.
        host_ends: (k,) int64.
        ends: (k,) int64, where it ends without its fragment.
        stops: (k,) int64, where it ends with it.
        raw: (k,) bool, whether it has letters that its one form has escaped.
        tracked: (k,) bool, whether it has a parameter that is left out when it is looked up a second time.
        tracking: the names of those.
    """

    flags: NDArray[np.bool_]
    rows: NDArray[np.int64]
    data: hashing.Bytes
    starts: NDArray[np.int64]
    rest: NDArray[np.int64]
    host_ends: NDArray[np.int64]
    ends: NDArray[np.int64]
    stops: NDArray[np.int64]
    raw: NDArray[np.bool_]
    tracked: NDArray[np.bool_]
    tracking: tuple[str, ...]

    def among(self, chosen: NDArray[np.bool_]) -> PlainLinks:
        """Return those in chosen rows, (n,) bool."""
        kept = chosen[self.rows]
        parts = {name: getattr(self, name)[kept] for name in ("rows", "starts", "rest", "host_ends", "ends", "stops", "raw", "tracked")}
        return replace(self, flags=self.flags & chosen, **parts)

    def entries(self, kind: str) -> tuple[Entries, NDArray[np.int64]]:
        """Return the entries of a type under which they may be listed, (m, w) uint8, and the row of each, (m,)."""
        if not len(self.rows):
            return np.zeros((0, WIDTHS[kind]), np.uint8), self.rows
        if kind == "domain":
            return self._domains()
        plain = ~self.raw
        parts = [self._digests(kind, _SCHEME, self.rest[plain], self.ends[plain])]
        parts.append(_by_hashlib(kind, self._forms(self.raw)))
        parts.append(_by_hashlib(kind, (urls.without(form, self.tracking) for form in self._forms(self.tracked))))
        rows = [self.rows[plain], self.rows[self.raw], self.rows[self.tracked]]
        if kind != "url":
            parts, rows = [*parts, self._digests(kind, b"", self.starts, self.stops)], [*rows, self.rows]
        return np.concatenate(parts), np.concatenate(rows)

    def _digests(self, kind: str, scheme: bytes, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> Entries:
        from release.hashing.many import of_slices

        if kind in _SHA256:
            return of_slices(scheme, self.data, starts, ends)
        slices = zip(starts.tolist(), ends.tolist(), strict=True)
        return _by_hashlib(kind, ((scheme + self.data[start:end].tobytes()).decode() for start, end in slices))

    def _forms(self, chosen: NDArray[np.bool_]) -> Iterator[str]:
        """Yield the one form of those chosen."""
        for start, end in zip(self.rest[chosen].tolist(), self.ends[chosen].tolist(), strict=True):
            link = _SCHEME + self.data[start:end].tobytes()
            yield (link if link.isascii() else _BEYOND_ASCII.sub(_escaped, link)).decode()

    def _domains(self) -> tuple[Entries, NDArray[np.int64]]:
        from release.hashing.many import frozen, of_slices
        from release.lists import plainlinks

        hosts = frozen(self.data), frozen(self.rest + _AFTER_SCHEME), frozen(self.host_ends)
        count = plainlinks.count_dots(*hosts)
        starts, owners = np.empty(count, np.int64), np.empty(count, np.int64)
        plainlinks.domains(*hosts, starts, owners)
        return of_slices(b"", self.data, starts, self.host_ends[owners]), self.rows[owners]


def _escaped(byte: re.Match[bytes]) -> bytes:
    return b"%%%02X" % byte[0][0]


def _by_hashlib(kind: str, texts: Iterable[str]) -> Entries:
    made = b"".join(link_entry(text) if kind == "url" else url_digest(URL_DIGESTS[kind], text) for text in texts)
    return np.frombuffer(made, np.uint8).reshape(-1, WIDTHS[kind])


def plain_links(column: pa.Array, tracking: Sequence[str] = ()) -> PlainLinks:
    """Return the plain links of a column of text; `tracking` as in `urls.canonical`."""
    n = len(column)
    if n < hashing.MANY:
        nothing, none = np.zeros(0, np.int64), np.zeros(0, np.bool_)
        return PlainLinks(
            np.zeros(n, np.bool_), nothing, np.zeros(0, np.uint8), nothing, nothing, nothing, nothing, nothing, none, none, ()
        )
    from release.hashing.many import frozen
    from release.lists import plainlinks

    data, bounds = in_one_piece(column)
    flags, numbers = np.empty((3, n), np.bool_), np.empty((3, n), np.int64)
    out = plainlinks.Places(flags[0], flags[1], flags[2], numbers[0], numbers[1], numbers[2])
    plainlinks.find(frozen(data), frozen(bounds), _words(tracking), out)
    plain = out.plain & column.is_valid().to_numpy(zero_copy_only=False)
    rows = np.flatnonzero(plain)
    return PlainLinks(
        flags=plain,
        rows=rows,
        data=data,
        starts=bounds[rows].astype(np.int64),
        rest=out.rest[rows],
        host_ends=out.host_end[rows],
        ends=out.end[rows],
        stops=bounds[rows + 1].astype(np.int64),
        raw=out.raw[rows],
        tracked=out.tracked[rows],
        tracking=tuple(tracking),
    )


def _words(tracking: Sequence[str]) -> Any:  # noqa: ANN401  (its class is compiled code's)
    from release.hashing.many import frozen
    from release.lists.plainlinks import Words

    names = [word.removesuffix("*").encode() for word in tracking]
    bounds = np.cumsum([0, *map(len, names)], dtype=np.int64)
    return Words(
        np.frombuffer(b"".join(names), np.uint8), frozen(bounds), frozen(np.array([word.endswith("*") for word in tracking], np.bool_))
    )


def hosts(column: pa.Array) -> pa.Array:
    """Return the canonical host of each link, null where there is none: `urls.host` for a column."""
    plain = plain_links(column)
    slow = np.flatnonzero(~plain.flags)
    found = pa.array([urls.host(url) if url else None for url in column.take(pa.array(slow)).to_pylist()], pa.string())
    if not len(plain.rows):
        return found
    from release.hashing.many import frozen
    from release.lists import plainlinks

    starts = plain.rest + _AFTER_SCHEME
    lengths = np.zeros(len(column), np.int64)
    lengths[plain.rows] = plain.host_ends - starts
    bounds = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    data = np.empty(bounds[-1], np.uint8)
    plainlinks.put_together(frozen(plain.data), frozen(starts), frozen(plain.host_ends), data)
    made = pa.StringArray.from_buffers(len(column), pa.py_buffer(bounds.astype(np.int32)), pa.py_buffer(data))
    return pc.replace_with_mask(made, pa.array(~plain.flags), found)
