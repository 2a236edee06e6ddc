"""The history of a log in plain words."""

from __future__ import annotations

import pytest
from simulator import AUDITORS, NOW, SIGNED, MemoryFiles, Simulator, digest

from audit_logs import statement
from audit_logs.errors import VerificationError
from audit_logs.history import history
from audit_logs.statement import Subject, Withdrawal


def told(world: Simulator) -> list[str]:
    """Return what is told of each entry after the release."""
    world.write_log()
    return [event.text for event in history(MemoryFiles(world.files), world.trust_bytes(), now=NOW)][8:]


def test_withdrawals_and_news_are_told() -> None:
    """What was withdrawn, why, and which trust file was announced; control characters are shown, not obeyed."""
    world = Simulator().write_statements()
    about = statement.about_manifest(digest(world.files["release.json"]))
    world.entries.append(world.seal(Withdrawal("release", "\x1b[2J", SIGNED), about, "publish").raw)
    world.withdraw("envelope", Subject("envelope", world.opinions[0].digest), "root")
    world.withdraw("key", statement.about_key(world.keys[AUDITORS[1]].keyid), "root")
    world.supersede()
    world.entries.append(b"junk")
    recalled, envelope, key, news, void = told(world)
    assert recalled.startswith("'withdrew ")
    assert recalled.endswith(r": \x1b[2J'")
    assert envelope.startswith(f"withdrew the statement {world.opinions[0].digest[:16]}")
    assert key.startswith(f"withdrew the key {world.keys[AUDITORS[1]].keyid}")
    assert news == f"announced version 2 of the trust file, sha256 {digest('new trust')}"
    assert void == "void: it has not its legal form [malformed]"


def test_what_was_withdrawn_later_is_marked() -> None:
    """The opinion stays in the history."""
    world = Simulator().write_statements()
    world.withdraw("envelope", Subject("envelope", world.opinions[0].digest), "root")
    world.write_log()
    events = history(MemoryFiles(world.files), world.trust_bytes(), now=NOW)
    assert [event.index for event in events if event.text.endswith("(withdrawn later)")] == [4]


def test_a_history_that_does_not_hold_is_not_told() -> None:
    """Nothing is said of a log under another key."""
    world = Simulator().finish()
    world.files["log/checkpoint"] = b"?" + world.files["log/checkpoint"]
    with pytest.raises(VerificationError):
        history(MemoryFiles(world.files), world.trust_bytes(), now=NOW)
