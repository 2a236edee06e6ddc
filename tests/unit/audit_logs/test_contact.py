"""First contact with a trust file: a file, a digest, or first use said in full; and no older or other file later."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from simulator import NOW, Simulator, digest

from audit_logs import canonical, documents, seen
from audit_logs import trust as trusts
from audit_logs.cli import main
from audit_logs.errors import FormatError
from audit_logs.fields import time_text
from audit_logs.files import FolderFiles
from audit_logs.seen import SeenTrust
from audit_logs.trust import Trust
from audit_logs.verify import verify
from release import cli

CLOCK = ["--now", time_text(NOW)]
Verifier = Callable[..., int]


@pytest.fixture
def released(tmp_path: Path) -> Path:
    """Return a release with a copy of its trust file, and none beside it."""
    folder = tmp_path / "release"
    world = Simulator().finish()
    world.write_to(folder).unlink()
    (folder / "trust.json").write_bytes(world.trust_bytes())
    return folder


@pytest.fixture
def light(released: Path) -> Verifier:
    """Return the light verifier on the release."""
    return lambda *options: main(["verify", str(released), *map(str, options), *CLOCK])


def full(released: Path, *options: object) -> int:
    """Run the full verifier on the release; its data are no Parquet, so it may say `failed` where the light one does not."""
    return cli.run(["verify", str(released), *map(str, options), *CLOCK])


def own(released: Path) -> str:
    """Return the digest of the release's copy."""
    return sha256((released / "trust.json").read_bytes()).hexdigest()


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--trust-digest", "ab"),
        ("--trust-digest", "AB" * 32),
        ("--trust-digest", "ab" * 32, "--trust-on-first-use"),
        ("--trust-on-first",),
    ],
)
def test_nobody_is_believed_by_default(light: Verifier, released: Path, options: tuple[str, ...]) -> None:
    """Without a file, a digest or the full words, with half of them or with both, it is a wrong call in both verifiers."""
    with pytest.raises(SystemExit) as caught:
        light(*options)
    assert caught.value.code == 2
    assert full(released, *options) == 2


