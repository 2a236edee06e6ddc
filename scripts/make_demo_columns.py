"""Give the demo's pictures what its later steps look at: columns, one cropped copy, and a list of terms.

Usage: python scripts/make_demo_columns.py [OUT]     (default: release/demo/data; scripts/make_demo_data.py runs it at its end)

    red, blue     the share of a picture that is strongly red or blue, 0 to 1, measured here
    animal        whether the drawing comes from the folder of animals
    embedding     colours that differ from white, in nine fields: 27 numbers; null where the picture does not decode whole
    cropped copy  2 % off each side of a copy of a known picture: too far for `near-hash`, near enough for `neighbours`
    terms         two terms, in other spellings than those of the captions

None of this stands for anything but itself: the demo's plan says for what it is taken.
"""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

STRONG = 60  # levels by which a colour exceeds both others
FIELDS = 3
CROPPED, COPY, SHARE = "a-box-compressed.jpg", "a-box-cropped.jpg", 0.02
TERMS = ("A GULL  in Flight", "\uff4f\uff4e\uff49\uff4f\uff4e")  # the second in full-width letters


def measured(path: Path) -> dict[str, object]:
    """Return the columns of a picture's first frame."""
    try:
        with Image.open(path) as image:
            colours = np.asarray(image.convert("RGB"), np.int64)
    except OSError:
        return {"red": None, "blue": None, "embedding": None}
    red, green, blue = np.moveaxis(colours, 2, 0)
    shares = (red - np.maximum(green, blue), blue - np.maximum(red, green))
    with Image.fromarray((255 - colours).astype(np.uint8)) as inverted:
        fields = np.asarray(inverted.resize((FIELDS, FIELDS), Image.Resampling.BOX), np.float64) / 255
    return {
        "red": round(float((shares[0] >= STRONG).mean()), 3),
        "blue": round(float((shares[1] >= STRONG).mean()), 3),
        "embedding": [round(value, 3) for value in fields.reshape(-1).tolist()],
    }


def crop(path: Path) -> bytes:
    """Return a picture without its margins, as JPEG."""
    with Image.open(path) as image:
        width, height = image.size
        out = io.BytesIO()
        box = (round(SHARE * width), round(SHARE * height), round((1 - SHARE) * width), round((1 - SHARE) * height))
        image.convert("RGB").crop(box).save(out, "JPEG", quality=85, optimize=True)
        return out.getvalue()


def main(out: Path) -> None:
    """Write the cropped copy, the metadata and the list anew."""
    source = out / "source"
    records = [json.loads(line) for line in (source / "metadata.jsonl").read_text(encoding="utf-8").splitlines()]
    records = [record for record in records if record["file_name"] != COPY]
    (source / COPY).write_bytes(crop(source / CROPPED))
    whole = next(record for record in records if record["file_name"] == CROPPED)
    records.append({**whole, "file_name": COPY, "url": whole["url"].replace(CROPPED, COPY)})
    lines = []
    for record in sorted(records, key=lambda each: str(each["file_name"])):
        told = {name: record[name] for name in ("file_name", "caption", "url")}
        more = {"animal": "/animals/" in record["url"], **measured(source / record["file_name"])}
        lines.append(json.dumps({**told, **more}, ensure_ascii=False) + "\n")
    (source / "metadata.jsonl").write_text("".join(lines), encoding="utf-8")
    (out / "lists" / "known-terms.csv").write_text("\n".join(["term", *TERMS]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else Path("release/demo/data"))
