"""Proofs from tiles alone: the same as from the whole log, few tiles read, and no byte of a proof file that could be another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import rfc6962

from audit_logs import keys, merkle, note, proof, tiles, witness
from audit_logs.errors import FormatError, Problem, VerificationError
from audit_logs.keys import KeyFile, verifier_key
from audit_logs.log import Log, sign_checkpoint
from audit_logs.note import Checkpoint, SignedCheckpoint

ORIGIN = "example.org/pictures"
SIZES = (1, 2, 3, 7, 8, 255, 256, 257, 511, 513, 1000, 65_536 + 300)


def leaves(size: int) -> list[bytes]:
    """Return made-up leaf hashes."""
    return [merkle.leaf_hash(b"entry %d" % number) for number in range(size)]


class Shelf:
    """The tiles of a log, without its entries; it remembers which were read."""

    def __init__(self, hashes: list[bytes]) -> None:
        self.files: dict[str, bytes] = {}
        self.read_paths: list[str] = []
        for level, row in enumerate(tiles.levels(hashes)):
            for number in range(0, len(row), tiles.WIDTH):
                part = row[number : number + tiles.WIDTH]
                self.files[tiles.tile_path(level, number // tiles.WIDTH, len(part))] = b"".join(part)

    def read(self, path: str, limit: int) -> bytes:
        """Return a tile."""
        assert len(self.files[path]) <= limit
        self.read_paths.append(path)
        return self.files[path]


@pytest.fixture
def signer(tmp_path: Path) -> KeyFile:
    """Return the log's signer."""
    return keys.generate(tmp_path / "log.pem")


def checkpoint(hashes: list[bytes], signer: KeyFile) -> SignedCheckpoint:
    """Return the checkpoint of made-up leaves."""
    return sign_checkpoint(Checkpoint(ORIGIN, len(hashes), merkle.root(hashes)), signer)


