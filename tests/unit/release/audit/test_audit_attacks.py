"""Institutions that name, attest or seal what would keep an auditor from seeing, and auditors that see nevertheless."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from audit_logs import statement
from audit_logs.envelope import MAX_BUNDLE
from audit_logs.manifest import Roles
from audit_logs.statement import AuditReport, Scope, Statement
from release import canary
from release.audit import claims
from release.audit.attested import contradictions, looked_at
from release.audit.fingerprints import Comparison
from release.audit.matching import Hit, matching
from release.audit.reperform import LIMITS
from release.evidence import OpenedTier
from release.fingerprint import CONVENTIONS, DECODER, Fingerprinter, Fingerprints, pdq
from release.ledger import fingerprint_arrays, kept_schema
from release.lists import ImportRequest, ListStore, StoredList
from release.plan import Columns
from release.screen import image_bytes
from release.tool import this_tool
from release.values import schema_fields

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
LINK = "https://listed.example.org/picture.jpg"
TODAY = datetime.now(UTC).date()


def own_list(folder: Path, kind: str, *values: str) -> tuple[StoredList, ...]:
    """Return an auditor's list of entries of one type."""
    (folder / "own.txt").write_text("\n".join(values) + "\n")
    wanted = ImportRequest(name="own", vintage=TODAY, authority="Own", type=kind)
    ListStore(folder / "lists").import_file(folder / "own.txt", wanted, TODAY)
    return (ListStore(folder / "lists").open("own"),)


