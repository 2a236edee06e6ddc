"""What a candidate, a command or a work folder must never tell: hashes, links, captions, names and bytes of rows that were not kept."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from messy import Built
from project import (
    EXACT,
    KNOWN_FILE,
    KNOWN_LINK,
    LINKS,
    Project,
    Row,
    Wanted,
    forms,
    in_process,
    known_digest,
    known_pdq,
    rows,
)

from audit_logs import envelope
from audit_logs.cli import main as light
from audit_logs.tiles import decode_bundle
from release import evidence, table

SLICE = 24  # bytes of a picture that could not be there by chance
REASONS = ("truncated", "undecodable", "bad-path", "missing-file", "no-image")
SEALED = ("evidence/rows.age", "evidence/matches.age")


def slices(data: bytes) -> Iterator[bytes]:
    """Yield pieces of a file that are particular to it: no runs of one byte, no heads that all files of a format share."""
    for start in range(len(data) // 4, max(0, len(data) - SLICE), max(1, len(data) // 8)):
        piece = data[start : start + SLICE]
        if len(set(piece)) > SLICE // 2:
            yield piece


def secrets_of(row: Row, data: bytes | None) -> Iterator[bytes]:
    """Yield what must not be told of a row, in every form in which it could be told."""
    texts = [text for text in (row.caption, row.url, row.path) if text is not None]
    for text in texts:
        yield text.encode()
        yield from forms(hashlib.sha256(text.encode()).digest())
    if data:
        yield from slices(data)
        for name in ("md5", "sha1", "sha256"):
            yield from forms(hashlib.new(name, data, usedforsecurity=False).digest())


def texts_in(value: object) -> Iterator[bytes]:
    """Yield every text and byte string in a value of a table."""
    if isinstance(value, dict):
        for member in value.values():
            yield from texts_in(member)
    elif isinstance(value, bytes | str):
        yield value if isinstance(value, bytes) else value.encode()


def surfaces(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield all that a reader of a candidate can read without a key: files, payloads inside envelopes, cells of tables."""
    for path in sorted(folder.rglob("*")):
        if path.is_dir():
            continue
        name, data = path.relative_to(folder).as_posix(), path.read_bytes()
        yield name, data
        bundles = decode_bundle(data) if "tile/entries" in name else [data] if name.endswith(".sigstore.json") else []
        for bundle in bundles:
            yield f"{name}, an envelope", bundle
            yield f"{name}, a payload", envelope.parse(bundle, where=name).payload
        if name.endswith(".parquet"):
            cells = (cell for record in pq.read_table(path).to_pylist() for cell in texts_in(record))
            yield f"{name}, its cells", b"\n".join(cells)


@pytest.fixture(scope="module")
def secrets(built: Built, tmp_path_factory: pytest.TempPathFactory) -> set[bytes]:
    """Return everything that must not be told about the messy candidate, above all what its sealed tiers hold."""
    found: set[bytes] = {known_digest().encode(), known_pdq().encode(), bytes.fromhex(known_digest()), bytes.fromhex(known_pdq())}
    kept: set[bytes] = set()
    for row in built.rows:
        named = built.project.source / row.path if row.path in ("archive.jpg", "inside.jpg") else None
        data = named.read_bytes() if row.data is None and named else row.data
        (kept if row.fate == "kept" else found).update(secrets_of(row, data))
    identity = built.project.folder / "keys" / "officer.age"
    for tier in ("rows", "matches"):
        opened = evidence.open_tier(built.folder / "evidence" / f"{tier}.age", identity, tmp_path_factory.mktemp(tier))
        found.update(forms(opened.key))
        for name, path in opened.tables.items():
            content = pa.Table.from_batches(table.read_sealed_table(path)).to_pylist()
            if name == "positions":
                content = [one for one in content if not one["kept"]]
            if name in ("positions", "removed", "lists"):
                values = [value for one in content for key, value in one.items() if isinstance(value, bytes) or key == "locator"]
                found.update(form for value in values for form in (forms(value) if isinstance(value, bytes) else [value.encode()]))
    nothing = {form for name in ("md5", "sha1", "sha256") for form in forms(hashlib.new(name, b"", usedforsecurity=False).digest())}
    return {secret for secret in found - kept - nothing if len(secret) > 7}  # the root of an empty shard is the hash of nothing too


def check_silence(where: str, data: bytes, secrets: set[bytes]) -> None:
    """Check that none of the secrets stands in some bytes; a failure shows where, not what."""
    told = sum(secret in data for secret in secrets)
    assert not told, f"{told} secrets in {where}"


