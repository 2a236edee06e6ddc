"""A project whose source has every kind of bad row among clean ones, and the fate that each of them deserves."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

from project import KNOWN_FILE, KNOWN_PICTURE, Answer, Project, Row, encoded, make, picture, row, rows

OUTSIDE = "a picture that lies beside the source"


@dataclass(frozen=True, slots=True)
class Built:
    """A project, its source rows, and the candidate that a command made of it."""

    project: Project
    rows: list[Row]
    folder: Path
    answer: Answer


def bomb() -> bytes:
    """Return a PNG of 20 KB that claims 169 million pixels."""
    side = 13_000
    pixels = zlib.compress(bytes((side // 8 + 1) * side), 9)
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)), (b"IDAT", pixels), (b"IEND", b"")]
    parts = [struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def archive() -> bytes:
    """Return a zip file."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("note.txt", "not an image at all")
    return out.getvalue()


def animation(*seeds: int) -> bytes:
    """Return an animated GIF with one frame for each picture."""
    first, *others = (picture(seed).quantize(256) for seed in seeds)
    return encoded(first, "GIF", save_all=True, append_images=others, duration=100, loop=0)


def messy_rows() -> list[Row]:
    """Return clean rows with every kind of bad row among them."""
    listed, clean = encoded(picture(KNOWN_PICTURE)), encoded(picture(40))
    bad = [
        ("truncated copy of a listed one", listed[: len(listed) * 19 // 20], None, "removed"),
        ("truncated", clean[: len(clean) // 2], None, "truncated"),
        ("bomb", bomb(), None, "pixels"),
        ("archive", None, "archive.jpg", "undecodable"),
        ("listed frame in the middle", animation(41, KNOWN_PICTURE, 42), None, "removed"),
        ("harmless animation", animation(43, 44, 45), None, "kept"),
        ("nothing", None, None, "no-image"),
        ("empty", b"", None, "undecodable"),
        ("NUL", None, "inside\0.jpg", "bad-path"),
        ("upwards", None, "../outside.jpg", "bad-path"),
        ("roundabout", None, "folder/../../outside.jpg", "bad-path"),
        ("absolute", None, "/etc/hostname", "bad-path"),
        ("link", None, "link.jpg", "bad-path"),
        ("missing", None, "nowhere.jpg", "missing-file"),
        ("named file", None, "inside.jpg", "kept"),
    ]
    made = [
        Row(data, f"A messy row with {what}", f"https://pictures.example.org/messy/{number:02d}", path, fate)
        for number, (what, data, path, fate) in enumerate(bad)
    ]
    again = replace(row(0), path="again.jpg"), row(0), replace(row(KNOWN_FILE), caption="A listed file again")
    return [*rows(12), *made, *again]


def make_messy(folder: Path) -> Project:
    """Write the messy project."""
    project = make(folder, messy_rows())
    text = project.plan.read_text(encoding="utf-8")
    project.plan.write_text(text.replace('path = "source"', 'path = "source"\nformat = "parquet"'), encoding="utf-8")  # beside images
    (project.source / "archive.jpg").write_bytes(archive())
    (project.source / "inside.jpg").write_bytes(encoded(picture(46)))
    outside = encoded(picture(47), comment=OUTSIDE.encode())
    (folder / "outside.jpg").write_bytes(outside)
    (project.source / "folder").mkdir()
    (project.source / "link.jpg").symlink_to("../outside.jpg")
    return project