def photograph(form: str = "PNG") -> bytes:
    """Return a picture of its own, as the bytes of a file."""
    grey = np.add.outer(np.arange(300) ** 2 // 400, np.arange(300) * 3) % 256
    file = io.BytesIO()
    Image.fromarray(grey.astype(np.uint8)).save(file, form)
    return file.getvalue()


def photograph_hash(turned: int) -> str:
    """Return its PDQ hash with so many bits turned."""
    with Image.open(io.BytesIO(photograph())) as opened:
        code, _ = pdq.hash_array(np.asarray(opened))
    return (int.from_bytes(bytes(code)) ^ ((1 << turned) - 1)).to_bytes(32).hex()


def attestation(kind: str, parameters: Mapping[str, object], covers: str, conventions: tuple[str, ...] = ()) -> Any:
    """Return the part of an attestation that says what was looked at, and how."""
    known = SimpleNamespace(order=1, kind=kind)
    return SimpleNamespace(step=known, parameters=parameters, covers=covers, conventions=conventions, decoder="", lists=())


def case_of(batch: pa.RecordBatch, roles: Roles, *steps: Any) -> Any:
    """Return the part of an examined candidate that matching needs."""
    manifest = SimpleNamespace(columns=roles, schema=schema_fields(batch.schema))
    columns = Columns(roles.image, roles.text, roles.url, roles.declared)
    return SimpleNamespace(manifest=manifest, columns=columns, schema=batch.schema, steps=steps)


def prints_of(batch: pa.RecordBatch, image: str | None) -> Fingerprints:
    """Return the fingerprints of a batch."""
    with Fingerprinter(LIMITS, CONVENTIONS, perceptual=True) as fingerprinter:
        return fingerprinter.run(image_bytes(batch, image))


def matched(own: tuple[StoredList, ...], batch: pa.RecordBatch, roles: Roles, *steps: Any) -> Any:
    """Return what matching a batch came to."""
    made = matching(own, case_of(batch, roles, *steps))
    with Fingerprinter(LIMITS, CONVENTIONS, perceptual=True) as fingerprinter:
        made.self_test(fingerprinter)
        made.take(batch, fingerprinter.run(image_bytes(batch, roles.image)))
    return made


PICTURE = Roles("image", None, None, {})


@pytest.mark.parametrize("data", [b"not a picture", photograph()[:-2000], photograph("TGA"), photograph("PPM")])
def test_a_picture_that_was_not_decoded_is_never_called_unlisted(tmp_path: Path, data: bytes) -> None:
    """The release compared digests only, so it may hold such rows; an auditor with perceptual hashes says that it could not match them."""
    batch = pa.record_batch({"image": pa.array([{"bytes": photograph(), "path": None}, {"bytes": data, "path": None}], IMAGE)})
    made = matched(own_list(tmp_path, "pdq", "a5" * 32), batch, PICTURE, attestation("exact-hash", {"on": "stored"}, "stored"))
    assert (made.unable, made.hits) == (1, ())
    assert (made.claim().result, made.claim().detail[:2]) == ("skipped", "1 ")


@pytest.mark.parametrize(("distance", "conventions"), [(0, ["full"]), (31, ["thumbnail-512"])])
def test_a_distance_of_nothing_does_not_bind_the_auditor(tmp_path: Path, distance: int, conventions: list[str]) -> None:
    """Whatever the release attests, its rows are matched with the kind's defaults, too, and the claim says so."""
    batch = pa.record_batch({"image": pa.array([{"bytes": photograph(), "path": None}], IMAGE)})
    step = attestation("near-hash", {"distance": distance, "conventions": conventions}, "pixels", tuple(conventions))
    (tmp_path / "near").mkdir()
    assert matched(own_list(tmp_path / "near", "pdq", photograph_hash(25)), batch, PICTURE, step).hits == (
        Hit(0, "near-hash", "pixels", "own"),
    )
    told = matched(own_list(tmp_path, "pdq", "a5" * 32), batch, PICTURE, step).claim()
    assert told.result == "confirmed"
    assert "distance 31, conventions full nearest-512 thumbnail-512, forms all" in told.detail


def _nested(value: str) -> pa.RecordBatch:
    kind = pa.list_(pa.struct([("where", pa.string()), ("size", pa.int64())]))
    return pa.record_batch({"n": [1, 2], "seen": pa.array([None, [{"where": "x", "size": 1}, {"where": value, "size": 2}]], kind)})


@pytest.mark.parametrize(
    "batch",
    [
        pa.record_batch({"url": ["https://ok.example.org/", "https://ok.example.org/2"], "origin": ["a", LINK]}),
        pa.record_batch({"caption": [None, f" {LINK.replace('https', 'HTTP')} "]}),
        pa.record_batch({"image": pa.array([None, {"bytes": photograph(), "path": LINK}], IMAGE)}),
        _nested(LINK),
    ],
)
def test_a_link_is_found_in_whatever_column_it_stands(tmp_path: Path, batch: pa.RecordBatch) -> None:
    """The manifest names no column of links, or another one."""
    roles = Roles("image" if "image" in batch.schema.names else None, None, "url" if "url" in batch.schema.names else None, {})
    assert matched(own_list(tmp_path, "url", LINK), batch, roles).hits == (Hit(1, "url", "declared", "own"),)


def test_a_tracking_parameter_does_not_hide_a_link(tmp_path: Path) -> None:
    """The release attests that it knows one tracking parameter; the auditor also leaves out the usual ones."""
    batch = pa.record_batch({"url": [f"{LINK}?utm_source=x", f"{LINK}?mine=1"]})
    step = attestation("url", {"tracking": ["mine"]}, "declared")
    made = matched(own_list(tmp_path, "url", LINK), batch, Roles(None, None, "url", {}), step)
    assert {hit.row for hit in made.hits} == {0, 1}


@pytest.mark.parametrize(("column", "roles"), [("md5", PICTURE), ("other", Roles("image", None, None, {"sha1": "md5"}))])
def test_a_digest_is_found_in_whatever_column_it_stands(tmp_path: Path, column: str, roles: Roles) -> None:
    """Bytes that were saved anew have another digest; the old one stands in a column without a role."""
    old = hashlib.md5(b"before", usedforsecurity=False).hexdigest()
    images = pa.array([{"bytes": photograph(), "path": None}], IMAGE)
    batch = pa.record_batch(
        {"image": images, "md5": pa.array([bytes(20)]), column: pa.array([old.upper()])}
        if roles.declared
        else {"image": images, column: [old]}
    )
    assert matched(own_list(tmp_path, "md5", old), batch, roles).hits == (Hit(0, "exact-hash", "declared", "own"),)


VALUE = bytes(range(50, 194))
PHOTODNA = {"on": "declared", "distance": 20}


@pytest.mark.parametrize("column", ["pdna", "caption"])
def test_a_photodna_value_is_matched_as_the_release_attests_in_whatever_column_it_stands(tmp_path: Path, column: str) -> None:
    """By the attested distance, in hex, base64 or bytes; the canary of this way is found first."""
    near, far = bytes([70]) + VALUE[1:], bytes([71]) + VALUE[1:]
    texts = [far.hex(), base64.b64encode(near).decode(), "no value", None]
    roles = Roles(None, None, None, {"photodna": "pdna"})
    raw = pa.array([None, None, None, near if column == "caption" else None], pa.binary())
    batch = pa.record_batch({"pdna": raw, "caption": texts} if column == "caption" else {"pdna": texts})
    made = matched(own_list(tmp_path, "photodna", VALUE.hex()), batch, roles, attestation("near-hash", PHOTODNA, "declared"))
    assert {hit.row for hit in made.hits} == ({1, 3} if column == "caption" else {1})
    assert {(hit.kind, hit.covers) for hit in made.hits} == {("near-hash", "declared")}
    assert "distance 20" in str(made.applied[0])


def test_photodna_values_that_no_step_gives_a_distance_for_are_named_as_not_matched(tmp_path: Path) -> None:
    """An auditor's list is not passed over in silence."""
    made = matching(own_list(tmp_path, "photodna", VALUE.hex()), case_of(pa.record_batch({"pdna": ["x"]}), Roles(None, None, None, {})))
    assert made.claim().result == "skipped"
    assert "PhotoDNA values of own" in made.limitations[0]


def test_a_list_that_nothing_could_match_confirms_nothing(tmp_path: Path) -> None:
    """Links against a release without a text."""
    made = matching(own_list(tmp_path, "url", LINK), case_of(pa.record_batch({"n": [1]}), Roles(None, None, None, {})))
    assert made.claim().result == "skipped"


def _sealed(path: Path, schema: pa.Schema, rows: int) -> OpenedTier:
    pq.write_table(pa.table({field.name: pa.nulls(rows, field.type) for field in schema}, schema), path / "kept.parquet")
    return OpenedTier("rows", "0" * 64, bytes(32), {"kept": path / "kept.parquet"})


def test_fingerprints_that_nobody_sealed_are_not_confirmed(tmp_path: Path) -> None:
    """Without images there is nothing to compare; with images, sealing nothing is refuted, whatever the attestations say of it."""
    batch = pa.record_batch({"image": pa.array([{"bytes": photograph(), "path": None}], IMAGE), "n": [1]})
    for roles, expected in ((Roles(None, None, None, {}), "not-checkable"), (PICTURE, "refuted")):
        compared = Comparison(
            _sealed(tmp_path, kept_schema((), ()), 1), case_of(batch, roles, attestation("url", {"tracking": []}, "declared"))
        )
        compared.take(batch, prints_of(batch, roles.image))
        assert compared.claim().result == expected


NEAR = {"distance": 31, "conventions": ["full"], "forms": "all", "quality": 50, "low_quality": "unscreenable"}


def _blank() -> bytes:
    """Return a picture with little in it."""
    pixels = np.full((300, 300), 90, np.uint8)
    pixels[100:180, 60:240] = 130
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("choice", "said", "taken_later", "sound"),
    [
        ("keep", 2, 0, True),
        ("keep", 1, 0, False),
        ("keep", 3, 0, False),
        ("keep", 3, 1, True),
        ("keep", 4, 1, False),
        ("unscreenable", 0, 0, False),
        ("unscreenable", 2, 0, False),
    ],
)
def test_rows_kept_at_low_quality_are_counted_again(tmp_path: Path, choice: str, said: int, taken_later: int, sound: bool) -> None:
    """Two published pictures have little in them: an attestation of fewer, of more, or of a plan that keeps none, is refuted."""
    images = [{"bytes": data, "path": None} for data in (_blank(), photograph(), _blank())]
    batch = pa.record_batch({"image": pa.array(images, IMAGE)})
    step = attestation("near-hash", {**NEAR, "low_quality": choice}, "pixels", ("full",))
    step.kept_low_quality, step.removed, step.unscreenable, step.decoder = said, 5, 5, DECODER
    step.step.order = 1
    later = attestation("url", {"tracking": []}, "declared")
    later.removed, later.unscreenable = taken_later, 0
    later.step.order = 2
    prints = prints_of(batch, "image")
    columns = fingerprint_arrays(replace(prints, pdq={"full": prints.pdq["full"]}), np.arange(3))
    pq.write_table(pa.table(columns, kept_schema(("full",), ())), tmp_path / "kept.parquet")
    compared = Comparison(
        OpenedTier("rows", "0" * 64, bytes(32), {"kept": tmp_path / "kept.parquet"}), case_of(batch, PICTURE, step, later)
    )
    compared.take(batch, prints)
    assert compared.claim().result == ("confirmed" if sound else "refuted")


