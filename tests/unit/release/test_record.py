"""After a release: withdrawals and other late statements reach the one log of the line, and every published folder, without a fork."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from simulator import AUDITORS, NOW, Simulator, digest, later

from audit_logs import trust as trusts
from audit_logs import witness
from audit_logs.errors import StoreError, VerificationError
from audit_logs.files import FolderFiles
from audit_logs.log import Log
from audit_logs.report import Report
from audit_logs.trust import Root
from audit_logs.verify import verify
from release import notices, record, store
from release.errors import GateError, UsageError
from release.publish import Authority
from release.record import Places

REASON = "a rights holder objects"


class Line:
    """A line with two releases: `one` is a copy of 1.0.0 with the log of its day, `two` is 1.1.0 with the log since."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.first = Simulator().finish()
        self.second = self.first.next_version("1.1.0").write_statements().finish()
        self.one, self.two = place / "one", place / "two"
        self.first.write_to(self.one)
        self.second.write_to(self.two)
        self.trust = self.second.trust
        self.key = self.trust.log.key

    def authority(self, publisher: str = "publish") -> Authority:
        """Return in whose name things are recorded."""
        keys = self.first.keys
        return Authority(self.first.trust_bytes(), keys[publisher], keys["log"], self.place / "log.pem.head")

    def verdict(self, folder: Path) -> Report:
        """Return what a stranger says of a folder."""
        return verify(FolderFiles(folder), self.first.trust_bytes(), now=NOW)

    def cosign(self, folder: Path, organisations: Sequence[str] = AUDITORS) -> None:
        """Let auditors cosign the log of a folder."""
        for name in organisations:
            witness.cosign(folder / "log", Log.open(folder / "log", self.key).key, self.witness(name), now=NOW)

    def witness(self, organisation: str) -> witness.Witness:
        """Return an auditor as witness."""
        return witness.Witness(organisation, self.first.keys[f"witness {organisation}"], self.place / f"{organisation}.memory")

    def entries(self, folder: Path) -> list[bytes]:
        """Return the entries of a folder's log."""
        return Log.open(folder / "log", self.key).entries()

    def recall(self, places: Places) -> record.Recorded:
        """Recall the release in a folder."""
        return record.recall(places, REASON, self.authority(), NOW)

    def record(self, places: Places, *bundles: bytes) -> record.Recorded:
        """Record statements."""
        return record.record(places, lambda _: bundles, self.authority(), NOW)


@pytest.fixture
def line(tmp_path: Path) -> Line:
    """Return a line with two verified releases."""
    line = Line(tmp_path)
    assert [line.verdict(folder).verdict for folder in (line.one, line.two)] == ["verified", "verified"]
    return line


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file of a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(call: Callable[[], object], *untouched: Path) -> str:
    """Return the code with which a call is refused, after checking that folders stayed as they were."""
    before = [contents(folder) for folder in untouched]
    with pytest.raises(GateError) as caught:
        call()
    assert [contents(folder) for folder in untouched] == before
    return caught.value.code


def test_a_recalled_release_says_so_at_once(line: Line) -> None:
    """No cosignature is needed for bad news: exit code 4, with the reason, and nothing but the log has changed."""
    before = contents(line.two)
    done = line.recall(Places(line.two))
    report = line.verdict(line.two)
    assert (report.verdict, report.exit_code, done.added, done.waiting) == ("withdrawn", 4, 1, {})
    assert any(REASON in failure.found for failure in report.failures)
    assert {name for name, data in contents(line.two).items() if before.get(name) != data} <= {
        name for name in contents(line.two) if name.startswith("log/")
    }


def test_the_page_in_a_published_folder_tells_of_a_recall(line: Line) -> None:
    """`report.html` is written anew with the log: it says withdrawn, why, and what a reader does next."""
    line.recall(Places(line.one, (line.two,)))
    line.record(Places(line.two, (line.one,)))
    text = (line.one / "report.html").read_text(encoding="utf-8")
    assert "<title>withdrawn: " in text
    assert REASON in text
    assert "Do not train on it." in text


