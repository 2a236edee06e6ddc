"""The trust file: whom a verifier believes, and for what. Source: docs/SPEC.md section 12.

`read` checks the form alone; `faults` lists everything that the rules refuse; `parse` does both and is what verifying uses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Literal

from audit_logs import canonical, fields, statement
from audit_logs.envelope import PublicKey
from audit_logs.errors import FormatError, TrustError
from audit_logs.fields import BASE, Count, Flag, KeyId, Label, Organisation, Positive, ReleaseName, Sha256, Text, Time, refuse, write
from audit_logs.note import VerifierKey

TYPE = BASE + "trust/v0.1"
LIMIT = 1024 * 1024


@dataclass(frozen=True, slots=True)
class LogId:
    """A log: its origin, and its key as a C2SP vkey of type 01."""

    origin: Text
    key: Text


@dataclass(frozen=True, slots=True)
class TrustKey:
    """A public key and the organisation that owns it."""

    organisation: Organisation
    pem: Text


@dataclass(frozen=True, slots=True)
class Root:
    """The keys that together replace this file, and how many of them it takes."""

    keys: tuple[KeyId, ...]
    threshold: Count


@dataclass(frozen=True, slots=True)
class RequiredStep:
    """A step that every release of the line must have, in this order."""

    name: Label
    kind: Label
    keys: tuple[KeyId, ...]
    max_list_age_days: Count | None


@dataclass(frozen=True, slots=True)
class Auditor:
    """An auditor: key id for statements, vkey for cosignatures, age recipient for evidence, and the tier it may open."""

    organisation: Organisation
    key: KeyId
    witness: Text
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
    """A whole trust file."""

    version: Positive
    previous: Sha256 | None
    expires: Time
    name: ReleaseName
    log: LogId
    keys: Mapping[str, TrustKey]
    root: Root
    build: tuple[KeyId, ...]
    publish: tuple[KeyId, ...]
    steps: tuple[RequiredStep, ...]
    auditors: tuple[Auditor, ...]
    officer: Text
    policy: Policy

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the file's only form, in hex."""
        return sha256(_bytes(self)).hexdigest()

    def public_key(self, keyid: str) -> PublicKey | None:
        """Return the key with this id, or nothing."""
        entry = self.keys.get(keyid)
        return None if entry is None else _public_key(entry.pem)

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


def read(data: bytes, *, where: str = "trust file") -> Trust:
    """Return the trust file that `data` is the only form of, without the rules of section 12.

    Raises:
        TrustError: the form is not that of sections 1, 2 and 12 (code `trust`).
    """
    try:
        value = canonical.decode(data, where=where, limit=LIMIT)
        if value.pop("_type", None) != TYPE:
            raise refuse(f"{where}._type", TYPE, "another type")
        trust = fields.read(Trust, value, where)
        _check_form(trust, where)
    except FormatError as error:
        raise TrustError(
            "the trust file has not its legal form",
            where=error.where,
            expected=error.expected,
            found=error.found,
            next_step="ask whoever gave you the file for it again",
        ) from error
    return trust


def parse(data: bytes, *, where: str = "trust file") -> Trust:
    """Return a trust file that all rules of section 12 allow.

    Raises:
        TrustError: its form is wrong (`trust`), or a rule refuses it (the rule's own code).
    """
    trust = read(data, where=where)
    for fault in faults(trust):
        raise fault
    return trust


def encode(trust: Trust) -> bytes:
    """Return the only form of a trust file.

    Raises:
        TrustError: it would not be read again, or a rule refuses it.
    """
    data = _bytes(trust)
    parse(data)
    return data


def faults(trust: Trust) -> Iterator[TrustError]:
    """Yield everything for which section 12 refuses a trust file, in the section's order."""
    for check in (_key_faults, _owner_faults, _role_faults, _auditor_faults, _count_faults):
        yield from check(trust)


def _bytes(trust: Trust) -> bytes:
    return canonical.encode({"_type": TYPE, **write(trust)})


@lru_cache(maxsize=1024)
def _public_key(pem: str) -> PublicKey:
    return PublicKey.from_pem(pem)


def _fault(code: str, where: str, expected: str, found: str) -> TrustError:
    return TrustError("the trust file is refused", where=where, expected=expected, found=found, code=code)