def test_a_row_kept_at_low_quality_counts_as_matched(tmp_path: Path) -> None:
    """Auditors match at every quality; what a plan let stay does not keep them from saying that nothing is listed."""
    batch = pa.record_batch({"image": pa.array([{"bytes": _blank(), "path": None}], IMAGE)})
    made = matched(own_list(tmp_path, "pdq", "a5" * 32), batch, PICTURE)
    assert (made.unable, made.hits, made.claim().result) == (0, (), "confirmed")


@pytest.mark.parametrize(
    "step",
    [
        attestation("near-hash", NEAR, "stored", ("full",)),
        attestation("near-hash", NEAR, "pixels"),
        attestation("near-hash", {}, "pixels", CONVENTIONS),
        attestation("near-hash", {**NEAR, "more": 1}, "pixels", ("full",)),
        attestation("near-hash", {"distance": "31", "conventions": 5}, "pixels", ("full",)),
        attestation("exact-hash", {"on": "declared"}, "stored"),
        attestation("url", {"tracking": []}, "pixels"),
        attestation("near-hash", {"on": "declared", "distance": 20}, "pixels"),
        attestation("near-hash", {"on": "declared"}, "declared"),
    ],
)
def test_an_attestation_cannot_say_less_than_its_parameters(step: Any) -> None:
    """What has to be sealed follows from kind and parameters; an attestation that says something else is no sound step."""
    assert len(list(contradictions([step]))) == 1


