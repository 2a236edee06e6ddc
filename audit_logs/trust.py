"""The trust file: whom a verifier believes, and for what. Source: docs/SPEC.md section 12.

`read` checks the form alone; `faults` lists everything that the rules refuse; `parse` does both and is what verifying uses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Annotated, Literal

from audit_logs import statement
from audit_logs.documents import Document, Rule
from audit_logs.envelope import PublicKey
from audit_logs.errors import Failure, FormatError, TrustError
from audit_logs.fields import BASE, SORTED, Count, Flag, KeyId, Kind, Label, Organisation, Positive, ReleaseName, Sha256, Text, Time
from audit_logs.note import LOG_KEY, WITNESS_KEY, VerifierKey

TYPE = BASE + "trust/v0.1"
LIMIT = 1024 * 1024


def _is_vkey(text: object, kind: int) -> bool:
    try:
        return isinstance(text, str) and VerifierKey.parse(text).kind == kind
    except FormatError:
        return False


KeyIds = Annotated[tuple[KeyId, ...], SORTED]
LogKey = Annotated[str, Kind("a vkey of type 01", lambda text: _is_vkey(text, LOG_KEY))]
WitnessKey = Annotated[str, Kind("a vkey of type 04", lambda text: _is_vkey(text, WITNESS_KEY))]


@dataclass(frozen=True, slots=True)
class LogId:
    """A log: its origin, and its key as a C2SP vkey of type 01."""

    origin: Text
    key: LogKey

    def rules(self) -> Iterator[Rule]:
        """Yield what the members must satisfy together."""
        yield VerifierKey.parse(self.key).name == self.origin, "key", f"a vkey whose name is the origin {self.origin}"


@dataclass(frozen=True, slots=True)
class TrustKey:
    """A public key and the organisation that owns it."""

    organisation: Organisation
    pem: Text


@dataclass(frozen=True, slots=True)
class Root:
    """The keys that together replace this file, and how many of them it takes."""

    keys: KeyIds
    threshold: Count


@dataclass(frozen=True, slots=True)
class RequiredStep:
    """A step that every release of the line must have, in this order."""

    name: Label
    kind: Label
    keys: KeyIds
    max_list_age_days: Count | None


@dataclass(frozen=True, slots=True)
class Auditor:
    """An auditor: key id for statements, vkey for cosignatures, age recipient for evidence, and the tier it may open."""

    organisation: Organisation
    key: KeyId
    witness: WitnessKey
    recipient: Text
    tier: Literal["rows", "matches"]


@dataclass(frozen=True, slots=True)
class Policy:
    """How many organisations must have passed a release, and how fresh the proof of it must be."""

    opinions: Count
    matches: Count
    qualified: Flag
    quorum: Count
    fresh_seconds: Count


@dataclass(frozen=True, slots=True)
class Trust:
    """A whole trust file; `verify_page` is "" where it names no page that verifies."""

    version: Positive
    previous: Sha256 | None
    expires: Time
    name: ReleaseName
    log: LogId
    keys: Mapping[str, TrustKey]
    root: Root
    build: KeyIds
    publish: KeyIds
    steps: tuple[RequiredStep, ...]
    auditors: tuple[Auditor, ...]
    officer: Text
    policy: Policy
    verify_page: Sha256 = ""

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the file's only form, in hex."""
        return sha256(_DOCUMENT.encode(self)).hexdigest()

    def rules(self) -> Iterator[Rule]:
        """Yield what section 12 says of single members beyond their kind."""
        yield (self.version == 1) == (self.previous is None), "previous", "null for version 1 and a sha256 for every later one"
        yield len({step.name for step in self.steps}) == len(self.steps), "steps", "distinct names"

    def public_key(self, keyid: str) -> PublicKey | None:
        """Return the key with this id, or nothing."""
        entry = self.keys.get(keyid)
        return None if entry is None else _public_key(entry.pem)

    def raw_keys(self, *keyids: str) -> frozenset[bytes]:
        """Return the bytes of the keys with these ids, of those that there are."""
        return frozenset(key.raw for keyid in keyids if (key := self.public_key(keyid)) is not None)

    def organisation(self, keyid: str) -> str:
        """Return who owns a key, or ""."""
        entry = self.keys.get(keyid)
        return "" if entry is None else entry.organisation

    def auditor(self, keyid: str) -> Auditor | None:
        """Return the auditor whose statements this key signs, or nothing."""
        return next((auditor for auditor in self.auditors if auditor.key == keyid), None)

    def institution_keys(self) -> frozenset[str]:
        """Return the ids of all root, step, build and publish keys: those that no auditor may hold."""
        return frozenset((*self.root.keys, *self.build, *self.publish, *(keyid for step in self.steps for keyid in step.keys)))

    def may_sign(self, keyid: str, predicate: statement.Predicate) -> bool:
        """Tell whether a key has the role to sign a statement of this type; withdrawals are decided by their target."""
        if isinstance(predicate, statement.FilterStep):
            named = {step.name: step.keys for step in self.steps}
            return keyid in named.get(predicate.step.name, self.build)
        if isinstance(predicate, statement.Candidate):
            return keyid in self.build
        if isinstance(predicate, statement.AuditReport | statement.Opinion):
            return self.auditor(keyid) is not None
        if isinstance(predicate, statement.Release):
            return keyid in self.publish
        return isinstance(predicate, statement.Withdrawal) or keyid in self.root.keys


