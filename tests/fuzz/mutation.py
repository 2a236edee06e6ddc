"""Mutations of real documents for each parser of `audit_logs`, which must take them or raise a `Problem`, nothing else.

PYTHONPATH=tests python -m fuzz.mutation [--count N] [--seed S]

`make fuzz` runs 10^6 for each parser; the same seed gives the same mutations.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from simulator import Simulator

from audit_logs import canonical, envelope, manifest, note, proof, seen, statement, tiles, trust
from audit_logs.errors import Problem

MILLION = 1_000_000
SHOWN = 20
STOP = 0.2  # how often a way into a document ends before its leaves
# What a parser may trip over: signs of JSON, of notes, of encodings, and numbers at their limits.
TOKENS = (
    *(b"{", b"}", b"[", b"]", b'"', b":", b",", b"\\", b"\\ud800", b"null", b"true", b"-0", b"1e999", b"9007199254740992", b"[" * 200),
    *(b"\n", b"\n\n", b"\r", b"\x00", b"\xff\xff", b"\xed\xa0\x80", b"\xe2\x80\x94 ", b"=", b"+", b"9" * 5000, "\u0661".encode()),
)
ODD = (None, True, 0, -1, 1 << 53, 1.5, "", "\0", "\u0661", "\ud800", "=" * 44, "9999-12-31T23:59:60Z", "SHA256:", [], {}, [[]], {"": {}})


@dataclass(frozen=True, slots=True)
class Parser:
    """A parser, and documents that it takes."""

    parse: Callable[[bytes], object]
    corpus: tuple[bytes, ...]


def parsers() -> Mapping[str, Parser]:
    """Return every parser with the documents of a release."""
    world = Simulator().finish()
    entries = tuple(world.entries)
    payloads = tuple(envelope.parse(entry, where="entry").payload for entry in entries)
    remembered = world.verify().seen
    checkpoint = world.files["log/checkpoint"]
    keys = (world.trust.log.key, *(auditor.witness for auditor in world.trust.auditors))
    bundles = tuple(data for path, data in world.files.items() if path.startswith("log/tile/entries/"))
    proofs = (proof.LogProof(0, (bytes(range(32)),) * 3, note.parse_signed(checkpoint), b"extra").encode(),)
    return {
        "canonical": Parser(lambda data: canonical.decode(data, where="document", limit=1 << 20), payloads),
        "envelope": Parser(lambda data: envelope.parse(data, where="envelope"), entries),
        "statement": Parser(statement.parse, payloads),
        "manifest": Parser(manifest.parse, (world.files["release.json"],)),
        "trust": Parser(trust.read, (world.trust_bytes(),)),
        "seen": Parser(seen.parse, () if remembered is None else (seen.encode(remembered),)),
        "checkpoint": Parser(note.parse_signed, (checkpoint,)),
        "vkey": Parser(lambda data: note.VerifierKey.parse(data.decode("latin-1")), tuple(key.encode() for key in keys)),
        "proof": Parser(proof.parse, proofs),
        "bundle": Parser(tiles.decode_bundle, bundles),
    }


def mutated(data: bytes, choose: random.Random) -> bytes:
    """Return a document with one to three things about it changed."""
    for _ in range(choose.randint(1, 3)):
        at, end = sorted(choose.randrange(len(data) + 1) for _ in range(2))
        end = min(end, at + choose.choice((1, 4, 64, len(data))))
        new = choose.choice((b"", data[at:end] * 2, choose.randbytes(end - at and 1), choose.choice(TOKENS)))
        data = data[:at] + new + data[choose.choice((at, end)) :]
    return data


def reshaped(data: bytes, choose: random.Random) -> bytes:
    """Return a JSON document with one value replaced or member added, in canonical form, so that parsers look inside; others as they are."""
    try:
        value = json.loads(data)
    except ValueError:
        return data
    node = value
    while True:
        key = choose.choice(list(node) if isinstance(node, dict) else range(len(node)))
        if not node[key] or not isinstance(node[key], dict | list) or choose.random() < STOP:
            break
        node = node[key]
    node[key] = choose.choice((*ODD, [node[key]], {"a": node[key]}, f"{node[key]}x"))
    if isinstance(node, dict) and choose.random() < STOP:
        node[choose.choice(("zz", ""))] = node.pop(key)
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode("utf-8", "surrogatepass")


def foreign(parser: Parser, count: int, seed: int) -> list[str]:
    """Return which mutations made a parser raise something that is no `Problem`."""
    choose = random.Random(seed)  # noqa: S311 - a mutation is no secret
    found = []
    for number in range(count):
        data = choose.choice((mutated, reshaped))(choose.choice(parser.corpus), choose)
        try:
            parser.parse(data)
        except Problem:
            continue
        except Exception as error:  # noqa: BLE001 - any other exception at all is what is looked for
            found.append(f"mutation {number}: {type(error).__name__}: {error}; {data[:200]!r}")
    return found


def main() -> int:
    """Run all parsers; exit code 1 if one raised something foreign."""
    asked = argparse.ArgumentParser(prog="fuzz")
    asked.add_argument("--count", type=int, default=MILLION, help="mutations for each parser (default: a million)")
    asked.add_argument("--seed", type=int, default=1)
    options = asked.parse_args()
    worst = 0
    for name, parser in parsers().items():
        found = foreign(parser, options.count, options.seed)
        worst |= bool(found)
        sys.stdout.write("\n".join([f"{name}: {options.count:,} mutations, {len(found)} foreign exceptions", *found[:SHOWN], ""]))
        sys.stdout.flush()
    return worst


if __name__ == "__main__":
    sys.exit(main())