def test_kinds_that_are_not_known_here_are_taken_at_their_word() -> None:
    """A third party's step can be anything."""
    step = attestation("another", {"x": 1}, "pixels")
    assert not list(contradictions([step, attestation("near-hash", NEAR, "pixels", ("full",))]))
    assert looked_at(step).covers == "pixels"


def test_no_text_that_was_sealed_makes_a_report_too_large() -> None:
    """Every claim refuted with a novel, every limitation another: report and bundle stay far below what the log takes."""
    novel = '\x1b[2J\u2603"\\' * 30_000 + ", ".join(f"column-{number}: binary" for number in range(5_000))
    made = tuple(claims.refuted(name, novel) for name in claims.ORDER)
    scope = Scope(("rows",), "none", "none", (), 0, "x", "0" * 64)
    said = tuple(claims.told(novel) for _ in claims.ORDER)
    report = AuditReport("0" * 64, scope, made, said, "adverse", this_tool(), "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z")
    encoded = statement.encode(Statement(statement.about_manifest("0" * 64), report))
    assert len(encoded) * 4 // 3 < MAX_BUNDLE // 2
    assert not [claim for claim in made if not (claim.detail.isascii() and claim.detail.isprintable())]


def test_canaries_of_every_way_are_found(tmp_path: Path) -> None:
    """Digests, links and hashes: each step finds its own canary before it says anything of a row."""
    batch = pa.record_batch({"image": pa.array([{"bytes": photograph(), "path": "a"}], IMAGE), "url": [canary.URL]})
    for kind, value in {"md5": "a5" * 16, "sha1": "a5" * 20, "sha256": "a5" * 32, "url": LINK, "domain": "listed.example.org"}.items():
        (tmp_path / kind).mkdir()
        assert matched(own_list(tmp_path / kind, kind, value), batch, Roles("image", None, "url", {})).claim().result == "confirmed"
