"""What is sent to the Hub, and what is not: files are compared by size and digest, never by name or time."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import pytest
from simulator import Simulator

from release.delivery import Contents, change, check_delivered
from release.destination import Ours
from release.errors import GateError, HubError
from release.hub import HubFile
from release.hub.failures import explained
from release.hubplace import HubDestination, _Publication

SMALL, LARGE = b"hello\n", b"x" * 5000
GIT_OF_SMALL = "ce013625030ba8dba906f756967f9e9ca394464a"  # git hash-object


@pytest.fixture
def contents(tmp_path: Path) -> Contents:
    """Return a folder with a small and a large file, and what stock clients leave."""
    (tmp_path / "data").mkdir()
    (tmp_path / "README.md").write_bytes(SMALL)
    (tmp_path / "data" / "train.parquet").write_bytes(LARGE)
    (tmp_path / ".cache" / "huggingface").mkdir(parents=True)
    (tmp_path / ".cache" / "huggingface" / "x.metadata").write_bytes(b"x")
    (tmp_path / ".gitattributes").write_bytes(b"x")
    return Contents.of(tmp_path)


def there(**others: HubFile) -> dict[str, HubFile]:
    """Return what the API says of the two files, and of others."""
    small = HubFile("README.md", len(SMALL), None, GIT_OF_SMALL)
    large = HubFile("data/train.parquet", len(LARGE), hashlib.sha256(LARGE).hexdigest())
    return {file.path: file for file in (small, large, *others.values())}


def test_what_is_there_is_not_sent(contents: Contents) -> None:
    """Large files are known by their SHA-256, small ones by the name that Git gives them; clients' notes are none of ours."""
    assert not change(contents, there())
    assert change(contents, {}).files.keys() == {"README.md", "data/train.parquet"}


@pytest.mark.parametrize(
    "file",
    [
        HubFile("README.md", len(SMALL), None, "0" * 40),
        HubFile("README.md", len(SMALL) + 1, None, GIT_OF_SMALL),
        HubFile("README.md", len(SMALL), None, None),
        HubFile("README.md", len(SMALL), "0" * 64),
        HubFile("data/train.parquet", len(LARGE), "0" * 64),
        HubFile("data/train.parquet", len(LARGE), None, GIT_OF_SMALL),
    ],
)
def test_another_size_or_digest_or_none_is_another_file(contents: Contents, file: HubFile) -> None:
    """It is sent, and where it was just sent, the delivery is refused by its name."""
    found = there(changed=file)
    assert change(contents, found).files.keys() == {file.path}
    with pytest.raises(HubError) as caught:
        check_delivered(found, contents, "hub:a/b")
    assert (caught.value.code, file.path in caught.value.found) == ("hub-other", True)


def test_what_is_no_longer_the_releases_is_taken_away(contents: Contents) -> None:
    """A data file of the version before goes in the same commit."""
    old = HubFile("data/old.parquet", 1, None, "0" * 40)
    assert change(contents, there(old=old)).gone == ["data/old.parquet"]


def test_digests_that_were_just_verified_are_those_of_the_manifest(tmp_path: Path) -> None:
    """What the Hub says is then compared with the manifest itself."""
    world = Simulator().finish()
    world.write_to(tmp_path / "release")
    manifest = world.manifest
    contents = Contents.of(tmp_path / "release", manifest)
    for entry in (*manifest.files, *manifest.shards):
        assert contents.has(HubFile(entry.path, entry.bytes, entry.sha256))


def test_a_full_disk_is_not_blamed_on_the_hub() -> None:
    """While something is fetched, the machine's own refusal keeps its name."""
    with pytest.raises(HubError, match="the disk is full"), explained("a/b"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_token_in_a_message_is_taken_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that repeats it does not bring it onto a screen."""
    monkeypatch.setenv("HF_TOKEN", "hf_of_a_test")
    with pytest.raises(HubError) as caught, explained("a/b"):
        raise OSError("no: hf_of_a_test is not welcome")
    assert "hf_of_a_test" not in str(caught.value)
    assert "(the token) is not welcome" in str(caught.value)


def test_sealed_evidence_is_refused_at_the_door_of_the_hub(tmp_path: Path) -> None:
    """Whatever went wrong before: a folder that holds evidence is not uploaded, and the Hub is not even asked."""
    world, folder = Simulator().finish(), tmp_path / "release"
    world.write_to(folder)
    (folder / "evidence").mkdir()
    (folder / "evidence" / "rows.age").write_bytes(b"sealed")
    ours = Ours(world.manifest, (), "")
    with pytest.raises(GateError, match="sealed evidence is never published") as caught:
        _Publication(HubDestination("example/street"), ours, None, {}, {}, None).put(folder)
    assert (caught.value.code, caught.value.where) == ("hub-evidence", "evidence/rows.age")
