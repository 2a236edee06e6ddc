"""Near matching of PDQ hashes: every hash within a Hamming distance, none missed.

Long lists are searched by multi-index hashing (`parts`, `tables`, `probe`), short ones by comparing with every entry (`scan`).
Both are exact; the scan also takes over where a distance, or a list whose hashes were made to resemble each other, makes
probing the dearer way. Entries and reserved entries (the self-test's) lie in the same arrays and are found in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from release.errors import ListError
from release.match import parts, saved
from release.match.order import ranked
from release.match.parts import Shape

if TYPE_CHECKING:  # the compiler is loaded at first use
    from release.match.probe import Answers
    from release.match.tables import Tables

KIND = "pdq"
WIDTH = 32
FORMS = 8

Codes = NDArray[np.uint8]
Words = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class NearIndex:
    """A searchable set of 256-bit hashes.

    Attributes:
        codes: (n, 32) uint8: the hashes in the order of their bytes, the list's entries and the reserved ones.
        reserved: (k,) int64: ascending positions of the reserved entries.
        numbers: (k,) int64: the number of the reserved entry at each of these positions.
        shape: the form of the tables.
        tables: ids, begins and ends (see `tables.Tables`); None where there are none.
    """

    codes: Codes
    reserved: NDArray[np.int64]
    numbers: NDArray[np.int64]
    shape: Shape
    tables: Tables | None

    @classmethod
    def build(cls, entries: Codes, reserved: Codes, shape: Shape | None = None) -> NearIndex:
        """Return the index of `entries` (n, 32) and `reserved` (k, 32) uint8, numbered 0 to k-1; duplicate entries count once.

        Args:
            entries: the list's.
            reserved: the self-test's.
            shape: the form of the tables; None leaves it to the number of entries.

        Raises:
            ListError: a hash is not 32 bytes long, or there are more than two milliards of them.
        """
        codes, places, numbers = ranked(_checked(entries), _checked(reserved))
        form = parts.shape_for(len(codes)) if shape is None else shape
        return cls(codes, saved.frozen(places), saved.frozen(numbers), form, _tables(codes, form))

    @classmethod
    def load(cls, path: Path, sha256: str | None = None) -> NearIndex:
        """Return a saved index, mapped into memory; `sha256` (hex) is that of the file, where it is known.

        Raises:
            ListError: it is missing or damaged.
        """
        arrays = saved.load(path, KIND, sha256)
        shape = Shape(*arrays["shape"].tolist())
        tables = None
        if shape.parts:
            from release.match.tables import Tables

            tables = Tables(arrays["ids"], arrays["begins"], arrays["ends"])
        return cls(arrays["codes"], arrays["reserved"], arrays["numbers"], shape, tables)

    def save(self, path: Path) -> None:
        """Write the index, readable by the owner alone.

        Raises:
            StoreError: it could not be written.
        """
        shape = np.array([self.shape.parts, self.shape.width, self.shape.block], np.int64)
        arrays: dict[str, NDArray[Any]] = {"codes": self.codes, "reserved": self.reserved, "numbers": self.numbers, "shape": shape}
        saved.save(path, KIND, arrays | (self.tables._asdict() if self.tables is not None else {}))

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled: a worker maps the saved index, and shares its memory with the others."""
        raise TypeError("an index of known hashes is mapped from its file, never pickled")

    def __len__(self) -> int:
        """Return the number of distinct entries of the list, without reserved ones."""
        return len(self.codes) - len(self.reserved)

    def unreserved(self, number: int) -> NearIndex:
        """Return this index, its arrays shared, with one reserved entry as an entry of the list: for self-tests that go all the way."""
        others = self.numbers != number
        return replace(self, reserved=saved.frozen(self.reserved[others]), numbers=saved.frozen(self.numbers[others]))

    def any_within(self, codes: Codes, radius: int) -> NDArray[np.bool_]:
        """Return whether each of `codes`, (m, 32) or (m, k, 32) with any of k forms counting, lies within `radius` bits of an entry.

        Equal forms of a row are searched for once, and a row's search ends at its first hit. Reserved entries do not count.

        Raises:
            ListError: a hash is not 32 bytes long.
        """
        from release.match.scan import first_forms

        forms = codes[:, None, :] if codes.ndim == 2 else codes
        words = _words(forms.reshape(-1, forms.shape[-1])).reshape(*forms.shape[:2], 4)
        owner, form = np.nonzero(first_forms(words))
        return self._search(words[owner, form], owner, radius, exhaustive=False).rows

    def reserved_within(self, forms: Codes, radius: int) -> list[int]:
        """Return, ascending, the numbers of the reserved entries within `radius` bits of any of `forms`, (k, 32) or (32,).

        Raises:
            ListError: a hash is not 32 bytes long.
        """
        words = _words(np.atleast_2d(forms))
        answers = self._search(words, np.arange(len(words)), radius, exhaustive=True)
        return [int(number) for number in np.flatnonzero(answers.reserved)]

    def _search(self, words: Words, owner: NDArray[np.int64], radius: int, *, exhaustive: bool) -> Answers:
        """Return what is near `words` (q, 4); row `owner[i]` is that of query i."""
        from release.match.probe import Answers, Entries, Flips, Queries, probe
        from release.match.scan import scan

        entries = Entries(_words(self.codes), self.reserved, self.numbers)
        rows = int(owner[-1]) + 1 if len(owner) else 0
        answers = Answers(np.zeros(rows, np.bool_), np.zeros(len(self.reserved), np.bool_))
        queries = Queries(words, owner, radius, exhaustive)
        if self.tables is not None and parts.is_worth_probing(self.shape, radius, len(self.codes)):
            left = probe(entries, self.tables, queries, Flips(*parts.flips(self.shape, radius)), answers)
            queries = Queries(words[left], owner[left], radius, exhaustive)
        if len(queries.words):
            scan(entries, queries, answers)
        return answers


def _tables(codes: Codes, shape: Shape) -> Tables | None:
    """Return the tables of this form."""
    if not shape.parts:
        return None
    from release.match.tables import MOST, Tables, build

    if len(codes) > MOST:
        raise ListError("a list has more hashes than an index can number", expected=f"at most {MOST}", found=str(len(codes)))
    ids, begins, ends = build(_words(codes), shape)
    return Tables(saved.frozen(ids), saved.frozen(begins), saved.frozen(ends))


def _words(codes: Codes) -> Words:
    """Return `codes` (n, 32) as (n, 4) 64-bit words."""
    return saved.frozen(np.ascontiguousarray(_checked(codes)).view("<u8"))


def _checked(codes: Codes) -> Codes:
    """Return `codes`, which have to be (n, 32)."""
    if codes.ndim != 2 or codes.shape[1] != WIDTH:
        raise ListError("hashes have a wrong width", expected="32 bytes", found=f"{codes.shape[1:]}")
    return codes
