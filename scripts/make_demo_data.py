"""Make the pictures, captions and lists of `release demo` from Debian's package openclipart-png.

Usage: python scripts/make_demo_data.py [PICTURES] [OUT]     (default: /usr/share/openclipart/png release/demo/data)

The package holds public-domain drawings with title and author inside each PNG. `demo_pictures.txt` names those that are used; each
is cut to what is drawn on it, put on white and scaled down. Then, always in the same way:

    plain        most pictures, every second one as JPEG, the others as PNG; one is a palette PNG, one an animated GIF
    near-copies  four originals are left out; resized, compressed, mirrored and turned copies of them are in
    known lists  digests of five plain pictures, PDQ hashes of the four originals, three links and one domain
    broken       one JPEG that ends too early
    columns      and whatever else later steps look at: scripts/make_demo_columns.py

The bytes depend on the versions of Pillow and of the kernel in release/fingerprint and on nothing else. At the end the script
checks, with the product's own fingerprints, that the copies lie near what they were made from and everything else lies far.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import make_demo_columns
import numpy as np
from PIL import Image, ImageOps

from release.fingerprint import CONVENTIONS, Fingerprinter
from release.plan import Limits

TABLE = Path(__file__).with_name("demo_pictures.txt")
SIDE, WITHHELD_SIDE, MARGIN = 200, 256, 4  # pixels; small pictures move PDQ further when they are scaled or mirrored
NEAR, FAR = 24, 62  # bits; the demo's plan removes up to 31
WITHHELD = ("plants/cacuts", "animals/fish/arctic", "food/fruit/strawberry", "containers/box")
LISTED_DIGESTS = ("animals/birds/puffin", "food/fondue", "plants/trees/fern", "recreation/music/gramophone", "tools/umbrella")
LISTED_LINKS = ("animals/mammals/bunny", "food/desserts/pie_cherry", "plants/acorn")
LISTED_DOMAIN = "taken-down.example.net"
ON_THE_DOMAIN = ("containers/paperbag1", "tools/saw", "transportation/bus1")
PALETTE, ENDS_EARLY, ANIMATED = "plants/mushroom", "buildings/ch_teau", ("animals/turtle", "plants/daffodil")


@dataclass(frozen=True, slots=True)
class Original:
    """A drawing as it lies in the package."""

    path: str
    caption: str
    author: str
    picture: Image.Image

    @property
    def name(self) -> str:
        """The name of its file in the demo, without its end."""
        return self.caption.lower().replace(" ", "-")

    def is_one_of(self, *starts: str) -> bool:
        """Tell whether its path begins with one of these."""
        return self.path.startswith(starts)


@dataclass(frozen=True, slots=True)
class Row:
    """One picture of the demo's source."""

    file_name: str
    caption: str
    url: str
    data: bytes
    of: str


def originals(folder: Path) -> Iterator[Original]:
    """Yield the drawings that the table names, in its order."""
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        path, caption = line.split(" | ")
        with Image.open(folder / path) as picture:
            author = str(picture.info.get("Author") or "not named")
            yield Original(path, caption, _repaired(author), drawn(picture, WITHHELD_SIDE if path.startswith(WITHHELD) else SIDE))


def _repaired(text: str) -> str:
    """Return an author's name without addresses; some were written as UTF-8 and labelled Latin-1."""
    name = re.sub(r"[(<\[]?\S+@\S+[)>\]]?", "", text).strip() or "not named"
    try:
        return name.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return name


def drawn(picture: Image.Image, side: int) -> Image.Image:
    """Return what is drawn, on white, at most `side` pixels wide and high."""
    colours = picture.convert("RGBA")
    white = Image.new("RGBA", colours.size, "white")
    flat = Image.alpha_composite(white, colours).convert("RGB")
    box = ImageOps.invert(flat).getbbox() or (0, 0, *flat.size)
    cut = ImageOps.expand(flat.crop(box), MARGIN * max(flat.size) // side, "white")
    cut.thumbnail((side, side), Image.Resampling.LANCZOS)
    return cut


def png(picture: Image.Image) -> bytes:
    """Return a picture as PNG."""
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=True)
    return out.getvalue()


