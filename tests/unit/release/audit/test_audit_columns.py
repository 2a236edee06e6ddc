"""Columns and roles as an audit sees them: what a manifest may say of its columns, declared digests, and re-reading a source."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyrage
import pytest

from audit_logs.manifest import Roles
from release import canary
from release.audit import Request, audit
from release.audit.columns import misfits
from release.cli import run
from release.lists import ImportRequest, ListStore
from release.values import schema_fields

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
SCHEMA = pa.schema({"image": IMAGE, "thumb": pa.binary(), "link": pa.string(), "md5": pa.string(), "width": pa.int64()})
NOTHING = Roles(None, None, None, {})


def manifest(roles: Roles, shards: tuple[str, ...] = ("a data file",)) -> Any:
    """Return the part of a manifest that speaks of columns."""
    return SimpleNamespace(columns=roles, shards=shards, schema=schema_fields(SCHEMA))


def step(covers: str, lists: tuple[str, ...] = ("known",)) -> Any:
    """Return the part of an attestation that says what was looked at."""
    return SimpleNamespace(covers=covers, lists=lists, conventions=(), parameters={}, step=SimpleNamespace(order=1, kind="another"))


@pytest.mark.parametrize("roles", [Roles("image", None, "link", {"md5": "md5"}), Roles("thumb", "link", None, {"md5": "image"}), NOTHING])
def test_columns_play_the_roles_that_their_types_allow(roles: Roles) -> None:
    """Images are structs or bytes, links and captions text, declared digests text or bytes."""
    expected = 1 if roles.declared.get("md5") == "image" else 0
    assert len(list(misfits(manifest(roles), SCHEMA, ()))) == expected


@pytest.mark.parametrize(
    "roles",
    [Roles("width", None, None, {}), Roles("link", None, None, {}), Roles(None, "width", None, {}), Roles(None, None, "image", {})],
)
def test_a_column_that_cannot_play_its_role_is_told(roles: Roles) -> None:
    """Numbers are no images and pictures are no links: one sentence, no crash."""
    (fault,) = misfits(manifest(roles), SCHEMA, ())
    assert "cannot play it" in fault


@pytest.mark.parametrize(("covers", "roles"), [("stored", Roles(None, None, "link", {})), ("pixels", NOTHING), ("declared", NOTHING)])
def test_a_step_cannot_have_matched_what_no_column_has(covers: str, roles: Roles) -> None:
    """An institution that hides its image column from auditors contradicts its own attestations; a step without lists may do so."""
    assert list(misfits(manifest(roles), SCHEMA, [step(covers)]))
    assert not list(misfits(manifest(roles), SCHEMA, [step(covers, ())]))


def test_a_release_without_data_files_is_told() -> None:
    """There is no schema to hold the roles against."""
    assert list(misfits(manifest(NOTHING, ()), pa.schema([]), ())) == ["there is no data file"]


def _with_declared_digests(world: Any, digests: Mapping[int, str], limit: int) -> Path:
    """Build another candidate, whose source declares digests and of whose files those above a limit are not read."""
    metadata, plan = world.source / "metadata.jsonl", world.home / "institution" / "plan.toml"
    rows = [json.loads(line) for line in metadata.read_text().splitlines()]
    lines = [json.dumps(row | {"md5": digests.get(index, f"{index + 1:032x}")}) for index, row in enumerate(rows)]
    metadata.write_text("\n".join(lines) + "\n")
    text = plan.read_text().replace('url = "url" }', 'url = "url", declared = { md5 = "md5" } }')
    plan.write_text(f"{text}\n[limits]\nbytes = {limit}\n")
    out: Path = world.home / "institution" / "declared"
    assert run(["build", str(plan), "--out", str(out), "--format", "quiet"]) == 0
    return out


def test_a_declared_digest_is_a_finding_like_any_other(world: Any, tmp_path: Path) -> None:
    """A list knows the bytes that a source declares and not those that are stored; the source is read again with the build's limit."""
    limit = len(canary.picture())
    with min(world.source.glob("*.jpg")).open("ab") as file:
        file.write(bytes(limit))
    listed = {index: hashlib.md5(f"{index}".encode(), usedforsecurity=False).hexdigest() for index in range(30)}
    candidate = _with_declared_digests(world, listed, limit)
    home = world.home / "auditor-2"
    (tmp_path / "own.csv").write_text("md5\n" + "\n".join(listed.values()) + "\n")
    wanted = ImportRequest(name="own", vintage=datetime.now(UTC).date(), authority="Own", format="csv", type="md5")
    ListStore(home / "lists").import_file(tmp_path / "own.csv", wanted, datetime.now(UTC).date())
    names = {"key": "auditor.pem", "identity": "identity.age", "trust": "trust.json", "lists": "lists", "work": "work"}
    paths = {name: home / place for name, place in names.items()}
    done = audit(Request(folder=candidate, source=world.source, skip=frozenset({"fingerprints"}), **paths))
    results = {claim.claim: claim.result for claim in done.claims}
    assert (results["source-files"], results["no-listed-row"], done.result) == ("confirmed", "refuted", "FAILED")
    assert done.finding is not None
    secret = next(line for line in paths["identity"].read_text().splitlines() if line.startswith("AGE-SECRET"))
    opened = json.loads(pyrage.decrypt(done.finding.read_bytes(), [pyrage.x25519.Identity.from_str(secret)]))
    assert {(row["covers"], row["kind"], row["list"]) for row in opened["rows"]} == {("declared", "exact-hash", "own")}
    (used,) = [used for used in json_report(done.report)["scope"]["lists"] if used["name"] == "own"]
    assert used["entries"] == {"md5": 30}


def json_report(path: Path) -> Any:
    """Return the predicate of a signed report."""
    return json.loads(base64.b64decode(json.loads(path.read_bytes())["dsseEnvelope"]["payload"]))["predicate"]