_DOCUMENT = Document(Trust, TYPE, LIMIT, TrustError, "trust")


def read(data: bytes, *, where: str = "trust file") -> Trust:
    """Return the trust file that `data` is the only form of, without the rules of section 12.

    Raises:
        TrustError: the form is not that of sections 1, 2 and 12 (code `trust`).
    """
    return _DOCUMENT.parse(data, where)


def parse(data: bytes, *, where: str = "trust file") -> Trust:
    """Return a trust file that all rules of section 12 allow.

    Raises:
        TrustError: its form is wrong (`trust`), or a rule refuses it (the rule's own code).
    """
    trust = read(data, where=where)
    for fault in faults(trust):
        raise fault.problem(TrustError, "the trust file is refused")
    return trust


def encode(trust: Trust) -> bytes:
    """Return the only form of a trust file.

    Raises:
        TrustError: it would not be read again, or a rule refuses it.
    """
    data = _DOCUMENT.encode(trust)
    parse(data)
    return data


def faults(trust: Trust) -> Iterator[Failure]:
    """Yield everything for which section 12 refuses a trust file."""
    for check in (_key_faults, _role_faults, _auditor_faults, _count_faults):
        yield from check(trust)


@lru_cache(maxsize=1024)
def _public_key(pem: str) -> PublicKey | None:
    """Return the key of a PEM text; nothing for what is no key, which `faults` names."""
    try:
        return PublicKey.from_pem(pem)
    except FormatError:
        return None


def _key_faults(trust: Trust) -> Iterator[Failure]:
    owners: dict[bytes, str] = {}
    for keyid, entry in trust.keys.items():
        key = _public_key(entry.pem)
        if key is None or key.keyid != keyid:
            yield Failure("trust-key-id", f"keys.{keyid}", key.keyid if key else "a public key in its one PEM form", keyid)
        if key is not None and owners.setdefault(key.raw, keyid) != keyid:
            yield Failure("trust-key-twice", f"keys.{keyid}", "every key under one id", f"the key of {owners[key.raw]}")


def _role_faults(trust: Trust) -> Iterator[Failure]:
    for keyid in sorted(trust.institution_keys() | {auditor.key for auditor in trust.auditors}):
        if keyid not in trust.keys:
            yield Failure("trust-unknown-key", "the roles", "key ids that stand in keys", keyid)


def _auditor_faults(trust: Trust) -> Iterator[Failure]:
    """Two auditors that share a key are one auditor, and an auditor that shares one with the institution is none."""
    institution = trust.institution_keys()
    others = trust.raw_keys(*institution) | {VerifierKey.parse(trust.log.key).public}
    owners: dict[bytes, str] = {}
    names: list[str] = []
    for auditor in trust.auditors:
        name, owner, where = auditor.organisation, trust.organisation(auditor.key), f"auditors, {auditor.organisation}"
        own = trust.raw_keys(auditor.key) | {VerifierKey.parse(auditor.witness).public}
        shared = [owners[raw] for raw in own if owners.setdefault(raw, name) != name]
        if shared:
            yield Failure("trust-key-twice", where, "a key of its own", f"a key of {', '.join(shared)}")
        if own & others:
            yield Failure("trust-auditor-key", where, "keys without another role", "a root, log, step, build or publish key")
        if owner != name or owner in map(trust.organisation, institution):
            yield Failure("trust-auditor-organisation", where, "its own key, and no other role", f"a key of {owner or 'nobody'}")
        if name in names:
            yield Failure("trust-organisation-twice", where, "one entry for each organisation", "two")
        names.append(name)


def _count_faults(trust: Trust) -> Iterator[Failure]:
    auditors, policy = len(trust.auditors), trust.policy
    holders = sum(auditor.tier == "matches" for auditor in trust.auditors)
    rules = (
        ("root.threshold", 1, trust.root.threshold, len(trust.root.keys)),
        ("policy.opinions", 1, policy.opinions, auditors),
        ("policy.matches", 0, policy.matches, min(holders, policy.opinions)),
        ("policy.quorum", 1, policy.quorum, auditors),
    )
    for where, low, value, high in rules:
        if not low <= value <= high:
            reach = f"a number from {low} to {high}" if low <= high else "somebody who could reach it, and nobody is named yet"
            yield Failure("trust-threshold", where, reach, str(value))
