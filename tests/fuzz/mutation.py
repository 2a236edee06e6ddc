"""Mutations of real documents for each parser of `audit_logs`, which must take them or raise a `Problem`, nothing else.

PYTHONPATH=tests python -m fuzz.mutation [--count N] [--seed S]

`make fuzz` runs 10^6 for each parser; the same seed gives the same mutations. A parser without documents ends the run.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from simulator import SIGNED, Simulator, digest, signer_of

from audit_logs import canonical, card, envelope, keys, manifest, note, proof, seen, statement, store, tiles, trust, witness
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
    world = Simulator()
    world.write_statements()
    world.withdraw("key", statement.about_key(world.keys["step"].keyid), "root")
    world.supersede()
    entries = tuple(world.entries)
    payloads = tuple(envelope.parse(entry, where="entry").payload for entry in entries)
    del world.entries[-2:]
    remembered = world.finish().verify().seen
    assert remembered is not None
    checkpoint = world.files["log/checkpoint"]
    vkeys = (world.trust.log.key, *(auditor.witness for auditor in world.trust.auditors))
    bundles = tuple(data for path, data in world.files.items() if path.startswith("log/tile/entries/"))
    siblings = (bytes(range(32)),) * 3
    proofs = (proof.LogProof(0, siblings, note.parse_signed(checkpoint), b"extra"), proof.LogProof(9, (), note.parse_signed(checkpoint)))
    return {
        "canonical": Parser(lambda data: canonical.decode(data, where="document", limit=1 << 20), payloads),
        "envelope": Parser(lambda data: envelope.parse(data, where="envelope"), entries),
        "statement": Parser(statement.parse, payloads),
        "manifest": Parser(checked_manifest, (world.files["release.json"],)),
        "trust": Parser(trust.parse, (world.trust_bytes(),)),
        "seen": Parser(seen.parse, (seen.encode(remembered),)),
        "checkpoint": Parser(note.parse_signed, (checkpoint,)),
        "vkey": Parser(lambda data: note.VerifierKey.parse(data.decode("latin-1")), tuple(key.encode() for key in vkeys)),
        "proof": Parser(proof.parse, tuple(made.encode() for made in proofs)),
        "bundle": Parser(tiles.decode_bundle, bundles),
        "card": Parser(lambda data: list(card.check_card(world.manifest, data)), (world.files["README.md"],)),
        **key_parsers(),
        **file_parsers(vkeys[0]),
    }


def checked_manifest(data: bytes) -> object:
    """Parse a manifest, and compute what its numbers and roots say of each other."""
    parsed = manifest.parse(data)
    return parsed, [*manifest.arithmetic(parsed), *manifest.roots(parsed)]


def key_parsers() -> dict[str, Parser]:
    """Return the parsers of public keys and signatures, of both kinds."""
    point = ec.derive_private_key(1_234_567, ec.SECP256R1())
    signers = (signer_of("step"), keys.KeyFile(envelope.PublicKey.from_key(point.public_key()), point))
    return {
        "public key": Parser(
            lambda data: envelope.PublicKey.from_pem(data.decode("latin-1")), tuple(each.public.pem.encode() for each in signers)
        ),
        "Ed25519 signature": Parser(lambda data: signers[0].public.verify(data, b"message"), (signers[0].sign(b"message"),)),
        "P-256 signature": Parser(lambda data: signers[1].public.verify(data, b"message"), (low_s(signers[1], b"message"),)),
    }


def low_s(signer: keys.KeyFile, message: bytes) -> bytes:
    """Return the one legal form of a P-256 signature."""
    r, s = decode_dss_signature(signer.sign(message))
    return encode_dss_signature(r, min(s, envelope.P256_ORDER - s))


def file_parsers(vkey: str) -> dict[str, Parser]:
    """Return the parsers that read files of this user's own: private keys, and what a witness remembers."""
    log = note.VerifierKey.parse(vkey)
    with tempfile.TemporaryDirectory(prefix="fuzz") as folder:
        pems = []
        for kind in (envelope.ED25519, envelope.P256):
            keys.generate(Path(folder, kind), kind)
            pems.append(Path(folder, kind).read_bytes())
        memory = Path(folder, "memory")
        witness.remember_submitted(memory, log, [digest("entry"), digest(SIGNED)])
        remembered = memory.read_bytes()
    return {
        "private key": Parser(lambda data: reading(data, keys.load), tuple(pems)),
        "witness memory": Parser(lambda data: reading(data, lambda path: witness.recall(path, log)), (remembered,)),
    }


