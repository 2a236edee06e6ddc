"""What compiled code costs at its first use: with an empty cache, once for each installation, and with a filled one, for each process.

Usage: python -m bench.compilation
"""

from __future__ import annotations

import os
import sys
import tempfile

from bench.contest import Contest
from bench.setting import Found, Setting, alone
from bench.tables import table

CACHE = "NUMBA_CACHE_DIR"


def measure(setting: Setting) -> Found:
    """Return seconds by what was done, without and with a cache."""
    before = os.environ.get(CACHE)
    with tempfile.TemporaryDirectory(dir=setting.results) as folder:
        os.environ[CACHE] = folder
        try:
            return {name: _first() for name in ("empty cache", "filled cache")}
        finally:
            del os.environ[CACHE]
            if before is not None:
                os.environ[CACHE] = before


def _first() -> Found:
    with Contest() as contest:
        facts: Found = contest.enter("first", sys.executable, ["-m", "bench.ours.first"]).facts[0]
        return facts


def tables(found: Found) -> str:
    """Return the table of this part."""
    names = list(found["empty cache"])
    return table(["first use, seconds", *found], [[name, *(found[cache][name] for cache in found)] for name in names])


if __name__ == "__main__":
    alone("compilation", __doc__, measure, tables)
