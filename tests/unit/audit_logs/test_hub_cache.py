"""A release opened in a Hub cache: links into the cache's own blobs stand for them, every other link is refused, by both verifiers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from simulator import NOW, Simulator

from audit_logs.errors import StoreError
from audit_logs.fields import time_text
from audit_logs.files import FolderFiles
from audit_logs.verify import verify

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "scripts"))
import run_vectors  # noqa: E402 - the path comes first

COMMIT = "0123456789abcdef0123456789abcdef01234567"
WORLD = Simulator().finish()
SHARD = "data/train-00000-of-00002.parquet"


class Cache:
    """A cache as `huggingface_hub` lays it out, with one snapshot."""

    def __init__(self, place: Path, commit: str = COMMIT, snapshots: str = "snapshots") -> None:
        self.place = place / "datasets--example--street-scenes"
        self.blobs, self.snapshot = self.place / "blobs", self.place / snapshots / commit
        self.blobs.mkdir(parents=True)
        for path, data in WORLD.files.items():
            # Large files have the SHA-256 as their name, small ones a Git hash of 40 characters.
            name = sha256(data).hexdigest()[: 64 if path.startswith("data/") else 40]
            (self.blobs / name).write_bytes(data)
            self.link(path, f"{self.up(path)}blobs/{name}")

    @staticmethod
    def up(path: str) -> str:
        """Return the way from a path of the snapshot to the cache."""
        return "../" * (path.count("/") + 2)

    def blob(self, path: str) -> Path:
        """Return the blob of a path."""
        return self.blobs / os.path.basename(os.readlink(self.snapshot / path))  # noqa: PTH115, PTH119 - the text, as it stands

    def link(self, path: str, target: str | Path) -> None:
        """Put a link in a path's place."""
        (self.snapshot / path).parent.mkdir(parents=True, exist_ok=True)
        (self.snapshot / path).unlink(missing_ok=True)
        (self.snapshot / path).symlink_to(target)


def codes(folder: Path) -> list[str]:
    """Return the codes that the light verifier gives."""
    report = verify(FolderFiles(folder), WORLD.trust_bytes(), now=NOW)
    return sorted({failure.code for failure in report.failures})


def second_codes(folder: Path) -> list[str]:
    """Return the codes that the second verifier gives."""
    if reason := run_vectors.missing_node():
        pytest.skip(reason)
    trust = folder.parent.parent.parent / "trust.json"
    trust.write_bytes(WORLD.trust_bytes())
    asked = ("node", ROOT / "verifier-js" / "cli.mjs", "verify", folder, "--trust", trust, "--now", time_text(NOW))
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    return sorted({failure["code"] for failure in json.loads(done.stdout)["failures"]})


both = pytest.mark.parametrize("ask", [codes, second_codes], ids=["first", "second"])


@both
def test_a_snapshot_of_a_cache_verifies(ask: Callable[[Path], list[str]], tmp_path: Path) -> None:
    """As it lies there, and through a link to the snapshot, whose own place decides."""
    cache = Cache(tmp_path)
    assert ask(cache.snapshot) == []
    outside = tmp_path / "a" / "b" / "way"
    outside.parent.mkdir(parents=True)
    outside.symlink_to(cache.snapshot)
    assert ask(outside) == []


@both
def test_a_changed_blob_is_found(ask: Callable[[Path], list[str]], tmp_path: Path) -> None:
    """What is hashed are the blob's bytes."""
    cache = Cache(tmp_path)
    blob = cache.blob(SHARD)
    blob.write_bytes(b"X" + blob.read_bytes()[1:])
    assert ask(cache.snapshot) == ["file-digest"]


def _out_of_blobs(cache: Cache) -> None:
    (cache.place / "elsewhere").mkdir()
    cache.blob(SHARD).rename(cache.place / "elsewhere" / ("a" * 64))
    cache.link(SHARD, f"{cache.up(SHARD)}elsewhere/{'a' * 64}")


def _to_a_link(cache: Cache) -> None:
    target = cache.blob(SHARD).rename(cache.place / "shard")
    (cache.blobs / ("a" * 64)).symlink_to(target)
    cache.link(SHARD, f"{cache.up(SHARD)}blobs/{'a' * 64}")


def _to_a_folder(cache: Cache) -> None:
    (cache.blobs / ("a" * 64)).mkdir()
    cache.link(SHARD, f"{cache.up(SHARD)}blobs/{'a' * 64}")


def _through_dots(cache: Cache) -> None:
    cache.link(SHARD, f"{cache.up(SHARD)}blobs/../blobs/{cache.blob(SHARD).name}")


