"""The self-test in whole builds: whatever is broken between a source's files and a verdict, nothing is signed.

Faults in code are put in by a `sitecustomize` module on the path of the build's own processes, which are not this one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from project import EXACT, LINKS, NEAR, TODAY, Answer, Project, Wanted, encoded, make, picture, row, rows

from release import store
from release.lists import ImportRequest, ListStore, stored
from release.lists.stored import index_path
from release.match import DigestIndex, NearIndex

STEPS = (EXACT, NEAR, LINKS)

READER = """
import numpy, pyarrow
from release.source import imagefolder, parquet
from release.source.base import SourceBatch
def other(read):
    def changed(source, unit, *, batch_bytes):
        for batch in read(source, unit, batch_bytes=batch_bytes):
            table = batch.batch.to_pylist()
            for one in table:
                one["image"]["bytes"] = one["image"]["bytes"][:-1] + b"x"
            yield SourceBatch(pyarrow.RecordBatch.from_pylist(table, schema=batch.batch.schema), batch.first, batch.problems)
    return changed
parquet.ParquetSource.read = other(parquet.ParquetSource.read)
imagefolder.ImageFolder.read = other(imagefolder.ImageFolder.read)
"""
BLACK = """
from dataclasses import replace
from release.fingerprint import wire
pack = wire.Outcome.pack
wire.Outcome.pack = lambda outcome: pack(replace(outcome, codes=bytes(len(outcome.codes))))
"""
BLIND = """
from dataclasses import replace
from release.fingerprint import wire
pack = wire.Outcome.pack
wire.Outcome.pack = lambda outcome: pack(wire.Outcome("undecodable", 0, (-1,) * len(outcome.quality)))
"""
NOTHING_NEAR = """
from release.match import near
from release.match.probe import Answers
import numpy
search = near.NearIndex._search
def blind(index, words, owner, radius, *, exhaustive):
    found = search(index, words, owner, radius, exhaustive=exhaustive)
    return Answers(numpy.zeros_like(found.rows), numpy.zeros_like(found.reserved))
near.NearIndex._search = blind
"""
SHORT_SIGHTED = """
from release.match import near
search = near.NearIndex._search
near.NearIndex._search = lambda index, words, owner, radius, *, exhaustive: search(index, words, owner, radius - 1, exhaustive=exhaustive)
"""
NOTHING_EXACT = """
from release.match import exact
import numpy
exact.DigestIndex.find = lambda index, queries: numpy.full(len(queries), -1, numpy.int64)
"""
NO_VERDICT = """
from release.steps import base
base.Sheet.remove = lambda *_: None
"""


@pytest.fixture
def parquet(tmp_path: Path) -> Project:
    """Return a project whose source is a Parquet file."""
    return make(tmp_path / "project", rows(8), Wanted(steps=STEPS))


@pytest.fixture
def folder(parquet: Project) -> Project:
    """Return a project whose source is a folder of images with a metadata file."""
    (parquet.source / "train.parquet").unlink()
    with (parquet.source / "metadata.jsonl").open("w") as metadata:
        for seed in range(8):
            (parquet.source / f"{seed}.png").write_bytes(encoded(picture(seed), "PNG"))
            print(json.dumps({"file_name": f"{seed}.png", "caption": "a view", "url": row(seed).url}), file=metadata)
    return parquet


@dataclass(frozen=True, slots=True)
class Built:
    """A build's answer, and where its candidate would be."""

    answer: Answer
    candidate: Path


def build(project: Project) -> Built:
    """Build with one worker."""
    out = project.folder.parent / "candidate"
    return Built(project.build(out, "--workers", 1, "--format", "json"), out)


def assert_stopped(built: Built, *words: str) -> None:
    """Check that the build stopped with one error, and that nothing was signed."""
    assert built.answer.code == 1, built.answer.text
    assert json.loads(built.answer.out)["error"]["code"] in words, built.answer.out
    assert not built.candidate.exists()


