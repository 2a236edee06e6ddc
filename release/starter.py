"""What `release init` writes: a plan, keys, a trust file, and a few generated pictures with lists that know two of them.

The pictures are drawn here, from fixed streams of numbers. A build of the plan as it is written takes two of the six rows out.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
import pyrage
from numpy.typing import NDArray
from PIL import Image

from audit_logs import keys
from release import store, trustfile
from release.errors import UsageError
from release.lists import ImportRequest, ListStore

WIDTH, HEIGHT, CELL = 320, 240, 40
CAPTIONS = (
    "Soft hills of colour, one",
    "Soft hills of colour, two",
    "Soft hills of colour, three",
    "Soft hills of colour, four",
    "Soft hills of colour, listed by its SHA-256",
    "Soft hills of colour, listed by its PDQ hash",
)
STEPS = (("known-files", "exact-hash"), ("near-copies", "near-hash"))
MAX_LIST_AGE_DAYS = 90
PLAN = """\
# What to screen, against which lists, and what to call the result.
# Paths are relative to this file. Every key is described in docs/plan.md.

[release]
name = "{name}"            # owner/name; one log and one trust file for each name
version = "1.0.0"
license = "cc0-1.0"

[source]
path = "source"            # a folder of images, a Parquet file, a folder or glob of them; or: hub = "owner/name", revision = "<commit>"
format = "auto"            # parquet | imagefolder | links | auto
parent = "private"         # "public" if others hold the source: hits must then hide among other removals
columns = {{ image = "image", text = "caption" }}    # also: url = "...", declared = {{ md5 = "..." }}

[lists]
store = "lists"            # what `release lists import` fills; nobody else may be able to look into it
max_age = "90d"            # an older list stops the build

# Steps run in this order. A row that lacks what a step needs is not kept.
[[step]]
name = "known-files"
kind = "exact-hash"        # byte for byte the same file
lists = ["known-digests"]

[[step]]
name = "near-copies"
kind = "near-hash"         # the same picture in other bytes
lists = ["known-pdq"]
distance = 31              # of 256 bits; pictures with too little detail are left out: low_quality = "keep" lets them stay, counted

[keys]
institution = "keys/institution.pem"    # signs attestations, candidates and releases
log = "keys/log.pem"                    # signs the audit log

[audit]
required = {auditors}               # distinct organisations; who they are stands in the trust file
trust = "trust.json"

# What readers of the dataset card look for; what stands nowhere here, the card says is not stated.
[card]
language = ["en"]                     # of the captions
# tasks = ["text-to-image"]           # else told from the columns
# source_datasets = ["owner/name"]    # datasets of the Hub that the rows come from
# contact = "..."                     # where readers report a problem
# withdrawal = "..."                  # when you withdraw a version, and how you tell it

# [hub]
# gated = "manual"         # on the Hub: no | auto | manual; prompt and prompt_fields say what readers are asked
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to call the first line, who the institution is, how many auditors it wants, and what locks its keys, if anything does."""

    name: str
    organisation: str
    auditors: int
    passphrase: bytes | None = field(default=None, repr=False)


def start(folder: Path, wanted: Wanted, now: datetime) -> None:
    """Write everything that a first build needs into a folder that is empty or not there; it appears whole.

    Raises:
        UsageError: something is in the folder.
        FormatError: a name has not its legal form.
        StoreError: it could not be written.
    """
    if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
        raise UsageError("the folder is not empty", where=str(folder), expected="an empty folder, or a new name")
    trustfile.check_names(wanted.organisation, wanted.name)
    staging = folder.with_name(f".{folder.name}.starting")
    shutil.rmtree(staging, ignore_errors=True)
    store.make_folder(staging)
    try:
        _fill(staging, wanted, now)
        store.swap_folder(staging, folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def write_identity(path: Path) -> str:
    """Write a new age identity, for its owner alone, and return its recipient.

    Raises:
        StoreError: it could not be written.
    """
    identity = pyrage.x25519.Identity.generate()
    recipient = str(identity.to_public())
    store.write_file(path, f"# recipient: {recipient}\n{identity}\n".encode(), private=True)
    return recipient


def _fill(folder: Path, wanted: Wanted, now: datetime) -> None:
    store.make_private_folder(folder / "keys")
    institution = trustfile.Institution(
        organisation=wanted.organisation,
        institution=keys.generate(folder / "keys" / "institution.pem", passphrase=wanted.passphrase),
        root=keys.generate(folder / "keys" / "root.pem", passphrase=wanted.passphrase),
        log=keys.generate(folder / "keys" / "log.pem", passphrase=wanted.passphrase),
        officer=write_identity(folder / "keys" / "officer.age"),
    )
    line = trustfile.Line(wanted.name, STEPS, MAX_LIST_AGE_DAYS, wanted.auditors)
    trustfile.write(folder / "trust.json", trustfile.draft(institution, line, now))
    store.write_file(folder / "plan.toml", PLAN.format(name=wanted.name, auditors=wanted.auditors).encode())
    pictures = [picture(number) for number in range(len(CAPTIONS))]
    _write_source(folder / "source", pictures)
    _import(folder, "known-digests", "sha256", hashlib.sha256(_png(pictures[-2])).digest(), now)
    _import(folder, "known-pdq", "pdq", _pdq(pictures[-1]), now)


def picture(number: int) -> NDArray[np.uint8]:
    """Return a generated picture, (240, 320, 3) uint8: smooth hills between heights drawn from a fixed stream."""
    rows, columns = HEIGHT // CELL + 1, WIDTH // CELL + 1
    stream = hashlib.shake_256(b"vetted-release starter %d" % number).digest(rows * columns * 3)
    heights = np.frombuffer(stream, np.uint8).reshape(rows, columns, 3).astype(np.int64)
    down, part_down = np.divmod(np.arange(HEIGHT)[:, None, None], CELL)
    across, part_across = np.divmod(np.arange(WIDTH)[None, :, None], CELL)
    above = heights[down, across, np.arange(3)] * (CELL - part_across) + heights[down, across + 1, np.arange(3)] * part_across
    below = heights[down + 1, across, np.arange(3)] * (CELL - part_across) + heights[down + 1, across + 1, np.arange(3)] * part_across
    hills: NDArray[np.uint8] = ((above * (CELL - part_down) + below * part_down) // (CELL * CELL)).astype(np.uint8)
    return hills


def _png(pixels: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def _pdq(pixels: NDArray[np.uint8]) -> bytes:
    from release.fingerprint import pdq

    return pdq.hash_array(pixels)[0]


def _write_source(folder: Path, pictures: list[NDArray[np.uint8]]) -> None:
    store.make_folder(folder)
    lines = []
    for number, (pixels, caption) in enumerate(zip(pictures, CAPTIONS, strict=True), 1):
        store.write_file(folder / f"picture-{number}.png", _png(pixels))
        lines.append(json.dumps({"file_name": f"picture-{number}.png", "caption": caption}) + "\n")
    store.write_file(folder / "metadata.jsonl", "".join(lines).encode())


def _import(folder: Path, name: str, kind: str, entry: bytes, now: datetime) -> None:
    """Import a list of one entry, by way of a file, as any other list is."""
    path = folder / "keys" / f"{name}.txt"
    store.write_file(path, entry.hex().encode() + b"\n", private=True)
    request = ImportRequest(name, now.date(), "generated by release init", type=kind)
    ListStore(folder / "lists").import_file(path, request, now.date())
    store.remove_file(path)
