"""Signed notices that something counts no longer: a release, a statement, a key, a trust file (docs/SPEC.md 9.6 and 9.7).

A notice is the bytes of one bundle. Whoever may sign it makes it; it counts once the institution has logged it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from audit_logs import envelope, fields, statement
from audit_logs import keys as signing
from audit_logs import trust as trusts
from audit_logs.keys import Signer
from audit_logs.statement import Statement, Subject, Superseded, Withdrawal
from audit_logs.trust import Trust
from release.errors import UsageError


def release_withdrawn(manifest: str, reason: str, signer: Signer, now: datetime) -> bytes:
    """Return the withdrawal of the release with this manifest digest.

    Raises:
        UsageError: no reason is given.
    """
    return _withdrawal("release", statement.about_manifest(manifest), reason, (signer, now))


def envelope_withdrawn(bundle: bytes, reason: str, signer: Signer, now: datetime) -> bytes:
    """Return the withdrawal of a statement that was logged as `bundle`.

    Raises:
        FormatError: this is no bundle.
        UsageError: no reason is given.
    """
    return _withdrawal("envelope", Subject("envelope", envelope.parse(bundle, where="the statement").digest), reason, (signer, now))


def key_withdrawn(keyid: str, reason: str, signer: Signer, now: datetime) -> bytes:
    """Return the withdrawal of a key, which voids everything that it ever signed.

    Raises:
        FormatError: this is no key id.
        UsageError: no reason is given.
    """
    return _withdrawal("key", statement.about_key(keyid), reason, (signer, now))


def trust_superseded(pinned: Trust, new: Trust, signer: Signer, now: datetime) -> bytes:
    """Return one root key's announcement of the trust file that follows the pinned one.

    Raises:
        TrustError: a rule refuses the new file (SPEC.md section 12).
        UsageError: the new file does not follow the pinned one, or the signer is none of its root keys.
    """
    data = trusts.encode(new)
    if (new.version, new.previous, new.name) != (pinned.version + 1, pinned.digest, pinned.name):
        raise UsageError(
            "the new trust file does not follow the pinned one",
            where=f"version {new.version} of {new.name}",
            expected=f"version {pinned.version + 1} of {pinned.name}, which names {pinned.digest} as its previous one",
            found=f"version {new.version}, previous {new.previous or 'null'}",
            next_step="`release trust add-auditor` numbers and links a new file",
        )
    if signer.keyid not in pinned.root.keys:
        raise UsageError("only a root key announces a trust file", expected=" or ".join(pinned.root.keys), found=signer.keyid)
    said = Superseded(new.version, pinned.digest, fields.time_text(now))
    subject = Subject(statement.TRUST_NAME, trusts.parse(data).digest)
    return signing.seal(statement.encode(Statement(subject, said)), signer).raw


def check_right(bundle: bytes, trust: Trust, signer: Signer) -> None:
    """Check that a key may withdraw a statement: it signed that itself, or is a root key.

    Raises:
        UsageError: it may not.
    """
    _check_right(envelope.parse(bundle, where="the statement").keyid, trust, signer)


def check_right_to_key(keyid: str, trust: Trust, signer: Signer) -> None:
    """Check that a key may withdraw a key of the trust file: itself, or any as a root key.

    Raises:
        UsageError: it may not, or the trust file does not name the key.
    """
    if keyid not in trust.keys:
        raise UsageError("the trust file does not name this key", expected="one of " + ", ".join(sorted(trust.keys)), found=keyid)
    _check_right(keyid, trust, signer)


def _check_right(owner: str, trust: Trust, signer: Signer) -> None:
    if signer.keyid != owner and signer.keyid not in trust.root.keys:
        raise UsageError(
            "this key may not withdraw that",
            expected=" or ".join((owner, *trust.root.keys)),
            found=signer.keyid,
            next_step="ask its owner, or the holder of a root key",
        )


def _withdrawal(kind: Literal["release", "envelope", "key"], subject: Subject, reason: str, signed: tuple[Signer, datetime]) -> bytes:
    signer, now = signed
    if not reason.strip():
        raise UsageError("a withdrawal needs a reason", where="--reason", expected="words for the readers of the log")
    said = Withdrawal(kind, reason.strip(), fields.time_text(now))
    return signing.seal(statement.encode(Statement(subject, said)), signer).raw
