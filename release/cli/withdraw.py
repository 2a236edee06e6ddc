"""`release withdraw`: sign the withdrawal of a statement or of a key."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from release.cli._command import FOLDER, CommandGroup, command, signs
from release.cli._output import Output

if TYPE_CHECKING:
    from audit_logs.keys import Signer
    from audit_logs.trust import Trust

_EXAMPLE = 'release withdraw statement candidate/opinions/watchdog.example.0a1b2c3d.sigstore.json --key auditor.pem --trust trust.json --reason "a list was wrong" --out withdrawal.sigstore.json'
_KEY_EXAMPLE = 'release withdraw key SHA256:hJMcPBKxWsbO4v0gAU3dDRH1UzVuTlIAWKVyQFtCtp0 --key root.pem --trust trust.json --reason "lost" --out withdrawal.sigstore.json'

withdraw = CommandGroup("withdraw", summary="Sign the withdrawal of a statement or of a key.", examples=(_EXAMPLE,))


@dataclass(frozen=True, slots=True)
class _Request:
    """Who withdraws, and why."""

    key: Path
    trust: Path
    reason: str
    out: Path
    memory: Path | None


def _options(function: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(
        (
            click.option("--key", type=FOLDER, required=True, help="Your signing key: the author's own, or a root key."),
            click.option("--trust", type=FOLDER, required=True, help="Your own trust file."),
            click.option("--reason", required=True, help="For the readers of the log; it can never be taken back."),
            click.option("--out", type=FOLDER, required=True, help="The file that the institution is to log; it is not there yet."),
            click.option("--memory", type=FOLDER, help="As an auditor: what you cosigned and submitted before.  [default: beside the key]"),
        )
    ):
        function = option(function)
    return function


@command("statement", examples=(_EXAMPLE,))
@click.argument("file", type=FOLDER, metavar="STATEMENT")
@_options
@signs
def of_statement(output: Output, file: Path, **options: Any) -> None:  # noqa: ANN401  (click has checked their types)
    """Sign the withdrawal of a logged statement, given its bundle file: a report, an opinion, an attestation.

    What rests on it counts for nothing any more either. The institution logs the result with `release record`; an auditor's witness
    cosigns nothing until it has.
    """
    from audit_logs.envelope import MAX_BUNDLE
    from release import notices, store

    bundle = store.read_file(file, MAX_BUNDLE)

    def make(trust: Trust, signer: Signer, reason: str, now: datetime) -> bytes:
        notices.check_right(bundle, trust, signer)
        return notices.envelope_withdrawn(bundle, reason, signer, now)

    _sign(output, _Request(**options), make)


@command("key", examples=(_KEY_EXAMPLE,))
@click.argument("keyid", metavar="KEYID")
@_options
@signs
def of_key(output: Output, keyid: str, **options: Any) -> None:  # noqa: ANN401  (click has checked their types)
    """Sign the withdrawal of a key of the trust file: that voids all its statements, earlier ones too.

    What is still true has to be signed again with a new key, under a trust file that names it.
    """
    from release import notices

    def make(trust: Trust, signer: Signer, reason: str, now: datetime) -> bytes:
        notices.check_right_to_key(keyid, trust, signer)
        return notices.key_withdrawn(keyid, reason, signer, now)

    _sign(output, _Request(**options), make)


def _sign(output: Output, request: _Request, make: Callable[[Trust, Signer, str, datetime], bytes]) -> None:
    """Write a notice, and let an auditor's witness remember that it was submitted."""
    from audit_logs import witness
    from audit_logs.note import VerifierKey
    from release import signers, store, trustfile

    trust, signer = trustfile.read(request.trust), signers.load(request.key)
    raw = make(trust, signer, request.reason, datetime.now(UTC))
    digest = hashlib.sha256(raw).hexdigest()
    check_new(request.out)
    if trust.auditor(signer.keyid) is not None:
        memory = request.memory or request.key.with_name(request.key.name + ".memory")
        witness.remember_submitted(memory, VerifierKey.parse(trust.log.key), (digest,))
    store.write_file(request.out, raw)
    output.result(
        {"statement": str(request.out), "digest": digest},
        f"Wrote {request.out}. It counts once it is logged.\nNext: the institution runs `release record DIR {request.out} --to PUBLISHED`.",
    )


def check_new(path: Path) -> None:
    """Refuse to replace a file: a statement that was signed may be on its way already."""
    from release.errors import UsageError

    if path.exists():
        raise UsageError("there is a file already", where=str(path), expected="a new name", next_step="name another file with --out")


for _command in (of_statement, of_key):
    withdraw.add_command(_command)
