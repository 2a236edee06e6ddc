"""What each process of a run does; a module of its own, so that a new process can import it."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from functools import cache

from tamper.tampering import Tampering, ask
from tamper.unchanged import kept


@cache
def tampering() -> Tampering:
    """Return this process's cases. What is alive now stays: the collector need not look at it again for each case."""
    made = Tampering()
    gc.collect()
    gc.freeze()
    return made


def work(numbers: Sequence[int]) -> tuple[int, list[str]]:
    """Carry out some cases; return how many there were and what was wrong."""
    cases = tampering()
    with kept() as functions:
        ask(cases.files, cases.trust, None)  # what no case changes is computed here
        found = [wrong for number in numbers if (wrong := cases.wrong(number))]
        found += [f"{name}: what was kept is not what it gives" for name, function in functions.items() if not function.holds()]
    return len(numbers), found
