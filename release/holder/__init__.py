"""The holder's side: another institution's fingerprints, compared with lists that stay where they are (docs/SPEC.md section 20).

1. who asks, and what: the statement's form, an admitted key, addressed to this holder, not too late
2. own lists: there, not from the future, all canaries found
3. open the request in a private folder that is gone when this returns; digest, root and rows are those that were signed
4. write it down, within the requester's budgets, and never twice
5. refuse dense clusters of near-identical pictures
6. compare; seal the ids to the requester; sign what was compared; the answer appears in one rename

Nothing that is shown or kept names a row: counts, digests and times only.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from audit_logs import fields
from audit_logs.envelope import MAX_BUNDLE, PublicKey
from audit_logs.errors import FormatError
from audit_logs.fields import instant
from audit_logs.keys import Signer
from audit_logs.store import exists
from release import signers, store
from release.audit.opened import opened_folder
from release.errors import ExchangeError, UsageError
from release.evidence import load_identity, recipient
from release.exchange import (
    Answer,
    Record,
    ScreeningAnswer,
    ScreeningRequest,
    Signed,
    check_request,
    digest_of_answer,
    open_sealed,
    read_request,
    read_signed,
    seal,
    sign,
)
from release.exchange.folder import ANSWER, REQUEST, REQUESTER, SEALED_ANSWER, SEALED_REQUEST, wrong_request
from release.exchange.sealing import LEAST_ANSWER
from release.exchange.types import is_perceptual
from release.holder import clusters, served
from release.holder.admitted import Requester, requester_of, wrong_distance
from release.holder.screening import open_lists
from release.lists import ListStore
from release.tool import this_tool

__all__ = ["Answered", "Request", "answer"]

PEM_LIMIT = 4096
Tick = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Request:
    """What a holder wants answered, and with what.

    Attributes:
        folder: what the institution gave.
        store: the list store.
        lists: names of the lists to compare with.
        admitted: the file of those who are served.
        served: the record of what was asked; beside that file, if none was named.
        key, identity: files of the holder's signing key and age identity.
        out: a new folder for the answer.
    """

    folder: Path
    store: Path
    lists: tuple[str, ...]
    admitted: Path
    key: Path
    identity: Path
    out: Path
    served: Path | None = None

    @property
    def record(self) -> Path:
        """Where what was asked is written down."""
        return self.served or self.admitted.with_name(f"{self.admitted.name}.served")

    @property
    def private(self) -> Path:
        """The private folder in which the request lies open meanwhile."""
        return self.out.absolute().with_name(f".{self.out.name}.screening")


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of it: who asked, about which line, rows compared, rows matched, distinct pictures, the digest of the statement, the folder."""

    requester: str
    name: str
    rows: int
    matched: int
    pictures: int
    statement: str
    out: Path


def answer(request: Request, now: datetime, tick: Tick = lambda _: None) -> Answered:
    """Answer a request.

    Raises:
        ExchangeError: it is refused: form, signature, address, time, admission, budget, a cluster.
        EvidenceError: the answer could be sealed to nobody.
        ListError: a list cannot be used.
        AuditError: the self-test failed.
        StoreError: a file cannot be read or written, or others can reach what is private.
    """
    if exists(request.out):
        raise UsageError("the answer's folder is there already", where=str(request.out), expected="a new name")
    signer = signers.load(request.key)
    asked, requester = _asked(request, signer, now)
    said = asked.said
    lists = open_lists(ListStore(request.store), request.lists, (said.types, said.distance), now.date())
    with _private(request.private) as folder:
        opened = folder / "request"
        _open(request, opened)
        with opened.open("rb") as file:
            _, pictures = check_request(file, asked)
        served.charge(request.record, requester, asked, (pictures, now))
        found = clusters.check(_views(opened, said.types), requester.cluster, tick)
        ids = lists.matched(_records(opened), tick)
    returned = Answer(asked.envelope.digest, said.source.rows, secrets.token_hex(32), ids)
    statement = ScreeningAnswer(
        request=asked.envelope.digest,
        answer=digest_of_answer(returned),
        rows=said.source.rows,
        lists=tuple(one.told for one in lists.opened),
        self_test=lists.self_test,
        tool=this_tool(),
        answered_on=fields.time_text(now),
    )
    signed = sign(statement, asked.subject, signer)
    _write(request.out.absolute(), returned, said.recipient, signed)
    return Answered(requester.name, said.name, said.source.rows, len(ids), found.hashes, signed.envelope.digest, request.out)


@contextmanager
def _private(place: Path) -> Iterator[Path]:
    """Give a private folder, and leave nothing of it, nor of the place in which it lay."""
    try:
        with opened_folder(place) as folder:
            yield folder
    finally:
        with suppress(OSError):  # another answer is at work there
            place.rmdir()


def _asked(request: Request, signer: Signer, now: datetime) -> tuple[Signed[ScreeningRequest], Requester]:
    """Return the request's statement and who made it, after checking that it may be answered."""
    asked = read_signed(store.read_file(request.folder / REQUEST, MAX_BUNDLE), ScreeningRequest, REQUEST)
    requester = requester_of(request.admitted, asked.envelope.keyid)
    try:
        key = PublicKey.from_pem(store.read_file(request.folder / REQUESTER, PEM_LIMIT).decode("ascii", "replace"), where=REQUESTER)
    except FormatError as error:
        raise error.recast(ExchangeError, code="exchange-form") from error
    asked.verify(key, requester.name)
    if asked.said.holder != signer.keyid:
        raise wrong_request(f"a request to this holder, {signer.keyid}", f"one to {asked.said.holder}")
    recipient(asked.said.recipient, REQUEST)
    if asked.said.distance not in (None, requester.distance):  # who may choose it finds out how far a match is
        raise wrong_distance(requester.distance, asked.said.distance)
    made, until = instant(asked.said.made_on), instant(asked.said.expires_on)
    if not made <= now <= until:  # no slack: an answer from before the request is one that the institution has to refuse
        raise ExchangeError(
            "the request has expired, or is from the future",
            where=REQUEST,
            expected=f"a time from {asked.said.made_on} to {asked.said.expires_on}",
            found=fields.time_text(now),
            next_step="check both clocks, and wait" if now < made else "let the institution make a new one",
            code="exchange-expired",
        )
    return asked, requester


def _open(request: Request, into: Path) -> None:
    identity = load_identity(request.identity)
    into.touch(mode=0o600)
    with into.open("r+b") as file:
        open_sealed(request.folder / SEALED_REQUEST, identity, file)


def _records(opened: Path) -> Iterator[Record]:
    with opened.open("rb") as file:
        yield from read_request(file, SEALED_REQUEST)


def _views(opened: Path, types: tuple[str, ...]) -> Iterator[list[bytes]]:
    """Yield for each convention that was asked for the hashes of each record's views."""
    for number, kind in enumerate(types):
        if is_perceptual(kind):
            yield [record.cells[number] for record in _records(opened)]


def _write(out: Path, returned: Answer, to: str, signed: Signed[ScreeningAnswer]) -> None:
    with store.new_folder(out) as given:
        seal(given / SEALED_ANSWER, [returned.encode()], to, least=LEAST_ANSWER)
        store.write_file(given / ANSWER, signed.envelope.raw)
