"""The PDQ kernel alone, next to `pdqhash.compute` on the same arrays, and how often the two agree.

Usage: python -m bench.kernel [--quick]

Ours makes the eight forms, pdqhash one. Agreement is counted on pictures decoded once by the same decoder in both environments
(each array is named by its digest), apart for quality of at least 50 and below; the latter come from copies of little contrast.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from bench import material
from bench.contest import Contest
from bench.setting import Found, Setting, alone
from bench.tables import RACE, race, table

OURS, PEER = "kernel", "pdqhash"
SIZES = {"squares": "512x512", "middle": "1 to 4 MP"}
RELIABLE = 50  # the quality below which the reference calls a hash unreliable


def measure(setting: Setting) -> Found:
    """Return speed and agreement."""
    packs = {"squares": material.squares(setting, setting.scaled(2000, 40)), "middle": material.middle(setting, setting.scaled(400, 8))}
    counts = {"squares": setting.scaled(200, 20), "middle": setting.scaled(40, 4)}
    found: Found = {name: _speed(setting, material.arrays(setting, pictures, counts[name])) for name, pictures in packs.items()}
    if setting.peer:
        found["agreement"] = {name: _agreement(setting, pictures) for name, pictures in packs.items()}
    return found


def _speed(setting: Setting, arrays: Path) -> Found:
    with Contest() as contest:
        contest.enter(OURS, sys.executable, ["-m", "bench.ours.kernel", "--arrays", str(arrays)])
        if setting.peer:
            contest.enter(PEER, setting.peer, ["-m", "bench.peers.kernel", "--arrays", str(arrays)])
        return contest.play(setting.rounds)


def _agreement(setting: Setting, pictures: Path) -> Found:
    """Return for pictures of quality >= 50 and below: how many, how many alike, the largest distance, how many qualities differ.

    Raises:
        SystemExit: the two did not hash the same pixels.
    """
    with Contest() as contest:
        ours = contest.enter(OURS, sys.executable, ["-m", "bench.ours.kernel", "--codes", "--arrays", str(pictures)]).facts[0]["codes"]
        theirs = contest.enter(PEER, setting.peer or "", ["-m", "bench.peers.kernel", "--codes", "--arrays", str(pictures)]).facts[0][
            "codes"
        ]
    if [name for name, _, _ in ours] != [name for name, _, _ in theirs]:
        raise SystemExit("the contestants decoded other pixels: simplejpeg has to be of one version in both environments")
    distances = np.array([(int(one, 16) ^ int(other, 16)).bit_count() for (_, one, _), (_, other, _) in zip(ours, theirs, strict=True)])
    quality = np.array([(one, other) for (_, _, one), (_, _, other) in zip(ours, theirs, strict=True)])
    reliable = quality[:, 1] >= RELIABLE
    return {
        name: {
            "pictures": int(chosen.sum()),
            "alike": int((distances[chosen] == 0).sum()),
            "largest": int(distances[chosen].max(initial=0)),
            "qualities": int((quality[chosen, 0] != quality[chosen, 1]).sum()),
        }
        for name, chosen in (("50 and above", reliable), ("below 50", ~reliable))
    }


def tables(found: Found) -> str:
    """Return the tables of this part."""
    rows = [race(f"PDQ kernel alone, {label}", found[name][OURS], found[name].get(PEER), "40") for name, label in SIZES.items()]
    parts = [table(["arrays/s, one core", *RACE[1:]], rows)]
    if "agreement" in found:
        parts.append(_agreement_table(found["agreement"]))
    return "\n\n".join(parts)


def _agreement_table(agreement: Found) -> str:
    rows = []
    for name, label in SIZES.items():
        for quality, seen in agreement[name].items():
            share = f"{100 * seen['alike'] / seen['pictures']:.2f} %" if seen["pictures"] else ""
            rows.append([f"{label}, quality {quality}", seen["pictures"], seen["alike"], share, seen["largest"], seen["qualities"]])
    return table(["kernel and pdqhash on the same arrays", "pictures", "alike", "share", "largest distance, bits", "other quality"], rows)


if __name__ == "__main__":
    alone("kernel", __doc__, measure, tables)