def test_a_known_digest_vouches_for_the_release_s_copy(light: Verifier, released: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is as good as the file; nothing is remembered unless there is a place for it, and that is said."""
    assert light("--trust-digest", own(released)) == 0
    assert "--state" in capsys.readouterr().err
    assert [path.name for path in released.parent.iterdir()] == ["release"]
    assert light("--trust-digest", own(released), "--state", released.parent / "state.json") == 0
    assert (released.parent / "state.json").exists()


def test_another_digest_is_refused(light: Verifier, released: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A copy that somebody exchanged is not used, by either verifier; nor is a named file with another digest."""
    known = own(released)
    (released / "trust.json").write_bytes((released / "trust.json").read_bytes() + b" ")
    for options in (("--trust-digest", known), ("--trust", released / "trust.json", "--trust-digest", known)):
        assert light(*options) == 1
        assert full(released, *options) == 1
    assert capsys.readouterr().err.count("[trust-digest]") == 4


def test_a_release_without_a_copy_cannot_be_known_by_digest(light: Verifier, released: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The message says what to get."""
    (released / "trust.json").unlink()
    assert light("--trust-digest", digest("x")) == 1
    assert light("--trust-on-first-use") == 1
    assert full(released, "--trust-on-first-use") == 1
    assert capsys.readouterr().err.count("[trust-missing]") == 3


def test_first_use_is_said_aloud_and_pinned(light: Verifier, released: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The warning names the digest; the file is pinned beside the release, and the log remembered beside that."""
    assert light("--trust-on-first-use", "--format", "quiet") == 0
    said = capsys.readouterr().err
    assert own(released) in said
    assert "nobody vouched" in said
    assert sorted(path.name for path in released.parent.iterdir()) == ["release", "release.trust.json", "release.trust.seen.json"]
    assert light("--trust-on-first-use") == 0
    assert "nobody vouched" not in capsys.readouterr().err


def test_first_use_pins_where_it_is_told(light: Verifier, released: Path) -> None:
    """With --trust, the file goes there."""
    assert light("--trust-on-first-use", "--trust", released.parent / "mine.json") == 0
    assert (released.parent / "mine.json").read_bytes() == (released / "trust.json").read_bytes()


def test_the_pinned_file_decides_from_then_on(light: Verifier, released: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A release that comes with another trust file later is judged by the pinned one, and the difference is told."""
    assert light("--trust-on-first-use") == 0
    other = Simulator()
    other.trust = replace(other.trust, expires="2040-01-01T00:00:00Z")
    (released / "trust.json").write_bytes(other.trust_bytes())
    assert light("--trust-on-first-use") == 0
    assert "another trust file" in capsys.readouterr().err
    assert (released.parent / "release.trust.json").read_bytes() != other.trust_bytes()


def test_what_fails_is_not_pinned(light: Verifier, released: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """First use of a release that is not verified leaves nothing behind, in both verifiers."""
    (released / "README.md").write_bytes(b"# Another\n")
    assert light("--trust-on-first-use") == 1
    assert full(released, "--trust-on-first-use") == 1
    assert [path.name for path in released.parent.iterdir()] == ["release"]
    assert capsys.readouterr().err.count("not pinned") == 2


def test_a_file_inside_the_release_is_no_pinned_one(light: Verifier, released: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Who names the release's own copy is told that nobody vouched for it."""
    assert light("--trust", released / "trust.json") == 0
    assert "nobody vouched" in capsys.readouterr().err


def test_a_link_in_the_release_is_not_followed(light: Verifier, released: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The copy of a trust file is a file."""
    (released / "trust.json").rename(released.parent / "elsewhere.json")
    (released / "trust.json").symlink_to(released.parent / "elsewhere.json")
    assert light("--trust-on-first-use") == 1
    assert "[trust-missing]" in capsys.readouterr().err


def judged(trust: Trust, last: SeenTrust | None) -> list[str]:
    """Return the codes with which a release is judged by a trust file, where another one was seen before."""
    world = Simulator().finish()
    before = world.verify().seen
    assert before is not None
    data = canonical.encode({"_type": trusts.TYPE, **documents.write(trust)})
    from simulator import MemoryFiles

    return [failure.code for failure in verify(MemoryFiles(world.files), data, now=NOW, seen=replace(before, trust=last)).failures]


def test_a_trust_file_that_was_replaced_does_not_come_back() -> None:
    """Rollback, another file of the same version, and a successor that names another predecessor are refused; the line goes on."""
    first = Simulator().trust
    second = replace(first, version=2, previous=first.digest)
    stray = replace(second, previous=digest("another"))
    assert judged(first, SeenTrust(2, second.digest)) == ["trust-rollback"]
    assert judged(first, SeenTrust(1, digest("another"))) == ["trust-fork"]
    assert judged(stray, SeenTrust(1, first.digest)) == ["trust-fork"]
    assert judged(second, SeenTrust(1, first.digest)) == []
    assert judged(first, SeenTrust(1, first.digest)) == []
    assert judged(first, None) == []
    assert judged(replace(second, version=3, previous=second.digest), SeenTrust(1, first.digest)) == []


def test_the_trust_file_is_remembered(light: Verifier, released: Path) -> None:
    """The state file holds version and digest of the trust file that a release was verified by."""
    assert light("--trust-on-first-use") == 0
    remembered = seen.parse((released.parent / "release.trust.seen.json").read_bytes())
    assert remembered.trust == SeenTrust(1, own(released))
    assert seen.parse(seen.encode(remembered)) == remembered


def test_a_pinned_file_decides_where_the_release_has_no_copy(light: Verifier, released: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """There is nothing to compare it with, and nothing to warn of."""
    assert light("--trust-on-first-use") == 0
    (released / "trust.json").unlink()
    capsys.readouterr()
    assert light("--trust-on-first-use") == 0
    assert capsys.readouterr().err == ""


def test_a_state_file_may_remember_no_trust_file(released: Path) -> None:
    """It says so with `null`; one without the member is refused."""
    remembered = verify(FolderFiles(released), (released / "trust.json").read_bytes(), now=NOW).seen
    assert remembered is not None
    without = replace(remembered, trust=None)
    data = seen.encode(without)
    assert seen.parse(data) == without
    with pytest.raises(FormatError):
        seen.parse(data.replace(b',"trust":null', b""))
