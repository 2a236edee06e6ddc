"""From stored bytes to a verdict: digests, PDQ, exact and near match against a million entries, next to threatexchange.

Usage: python -m bench.firstline [--quick]

First what the peer does (convention `full`, one form), then the defaults of a plan (three conventions, eight forms), and what each
convention and each further form costs. One core, then two. The share of grey JPEG decoding alone tells how much is left to win.
"""

from __future__ import annotations

import sys
from pathlib import Path

from bench import material
from bench.contest import Contest
from bench.setting import Found, Setting, alone
from bench.tables import RACE, per_processor_second, race, table
from release.fingerprint import CONVENTIONS

FIRST, DEFAULTS, PEER, GREY = "first line", "defaults", "threatexchange", "grey decoding"
VARIANTS: dict[str, tuple[tuple[str, ...], int]] = {
    FIRST: (("full",), 1),
    DEFAULTS: (CONVENTIONS, 8),
    "full, eight forms": (("full",), 8),
    "nearest-512, one form": (("nearest-512",), 1),
    "thumbnail-512, one form": (("thumbnail-512",), 1),
    "three conventions, one form": (CONVENTIONS, 1),
}
ADDED = {
    "full, eight forms": "the seven other forms",
    "nearest-512, one form": "`nearest-512` in the place of `full`",
    "thumbnail-512, one form": "`thumbnail-512` in the place of `full`",
    "three conventions, one form": "both other conventions",
    DEFAULTS: "both other conventions and the seven other forms",
}
SIZES = {"squares": "512x512", "middle": "1 to 4 MP"}
TARGETS = {"squares": "10", "middle": "8"}


def measure(setting: Setting) -> Found:
    """Return what was seen, by set of pictures and number of cores, and how the lists were built."""
    entries = setting.scaled(1_000_000, 20_000)
    packs = {"squares": material.squares(setting, setting.scaled(2000, 40)), "middle": material.middle(setting, setting.scaled(400, 8))}
    found: Found = {"entries": entries}
    for name, pictures in packs.items():
        lists = {kind: material.entries(setting, kind, entries, pictures) for kind in ("md5", "pdq")}
        indexes = {kind: build_index(path)[0] for kind, path in lists.items()}
        found[name] = {
            "1": _contest(setting, 1, pictures, (lists, indexes)),
            "2": _contest(setting, 2, pictures, (lists, indexes)),
        }
        _same_hits(found[name]["1"])
    return found


def build_index(entries: Path) -> tuple[Path, Found]:
    """Build and save the index of an array of entries, and return it and what that took."""
    index = entries.with_suffix(".index")
    with Contest() as contest:
        facts = contest.enter("index", sys.executable, ["-m", "bench.ours.index", "--entries", str(entries), "--out", str(index)]).facts
    return index, facts[0]


def _contest(setting: Setting, cores: int, pictures: Path, lists: tuple[dict[str, Path], dict[str, Path]]) -> Found:
    """Let ours, the peer, and on one core the decoder alone and our variants, run in turn."""
    arrays, indexes = lists
    given = ["--pictures", str(pictures)]
    with Contest(cores) as contest:
        for name, (conventions, forms) in VARIANTS.items():
            if cores == 1 or name in (FIRST, DEFAULTS):
                known = ["--md5", str(indexes["md5"]), "--pdq", str(indexes["pdq"])]
                wanted = ["--conventions", *conventions, "--forms", str(forms)]
                contest.enter(name, sys.executable, ["-m", "bench.ours.screen", *given, *known, *wanted])
        if setting.peer:
            known = ["--md5", str(arrays["md5"]), "--pdq", str(arrays["pdq"])]
            contest.enter(PEER, setting.peer, ["-m", "bench.peers.screen", *given, *known])
        if cores == 1:
            contest.enter(GREY, sys.executable, ["-m", "bench.ours.decode", *given])
        return contest.play(setting.rounds)


def _same_hits(seen: Found) -> None:
    """Refuse figures of tools that do not find the same rows.

    Raises:
        SystemExit: one of the lists was not found by one of them, or more than it.
    """
    for kind in ("md5", "pdq"):
        found = {name: seen[name]["results"][0][kind] for name in seen if name != GREY}
        if len(set(found.values())) > 1 or not all(found.values()):
            raise SystemExit(f"the contestants do not find the same rows by {kind}: {found}")


def tables(found: Found) -> str:
    """Return the tables of this part."""
    return "\n\n".join([_races(found), _costs(found)])


def _races(found: Found) -> str:
    rows = []
    for name, label in SIZES.items():
        one, two = found[name]["1"], found[name]["2"]
        rows += [
            race(f"{label}, first line, one core", one[FIRST], one.get(PEER), TARGETS[name]),
            race(f"{label}, defaults, one core", one[DEFAULTS], one.get(PEER)),
            race(f"{label}, first line, two cores", two[FIRST], two.get(PEER), TARGETS[name]),
            race(f"{label}, defaults, two cores", two[DEFAULTS], two.get(PEER)),
        ]
    return table([f"pictures/s, {found['entries']:,} entries", *RACE[1:]], rows)


def _costs(found: Found) -> str:
    rows: list[list[object]] = []
    for name, label in SIZES.items():
        one, two = found[name]["1"], found[name]["2"]
        base, grey = one[FIRST], one[GREY]
        rows += [[f"{label}: {variant}", *_each(one[variant])] for variant in (GREY, FIRST, DEFAULTS)]
        rows += [[f"{label}: added by {more}", *_added(one[variant], base)] for variant, more in ADDED.items()]
        share = base["rate"] / grey["rate"], per_processor_second(base) / per_processor_second(grey)
        rows.append([f"{label}: first line as a share of grey decoding (target 0.65)", *share])
        rows += [
            [f"{label}: second core, {variant}, times", two[variant]["rate"] / one[variant]["rate"], ""] for variant in (FIRST, DEFAULTS)
        ]
    return table(["what one picture costs, one core", "ms on the clock", "ms of processor"], rows)


def _each(seen: Found) -> tuple[float, float]:
    """Return milliseconds for each picture, on the clock and of processors."""
    return 1000 / seen["rate"], 1000 / per_processor_second(seen)


def _added(seen: Found, base: Found) -> tuple[float, float]:
    """Return by how many milliseconds for each picture a variant is dearer."""
    (clock, processor), (clock_base, processor_base) = _each(seen), _each(base)
    return clock - clock_base, processor - processor_base


if __name__ == "__main__":
    alone("firstline", __doc__, measure, tables)