@pytest.mark.parametrize("size", SIZES)
def test_inclusion_is_that_of_the_whole_tree(size: int) -> None:
    """For every entry of a small log and some of a large one, tiles give the proof that all hashes give."""
    hashes = leaves(size)
    shelf = Shelf(hashes)
    choice = range(size) if size < 300 else [0, 1, 255, 256, size // 2, size - 2, size - 1]
    for index in choice:
        assert proof.Tree(size, shelf.read).inclusion(index) == rfc6962.inclusion(hashes, index)
        assert proof.Tree(size, shelf.read).leaf(index) == hashes[index]


@pytest.mark.parametrize("size", SIZES)
def test_consistency_is_that_of_the_whole_tree(size: int) -> None:
    """For every older size of a small log and some of a large one; none and all need no proof."""
    hashes = leaves(size)
    shelf = Shelf(hashes)
    choice = range(1, size) if size < 300 else [1, 2, 255, 256, 257, size // 2, size - 1]
    for old in choice:
        found = proof.Tree(size, shelf.read).consistency(old)
        assert found == rfc6962.consistency(hashes, old)
        proof.verify_consistency(old, size, merkle.root(hashes[:old]), merkle.root(hashes), found)
    assert [proof.Tree(size, shelf.read).consistency(old) for old in (0, size)] == [[], []]


def test_a_proof_reads_few_tiles() -> None:
    """In a log of 65,836 entries at most the tiles on the way up and at the right edge, each once."""
    hashes = leaves(65_836)
    shelf = Shelf(hashes)
    proof.Tree(65_836, shelf.read).inclusion(1000)
    assert len(shelf.read_paths) == len(set(shelf.read_paths)) <= 2 * len(tiles.levels(hashes))
    assert not any("entries" in path for path in shelf.read_paths)


@pytest.mark.parametrize(("index", "old"), [(-1, -1), (3, 4)])
def test_what_is_not_in_the_log_has_no_proof(index: int, old: int) -> None:
    """No entry beyond the end, no older tree that is larger."""
    shelf = Shelf(leaves(3))
    with pytest.raises(FormatError):
        proof.Tree(3, shelf.read).inclusion(index)
    with pytest.raises(FormatError):
        proof.Tree(3, shelf.read).consistency(old)


def test_wrong_tiles_make_no_proof(signer: KeyFile) -> None:
    """A tile of the wrong size, or with another hash, is noticed before a proof is given away."""
    hashes = leaves(300)
    signed = checkpoint(hashes, signer)
    short, other = Shelf(hashes), Shelf(hashes)
    short.files["tile/0/000"] = short.files["tile/0/000"][:-32]
    other.files["tile/0/000"] = bytes(32) + other.files["tile/0/000"][32:]
    with pytest.raises(FormatError):
        proof.make(signed, 5, short.read)
    with pytest.raises(VerificationError) as caught:
        proof.make(signed, 5, other.read)
    assert caught.value.code == "merkle-inclusion"


def test_a_proof_of_a_real_log_stands_alone(tmp_path: Path, signer: KeyFile) -> None:
    """Made from a folder, written, read again, and checked with the keys only: it says when the witness cosigned."""
    from datetime import UTC, datetime

    now = datetime(2026, 5, 1, tzinfo=UTC)
    log = Log.create(tmp_path / "log", ORIGIN, signer)
    entries = [b"entry %d" % number for number in range(300)]
    log.append(entries, signer)
    auditor = witness.Witness("auditor.example.org", keys.generate(tmp_path / "witness.pem"), tmp_path / "memory")
    witness.cosign(tmp_path / "log", log.key, auditor, now=now)
    signed = Log.open(tmp_path / "log", log.key.text).signed
    made = proof.make(signed, 299, lambda path, _: (tmp_path / "log" / path).read_bytes())
    read = proof.parse(made.encode())
    assert read == made
    assert read.check(entries[299], log.key, [auditor.key]) == {auditor.key: int(now.timestamp())}
    with pytest.raises(VerificationError) as caught:
        read.check(entries[298], log.key, [auditor.key])
    assert caught.value.code == "merkle-inclusion"
    with pytest.raises(VerificationError) as caught:
        read.check(entries[299], verifier_key(auditor.signer, ORIGIN, note.LOG_KEY), [auditor.key])
    assert caught.value.code == "checkpoint-signature"


@pytest.fixture
def made(signer: KeyFile) -> proof.LogProof:
    """Return a proof of the fifth of 300 entries."""
    hashes = leaves(300)
    return proof.make(checkpoint(hashes, signer), 5, Shelf(hashes).read)


def test_the_file_has_the_form_of_c2sp(made: proof.LogProof) -> None:
    """Header, index, one hash on a line from the leaf's sibling up, an empty line, the checkpoint as it is."""
    lines = made.encode().decode().split("\n")
    assert lines[:2] == ["c2sp.org/tlog-proof@v1", "index 5"]
    assert lines[2 : lines.index("")] == [proof._text(sibling) for sibling in made.siblings]
    assert "\n".join(lines[lines.index("") + 1 :]).encode() == made.signed.encode()


def test_extra_data_is_carried_and_proves_nothing(made: proof.LogProof) -> None:
    """It comes back as it was; the proof is about the same entry with and without."""
    carried = proof.LogProof(made.index, made.siblings, made.signed, b"anything")
    assert carried.encode().decode().split("\n")[1] == "extra YW55dGhpbmc="
    assert proof.parse(carried.encode()) == carried


BENT: dict[str, Callable[[bytes], bytes]] = {
    "another header": lambda data: data.replace(b"@v1", b"@v2", 1),
    "no index": lambda data: data.replace(b"index 5\n", b"", 1),
    "a leading zero": lambda data: data.replace(b"index 5", b"index 05", 1),
    "a negative index": lambda data: data.replace(b"index 5", b"index -5", 1),
    "a short hash": lambda data: data.replace(b"index 5\n", b"index 5\nAAAA\n", 1),
    "no base64": lambda data: data.replace(b"index 5\n", b"index 5\n!\n", 1),
    "extra after the index": lambda data: data.replace(b"index 5\n", b"index 5\nextra AAAA\n", 1),
    "carriage returns": lambda data: data.replace(b"\n", b"\r\n"),
    "no checkpoint": lambda data: data.partition(b"\n\n")[0],
    "no ASCII": lambda data: data.replace(b"index 5", "index \u0665".encode(), 1),
    "too many hashes": lambda data: data.replace(b"index 5\n", b"index 5\n" + (b"A" * 43 + b"=\n") * 64, 1),
    "too large": lambda data: data + b"\n" * proof.MAX_PROOF,
    "nothing": lambda _: b"",
}


@pytest.mark.parametrize("fault", BENT)
def test_a_malformed_proof_is_refused(made: proof.LogProof, fault: str) -> None:
    """One fault each, each a FormatError."""
    with pytest.raises(FormatError):
        proof.parse(BENT[fault](made.encode()))


def test_no_changed_byte_is_accepted(made: proof.LogProof, signer: KeyFile) -> None:
    """Every byte replaced by some other one: refused, with an error of ours; the file has one form."""
    data = made.encode()
    key = verifier_key(signer, ORIGIN, note.LOG_KEY)
    for at in range(len(data)):
        other = data[:at] + bytes([data[at] ^ (1 + at % 255)]) + data[at + 1 :]
        with pytest.raises(Problem):
            proof.parse(other).check(b"entry 5", key, [])