def reading(data: bytes, parse: Callable[[Path], object]) -> object:
    """Call a parser of files, and have these bytes read in the place of any file: a real one for each would cost most of the time."""
    original = store.read_file
    store.read_file = lambda *_, **__: data
    try:
        return parse(Path("/"))
    finally:
        store.read_file = original


def mutation(document: bytes, choose: random.Random) -> bytes:
    """Return a document that is not quite the given one."""
    way = choose.choice((mutated, reshaped if document.startswith(b"{") else mutated))
    while True:
        data = way(document, choose)
        if data != document:
            return data


def mutated(data: bytes, choose: random.Random) -> bytes:
    """Return a document with one to three things about it changed."""
    for _ in range(choose.randint(1, 3)):
        at, end = sorted(choose.randrange(len(data) + 1) for _ in range(2))
        end = min(end, at + choose.choice((1, 4, 64, len(data))))
        new = choose.choice((b"", data[at:end] * 2, choose.randbytes(end - at and 1), choose.choice(TOKENS)))
        data = data[:at] + new + data[choose.choice((at, end)) :]
    return data


def reshaped(data: bytes, choose: random.Random) -> bytes:
    """Return a JSON document with one value replaced or member added, in canonical form, so that parsers look inside."""
    node = value = json.loads(data)
    while True:
        key = choose.choice(list(node) if isinstance(node, dict) else range(len(node)))
        if not node[key] or not isinstance(node[key], dict | list) or choose.random() < STOP:
            break
        node = node[key]
    node[key] = choose.choice((*ODD, [node[key]], {"a": node[key]}, f"{node[key]}x"))
    if isinstance(node, dict) and choose.random() < STOP:
        node[choose.choice(("zz", ""))] = node.pop(key)
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode("utf-8", "surrogatepass")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a parser's mutations: how many there were, how many it took, and those that made it raise something else."""

    count: int
    taken: int
    foreign: tuple[str, ...]


def fuzz(parser: Parser, count: int, seed: int) -> Outcome:
    """Give a parser mutations of its documents.

    Raises:
        SystemExit: it has no documents.
        Problem: it does not take one of them.
    """
    if not parser.corpus:
        raise SystemExit("a parser without documents: nothing would be mutated")
    for document in parser.corpus:
        parser.parse(document)
    choose = random.Random(seed)  # noqa: S311 - a mutation is no secret
    found: list[str] = []
    refused = 0
    for number in range(count):
        data = mutation(choose.choice(parser.corpus), choose)
        try:
            parser.parse(data)
        except Problem:
            refused += 1
        except Exception as error:  # noqa: BLE001 - any other exception at all is what is looked for
            found.append(f"mutation {number}: {type(error).__name__}: {error}; {data[:200]!r}")
    return Outcome(count, count - refused - len(found), tuple(found))


def main() -> int:
    """Run all parsers; exit code 1 if one raised something foreign."""
    asked = argparse.ArgumentParser(prog="fuzz", description="Mutate real documents for each parser of audit_logs.")
    asked.add_argument("--count", type=int, default=MILLION, help="mutations for each parser (default: a million)")
    asked.add_argument("--seed", type=int, default=1)
    options = asked.parse_args()
    total = wrong = 0
    for name, parser in parsers().items():
        start = time.perf_counter()
        outcome = fuzz(parser, options.count, options.seed)
        total, wrong = total + outcome.count, wrong + len(outcome.foreign)
        line = f"{name}: {outcome.count:,} mutations of {len(parser.corpus)} documents, {outcome.taken:,} taken, "
        line += f"{len(outcome.foreign)} foreign exceptions, {time.perf_counter() - start:.0f} s"
        sys.stdout.write("\n".join([line, *outcome.foreign[:SHOWN], ""]))
        sys.stdout.flush()
    sys.stdout.write(f"{total:,} mutations, {wrong} foreign exceptions\n")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