def test_recalling_again_adds_nothing(line: Line) -> None:
    """The command can be repeated: one withdrawal stays one."""
    line.recall(Places(line.two))
    before = contents(line.two)
    assert line.recall(Places(line.two)).added == 0
    assert contents(line.two) == before


def test_another_version_waits_for_cosignatures_and_stays_verified(line: Line) -> None:
    """The folder of the newer version changes in one step, once the auditors have cosigned the log with the withdrawal."""
    places = Places(line.one, (line.two,))
    before = contents(line.two)
    assert line.recall(places).waiting == {line.two: AUDITORS}
    assert contents(line.two) == before
    assert line.verdict(line.one).verdict == "withdrawn"
    line.cosign(line.one, AUDITORS[:1])
    assert line.recall(places).waiting == {line.two: AUDITORS[1:]}
    line.cosign(line.one)
    assert line.recall(places).verdicts == {line.two: "verified"}
    assert line.verdict(line.two).verdict == "verified"
    assert line.entries(line.two) == line.entries(line.one)


def test_cosignatures_that_grew_old_are_waited_for(line: Line) -> None:
    """A quorum that is too old for the trust file does not bring a standing release into a worse state."""
    places = Places(line.one, (line.two,))
    line.recall(places)
    line.cosign(line.one)
    done = record.recall(places, REASON, line.authority(), later(days=30))
    assert done.waiting == {line.two: AUDITORS}
    assert line.verdict(line.two).verdict == "verified"


def test_the_log_goes_on_from_its_newest_copy(line: Line) -> None:
    """An old copy of the log is first brought up to date, in the same checkpoint as the withdrawal."""
    newest = line.entries(line.two)
    line.recall(Places(line.one, log_from=(line.two,)))
    assert line.entries(line.one)[:-1] == newest


def test_an_older_copy_alone_is_refused(line: Line) -> None:
    """What the log's key signed last is remembered beside it: the owner does not fork the log by naming only an old folder."""
    shutil.copytree(line.one, line.place / "old")
    line.recall(Places(line.two))
    assert refused(lambda: line.recall(Places(line.place / "old")), line.place / "old") == "log-behind"


def test_a_second_history_is_refused(line: Line) -> None:
    """Two copies of the log of which none is a beginning of the other end every command."""
    keys = line.first.keys
    for folder, reason in ((line.one, "one"), (line.two, "two")):
        raw = notices.release_withdrawn(digest(line.first.files["release.json"]), reason, keys["publish"], NOW)
        Log.open(folder / "log", line.key).append([raw], keys["log"])
    assert refused(lambda: line.recall(Places(line.one, (line.two,))), line.one, line.two) == "log-fork"


def test_a_log_that_its_key_left_behind_is_refused(line: Line) -> None:
    """A log as long as the one signed last, with other entries, is no continuation of it."""
    shutil.copytree(line.two, line.place / "other")
    line.recall(Places(line.two))
    raw = notices.key_withdrawn(line.first.keys["step"].keyid, "another history", line.first.keys["root"], NOW)
    Log.open(line.place / "other" / "log", line.key).append([raw], line.first.keys["log"])
    assert refused(lambda: line.recall(Places(line.place / "other")), line.place / "other") == "log-fork"


def test_a_published_copy_of_the_recalled_version_does_not_wait(line: Line) -> None:
    """Every destination with the recalled release says `withdrawn` after the first call."""
    shutil.copytree(line.two, line.place / "candidate")
    done = line.recall(Places(line.place / "candidate", (line.two,)))
    assert done.verdicts == {line.two: "withdrawn"}
    assert line.verdict(line.two).exit_code == 4


def test_newer_cosignatures_of_a_destination_stay(line: Line) -> None:
    """Handing on a log never replaces a cosignature by an older one, or by none."""
    shutil.copytree(line.two, line.place / "candidate")
    places = Places(line.place / "candidate", (line.two,))
    line.recall(places)
    line.cosign(line.two)
    line.recall(places)
    assert len(Log.open(line.two / "log", line.key).signed.lines) == 3


def test_what_was_never_released_cannot_be_recalled(line: Line) -> None:
    """A candidate is no release."""
    third = line.second.next_version("1.2.0").write_statements()
    third.entries.pop()
    third.finish().write_to(line.place / "three")
    assert refused(lambda: line.recall(Places(line.place / "three")), line.place / "three") == "not-released"


