"""The light verifier's command line: `python -m audit_logs verify | show | cosign`.

Exit codes: 0 verified, 1 failed (or a problem), 2 wrong usage, 3 stale, 4 withdrawn, 5 incomplete.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from audit_logs import contact, documents
from audit_logs import seen as seen_files
from audit_logs import trust as trusts
from audit_logs.errors import Problem, StoreError, TrustError
from audit_logs.fields import instant
from audit_logs.files import FolderFiles
from audit_logs.history import history
from audit_logs.note import VerifierKey
from audit_logs.telling import as_json, human, printable, tell
from audit_logs.verify import verify

_EXAMPLES = """examples:
  python -m audit_logs verify street-scenes --trust trust.json
  python -m audit_logs verify street-scenes --trust trust.json --format json
  python -m audit_logs verify street-scenes --trust-digest 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03
  python -m audit_logs verify street-scenes --trust-on-first-use
  python -m audit_logs show street-scenes --trust trust.json
  python -m audit_logs cosign street-scenes --trust trust.json --key witness.pem

The trust file says whom you believe. Get it from the institution or the auditors by a way that you trust, never from the
release itself. Exit codes: 0 verified, 1 failed, 2 wrong usage, 3 stale, 4 withdrawn, 5 incomplete."""


@dataclass(frozen=True, slots=True)
class _Options:
    """What stands on the command line."""

    command: str
    folder: Path
    trust: Path | None
    trust_digest: str | None
    trust_on_first_use: bool
    format: str
    debug: bool
    now: datetime
    state: Path | None
    key: Path | None
    memory: Path | None
    passphrase_fd: int | None

    @property
    def asked(self) -> contact.Asked:
        """By which trust file to go."""
        return contact.Asked(self.trust, self.trust_digest, self.trust_on_first_use)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; a problem is one line on standard error."""
    options = _options(arguments)
    commands = {"verify": _verify, "show": _show, "cosign": _cosign}
    try:
        return commands[options.command](options)
    except Problem as problem:
        if options.debug:
            raise
        _warn(str(problem))
    except KeyboardInterrupt:
        if options.debug:
            raise
        print("audit_logs: stopped; nothing was changed", file=sys.stderr)
    return 1


def _options(arguments: Sequence[str] | None) -> _Options:
    as_written: Any = {"epilog": _EXAMPLES, "formatter_class": argparse.RawDescriptionHelpFormatter}
    as_written["allow_abbrev"] = False  # trust on first use is said in full
    about = "Check a release of a dataset against its audit log."
    parser = argparse.ArgumentParser(prog="python -m audit_logs", description=about, **as_written)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    texts = {
        "verify": "check a release and give a verdict",
        "show": "tell the history of a release's audit log",
        "cosign": "as a witness, sign the log's checkpoint",
    }
    for name, text in texts.items():
        command = commands.add_parser(name, help=text, description=text, **as_written)
        command.add_argument("folder", type=Path, metavar="DIR", help="the release")
        command.add_argument("--trust", type=Path, required=name != "verify", metavar="FILE", help="the trust file that you have pinned")
        command.add_argument("--format", choices=("human", "json", "quiet"), default="human")
        command.add_argument("--debug", action="store_true", help="show a traceback where a problem ends the command")
        command.add_argument("--now", type=instant, default=None, help=argparse.SUPPRESS)
        command.set_defaults(state=None, key=None, memory=None, trust_digest=None, trust_on_first_use=False, passphrase_fd=None)
        if name == "verify":
            command.add_argument("--trust-digest", metavar="SHA256", help="the trust file in the release, if it has this digest")
            first = "the trust file in the release, though nobody vouched for it; pinned as FILE, or beside DIR, if the release is verified"
            command.add_argument("--trust-on-first-use", action="store_true", help=first)
            command.add_argument("--state", type=Path, metavar="FILE", help="what was seen of the log; default: beside the trust file")
        if name == "cosign":
            command.add_argument("--key", type=Path, required=True, metavar="FILE", help="the witness's private key")
            command.add_argument("--memory", type=Path, metavar="FILE", help="what this witness signed before; default: beside the key")
            command.add_argument("--passphrase-fd", type=int, metavar="N", help="where to read the key's passphrase; default: the terminal")
    values = vars(parser.parse_args(arguments))
    options = _Options(**(values | {"now": values["now"] or datetime.now(UTC)}))
    if options.asked.fault:
        parser.error(options.asked.fault)
    return options


def _trust_bytes(options: _Options) -> bytes:
    return contact.choose(options.folder, options.asked).data


def _verify(options: _Options) -> int:
    chosen = contact.choose(options.folder, options.asked)
    _warn(chosen.warning)
    place = options.state or chosen.state
    remembered = contact.remembered(place)
    report = verify(FolderFiles(options.folder), chosen.data, now=options.now, seen=remembered)
    if options.format == "json":
        _say(json.dumps(as_json(tell(report)), indent=2, ensure_ascii=True))
    elif options.format == "human":
        _say(human(tell(report)))
    new = report.seen if report.verdict == "verified" and report.seen != remembered else None
    try:  # the verdict does not depend on whether anything can be remembered
        _warn(contact.pin(chosen, report))
        if new is not None:
            _remember(options.folder, place, new, remembered)
    except StoreError as problem:
        _warn(f"nothing is remembered: {problem}")
    return report.exit_code


def _remember(folder: Path, place: Path | None, new: seen_files.Seen, old: seen_files.Seen | None) -> None:
    if place is None:
        _warn("nothing is remembered of the log: name a place with --state")
    elif contact.is_inside(place, folder):
        _warn("nothing is remembered of the log: keep your trust file outside the release")
    else:
        contact.remember(place, new, old)


def _say(text: str) -> None:
    """Print an answer; a stranger's word that the terminal's encoding has no character for is written as an escape."""
    try:
        encoding = sys.stdout.encoding or "utf-8"
        print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still in the buffer would fail again at the end
        raise StoreError("the answer cannot be written", where="standard output", found=error.strerror or "an error") from error


def _warn(text: str) -> None:
    """Tell something that the reader has to know, if there is something."""
    if text:
        print(f"audit_logs: {printable(text)}", file=sys.stderr)


def _show(options: _Options) -> int:
    events = history(FolderFiles(options.folder), _trust_bytes(options), now=options.now)
    if options.format == "json":
        _say(json.dumps({"entries": documents.write(events)}, indent=2))
    elif options.format == "human":
        _say("\n".join(f"{event.index:5d}  {event.when:20}  {event.who}: {event.text}" for event in events))
    return 0


def _cosign(options: _Options) -> int:
    """Sign the checkpoint as the auditor whose witness key this is."""
    from audit_logs import keys, passphrase, witness

    trust = trusts.parse(_trust_bytes(options))
    path = options.key or Path()
    with passphrase.source(options.passphrase_fd):
        signer = keys.load_note_signer(path)
    own = [key for auditor in trust.auditors if (key := VerifierKey.parse(auditor.witness)).public == signer.public.raw]
    if not own:
        raise TrustError("this key is no witness's", where=str(path), expected="the witness key of an auditor of the trust file")
    who = witness.Witness(own[0].name, signer, options.memory or path.with_name(path.name + ".memory"))
    line = witness.cosign(options.folder / "log", VerifierKey.parse(trust.log.key), who, now=options.now)
    if options.format != "quiet":
        _say(json.dumps({"line": line}) if options.format == "json" else line)
    return 0