def jpeg(picture: Image.Image, quality: int = 85) -> bytes:
    """Return a picture as JPEG."""
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality, optimize=True)
    return out.getvalue()


def gif(first: Image.Image, second: Image.Image) -> bytes:
    """Return an animation of two pictures, in the size of the second."""
    out = io.BytesIO()
    ImageOps.pad(first, second.size, color="white").save(out, "GIF", save_all=True, append_images=[second], duration=500, loop=0)
    return out.getvalue()


def row(original: Original, data: bytes, ending: str, word: str = "") -> Row:
    """Return a row whose link is made up on a reserved domain."""
    file_name = f"{original.name}{'-' + word if word else ''}.{ending}"
    host = LISTED_DOMAIN if original.is_one_of(*ON_THE_DOMAIN) else "pictures.example.org"
    return Row(file_name, original.caption, f"https://{host}/{original.path.split('/')[0]}/{file_name}", data, original.path)


def plain(original: Original, number: int) -> Row:
    """Return the row of a picture that is in the source as it is."""
    picture = original.picture
    if original.is_one_of(PALETTE):
        return row(original, png(picture.quantize(64)), "png")
    if original.is_one_of(ENDS_EARLY):
        whole = jpeg(picture)
        return row(original, whole[: len(whole) * 2 // 3], "jpg")
    return row(original, jpeg(picture), "jpg") if number % 2 else row(original, png(picture), "png")


def near_copies(original: Original) -> Iterator[Row]:
    """Yield the rows that stand for an original that was left out."""
    picture = original.picture
    small = picture.resize((picture.width * 3 // 4, picture.height * 3 // 4), Image.Resampling.BICUBIC)
    made: dict[str, tuple[str, Callable[[], bytes]]] = {
        "resized": ("png", lambda: png(small)),
        "compressed": ("jpg", lambda: jpeg(picture, 40)),
        "mirrored": ("jpg", lambda: jpeg(ImageOps.mirror(picture))),
        "turned": ("png", lambda: png(picture.transpose(Image.Transpose.ROTATE_90).quantize(64))),
    }
    for word, (ending, data) in made.items():
        yield row(original, data(), ending, word)


def rows_of(drawings: list[Original]) -> list[Row]:
    """Return all rows of the source, sorted by file name."""
    made = [plain(drawing, number) for number, drawing in enumerate(drawings) if not drawing.is_one_of(*WITHHELD)]
    made += [copy for drawing in drawings if drawing.is_one_of(*WITHHELD) for copy in near_copies(drawing)]
    turtle, daffodil, known = (next(each for each in drawings if each.is_one_of(start)) for start in (*ANIMATED, WITHHELD[-1]))
    made.append(row(turtle, gif(turtle.picture, daffodil.picture), "gif", "and-a-daffodil"))
    made.append(row(daffodil, gif(daffodil.picture, known.picture), "gif", "and-more"))
    return sorted(made, key=lambda each: each.file_name)


def pdq_of(data: list[bytes]) -> list[np.ndarray]:
    """Return, for each picture, the PDQ hashes of all frames, forms and conventions, (k, 32)."""
    with Fingerprinter(Limits(), CONVENTIONS) as fingerprinter:
        found = fingerprinter.run(data)
    return [np.concatenate([codes[found.frame_row == at].reshape(-1, 32) for codes in found.pdq.values()]) for at in range(len(data))]


def distance(some: np.ndarray, others: np.ndarray) -> int:
    """Return the smallest Hamming distance between two sets of hashes."""
    return int(np.bitwise_count(some[:, None, :] ^ others[None, :, :]).sum(axis=2).min())


def check(rows: list[Row], known: dict[str, np.ndarray]) -> None:
    """Stop unless each row lies within NEAR of the listed hash of its own original, and beyond FAR of all others."""
    for each, codes in zip(rows, pdq_of([each.data for each in rows]), strict=True):
        for path, hashes in known.items():
            far = distance(codes, hashes)
            wanted = path == each.of or (each.file_name.endswith("and-more.gif") and path.startswith(WITHHELD[-1]))
            if far > NEAR if wanted else far <= FAR:
                sys.exit(f"{each.file_name} lies {far} bits from {path}; choose other pictures")


def write_lists(out: Path, rows: list[Row], known: dict[str, np.ndarray]) -> None:
    """Write the three known lists, as CSV with a column for each type."""
    listed = [each for start in LISTED_DIGESTS for each in rows if each.of.startswith(start)]
    digests = [f"{hashlib.md5(each.data, usedforsecurity=False).hexdigest()}," for each in listed[:2]]
    digests += [f",{hashlib.sha256(each.data).hexdigest()}" for each in listed[2:]]
    links = [each.url for start in LISTED_LINKS for each in rows if each.of.startswith(start)]
    shown = [links[0].replace("https://pictures", "HTTP://Pictures"), links[1].replace("/food/", "/drinks/../food/"), links[2] + "#top"]
    texts = {
        "known-digests.csv": ["md5,sha256", *digests],
        "known-pdq.csv": ["pdq", *(bytes(code).hex() for (code,) in known.values())],
        "known-urls.csv": ["url,domain", *(f"{link}," for link in shown), f",{LISTED_DOMAIN}"],
    }
    for name, lines in texts.items():
        (out / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_notice(path: Path, drawings: list[Original]) -> None:
    """Write where each picture comes from."""
    lines = [
        "# Notice",
        "",
        "The pictures in `source/` are scaled, re-encoded and in part mirrored, turned, cropped, shortened or animated copies of drawings from the",
        "Open Clip Art Library, as packaged by Debian in `openclipart-png`. Their authors dedicated them to the public domain (Creative",
        "Commons Public Domain Dedication, as recorded in `/usr/share/doc/openclipart-png/copyright`). Captions, links and measurements are ours; the",
        "links lead nowhere (their domains are reserved by RFC 2606). The lists in `lists/` are made from these pictures: nothing",
        "in them stands for real material of any kind. Made by `scripts/make_demo_data.py`.",
        "",
        "| caption | drawing in openclipart-png | author, as named in the file |",
        "|---|---|---|",
        *(f"| {drawing.caption} | `{drawing.path}` | {drawing.author.replace('|', '/')} |" for drawing in drawings),
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main(folder: Path, out: Path) -> None:
    """Make everything anew."""
    drawings = list(originals(folder))
    rows = rows_of(drawings)
    withheld = [drawing for drawing in drawings if drawing.is_one_of(*WITHHELD)]
    hashes = pdq_of([png(drawing.picture) for drawing in withheld])
    known = {drawing.path: codes[:1] for drawing, codes in zip(withheld, hashes, strict=True)}
    check(rows, known)
    for name in ("source", "lists"):
        shutil.rmtree(out / name, ignore_errors=True)
        (out / name).mkdir(parents=True)
    for each in rows:
        (out / "source" / each.file_name).write_bytes(each.data)
    records = [{"file_name": each.file_name, "caption": each.caption, "url": each.url} for each in rows]
    text = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    (out / "source" / "metadata.jsonl").write_text(text, encoding="utf-8")
    write_lists(out / "lists", rows, known)
    make_demo_columns.main(out)
    write_notice(out / "NOTICE.md", drawings)
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    sys.stdout.write(f"{len(rows)} pictures, {size:,} bytes\n")


if __name__ == "__main__":
    arguments = [Path(word) for word in sys.argv[1:]]
    main(*(arguments or [Path("/usr/share/openclipart/png")])[:1], *(arguments[1:] or [Path("release/demo/data")]))
