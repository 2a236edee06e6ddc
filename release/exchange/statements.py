"""The two statements about a request: the institution's, and the list holder's answer (docs/SPEC.md sections 20.3 and 20.4).

They are bundles like all others, and no log entries: what is logged is a step's attestation, which names the digests of both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

from audit_logs import documents, envelope, keys
from audit_logs.documents import Document, Rule
from audit_logs.envelope import MAX_BUNDLE, Envelope, PublicKey
from audit_logs.errors import FormatError, VerificationError
from audit_logs.fields import BASE, FILLED, SORTED, Count, KeyId, ReleaseName, Sha256, Text, Time, instant
from audit_logs.keys import Signer
from audit_logs.statement import FRAME, AuditorList, SelfTest, Subject, Tool
from release.errors import ExchangeError
from release.exchange.types import FARTHEST, TYPES, is_perceptual

SUBJECT = "request"


@dataclass(frozen=True, slots=True)
class Source:
    """The source that a request is made of: its root (hex), and its number of rows."""

    root: Sha256
    rows: Count


@dataclass(frozen=True, slots=True)
class ScreeningRequest:
    """What an institution asks a list holder.

    Attributes:
        name: the dataset line.
        source: which rows.
        root: of the request's records (hex).
        types: of the fingerprints in it.
        distance: largest distance in bits of a near match; None where no type is a perceptual one.
        holder: key id of the holder who is asked.
        recipient: age recipient of the answer.
        made_on, expires_on: when it was made, and until when an answer counts.
    """

    name: ReleaseName
    source: Source
    root: Sha256
    types: Annotated[tuple[Text, ...], SORTED]
    distance: Count | None
    holder: KeyId
    recipient: Text
    made_on: Time
    expires_on: Time

    def rules(self) -> Iterator[Rule]:
        """Yield what the members must satisfy together."""
        near = any(map(is_perceptual, self.types))
        yield bool(self.types) and set(self.types) <= set(TYPES), "types", "one or more of " + ", ".join(TYPES)
        yield near == (self.distance is not None), "distance", "a number where a type is a pdq- one, else null"
        yield (self.distance or 0) <= FARTHEST, "distance", f"at most {FARTHEST}"
        yield instant(self.made_on) < instant(self.expires_on), "expiresOn", "later than madeOn"


@dataclass(frozen=True, slots=True)
class ScreeningAnswer:
    """What a list holder says of its answer.

    Attributes:
        request: digest of the request's envelope (hex).
        answer: digest of the answer (hex).
        rows: records that were compared.
        lists: with what.
        self_test: the holder's own canaries.
        tool, answered_on: by which program, and when.
    """

    request: Sha256
    answer: Sha256
    rows: Count
    lists: Annotated[tuple[AuditorList, ...], FILLED]
    self_test: SelfTest
    tool: Tool
    answered_on: Time

    def rules(self) -> Iterator[Rule]:
        """Yield what the members must satisfy together."""
        yield all(any(used.entries.values()) for used in self.lists), "lists", "entries of one type or more in each list"


T = TypeVar("T", ScreeningRequest, ScreeningAnswer)
_NAMES: Mapping[type, str] = {
    ScreeningRequest: BASE + "screening-request/v0.1",
    ScreeningAnswer: BASE + "screening-answer/v0.1",
}


@dataclass(frozen=True, slots=True)
class _Frame:
    """The in-toto statement around a predicate, its `_type` apart."""

    predicate: Mapping[str, object]
    predicate_type: Text
    subject: tuple[Subject, ...]

    def rules(self) -> Iterator[Rule]:
        """Yield what the members must satisfy together."""
        yield [one.name for one in self.subject] == [SUBJECT], "subject", f"one subject, {SUBJECT}"


_DOCUMENT = Document(_Frame, FRAME, MAX_BUNDLE)


@dataclass(frozen=True, slots=True)
class Signed(Generic[T]):
    """A statement as it was signed: its envelope, the digest (hex) of the request that it is about, and what it says."""

    envelope: Envelope
    subject: str
    said: T

    def verify(self, key: PublicKey, who: str) -> None:
        """Check that it is signed by this key.

        Raises:
            ExchangeError: it is by another, or does not hold (`exchange-signature`).
        """
        try:
            self.envelope.verify(key)
        except VerificationError as error:
            raise ExchangeError(
                f"a statement is not signed by {who}",
                where=_NAMES[type(self.said)].removeprefix(BASE),
                expected=key.keyid,
                found=self.envelope.keyid if self.envelope.keyid != key.keyid else "a signature that does not hold",
                next_step="do not use it; ask whoever sent it",
                code="exchange-signature",
            ) from error


def sign(said: T, request: str, signer: Signer) -> Signed[T]:
    """Return a statement about the request with this digest (hex), signed."""
    payload = _DOCUMENT.encode(_Frame(documents.write(said), _NAMES[type(said)], (Subject(SUBJECT, request),)))
    return read_signed(keys.seal(payload, signer).raw, type(said), "statement")


def read_signed(raw: bytes, shape: type[T], where: str) -> Signed[T]:
    """Return the statement of one kind in a bundle; its signature is not verified here.

    Raises:
        ExchangeError: it is none (`exchange-form`).
    """
    try:
        found = envelope.parse(raw, where=where)
        frame = _DOCUMENT.parse(found.payload, where)
        if frame.predicate_type != _NAMES[shape]:
            raise documents.refuse(f"{where}.predicateType", _NAMES[shape], frame.predicate_type)
        return Signed(found, frame.subject[0].sha256, documents.read(shape, frame.predicate, f"{where}.predicate"))
    except FormatError as error:
        raise error.recast(ExchangeError, code="exchange-form") from error
