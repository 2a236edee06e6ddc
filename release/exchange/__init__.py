"""What two institutions hand each other where a list may not leave its place: a request and an answer (docs/SPEC.md section 20)."""

from release.exchange.files import (
    Answer,
    Reading,
    Record,
    RequestHeader,
    digest_of_answer,
    read_answer,
    read_request,
    record_of,
    request_bytes,
    row_ids,
)
from release.exchange.folder import Asked, Exchange, Secret, check_pair, check_request, checked_answer, open_exchange, read_holder
from release.exchange.sealing import open_sealed, seal
from release.exchange.statements import ScreeningAnswer, ScreeningRequest, Signed, Source, read_signed, sign
from release.exchange.types import FARTHEST, PDQ, TYPES, asked_types

__all__ = [
    "FARTHEST",
    "PDQ",
    "TYPES",
    "Answer",
    "Asked",
    "Exchange",
    "Reading",
    "Record",
    "RequestHeader",
    "ScreeningAnswer",
    "ScreeningRequest",
    "Secret",
    "Signed",
    "Source",
    "asked_types",
    "check_pair",
    "check_request",
    "checked_answer",
    "digest_of_answer",
    "open_exchange",
    "open_sealed",
    "read_answer",
    "read_holder",
    "read_request",
    "read_signed",
    "record_of",
    "request_bytes",
    "row_ids",
    "seal",
    "sign",
]
