"""A witness on the loopback interface that speaks C2SP tlog-witness `add-checkpoint`, and a client for it. For tests.

The server keeps, for each origin, size and root of the checkpoint that it cosigned last, and changes them under one lock together
with its answer. What is meant by each status: 200 cosigned, 400 no request in its form, 403 not signed by the log's key, 404 no such
origin (or no such path), 409 another size or root is known, 422 the consistency proof does not hold.
"""

from __future__ import annotations

import base64
import http.client
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from audit_logs import canonical, merkle, note
from audit_logs.errors import FormatError, VerificationError
from audit_logs.keys import Signer, verifier_key
from audit_logs.note import Checkpoint, SignatureLine, SignedCheckpoint, VerifierKey
from audit_logs.proof import verify_consistency

MAX_BODY = note.MAX_CHECKPOINT + 64 * 64
MAX_HASHES = 63
_OLD = re.compile("old (0|[1-9][0-9]{0,15})")


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, and a body with its type."""

    status: int
    body: bytes = b""
    kind: str = "text/plain; charset=utf-8"


@dataclass(slots=True)
class WitnessServer:
    """What a witness knows: its name and key, the logs that it supports, and what it cosigned last of each."""

    name: str
    signer: Signer
    logs: dict[str, VerifierKey]
    latest: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    port: int = 0

    @property
    def key(self) -> VerifierKey:
        """The vkey under which it cosigns."""
        return verifier_key(self.signer, self.name, note.WITNESS_KEY)

    def add_checkpoint(self, body: bytes) -> Answer:
        """Judge one request."""
        try:
            old, proof, signed = _parse(body)
        except FormatError:
            return Answer(400)
        refusal = self._refusal(signed) or self._advance(old, proof, signed.checkpoint)
        return refusal or Answer(200, self._cosignature(signed).encode())

    def _refusal(self, signed: SignedCheckpoint) -> Answer | None:
        """Say whose checkpoint this is not."""
        log_key = self.logs.get(signed.checkpoint.origin)
        if log_key is None:
            return Answer(404)
        try:
            _verify_by_log(signed, log_key)
        except VerificationError:
            return Answer(403)
        return None

    def _advance(self, old: int, proof: list[bytes], new: Checkpoint) -> Answer | None:
        """Take a checkpoint as the latest one if it is proven to continue what is known, in one step with the check."""
        if old > new.size:
            return Answer(400)
        with self.lock:
            known, root = self.latest.get(new.origin, (0, merkle.EMPTY))
            if old != known or (old == new.size and root != new.root):
                return Answer(409, b"%d\n" % known, "text/x.tlog.size")
            try:
                verify_consistency(old, new.size, root, new.root, proof)
            except VerificationError:
                return Answer(422)
            self.latest[new.origin] = (new.size, new.root)
        return None

    def _cosignature(self, signed: SignedCheckpoint) -> str:
        time = int(datetime.now(UTC).timestamp())
        signature = self.signer.sign(note.cosigned_message(time, signed.text))
        return SignatureLine(self.key.name, self.key.key_id, time.to_bytes(8) + signature).text + "\n"


def _verify_by_log(signed: SignedCheckpoint, key: VerifierKey) -> None:
    """Check the log's line wherever it stands; lines by unknown keys are ignored, as the document asks."""
    lines = tuple(line for line in signed.lines if line.is_by(key))
    note.verify_log_signature(SignedCheckpoint(signed.checkpoint, lines or signed.lines), key)


def _parse(body: bytes) -> tuple[int, list[bytes], SignedCheckpoint]:
    head, blank, rest = body.partition(b"\n\n")
    lines = head.decode("ascii", "replace").split("\n")
    old = _OLD.fullmatch(lines[0])
    if not blank or old is None or len(lines) > 1 + MAX_HASHES:
        raise FormatError("this is no add-checkpoint request")
    siblings = [canonical.decode_base64(line, where="proof") for line in lines[1:]]
    return int(old[1]), siblings, note.parse_signed(rest)


@contextmanager
def serve(witness: WitnessServer) -> Iterator[WitnessServer]:
    """Run a witness on a free port of the loopback interface while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            known = length.isdecimal() and int(length) <= MAX_BODY
            body = self.rfile.read(int(length)) if known else b""
            answer = Answer(404) if self.path != "/add-checkpoint" else witness.add_checkpoint(body) if known else Answer(400)
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.kind)
            self.send_header("Content-Length", str(len(answer.body)))
            if not known:
                self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        witness.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield witness
        finally:
            server.shutdown()
            thread.join()


def request_body(old: int, proof: Sequence[bytes], signed: SignedCheckpoint) -> bytes:
    """Return the body of an `add-checkpoint` request."""
    lines = [f"old {old}", *(base64.b64encode(part).decode() for part in proof), ""]
    return "".join(f"{line}\n" for line in lines).encode() + signed.encode()


def post(port: int, body: bytes, path: str = "/add-checkpoint") -> Answer:
    """Send a request to a witness on this machine."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", path, body)
        response = connection.getresponse()
        return Answer(response.status, response.read(), response.headers.get("Content-Type", ""))
    finally:
        connection.close()
