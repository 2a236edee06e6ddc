"""C2SP tlog-witness over HTTP: our checkpoints and proofs from tiles are accepted; forks, rollbacks and strangers are not."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from witness_server import Answer, WitnessServer, post, request_body, serve

from audit_logs import keys, note, proof
from audit_logs.keys import KeyFile
from audit_logs.log import Log, sign_checkpoint
from audit_logs.note import Checkpoint, SignedCheckpoint

ORIGIN = "example.org/pictures"


class Line:
    """A log in a folder, and its key."""

    def __init__(self, place: Path) -> None:
        self.folder = place / "log"
        self.signer: KeyFile = keys.generate(place / "log.pem")
        self.log = Log.create(self.folder, ORIGIN, self.signer)
        self.grow(5)

    def grow(self, count: int) -> SignedCheckpoint:
        """Append entries; return the new checkpoint."""
        self.log.append([b"entry %d" % (self.log.size + number) for number in range(count)], self.signer)
        return self.log.signed

    def proof(self, old: int) -> list[bytes]:
        """Return the consistency proof from tiles."""
        return proof.Tree(self.log.size, lambda path, _: (self.folder / path).read_bytes()).consistency(old)


@pytest.fixture
def line(tmp_path: Path) -> Line:
    """Return a log of five entries."""
    return Line(tmp_path)


@pytest.fixture
def server(line: Line, tmp_path: Path) -> Iterator[WitnessServer]:
    """Return a running witness that supports this log."""
    with serve(WitnessServer("witness.example.org", keys.generate(tmp_path / "witness.pem"), {ORIGIN: line.log.key})) as witness:
        yield witness


def submit(server: WitnessServer, line: Line, old: int) -> Answer:
    """Submit a log's checkpoint with the proof from an older size."""
    return post(server.port, request_body(old, line.proof(old), line.log.signed))


def test_a_growing_log_is_cosigned_and_the_line_counts(server: WitnessServer, line: Line) -> None:
    """First contact from size 0, then with consistency proofs across a tile's end; our checkpoint takes the line as it comes."""
    old = 0
    for grown in (0, 3, 400, 1):
        line.grow(grown)
        answer = submit(server, line, old)
        assert answer.status == 200
        line.log.add_cosignature(answer.body.decode(), server.key)
        assert server.key in note.verify_signed(line.log.signed, line.log.key, [server.key])
        old = line.log.size
    assert submit(server, line, old).status == 200  # the same again renews the time


def test_another_old_size_is_a_conflict_that_names_the_right_one(server: WitnessServer, line: Line) -> None:
    """409 with the size as `text/x.tlog.size`: how a client learns where to begin."""
    assert submit(server, line, 0).status == 200
    line.grow(4)
    assert submit(server, line, 0) == Answer(409, b"5\n", "text/x.tlog.size")
    assert submit(server, line, 7) == Answer(409, b"5\n", "text/x.tlog.size")
    assert submit(server, line, 5).status == 200


def test_a_fork_is_refused(server: WitnessServer, line: Line, tmp_path: Path) -> None:
    """Another history of the same size is a 409, a longer one a 422: there is no proof; the witness keeps what it knew."""
    shutil.copytree(line.folder, tmp_path / "fork")
    fork = Log.open(tmp_path / "fork", line.log.key.text)
    line.grow(3)
    fork.append([b"other %d" % number for number in range(3)], line.signer)
    assert submit(server, line, 0).status == 200
    known = dict(server.latest)
    assert post(server.port, request_body(8, [], fork.signed)).status == 409
    fork.append([b"more"], line.signer)
    tree = proof.Tree(fork.size, lambda path, _: (tmp_path / "fork" / path).read_bytes())
    assert post(server.port, request_body(8, tree.consistency(8), fork.signed)).status == 422
    assert server.latest == known


def test_a_shorter_log_is_refused(server: WitnessServer, line: Line) -> None:
    """A genuine older checkpoint does not take the place of a newer one."""
    older = line.log.signed
    line.grow(3)
    assert submit(server, line, 0).status == 200
    assert post(server.port, request_body(8, [], older)).status == 400
    assert post(server.port, request_body(5, [], older)).status == 409


def test_a_stranger_s_checkpoint_is_refused(server: WitnessServer, line: Line, tmp_path: Path) -> None:
    """403 for another key under a known origin, 404 for an unknown origin; lines by unknown keys are ignored."""
    stranger = keys.generate(tmp_path / "stranger.pem")
    checkpoint = line.log.signed.checkpoint
    assert post(server.port, request_body(0, [], sign_checkpoint(checkpoint, stranger))).status == 403
    elsewhere = sign_checkpoint(Checkpoint("example.org/other", checkpoint.size, checkpoint.root), stranger)
    assert post(server.port, request_body(0, [], elsewhere)).status == 404
    both = SignedCheckpoint(checkpoint, (sign_checkpoint(checkpoint, stranger).lines[0], *line.log.signed.lines))
    assert post(server.port, request_body(0, [], both)).status == 200


def test_a_wrong_proof_is_unprocessable(server: WitnessServer, line: Line) -> None:
    """422 for a missing, a changed and a superfluous hash, and for hashes from size 0."""
    assert post(server.port, request_body(0, [bytes(32)], line.log.signed)).status == 422
    assert submit(server, line, 0).status == 200
    line.grow(6)
    good = line.proof(5)
    for bad in (good[:-1], [bytes(32), *good[1:]], [*good, bytes(32)]):
        assert post(server.port, request_body(5, bad, line.log.signed)).status == 422
    assert submit(server, line, 5).status == 200


@pytest.mark.parametrize("bend", [b"", b"old 00\n\n", b"old -1\n\n", b"new 0\n\n", b"old 0\n!\n\n", b"old 0\n"])
def test_what_is_no_request_is_a_bad_request(server: WitnessServer, line: Line, bend: bytes) -> None:
    """400, whatever the checkpoint below says; another path is a 404."""
    assert post(server.port, bend + line.log.signed.encode()).status == 400
    assert post(server.port, request_body(0, [], line.log.signed), "/other").status == 404
