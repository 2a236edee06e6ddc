"""Making trust files: the first one of a line, one with a further auditor, and one that names the page that verifies.

A new trust file names no auditor, so nobody can verify by it yet; a build takes it with a warning. Each auditor gives the
institution a card: the public parts of the auditor's keys. Adding a card completes the file in place as long as nobody can
have pinned it; a file that could be pinned gets a successor, which names it by digest (SPEC.md section 12).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from audit_logs import canonical, documents, fields, keys
from audit_logs import trust as trusts
from audit_logs.envelope import PublicKey
from audit_logs.errors import FormatError, TrustError
from audit_logs.fields import BASE, KeyId, Organisation, ReleaseName, Text
from audit_logs.keys import Signer
from audit_logs.note import LOG_KEY, WITNESS_KEY
from audit_logs.trust import Auditor, LogId, Policy, RequiredStep, Root, Trust, TrustKey
from release import store

CARD_TYPE = BASE + "auditor-card/v0.1"
CARD_LIMIT = 64 * 1024
LIFETIME = timedelta(days=730)  # longer than any freshness: an old proof is to be called stale, not its trust file expired
FRESH_SECONDS = 30 * 86_400
UNREACHABLE = "trust-threshold"


@dataclass(frozen=True, slots=True)
class Institution:
    """An institution's keys and who it is; `officer` is the age recipient of its reporting officer."""

    organisation: str
    institution: Signer
    root: Signer
    log: Signer
    officer: str


@dataclass(frozen=True, slots=True)
class Line:
    """A dataset line: its name, its required steps as (name, kind), the largest age of their lists, and how many auditors it needs."""

    name: str
    steps: tuple[tuple[str, str], ...]
    max_list_age_days: int | None
    auditors: int


@dataclass(frozen=True, slots=True)
class Card:
    """An auditor's public parts: key id and PEM of the signing key, vkey of the witness, age recipient."""

    organisation: Organisation
    key: KeyId
    pem: Text
    witness: Text
    recipient: Text

    def encode(self) -> bytes:
        """Return the card's only form."""
        return canonical.encode({"_type": CARD_TYPE, **documents.write(self)})


@dataclass(frozen=True, slots=True)
class _Names:
    """The names that a person chooses."""

    organisation: Organisation
    name: ReleaseName


def check_names(organisation: str, name: str = "owner/name") -> None:
    """Check the form of an organisation and of a release name, before keys are made for them.

    Raises:
        FormatError: one has not its legal form.
    """
    documents.read(_Names, {"organisation": organisation, "name": name}, "the command line")


def draft(institution: Institution, line: Line, now: datetime) -> Trust:
    """Return version 1 of a line's trust file, without auditors."""
    signers = {signer.keyid: signer.public.pem for signer in (institution.institution, institution.root)}
    signing = (institution.institution.keyid,)
    return Trust(
        version=1,
        previous=None,
        expires=fields.time_text(now + LIFETIME),
        name=line.name,
        log=LogId(line.name, keys.verifier_key(institution.log, line.name, LOG_KEY).text),
        keys={keyid: TrustKey(institution.organisation, pem) for keyid, pem in signers.items()},
        root=Root((institution.root.keyid,), 1),
        build=signing,
        publish=signing,
        steps=tuple(RequiredStep(name, kind, signing, line.max_list_age_days) for name, kind in line.steps),
        auditors=(),
        officer=institution.officer,
        policy=Policy(opinions=line.auditors, matches=0, qualified=False, quorum=line.auditors, fresh_seconds=FRESH_SECONDS),
    )


def card(organisation: str, signer: Signer, recipient: str) -> Card:
    """Return the card of an auditor, whose one Ed25519 key signs statements and checkpoints.

    Raises:
        FormatError: the organisation has not its legal form.
    """
    made = Card(organisation, signer.keyid, signer.public.pem, keys.verifier_key(signer, organisation, WITNESS_KEY).text, recipient)
    return read_card(made.encode(), "the card")


def read_card(data: bytes, where: str) -> Card:
    """Return the card that `data` holds.

    Raises:
        FormatError: it is no card, or its key id is not its key's.
    """
    value = canonical.decode(data, where=where, limit=CARD_LIMIT)
    if value.pop("_type", None) != CARD_TYPE:
        raise FormatError("the file is no auditor's card", where=where, expected="what `release auditor new` writes as auditor.json")
    found = documents.read(Card, value, where)
    keyid = PublicKey.from_pem(found.pem).keyid
    if keyid != found.key:
        raise FormatError("the key id is not the key's", where=where, expected=keyid, found=found.key)
    return found


def with_auditor(trust: Trust, new: Card, tier: Literal["rows", "matches"]) -> Trust:
    """Return a trust file that names one auditor more.

    Raises:
        TrustError: the auditor is there already, or shares a key with another role.
    """
    made = replace(
        _numbered(trust),
        keys={**trust.keys, new.key: TrustKey(new.organisation, new.pem)},
        auditors=(*trust.auditors, Auditor(new.organisation, new.key, new.witness, new.recipient, tier)),
    )
    for fault in trusts.faults(made):
        if fault.code != UNREACHABLE:
            raise fault.problem(TrustError, "the trust file is refused")
    return made


def with_page(trust: Trust, digest: str) -> Trust:
    """Return a trust file that names the page that verifies by its SHA-256 in hex, or "" for none; the file itself where it does so already.

    Raises:
        TrustError: the trust file is refused for something that is no lack of auditors.
    """
    for fault in trusts.faults(trust):
        if fault.code != UNREACHABLE:
            raise fault.problem(TrustError, "the trust file is refused")
    return trust if trust.verify_page == digest else replace(_numbered(trust), verify_page=digest)


def _numbered(trust: Trust) -> Trust:
    """Return the file to change: itself while nobody can have pinned it, else with the next version's number and predecessor."""
    unfinished = any(fault.code == UNREACHABLE for fault in trusts.faults(trust))
    return trust if unfinished else replace(trust, version=trust.version + 1, previous=trust.digest)


def missing(trust: Trust) -> list[str]:
    """Return, in words, why nobody can verify by this trust file yet."""
    return [f"{fault.where}: expected {fault.expected}, found {fault.found}" for fault in trusts.faults(trust)]


def read(path: Path) -> Trust:
    """Return the trust file at `path`, which may still lack auditors.

    Raises:
        TrustError: its form is wrong.
        StoreError: it cannot be read.
    """
    return trusts.read(store.read_file(path, trusts.LIMIT), where=str(path))


def write(path: Path, trust: Trust) -> None:
    """Write a trust file in its only form, after checking that it will be read again.

    Raises:
        TrustError: it would not be.
        StoreError: it could not be written.
    """
    data = canonical.encode({"_type": trusts.TYPE, **documents.write(trust)})
    if trusts.read(data) != trust:
        raise TrustError("the trust file would not be read again as it is", where=str(path))
    store.write_file(path, data)
