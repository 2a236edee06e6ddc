"""What only several parts together tell: builds as a share of the first line, and the versions of the peers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bench.builds import FIRST_LINE
from bench.firstline import FIRST
from bench.setting import Found
from bench.tables import median, table


def share(found: Found) -> Iterator[str]:
    """Yield the table of builds next to the first line, if both parts were run."""
    if "firstline" not in found or len({build["rows"] for build in found.get("builds", {}).get("builds", ())}) < 3:
        return
    first = {cores: found["firstline"]["squares"][cores][FIRST]["rate"] for cores in ("1", "2")}
    builds = [build for build in found["builds"]["builds"] if build["name"].endswith(FIRST_LINE)]
    rows: list[list[object]] = []
    for build in builds:
        rate = build["rows"] / median(build["seconds"])
        rows.append([f"{build['name']}, {build['workers']} worker(s)", rate, rate / first[str(build["workers"])]])
    for workers in (1, 2):
        small, *_, big = (build for build in builds if build["workers"] == workers)
        rate = (big["rows"] - small["rows"]) / (median(big["seconds"]) - median(small["seconds"]))
        rows.append([f"each further row, {workers} worker(s)", rate, rate / first[str(workers)]])
    *_, one, two, further_one, further_two = (float(str(row[1])) for row in rows)
    rows.append(["second core: the larger dataset, times (target 1.9)", two / one, ""])
    rows.append(["second core: each further row, times (target 1.9)", further_two / further_one, ""])
    yield table(["release build, plan of the first line", "rows/s", "share of the first line (target 0.8)"], rows)


def peers(found: Found) -> dict[str, str]:
    """Return the versions that peers told, by contestant."""
    return dict(sorted(_versions(found)))


def _versions(node: Any, name: str = "") -> Iterator[tuple[str, str]]:  # noqa: ANN401  (JSON)
    if isinstance(node, dict):
        for fact in node.get("facts", []):
            if "version" in fact:
                yield name, fact["version"]
        for key, value in node.items():
            yield from _versions(value, key)