def _check_form(trust: Trust, where: str) -> None:
    """Check what section 12 says of single members beyond their kind."""
    if (trust.version == 1) != (trust.previous is None):
        raise refuse(f"{where}.previous", "null for version 1 and a sha256 for every later one", trust.previous)
    lists = {"root.keys": trust.root.keys, "build": trust.build, "publish": trust.publish}
    lists |= {f"steps[{index}].keys": step.keys for index, step in enumerate(trust.steps)}
    for member, keyids in lists.items():
        if list(keyids) != sorted(set(keyids)):
            raise refuse(f"{where}.{member}", "key ids sorted and distinct", "others")
    names = [step.name for step in trust.steps]
    if len(set(names)) != len(names):
        raise refuse(f"{where}.steps", "distinct names", ", ".join(names))
    log = _vkey(trust.log.key, 1, f"{where}.log.key")
    if log.name != trust.log.origin:
        raise refuse(f"{where}.log.key", f"a vkey whose name is the origin {trust.log.origin}", log.name)
    for index, auditor in enumerate(trust.auditors):
        _vkey(auditor.witness, 4, f"{where}.auditors[{index}].witness")


def _vkey(text: str, kind: int, where: str) -> VerifierKey:
    key = VerifierKey.parse(text)
    if key.kind != kind:
        raise refuse(where, f"a vkey of type {kind:02d}", f"type {key.kind:02d}")
    return key


def _key_faults(trust: Trust) -> Iterator[TrustError]:
    owners: dict[bytes, str] = {}
    for keyid, entry in trust.keys.items():
        try:
            key = _public_key(entry.pem)
        except FormatError as error:
            yield _fault("trust-key-id", f"keys.{keyid}", "a public key in its one PEM form", error.what)
            continue
        if key.identity in owners:
            yield _fault("trust-key-twice", f"keys.{keyid}", "every key under one id", f"the key of {owners[key.identity]}")
        owners[key.identity] = keyid
        if key.keyid != keyid:
            yield _fault("trust-key-id", f"keys.{keyid}", key.keyid, keyid)


def _raw(trust: Trust, keyid: str) -> bytes:
    """Return the bytes of a key, or nothing where the file's own faults make that impossible."""
    entry = trust.keys.get(keyid)
    try:
        return b"" if entry is None else _public_key(entry.pem).raw
    except FormatError:
        return b""


def _owner_faults(trust: Trust) -> Iterator[TrustError]:
    """Two auditors that share a key are one auditor."""
    owners: dict[bytes, str] = {}
    for auditor in trust.auditors:
        for raw in {_raw(trust, auditor.key), VerifierKey.parse(auditor.witness).public} - {b""}:
            if owners.setdefault(raw, auditor.organisation) != auditor.organisation:
                yield _fault("trust-key-twice", f"auditors, {auditor.organisation}", "a key of its own", f"a key of {owners[raw]}")


def _role_faults(trust: Trust) -> Iterator[TrustError]:
    for keyid in sorted(trust.institution_keys() | {auditor.key for auditor in trust.auditors}):
        if keyid not in trust.keys:
            yield _fault("trust-unknown-key", "the roles", "key ids that stand in keys", keyid)


def _auditor_faults(trust: Trust) -> Iterator[TrustError]:
    log = VerifierKey.parse(trust.log.key).public
    others = {_raw(trust, keyid) for keyid in trust.institution_keys()} | {log}
    institutions = {trust.organisation(keyid) for keyid in trust.institution_keys()}
    seen: set[str] = set()
    for auditor in trust.auditors:
        where = f"auditors, {auditor.organisation}"
        if {_raw(trust, auditor.key), VerifierKey.parse(auditor.witness).public} & (others - {b""}):
            yield _fault("trust-auditor-key", where, "keys without another role", "a root, log, step, build or publish key")
        owner = trust.organisation(auditor.key)
        if owner != auditor.organisation or owner in institutions:
            yield _fault("trust-auditor-organisation", where, "its own key, and no other role", f"a key of {owner or 'nobody'}")
        if auditor.organisation in seen:
            yield _fault("trust-organisation-twice", where, "one entry for each organisation", "two")
        seen.add(auditor.organisation)


def _count_faults(trust: Trust) -> Iterator[TrustError]:
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
            yield _fault("trust-threshold", where, reach, str(value))