def break_code(project: Project, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Let every process of the build run `code` when it starts."""
    place = project.folder.parent / "broken"
    place.mkdir()
    (place / "sitecustomize.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(place))


@pytest.mark.parametrize("kind", ["parquet", "folder"])
def test_build_without_a_fault_passes_its_self_test(kind: str, request: pytest.FixtureRequest) -> None:
    """Each source stores and reads the canary in its own format; the attestations tell what was planted, and no count has it."""
    built = build(request.getfixturevalue(kind))
    assert built.answer.code == 0, built.answer.text
    counts = json.loads(built.answer.out)["rows"]
    assert counts["in"] == 8 == counts["kept"] + sum(counts["removed"].values()) + sum(counts["unscreenable"].values())
    assert len(list((built.candidate / "attestations").iterdir())) == 3


FAULTS = [("parquet", code) for code in (READER, BLACK, BLIND, NOTHING_NEAR, SHORT_SIGHTED, NOTHING_EXACT, NO_VERDICT)]


@pytest.mark.parametrize(("kind", "code"), [*FAULTS, ("folder", READER)])
def test_broken_reader_decoder_matcher_or_verdict_stops_the_build(
    kind: str, code: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The canary is not found, or not as it has to be: no row is believed to be clean because of it."""
    project = request.getfixturevalue(kind)
    break_code(project, monkeypatch, code)
    assert_stopped(build(project), "canary")


def _long_list(project: Project) -> Path:
    """Make the list of pictures long enough for tables, and return its index."""
    lines = [bytes(line).hex() for line in np.random.default_rng(1).integers(0, 256, (9000, 32), dtype=np.uint8)]
    (project.folder / "long.txt").write_text("\n".join(lines))
    wanted = ImportRequest("known-pdq", TODAY, format="text", type="pdq", replace=True)
    ListStore(project.folder / "lists").import_file(project.folder / "long.txt", wanted, TODAY)
    return index_path(project.folder / "lists" / "known-pdq", "pdq")


def _reseal(path: Path) -> None:
    """Let the list's record say that an index is as it now is."""
    record = path.parent / stored.RECORD
    told = json.loads(record.read_bytes())
    told["indexes"][path.stem] = store.file_sha256(path)
    record.write_text(json.dumps(told, sort_keys=True, separators=(",", ":")))


def _dead_tables(project: Project) -> None:
    """Tables of which every entry leads to the same hash, under a digest that is theirs."""
    path = _long_list(project)
    index = NearIndex.load(path)
    assert index.tables is not None
    tables = index.tables._replace(ids=np.zeros_like(index.tables.ids))
    NearIndex(np.array(index.codes), np.array(index.reserved), np.array(index.numbers), index.shape, tables).save(path)
    _reseal(path)


def _without_canaries(project: Project) -> None:
    """Lists whose indexes were made without the self-test's entries."""
    path = _long_list(project)
    NearIndex.build(np.array(NearIndex.load(path).codes[:100]), np.zeros((0, 32), np.uint8)).save(path)
    _reseal(path)


def _dead_filter(project: Project) -> None:
    """A filter that lets no digest pass."""
    path = index_path(project.folder / "lists" / "known-digests", "sha256")
    index = DigestIndex.load(path)
    DigestIndex(np.array(index.digests), index.buckets.copy(), np.zeros_like(index.filter), np.array(index.reserved_positions)).save(path)
    _reseal(path)


@pytest.mark.parametrize("damage", [_dead_tables, _without_canaries, _dead_filter])
def test_index_that_is_dead_under_a_true_digest_stops_the_build(parquet: Project, damage: object) -> None:
    """Its bytes are what the record says, and it finds nothing: the reserved entries, which lie in the same arrays, tell."""
    damage(parquet)  # type: ignore[operator]
    assert_stopped(build(parquet), "canary")


def _flipped(project: Project) -> None:
    path = _long_list(project)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _emptied(project: Project) -> None:
    path = project.folder / "lists" / "known-pdq" / stored.RECORD
    told = json.loads(path.read_bytes())
    told["entries"]["pdq"] = 0
    path.write_text(json.dumps(told, sort_keys=True, separators=(",", ":")))


def _gone(project: Project) -> None:
    index_path(project.folder / "lists" / "known-urls", "url").unlink()


@pytest.mark.parametrize("damage", [_flipped, _emptied, _gone])
def test_damaged_list_stops_the_build(parquet: Project, damage: object) -> None:
    """A bit that is not the imported one, a record without entries, a missing index."""
    damage(parquet)  # type: ignore[operator]
    assert_stopped(build(parquet), "list-damaged", "index-damaged", "index-missing", "list-empty")
