"""Verifying and loading a published release, and releases that somebody bent."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import release
from audit_logs import seen as seen_files
from audit_logs import trust as trusts
from audit_logs.contact import Chosen
from audit_logs.errors import Problem, StoreError, VerificationError
from audit_logs.files import FolderFiles
from audit_logs.manifest import Roles
from audit_logs.telling import tell
from release import canary
from release.checks import DataChecks, footer
from release.cli import run
from release.consume.proven import Opened
from release.consume.verify import check
from release.errors import UsageError
from release.rows import row_digests, schema_fields
from release.screen import shard_entry
from release.table import ShardWriter, WrittenGroup, WrittenShard, layout


def flip(path: Path, position: int) -> None:
    """Flip one bit of a file."""
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(bytes(data))


def shards(world: Any) -> list[Path]:
    """Return the data files."""
    return sorted((world.published / "data").glob("*.parquet"))


def test_a_published_release_is_verified_down_to_its_rows(released: Any) -> None:
    """The report says that the rows were hashed."""
    report = release.verify(released.published, released.trust)
    assert report.verdict == "verified"
    assert any("rows hash to the release root" in fact.text for fact in tell(report).facts)


def test_a_loaded_release_has_its_rows_with_pictures(released: Any, tmp_path: Path) -> None:
    """Every row is there, images decode, and nothing is written but below the folder given."""
    loaded: Any = release.load(released.published, released.trust, cache_dir=tmp_path / "cache")
    assert len(loaded) == release.verify(released.published, released.trust).rows
    assert loaded[0]["image"].size[0] > 0
    assert isinstance(loaded[0]["caption"], str)
    assert [path.suffix for path in (tmp_path / "cache").rglob("*") if path.is_file()] == [".arrow"]


def _one_row(path: Path, image: str | None) -> Any:
    """Write a data file with a plain column of bytes, and return the part of a manifest that gives a column the role of images."""
    batch = pa.record_batch({"photo": pa.array([canary.picture()], pa.binary()), "width": pa.array([1], pa.int64())})
    writer = ShardWriter(path / "a.parquet", batch.schema, 1, {})
    writer.append(batch)
    shard = shard_entry("a.parquet", "train", writer.close(), row_digests(batch), 1)
    return SimpleNamespace(schema=schema_fields(batch.schema), columns=Roles(image, None, None, {}), shards=[shard])


def test_the_manifest_says_which_column_holds_images(tmp_path: Path) -> None:
    """A plain column of bytes is loaded as pictures where the manifest says so, and as bytes where it does not."""
    for image, kind in (("photo", Image.Image), (None, bytes)):
        manifest = _one_row(tmp_path, image)
        loaded = _load(tmp_path, manifest)
        assert isinstance(loaded[0]["photo"], kind)


def test_a_column_that_cannot_hold_images_is_never_loaded_as_such(tmp_path: Path) -> None:
    """A manifest that calls a column of numbers images contradicts itself."""
    manifest = _one_row(tmp_path, "width")
    with pytest.raises(VerificationError, match="contradicts itself"):
        _load(tmp_path, manifest)


STRUCT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def _written(folder: Path, images: list[Any], told: Mapping[bytes, str]) -> Any:
    """Write a data file of images and labels with this metadata, and return the part of a manifest that speaks of it."""
    batch = pa.record_batch({"image": pa.array(images, STRUCT), "label": pa.array([0] * len(images), pa.int64())})
    path = folder / "a.parquet"
    with pq.ParquetWriter(path, batch.schema.with_metadata(dict(told)), compression="none") as writer:
        writer.write_batch(batch)
    data, found = path.read_bytes(), layout(path)
    (group,) = found.row_groups
    digests = (hashlib.sha256(part).hexdigest() for part in (data[group.start : group.end], data, data[found.footer_start :]))
    written = WrittenGroup(group.start, group.end, next(digests), group.rows)
    whole = WrittenShard(len(data), next(digests), len(images), (written,), found.footer_start, next(digests))
    shard = shard_entry("a.parquet", "train", whole, row_digests(batch), 4)
    roles, schema = Roles("image", None, None, {}), schema_fields(batch.schema)
    return SimpleNamespace(schema=schema, columns=roles, shards=[shard], rows=len(images))


def _load(folder: Path, manifest: Any) -> Any:
    opened = Opened(folder, manifest, Chosen(b"", None), None, None)  # type: ignore[arg-type]  # no verdict was asked for
    return sys.modules["release.consume.load"]._dataset(opened, manifest.shards, folder / "train.arrow")


def _verified(folder: Path, manifest: Any) -> list[str]:
    return [failure.code for failure in DataChecks(folder)(manifest, FolderFiles(folder))]


@pytest.mark.parametrize("image", [None, {"bytes": None, "path": "/etc/hostname"}, {"bytes": None, "path": None}])
def test_a_path_in_the_place_of_an_image_is_never_loaded(tmp_path: Path, image: Any) -> None:
    """A stock reader would open the path; the row is refused by loader and full verifier alike."""
    manifest = _written(tmp_path, [{"bytes": canary.picture(), "path": "a.png"}, image], {})
    assert _verified(tmp_path, manifest) == ["row-image"]
    with pytest.raises(VerificationError) as caught:
        _load(tmp_path, manifest)
    assert caught.value.code == "row-image"
    assert not list(tmp_path.glob("*.arrow"))


def _features(**features: object) -> dict[bytes, str]:
    return {b"huggingface": json.dumps({"info": {"features": features}}, sort_keys=True, separators=(",", ":"))}


IMAGES, LABELS = {"_type": "Image"}, {"_type": "ClassLabel", "names": ["caf\u00e9", "b"]}


@pytest.mark.parametrize("told", [{}, _features(image=IMAGES), _features(image=IMAGES, label=LABELS)])
def test_a_data_file_may_name_images_and_labels(tmp_path: Path, told: Any) -> None:
    """What the product writes is what it reads."""
    manifest = _written(tmp_path, [{"bytes": canary.picture(), "path": None}], told)
    assert not _verified(tmp_path, manifest)
    assert isinstance(_load(tmp_path, manifest)[0]["image"], Image.Image)


@pytest.mark.parametrize(
    "told",
    [
        _features(image=IMAGES, label=IMAGES),
        _features(image=LABELS),
        _features(image={**IMAGES, "decode": False}),
        _features(other=LABELS),
        _features(label={"_type": "Audio"}),
        _features(),
        {b"huggingface": "[" * 100_000},
        {b"huggingface": '{"info": {"features": {"image": {"_type": "Image"}}}}'},
        {b"huggingface": '{"info":{"features":{"image":{"_type":"Image"}}},"more":1}'},
        {b"huggingface": '{"info":{"features":{"label":{"_type":"Audio"}},"features":{"image":{"_type":"Image"}}}}'},
        {**_features(image=IMAGES), b"pandas": "{}"},
    ],
)
def test_a_footer_cannot_tell_readers_another_story_than_the_manifest(tmp_path: Path, told: Any) -> None:
    """Features steer stock readers: which column is opened as an image, by its path too."""
    manifest = _written(tmp_path, [{"bytes": canary.picture(), "path": None}], told)
    assert _verified(tmp_path, manifest) == ["parquet-schema"]
    with pytest.raises(VerificationError) as caught:
        _load(tmp_path, manifest)
    assert caught.value.code == "parquet-schema"


def test_a_rollback_is_not_loaded(released: Any) -> None:
    """Loading remembers the log beside the trust file as verifying does, and goes by what was seen there."""
    state = released.trust.with_suffix(".seen.json")
    state.unlink(missing_ok=True)
    release.load(released.published, released.trust)
    seen = seen_files.parse(state.read_bytes(), where="state")
    state.write_bytes(seen_files.encode(replace(seen, size=seen.size + 5)))
    with pytest.raises(VerificationError) as caught:
        release.load(released.published, released.trust)
    assert caught.value.code == "log-rollback"
    assert len(release.load(released.published, released.trust.read_bytes()))


def test_a_log_that_cannot_be_remembered_is_said(released: Any) -> None:
    """A trust file inside the release leaves no state file there; the rows are proven all the same."""
    trust = released.published / "trust.json"
    with pytest.warns(UserWarning, match="nothing is remembered"):
        assert len(release.load(released.published, trust))
    assert not list(released.published.glob("*.seen.json"))


@pytest.mark.parametrize("where", [0, 0.5, 0.999])
def test_a_flipped_bit_is_never_loaded(released: Any, tmp_path: Path, where: float) -> None:
    """Wherever it lies, loading raises and leaves nothing."""
    path = shards(released)[1]
    flip(path, int(path.stat().st_size * where))
    with pytest.raises(VerificationError):
        release.load(released.published, released.trust, cache_dir=tmp_path / "cache")
    assert not list(tmp_path.glob("cache/**/*.arrow"))


def test_a_file_swapped_after_the_verdict_is_never_loaded(released: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between verifying and reading another file of the same release takes a file's place: its rows are not handed out."""
    original = footer.read

    def swap(path: Path, shard: Any) -> bytes:
        found = original(path, shard)
        one, other = shards(released)[:2]
        one.write_bytes(other.read_bytes())
        return found

    monkeypatch.setattr(footer, "read", swap)
    with pytest.raises(VerificationError):
        release.load(released.published, released.trust, cache_dir=tmp_path / "cache")
    assert not list(tmp_path.glob("cache/**/*.arrow"))


