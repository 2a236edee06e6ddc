"""How many rows a row group has where the plan does not say: so many that it holds about 32 MiB.

Larger row groups make the next version cheaper: where a row is gone, each later border between row groups lies elsewhere, and a store
that cuts files by their content gets about three chunks anew for each (bench/newbytes.py). Smaller ones need less memory, as one row
group is in memory while it is written, and while it is verified. A line keeps what it has, or every border would move.
"""

from __future__ import annotations

from audit_logs import manifest as manifests
from release.build.line import Line
from release.plan import GROUP_ROWS, LINK_GROUP_ROWS
from release.source import Source

GROUP_BYTES = 32 << 20
LEAST_ROWS, MOST_ROWS = 16, 512
_SMALLEST_PICTURE = 1024  # bytes; below it rows name their pictures as files, and the source's own bytes say nothing of these


def by_size(source: Source) -> int:
    """Return 2^k rows for a source, by the mean size of its rows."""
    mean = source.stored_bytes / max(1, sum(unit.rows for unit in source.units))
    if source.image is not None and mean < _SMALLEST_PICTURE:
        return GROUP_ROWS
    most = LINK_GROUP_ROWS if source.image is None else MOST_ROWS
    fitting = max(1, int(GROUP_BYTES // max(mean, 1)))
    return max(LEAST_ROWS, min(most, 1 << (fitting.bit_length() - 1)))


def of_line(line: Line, source: Source) -> int:
    """Return the rows of a row group of the line's last release, or, for the first one, those that the source asks for."""
    if line.folder is None:
        return by_size(source)
    return manifests.parse((line.folder / manifests.PATH).read_bytes()).row_group_rows
