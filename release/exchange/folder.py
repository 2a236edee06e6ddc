"""The private folder in which an institution keeps a request of its own, and puts the answer.

holder.json              the list holder's card: key and age recipient
request.sigstore.json    the request's statement, as it was given away
request.secret           0600: the salt of the row ids, and the age identity that opens the answer
request.rows             0600: id and leaf hash of every record, in the order of the request
answer.age               what the holder gave back
answer.sigstore.json     and its statement
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyrage

from audit_logs import canonical, documents, merkle
from audit_logs.envelope import MAX_BUNDLE, PublicKey
from audit_logs.errors import FormatError
from audit_logs.fields import BASE, Sha256, Text, instant
from release import store, table, trustfile
from release.errors import ExchangeError
from release.exchange.files import HEADER_LIMIT, ID, Answer, digest_of_answer, read_answer, read_request
from release.exchange.sealing import open_sealed
from release.exchange.statements import ScreeningAnswer, ScreeningRequest, Signed, read_signed
from release.trustfile import Card

CARD, SECRET, ROWS = "holder.json", "request.secret", "request.rows"
REQUEST, ANSWER = "request.sigstore.json", "answer.sigstore.json"
SEALED_REQUEST, SEALED_ANSWER, REQUESTER = "request.age", "answer.age", "requester.pem"
ASKED = pa.schema([("id", pa.binary()), ("leaf", pa.binary())])
_SECRET_TYPE = BASE + "request-secret/v0.1"
_SECRET_LIMIT = 4096
Hashes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Secret:
    """What only the institution may know of its request: the salt (hex), and the age identity that the answer is sealed to."""

    identity: Text
    salt: Sha256

    def write(self, folder: Path) -> None:
        """Write it into the folder, for this user alone."""
        store.write_file(folder / SECRET, canonical.encode({"_type": _SECRET_TYPE, **documents.write(self)}), private=True)

    @classmethod
    def read(cls, folder: Path) -> Secret:
        """Return what lies in the folder.

        Raises:
            ExchangeError: it is damaged.
            StoreError: it cannot be read, or others can.
        """
        data = store.read_file(folder / SECRET, _SECRET_LIMIT, private=True)
        try:
            value = canonical.decode(data, where=SECRET, limit=_SECRET_LIMIT)
            if value.pop("_type", None) != _SECRET_TYPE:
                raise documents.refuse(SECRET, _SECRET_TYPE, "another type")
            return documents.read(cls, value, SECRET)
        except FormatError as error:
            raise error.recast(ExchangeError, next_step="make a new request", code="exchange-form") from error


@dataclass(frozen=True, slots=True)
class Asked:
    """The records of a request, in its order: ids and leaf hashes, (n, 32) uint8 each."""

    ids: Hashes
    leaves: Hashes

    def places(self, ids: Hashes) -> npt.NDArray[np.int64]:
        """Return the place of each id (k, 32) in the request, or -1 where it has none."""
        known, wanted = _as_keys(self.ids), _as_keys(ids)
        places = np.minimum(np.searchsorted(known, wanted), max(len(known) - 1, 0))
        found = known[places] == wanted if len(known) else np.zeros(len(wanted), np.bool_)
        return np.where(found, places, -1).astype(np.int64)


def _as_keys(ids: Hashes) -> npt.NDArray[np.void]:
    return np.ascontiguousarray(ids).view("V32").ravel()


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and the answer to it, of which both statements are signed by whom they must be but for the institution's own.

    Attributes:
        folder: where they lie.
        holder: the holder's key.
        request, answer: the statements.
    """

    folder: Path
    holder: PublicKey
    request: Signed[ScreeningRequest]
    answer: Signed[ScreeningAnswer]

    def returned(self) -> Answer:
        """Return the opened answer: the one that the statement speaks of.

        Raises:
            ExchangeError: it is another one, or to another request (`exchange-answer`).
        """
        opened = io.BytesIO()
        most = HEADER_LIMIT + ID * self.request.said.source.rows
        open_sealed(self.folder / SEALED_ANSWER, _identity(Secret.read(self.folder)), opened, most=most)
        return checked_answer(opened, self.request, self.answer)

    def asked(self) -> Asked:
        """Return the records that were asked about.

        Raises:
            ExchangeError: they are not those of the request (`exchange-request`).
        """
        store.check_private(self.folder / ROWS)
        whole = table.read_whole(self.folder / ROWS)
        if whole.schema.remove_metadata() != ASKED:
            raise wrong_request("the records of this request", "another table")
        leaves = whole["leaf"].to_pylist()
        if len(leaves) != self.request.said.source.rows or merkle.root(leaves).hex() != self.request.said.root:
            raise wrong_request("the records of this request", "others")
        return Asked(*(np.frombuffer(b"".join(column.to_pylist()), np.uint8).reshape(-1, 32) for column in whole.columns))