def _through_a_dot(cache: Cache) -> None:
    cache.link(SHARD, f"{cache.up(SHARD)}./blobs/{cache.blob(SHARD).name}")


def _too_far_up(cache: Cache) -> None:
    other = cache.place.parent / "blobs"
    other.mkdir()
    cache.blob(SHARD).rename(other / ("a" * 64))
    cache.link(SHARD, f"{cache.up(SHARD)}../blobs/{'a' * 64}")


def _to_a_file_in_blobs_with_another_name(cache: Cache) -> None:
    cache.blob(SHARD).rename(cache.blobs / "shard.parquet")
    cache.link(SHARD, f"{cache.up(SHARD)}blobs/shard.parquet")


def _to_nothing(cache: Cache) -> None:
    cache.blob(SHARD).unlink()


def _to_a_pipe(cache: Cache) -> None:
    blob = cache.blob(SHARD)
    blob.unlink()
    os.mkfifo(blob)


def _absolute(cache: Cache) -> None:
    cache.link(SHARD, cache.blob(SHARD))


def _within_the_snapshot(cache: Cache) -> None:
    cache.blob(SHARD).rename(cache.snapshot / "shard")
    cache.link(SHARD, "../shard")


ATTACKS = {
    attack.__name__.strip("_"): attack
    for attack in (
        *(_out_of_blobs, _to_a_link, _to_a_folder, _through_dots, _through_a_dot, _too_far_up),
        *(_to_a_file_in_blobs_with_another_name, _to_nothing, _to_a_pipe, _absolute, _within_the_snapshot),
    )
}


@both
@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_a_link_to_anything_else_is_refused(attack: Callable[[Cache], None], ask: Callable[[Path], list[str]], tmp_path: Path) -> None:
    """Out of blobs, to a link, a folder, a pipe, by a way with dots, by another name, to nothing: none of these is the cache's own."""
    cache = Cache(tmp_path)
    attack(cache)
    assert set(ask(cache.snapshot)) - {"folder-extra"} == {"folder-link"}


@both
def test_blobs_that_are_a_link_hold_nothing(ask: Callable[[Path], list[str]], tmp_path: Path) -> None:
    """A host's link in the place of `blobs` would lead anywhere; the first file that is needed is then missing."""
    cache = Cache(tmp_path)
    cache.blobs.rename(cache.place / "others")
    cache.blobs.symlink_to(cache.place / "others")
    assert ask(cache.snapshot) == ["folder-missing"]


@both
def test_a_linked_folder_is_no_folder(ask: Callable[[Path], list[str]], tmp_path: Path) -> None:
    """The data may not lie behind a link, be it into the cache."""
    cache = Cache(tmp_path)
    (cache.snapshot / "data").rename(cache.blobs / ("a" * 40))
    (cache.snapshot / "data").symlink_to(f"../../blobs/{'a' * 40}")
    assert ask(cache.snapshot) == ["folder-extra", "folder-link", "folder-missing"]


@both
@pytest.mark.parametrize(
    ("commit", "snapshots"), [("main", "snapshots"), (COMMIT.upper(), "snapshots"), (COMMIT + "0", "snapshots"), (COMMIT, "copies")]
)
def test_another_folder_is_no_snapshot(commit: str, snapshots: str, ask: Callable[[Path], list[str]], tmp_path: Path) -> None:
    """Links that would do in a snapshot do not in a folder that only looks like one."""
    assert ask(Cache(tmp_path, commit, snapshots).snapshot) == ["folder-missing"]


@both
def test_two_names_of_one_file_are_refused(ask: Callable[[Path], list[str]], tmp_path: Path) -> None:
    """A hard link between two paths of a release: whoever changes one changes the other."""
    folder = tmp_path / "one" / "two" / "release"
    WORLD.write_to(folder)
    (folder / "trust.json").write_bytes(WORLD.trust_bytes())
    (folder / "report.html").hardlink_to(folder / "trust.json")
    assert ask(folder) == ["folder-link"]


def test_a_link_that_changes_after_it_was_listed_is_not_followed(tmp_path: Path) -> None:
    """What is opened is the blob that was found then; a link in its place is not opened."""
    cache = Cache(tmp_path)
    files = FolderFiles(cache.snapshot)
    listed = {info.path: info for info in files.names()}
    assert not listed[SHARD].special
    (tmp_path / "secret").write_bytes(b"secret")
    blob = cache.blob(SHARD)
    cache.link(SHARD, tmp_path / "secret")
    assert files.read(SHARD, 1 << 20) == WORLD.files[SHARD]
    blob.unlink()
    blob.symlink_to(tmp_path / "secret")
    with pytest.raises(StoreError):
        files.read(SHARD, 1 << 20)