def test_an_extra_data_file_is_never_loaded(released: Any) -> None:
    """A file that a reader's glob would pick up fails the release."""
    (released.published / "data" / "extra.parquet").write_bytes(shards(released)[0].read_bytes())
    with pytest.raises(VerificationError) as caught:
        release.load(released.published, released.trust)
    assert caught.value.code == "folder-extra"


def test_a_candidate_is_not_loaded(world: Any) -> None:
    """What was not published is incomplete."""
    with pytest.raises(VerificationError, match="incomplete"):
        release.load(world.candidate, world.trust)


def test_another_split_is_named(released: Any) -> None:
    """A split that is not there is told with those that are."""
    with pytest.raises(UsageError, match="train"):
        release.load(released.published, released.trust, split="test")


def test_a_stale_release_is_loaded_only_if_that_is_accepted(released: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour later a reader who wants proofs of the last second refuses it, unless that age is accepted."""

    class Later(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(tz) + timedelta(hours=1)

    trust = trusts.parse(released.trust.read_bytes())
    strict = trusts.encode(replace(trust, policy=replace(trust.policy, fresh_seconds=1)))
    monkeypatch.setattr(sys.modules["release.consume.proven"], "datetime", Later)
    for limit in (None, timedelta(minutes=30)):
        with pytest.raises(VerificationError, match="stale"):
            release.load(released.published, strict, accept_stale=limit)
    loaded: Any = release.load(released.published, strict, accept_stale=timedelta(hours=2))
    assert len(loaded) > 0


def test_a_release_on_the_hub_is_named_as_not_here() -> None:
    """`hub:` is not a folder yet; the error says what to do."""
    with pytest.raises(UsageError, match="release get"):
        release.verify("hub:example/clip-art", b"")


def test_the_verifier_adds_no_file_to_what_it_verifies(released: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """With a trust file in the release nothing is remembered, which is said; the verdict stands."""
    before = sorted(released.published.rglob("*"))
    assert run(["verify", str(released.published), "--trust", str(released.published / "trust.json")]) == 0
    assert "nothing is remembered" in capsys.readouterr().err
    assert sorted(released.published.rglob("*")) == before


def test_a_log_that_was_rolled_back_is_noticed(released: Any, world: Any) -> None:
    """Who has seen the release is not shown the candidate's shorter log any more."""
    options = ["--trust", str(released.trust), "--state", str(released.home / "seen.json"), "--format", "quiet"]
    assert run(["verify", str(released.published), *options]) == 0
    assert run(["verify", str(world.candidate), *options]) == 1


def test_a_missing_trust_file_is_one_sentence(released: Any) -> None:
    """It is a Problem, not a traceback."""
    with pytest.raises(Problem, match="trust file cannot be read"):
        release.verify(released.published, released.home / "none.json")


def test_the_verdict_is_the_exit_code(released: Any, world: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """0 for verified, 5 for a candidate, 1 for a flipped bit; JSON has the verdict."""
    assert run(["verify", str(released.published), "--trust", str(released.trust), "--format", "json"]) == 0
    assert '"verdict": "verified"' in capsys.readouterr().out
    assert run(["verify", str(world.candidate), "--trust", str(world.trust), "--format", "quiet"]) == 5
    flip(shards(released)[0], 4000)
    assert run(["verify", str(released.published), "--trust", str(released.trust), "--format", "quiet"]) == 1


def test_rows_are_checked_alike_in_several_processes(released: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same release, the same failures, however many workers there are."""
    monkeypatch.setattr(sys.modules["release.checks.data"], "ROWS_FOR_PROCESSES", 0)
    report = check(released.published, released.trust, seen=None, workers=2)
    assert report.verdict == "verified"
    assert report.manifest is not None
    first, *rest = report.manifest.shards
    groups = (replace(first.row_groups[0], root="0" * 64), *first.row_groups[1:])
    bent = replace(report.manifest, shards=(replace(first, row_groups=groups), *rest))
    found = [
        [failure.code for failure in DataChecks(released.published, workers)(bent, FolderFiles(released.published))] for workers in (1, 2)
    ]
    assert found == [["row-root"], ["row-root"]]


def test_a_full_disk_is_told_and_leaves_no_part_of_a_cache(released: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows are proven, and there is no room for them: one sentence says so, and no file is left."""
    whole = os.fsync

    def fsync(descriptor: int) -> None:
        if ".arrow" in str(Path(f"/proc/self/fd/{descriptor}").readlink()):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        whole(descriptor)

    monkeypatch.setattr("os.fsync", fsync)
    with pytest.raises(StoreError, match="the disk is full"):
        release.load(released.published, released.trust, cache_dir=tmp_path / "rows")
    assert not [path for path in (tmp_path / "rows").rglob("*") if path.is_file()]