def read_holder(path: Path, keyid: str) -> Card:
    """Return the card of the holder that a plan pins by key id.

    Raises:
        ExchangeError: it is another's, or no card (`exchange-signature`, `exchange-form`).
        StoreError: it cannot be read.
    """
    try:
        card = trustfile.read_card(store.read_file(path, trustfile.CARD_LIMIT), str(path))
    except FormatError as error:
        raise error.recast(ExchangeError, code="exchange-form") from error
    if card.key != keyid:
        raise ExchangeError(
            "the card is not that of the holder whom the plan names",
            where=str(path),
            expected=keyid,
            found=card.key,
            next_step="get the holder's card again, and compare its key id with the holder by another way",
            code="exchange-signature",
        )
    return card


def open_exchange(folder: Path, keyid: str) -> Exchange:
    """Return what lies in a folder, after checking that the holder of this key id signed the answer, and to this request.

    Raises:
        ExchangeError: a statement has not its form, is by another key, or the two do not belong together.
        StoreError: a file cannot be read.
    """
    holder = PublicKey.from_pem(read_holder(folder / CARD, keyid).pem)
    request = read_signed(store.read_file(folder / REQUEST, MAX_BUNDLE), ScreeningRequest, REQUEST)
    answer = read_signed(store.read_file(folder / ANSWER, MAX_BUNDLE), ScreeningAnswer, ANSWER)
    check_pair(request, answer, holder)
    return Exchange(folder, holder, request, answer)


def check_pair(request: Signed[ScreeningRequest], answer: Signed[ScreeningAnswer], holder: PublicKey) -> None:
    """Check that an answer's statement is this holder's, and speaks of this very request as a whole.

    Raises:
        ExchangeError: it is not, or does not.
    """
    answer.verify(holder, "the holder whom the plan names")
    said, test = answer.said, answer.said.self_test
    if request.said.holder != holder.keyid:
        raise wrong_request(f"a request to {holder.keyid}", f"one to {request.said.holder}")
    if answer.subject != request.subject or said.request != request.envelope.digest:
        raise wrong_answer(f"an answer to the request {request.envelope.digest}", f"one to {said.request}")
    if said.rows != request.said.source.rows:
        raise wrong_answer(f"all {request.said.source.rows} rows compared", f"{said.rows}")
    if not 0 < test.planted == test.caught:
        raise wrong_answer("a holder that found all of its own canaries", f"{test.caught} of {test.planted}")
    made, until, when = (instant(one) for one in (request.said.made_on, request.said.expires_on, said.answered_on))
    if not made <= when <= until:
        raise ExchangeError(
            "the answer was not given while the request held",
            where=ANSWER,
            expected=f"from {request.said.made_on} to {request.said.expires_on}",
            found=said.answered_on,
            next_step="make a new request",
            code="exchange-expired",
        )


def checked_answer(file: BinaryIO, request: Signed[ScreeningRequest], answer: Signed[ScreeningAnswer]) -> Answer:
    """Return the answer in an opened file, after checking that it is the one that was signed, and to this request as a whole.

    Raises:
        ExchangeError: it is not in its form (`exchange-form`), or another one (`exchange-answer`).
    """
    found = read_answer(file, SEALED_ANSWER)
    if digest_of_answer(found) != answer.said.answer:
        raise wrong_answer("the answer that the statement names", "another one")
    if found.request != request.envelope.digest or found.rows != answer.said.rows:
        raise wrong_answer(f"an answer on all {answer.said.rows} rows of this request", f"one on {found.rows} rows of {found.request}")
    return found


def check_request(file: BinaryIO, request: Signed[ScreeningRequest]) -> tuple[list[bytes], int]:
    """Read an opened request as a whole, check that it is the one that was signed, and return its ids, and how many pictures it asks about.

    Raises:
        ExchangeError: it is not in its form (`exchange-form`), or another one (`exchange-request`).
    """
    reading = read_request(file, SEALED_REQUEST)
    if (reading.header.rows, reading.header.types) != (request.said.source.rows, request.said.types):
        raise wrong_request("the rows and types that were signed", "others")
    ids = [record.id for record in reading]
    if (reading.digest, reading.root) != (request.subject, request.said.root):
        raise wrong_request("the request that was signed", "another")
    return ids, reading.pictures


def wrong_request(expected: str, found: str) -> ExchangeError:
    """Return the error for a request that is not the one that is due."""
    return ExchangeError(
        "the request is not the one that this step needs",
        where=REQUEST,
        expected=expected,
        found=found,
        next_step="`release fingerprints export` makes a new one from the source as it is",
        code="exchange-request",
    )


def wrong_answer(expected: str, found: str) -> ExchangeError:
    """Return the error for an answer that is not the one that is due."""
    return ExchangeError(
        "the answer is not one to this request",
        where=ANSWER,
        expected=expected,
        found=found,
        next_step="ask the holder for the answer to this request",
        code="exchange-answer",
    )


def _identity(secret: Secret) -> pyrage.x25519.Identity:
    try:
        return pyrage.x25519.Identity.from_str(secret.identity)
    except pyrage.IdentityError as error:
        raise ExchangeError("the identity for the answer is damaged", where=SECRET, code="exchange-form") from error
