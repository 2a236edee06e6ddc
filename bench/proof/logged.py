"""The log: appending, proofs from tiles, and a witness."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from simulator import signer_of

from audit_logs import keys, merkle, note, proof, witness
from audit_logs.log import Log, read_checkpoint, read_entries

ORIGIN = "institution.example/bench"
ENTRY = 1500  # bytes, as an attestation has
BATCH = 1000
PROOFS = 1000
OPENINGS = 5


def timed(act: Callable[[], object]) -> float:
    """Return how long something takes."""
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def entries(first: int, count: int) -> list[bytes]:
    """Return different entries of the usual size."""
    return [f"entry {number} ".encode().ljust(ENTRY, b".") for number in range(first, first + count)]


def measured(folder: Path, count: int) -> dict[str, object]:
    """Return what a log of `count` entries costs: in one append and in many, and to read."""
    signer = signer_of("log")
    key = keys.verifier_key(signer, ORIGIN, note.LOG_KEY)
    everything = entries(0, count)
    once = Log.create(folder / "once", ORIGIN, signer)
    at_once = timed(lambda: once.append(everything, signer))
    many = Log.create(folder / "many", ORIGIN, signer)
    batches = [timed(lambda first=first: many.append(everything[first : first + BATCH], signer)) for first in range(0, count, BATCH)]
    one_more = [timed(lambda number=number: once.append(entries(count + number, 1), signer)) for number in range(OPENINGS)]
    found: dict[str, object] = {"entries": count, "entry bytes": ENTRY, "append at once": at_once, "append in batches": sum(batches)}
    found |= {"batch": BATCH, "slowest batch": max(batches), "append one more": one_more}
    found |= {"open": [timed(lambda: Log.open(folder / "many", key.text)) for _ in range(OPENINGS)]}
    found |= {"read and check all": timed(lambda: read_entries(folder / "many", read_checkpoint(folder / "many", key).checkpoint))}
    return found | _proofs(folder / "many", key, everything) | _witness(folder, key)


def _proofs(folder: Path, key: note.VerifierKey, everything: list[bytes]) -> dict[str, object]:
    """Return the time of each proof, and the most files that one of them read."""
    signed, choose = read_checkpoint(folder, key), random.Random(1)  # noqa: S311 - which entries are proven is no secret
    inclusion, consistency, read = [], [], []
    for _ in range(PROOFS):
        names: list[str] = []

        def tile(path: str, _limit: int, names: list[str] = names) -> bytes:
            names.append(path)
            return (folder / path).read_bytes()

        index = choose.randrange(signed.checkpoint.size)
        inclusion.append(timed(lambda index=index, tile=tile: proof.make(signed, index, tile)))
        proof.make(signed, index, tile).check(everything[index], key, [])
        read.append(len(names) // 2)
        old = choose.randrange(1, signed.checkpoint.size)
        tree = proof.Tree(signed.checkpoint.size, tile)
        consistency.append(timed(lambda tree=tree, old=old: tree.consistency(old)))
    old_root = merkle.root([merkle.leaf_hash(entry) for entry in everything[:old]])
    proof.verify_consistency(old, signed.checkpoint.size, old_root, signed.checkpoint.root, tree.consistency(old))
    return {"inclusion proof": inclusion, "tiles read": max(read), "consistency proof": consistency}


def _witness(folder: Path, key: note.VerifierKey) -> dict[str, object]:
    """Return how long a witness takes to check the whole log and cosign it."""
    who = witness.Witness("auditor-one.example", signer_of("witness auditor-one.example"), folder / "memory")
    return {"cosign": [timed(lambda: witness.cosign(folder / "many", key, who, now=datetime.now(UTC))) for _ in range(OPENINGS)]}
