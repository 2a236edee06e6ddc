"""Every way to change the smallest release by a little, numbered, so that a run can be split, sampled and repeated.

Files whose bytes are signed or parsed, and the pinned trust file: each byte replaced by each of the 255 other values. Files bound by
their digest alone: one other value for each byte. The data file: each single bit. All of them: every truncation, and 1 to 4 bytes inserted
everywhere. Bytes outside the proof: one other value for each, and there the release must still verify.

Nobody signs the pinned trust file; it is held against what was seen before. All other cases are at first contact, where nothing was.
"""

from __future__ import annotations

import bisect
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate

from simulator import NOW, MemoryFiles
from tamper.smallest import smallest

from audit_logs.folder import OUTSIDE_THE_PROOF
from audit_logs.report import Report
from audit_logs.seen import Seen
from audit_logs.verify import verify

PINNED = "the pinned trust file"  # no path of the release
DIGEST_ONLY = ("README.md", "croissant.json")
LONGEST_INSERTION = 4
OTHER_VALUES = 255

Verify = Callable[[MemoryFiles, bytes, Seen | None], Report]


def ask(files: MemoryFiles, trust: bytes, seen: Seen | None) -> Report:
    """Ask the product at the release's time."""
    return verify(files, trust, now=NOW, seen=seen)


@dataclass(frozen=True, slots=True)
class Target:
    """A file that is changed, and how thoroughly."""

    path: str
    data: bytes
    values: int  # other values for each byte, or 8 for its bits
    outside: bool = False

    @property
    def cases(self) -> int:
        """How many changes there are."""
        size = len(self.data)
        return size * self.values + (0 if self.outside else size + (size + 1) * LONGEST_INSERTION)

    def changed(self, number: int) -> tuple[str, bytes]:
        """Return what a change does, in words, and the bytes after it."""
        size = len(self.data)
        if number < size * self.values:
            return self._replaced(*divmod(number, self.values))
        number -= size * self.values
        if number < size:
            return f"cut at {number}", self.data[:number]
        at, more = divmod(number - size, LONGEST_INSERTION)
        new = random.Random(f"{self.path} {at} {more}").randbytes(more + 1)  # noqa: S311 - which bytes are inserted is no secret
        return f"{new.hex()} inserted at {at}", self.data[:at] + new + self.data[at:]

    def _replaced(self, at: int, choice: int) -> tuple[str, bytes]:
        old = self.data[at]
        new = {OTHER_VALUES: (old + 1 + choice) % 256, 8: old ^ 1 << choice}.get(self.values, old ^ 1)
        return f"byte {at} is {new}, was {old}", self.data[:at] + bytes([new]) + self.data[at + 1 :]


class Tampering:
    """All cases for one release, those of small files first."""

    def __init__(self) -> None:
        self.files, self.trust = smallest()
        self.before = ask(self.files, self.trust, None)
        named = {PINNED: self.trust, **self.files.files}
        self.targets = sorted((self._target(path, data) for path, data in named.items()), key=lambda target: target.cases)
        self.ends = list(accumulate(target.cases for target in self.targets))

    def __len__(self) -> int:
        """Return how many cases there are."""
        return self.ends[-1]

    def wrong(self, number: int, verifier: Verify = ask) -> str:
        """Carry out a case; return what is wrong with its outcome, or nothing."""
        index = bisect.bisect_right(self.ends, number)
        target = self.targets[index]
        what, data = target.changed(number - (self.ends[index] - target.cases))
        try:
            if target.path == PINNED:
                report = verifier(self.files, data, self.before.seen)
            else:
                report = verifier(MemoryFiles({**self.files.files, target.path: data}), self.trust, None)
        except Exception as error:  # noqa: BLE001 - any exception at all is what is looked for
            return f"{target.path}: {what}: {type(error).__name__}: {error}"
        verified = report.verdict == "verified"
        return "" if verified == target.outside else f"{target.path}: {what}: {report.verdict}"

    def sample(self, size: int, seed: int) -> list[int]:
        """Return the numbers of some cases: every file has its share, however small it is."""
        choose = random.Random(seed)  # noqa: S311 - which cases are run is no secret
        share = -(-size // len(self.targets))
        return [number for cases in self.ranges() for number in choose.sample(cases, min(share, len(cases)))][:size]

    def ranges(self) -> Iterator[range]:
        """Yield the numbers of each file's cases."""
        for target, end in zip(self.targets, self.ends, strict=True):
            yield range(end - target.cases, end)

    @staticmethod
    def _target(path: str, data: bytes) -> Target:
        if path in OUTSIDE_THE_PROOF:
            return Target(path, data, 1, outside=True)
        if path.startswith("data/"):
            return Target(path, data, 8)
        return Target(path, data, 1 if path in DIGEST_ONLY else OTHER_VALUES)