def test_the_scan_would_find_what_it_looks_for(built: Built, secrets: set[bytes]) -> None:
    """In the source, which holds everything, the same scan finds the removed rows."""
    told = [secret for secret in secrets if secret in (built.project.source / "train.parquet").read_bytes()]
    assert len(told) > 20
    cells = dict(surfaces(built.project.source))["train.parquet, its cells"]
    assert all(row.caption.encode() in cells for row in built.rows)


def test_nothing_of_a_row_that_was_not_kept_is_in_the_candidate(built: Built, secrets: set[bytes]) -> None:
    """No byte, hash, link, caption or name, raw or encoded, in any file, payload or cell; nor in what encloses the sealed tiers."""
    assert len(secrets) > 300
    seen = set()
    for where, data in surfaces(built.folder):
        seen.add(where.split("/")[0].split(",")[0])
        check_silence(where, data, secrets)
    assert seen == {"README.md", "attestations", "croissant.json", "data", "evidence", "log", "release.json", "trust.json"}


def test_only_whole_counts_are_public(built: Built) -> None:
    """Attestations and manifest tell how many rows a step took; why, and from which shard, is sealed."""
    for where, data in surfaces(built.folder):
        if where not in SEALED:
            check_silence(where, data, {f'"{reason}"'.encode() for reason in REASONS} | {f"{reason}:".encode() for reason in REASONS})
    for path in sorted((built.folder / "attestations").iterdir()):
        predicate = json.loads(envelope.parse(path.read_bytes(), where=path.name).payload)["predicate"]
        assert isinstance(predicate["removed"], int)
        assert isinstance(predicate["unscreenable"], int)
        assert all(isinstance(count, int) for count in predicate["coverage"].values())
    shard = json.loads((built.folder / "release.json").read_bytes())["shards"][0]
    assert set(shard) == {"path", "split", "bytes", "sha256", "rows", "root", "rowGroups", "footer"}


def test_commands_tell_nothing_of_a_row_that_was_not_kept(
    built: Built, secrets: set[bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Building, building again, verifying and failing to verify, in words and in JSON."""
    said = [built.answer.text, built.project.build_here(built.folder).text]
    trust = built.project.folder / "trust.json"
    bent = tmp_path / "bent"
    shutil.copytree(built.folder, bent)
    shard = next(iter((bent / "data").iterdir()))
    shard.write_bytes(shard.read_bytes()[:-1])
    for folder in (built.folder, bent):
        for form in ("human", "json"):
            light(["verify", str(folder), "--trust", str(trust), "--format", form])
            said.append("".join(capsys.readouterr()))
            said.append(in_process("verify", folder, "--trust", trust, "--format", form, "--debug").text)
    for text in said:
        check_silence("what a command said", text.encode(), secrets)


def test_a_failed_build_tells_nothing_even_to_who_debugs(clean: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A build that fails after it has found its hits: neither the traceback nor the open part of the work folder tells of them."""
    monkeypatch.setattr("release.build.FINAL", ())  # this very refusal would remove the work folder
    clean.write_plan(Wanted(parent="public", steps=(EXACT, LINKS)))
    answer = in_process("build", clean.plan, "--out", tmp_path / "candidate", "--debug")
    assert answer.code == 1
    assert "Traceback" in answer.err
    hits = [rows()[seed] for seed in (KNOWN_FILE, KNOWN_LINK)]
    secrets = {secret for row in hits for secret in secrets_of(row, row.data)}
    check_silence("what the command said", answer.text.encode(), secrets)
    tree = tmp_path / ".candidate.building" / "tree"
    assert [path for path in tree.rglob("*") if path.is_file()]
    for where, data in surfaces(tree):
        check_silence(where, data, secrets)
    for path in tree.parent.iterdir():
        assert path == tree or path.stat().st_mode & 0o777 == 0o600, path


def test_a_refused_line_of_a_list_is_told_by_its_number(clean: Project, tmp_path: Path) -> None:
    """Import, with good lines and bad ones, and with none that is good: no value of the file is ever said."""
    values = [known_digest()[:-1], known_digest() + "ab", "x" + known_digest()[1:], known_digest()]
    for name, lines in (("some-good", values), ("none-good", values[:3])):
        path = tmp_path / f"{name}.txt"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        words = ("lists", "import", path, "--name", name, "--vintage", "2026-01-01", "--type", "sha256", "--store", clean.folder / "lists")
        for form in ("human", "json"):
            answer = in_process(*words, "--format", form, "--debug")
            check_silence(f"what the import of {name} said", answer.text.encode(), {value[1:40].encode() for value in values})
    assert in_process("lists", "show", "--store", clean.folder / "lists").code == 0