def test_a_key_that_may_not_withdraw_is_refused(line: Line) -> None:
    """The withdrawal would be void, so nothing is logged."""
    call = lambda: record.recall(Places(line.two), REASON, line.authority("build"), NOW)  # noqa: E731
    assert refused(call, line.two) == "withdrawal-target"


def test_a_broken_destination_stays_as_it_is(line: Line) -> None:
    """A folder whose data was changed does not get a new log that would make it look maintained."""
    (line.two / "README.md").write_bytes(b"# Another\n")
    assert refused(lambda: line.recall(Places(line.one, (line.two,))), line.two) == "not-verified"


def test_a_folder_of_something_else_is_no_destination(line: Line, tmp_path: Path) -> None:
    """What holds no log of this line is refused."""
    (tmp_path / "else").mkdir()
    with pytest.raises(Exception, match="log"):
        line.recall(Places(line.one, (tmp_path / "else",)))
    assert list((tmp_path / "else").iterdir()) == []


def test_trouble_leaves_each_folder_whole(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the exchange of folders fails, the old one stands and nothing is left beside it."""

    def refuse(*_: object) -> bool:
        raise StoreError("could not replace it")

    before = contents(line.two)
    monkeypatch.setattr(store, "swap_folder", refuse)
    with pytest.raises(StoreError):
        line.recall(Places(line.two))
    assert contents(line.two) == before
    assert {path.name for path in line.place.iterdir()} == {"one", "two", "trust.json"}


def test_an_auditor_takes_its_opinion_back(line: Line) -> None:
    """The opinion's file leaves the folder, the release lacks an opinion, and that is told at once."""
    opinion = line.second.opinions[0]
    withdrawal = notices.envelope_withdrawn(opinion.raw, "a list was wrong", line.first.keys[AUDITORS[0]], NOW)
    line.record(Places(line.two), withdrawal)
    report = line.verdict(line.two)
    assert report.verdict == "incomplete"
    assert {failure.code for failure in report.failures} == {"opinions-missing", "opinions-tier", "not-released", "stale"}
    assert [path.name.split(".")[0] for path in (line.two / "opinions").iterdir()] == ["auditor-two"]
    assert len(list((line.two / "reports").iterdir())) == 2


def test_a_witness_waits_for_its_withdrawal(line: Line) -> None:
    """An auditor that submitted a withdrawal cosigns nothing until the log holds it."""
    withdrawal = notices.envelope_withdrawn(line.second.opinions[0].raw, "a list was wrong", line.first.keys[AUDITORS[0]], NOW)
    log_key = Log.open(line.two / "log", line.key).key
    witness.remember_submitted(line.witness(AUDITORS[0]).memory, log_key, (digest(withdrawal),))
    with pytest.raises(VerificationError) as caught:
        line.cosign(line.two, AUDITORS[:1])
    assert caught.value.code == "entry-missing"
    line.record(Places(line.two), withdrawal)
    line.cosign(line.two, AUDITORS[:1])


def test_a_stranger_s_statement_is_not_logged(line: Line) -> None:
    """Whoever is not in the trust file cannot have the institution log something."""
    withdrawal = notices.envelope_withdrawn(line.second.opinions[0].raw, "mischief", line.first.keys["stranger"], NOW)
    assert refused(lambda: line.record(Places(line.two), withdrawal), line.two) == "unknown-key"


def test_another_auditor_cannot_take_an_opinion_back(line: Line) -> None:
    """Only its author and the root keys can; the program refuses to sign it, and the log to take it."""
    other = line.first.keys[AUDITORS[1]]
    with pytest.raises(UsageError):
        notices.check_right(line.second.opinions[0].raw, line.trust, other)
    withdrawal = notices.envelope_withdrawn(line.second.opinions[0].raw, "mischief", other, NOW)
    assert refused(lambda: line.record(Places(line.two), withdrawal), line.two) == "withdrawal-target"


def test_a_withdrawn_key_voids_what_it_signed(line: Line) -> None:
    """The root withdraws an auditor's key: its opinions are gone, those of before too, and its files leave the folder."""
    keyid = line.first.keys[AUDITORS[0]].keyid
    notices.check_right_to_key(keyid, line.trust, line.first.keys["root"])
    shutil.copytree(line.one, line.place / "first")
    line.record(Places(line.place / "first"), notices.key_withdrawn(keyid, "lost", line.first.keys["root"], NOW))
    report = line.verdict(line.place / "first")
    assert report.verdict == "incomplete"
    assert {void.code for void in report.state.voids if void.organisation == AUDITORS[0]} == {"key-withdrawn"}  # type: ignore[union-attr]


def test_a_withdrawn_key_is_told_to_the_readers_of_later_versions(line: Line) -> None:
    """Both versions rested on the withdrawn key and lack an opinion from then on; that 1.1.0 names 1.0.0 as its predecessor stays right."""
    keyid = line.first.keys[AUDITORS[0]].keyid
    withdrawal = notices.key_withdrawn(keyid, "lost", line.first.keys["root"], NOW)
    assert line.record(Places(line.one, (line.two,)), withdrawal).verdicts == {line.two: "incomplete"}
    assert {failure.code for failure in line.verdict(line.two).failures} == {"opinions-missing", "opinions-tier", "not-released", "stale"}


def test_a_key_that_nobody_named_cannot_be_withdrawn(line: Line) -> None:
    """The trust file has to name it."""
    stranger = line.first.keys["stranger"]
    with pytest.raises(UsageError):
        notices.check_right_to_key(stranger.keyid, line.trust, stranger)


def test_a_withdrawal_needs_a_reason(line: Line) -> None:
    """Blank words are none."""
    with pytest.raises(UsageError):
        record.recall(Places(line.two), "  ", line.authority(), NOW)


def test_a_superseded_trust_file_makes_its_readers_wait(line: Line) -> None:
    """Once the root key's announcement is logged, the old file gives `incomplete` and names the new one; the new one verifies."""
    old = trusts.parse(line.first.trust_bytes())
    new = replace(old, version=2, previous=old.digest, expires="2031-01-01T00:00:00Z")
    line.record(Places(line.two), notices.trust_superseded(old, new, line.first.keys["root"], NOW))
    line.cosign(line.two)
    report = line.verdict(line.two)
    assert [(failure.code, new.digest in failure.expected) for failure in report.failures] == [("superseded", True)]
    assert report.verdict == "incomplete"
    assert verify(FolderFiles(line.two), trusts.encode(new), now=NOW).verdict == "verified"


def test_a_trust_file_that_does_not_follow_is_not_announced(line: Line) -> None:
    """Another number, another predecessor, another line, or a key that is no root key: nothing is signed."""
    old = trusts.parse(line.first.trust_bytes())
    root = line.first.keys["root"]
    good = replace(old, version=2, previous=old.digest)
    bad = [replace(good, version=3), replace(good, previous=digest("another")), replace(good, name="example/other")]
    for new, signer in [*((new, root) for new in bad), (good, line.first.keys["publish"])]:
        with pytest.raises(UsageError):
            notices.trust_superseded(old, new, signer, NOW)


def test_one_root_key_of_two_supersedes_nothing(tmp_path: Path) -> None:
    """Below the threshold an announcement is an entry, and no news."""
    world = Simulator()
    keys = (world.keys["root"].keyid, world.keys["publish"].keyid)
    world.trust = replace(world.trust, root=Root(tuple(sorted(keys)), 2))
    world.finish().write_to(tmp_path / "release")
    old = trusts.parse(world.trust_bytes())
    new = replace(old, version=2, previous=old.digest)
    authority = Authority(world.trust_bytes(), world.keys["publish"], world.keys["log"], tmp_path / "head")
    verdicts = []
    for role in ("root", "publish"):
        raw = notices.trust_superseded(old, new, world.keys[role], NOW)
        record.record(Places(tmp_path / "release"), lambda _, raw=raw: (raw,), authority, NOW)  # type: ignore[misc]
        report = verify(FolderFiles(tmp_path / "release"), world.trust_bytes(), now=NOW)
        verdicts.append("superseded" in {failure.code for failure in report.failures})
    assert verdicts == [False, True]
