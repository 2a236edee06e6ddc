"""Class `receipt` (section 19): which rows of a release an export holds, and receipts that prove nothing."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from vectors import reference
from vectors.reference import b64, canon, column_digest, digest, row_digest
from vectors.signing import TestKey
from vectors.vector import OK, Pieces, Vector, plain
from vectors.world import BASE, NOW, ONE, PUBLISH, Document, World, make_shard

_STRUCT = "struct<bytes:binary,path:string>"
_CAPTIONS = ("a bridge", "two\nlines", None, "", "a street")
_REFUSED = {"receipt", "manifest", "receipt-proof"}


@dataclass(slots=True)
class Case:
    """An export of rows 1, 2 and 4 of five, unless a recipe says otherwise; `bend` changes the receipt, `change` the log before."""

    layout: str = "kohya"
    rows: tuple[int, ...] = (1, 2, 4)
    columns: tuple[str, ...] = ("image", "caption")
    image: str = _STRUCT
    codes: tuple[str, ...] = ()
    verdict: str = "verified"
    now: str = NOW
    bend: Callable[[Document], Any] = lambda _: None
    change: Callable[[World], Any] = lambda _: None
    spaced: bool = False
    schema: list[dict[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Fill the schema."""
        self.schema = [{"name": "image", "type": self.image}, {"name": "caption", "type": "string"}, {"name": "n", "type": "int64"}]


def _values(case: Case, number: int) -> list[Any]:
    """Return the values of a row, as vectors write them."""
    content = b64(_content(number))
    fields = {"bytes:binary": content, "path:string": _path(number)}
    image = content if case.image == "binary" else [fields[name] for name in case.image[7:-1].split(",")]
    return [image, _CAPTIONS[number], str(number)]


def _content(number: int) -> bytes:
    return f"picture {number}".encode()


def _path(number: int) -> str | None:
    return None if number == 4 else f"{number}.jpg"


def _world(case: Case) -> World:
    rows = [row_digest(case.schema, _values(case, number)) for number in range(5)]

    def manifest(made: Document) -> None:
        shards = [make_shard(0, rows[:3], {}), make_shard(1, rows[3:], {})]
        roots = [(bytes.fromhex(shard["root"]), shard["rows"]) for shard in shards]
        made["schema"], made["shards"], made["root"] = case.schema, shards, reference.dataset_root(roots).hex()
        made["columns"] |= {"image": "image"}

    world = World("1.0.0", (ONE,), manifest=manifest)
    world.write()
    case.change(world)
    return world.finish()


def _receipt(case: Case, world: World) -> Document:
    rows = [row_digest(case.schema, _values(case, number)) for number in range(5)]
    proof: list[bytes] = []
    for start, end in ((0, 2), (2, 3), (3, 5)):  # the row groups
        wanted = {number - start for number in case.rows if start <= number < end}
        proof += reference.multiproof(rows[start:end], wanted) if wanted else []
    return {
        "_type": BASE + "receipt/v0.1",
        "checkpoint": world.files["log/checkpoint"].decode(),
        "columns": list(case.columns),
        "entries": [b64(entry) for entry in world.entries],
        "layout": case.layout,
        "manifest": copy.deepcopy(world.manifest),
        "proof": [b64(item) for item in proof],
        "rows": [_row(case, number) for number in case.rows],
    }


def _row(case: Case, number: int) -> Document:
    pairs = list(zip(case.schema, _values(case, number), strict=True))
    has_picture = case.layout != "jsonl"
    digests = [column_digest(column["name"], column["type"], value).hex() for column, value in pairs[has_picture:]]
    path = _path(number) if "path" in case.image else None
    picture = {"bytes": len(_content(number)), "path": path, "sha256": digest(_content(number))}
    text = _CAPTIONS[number] if number == 1 and case.layout == "kohya" else None
    shard, position = (0, number) if number < 3 else (1, number - 3)
    return {"columns": digests, "image": picture if has_picture else None, "row": position, "shard": shard, "text": text}


def _bent(code: str, bend: Callable[[Document], Any], **others: Any) -> Callable[[], Case]:  # noqa: ANN401  (members of Case)
    return lambda: Case(codes=(code,), bend=bend, **others)


def _record(verdict: str, *codes: str, **others: Any) -> Callable[[], Case]:  # noqa: ANN401  (members of Case)
    return lambda: Case(codes=codes, verdict=verdict, **others)


def _unwitnessed(world: World) -> None:
    world.times = {}


def _withdrawn(world: World) -> None:
    world.withdraw("release", world.subject, PUBLISH)


def _unreleased(world: World) -> None:
    world.entries.remove(world.release)


def _stranger(world: World) -> None:
    world.entries.append(TestKey("stranger").seal(b"{}"))


_RECEIPTS: dict[str, tuple[Callable[[], Case], str]] = {
    "some-rows": (Case, "rows of three row groups, one of them whole, with a caption whose line form was exported"),
    "all-rows": (lambda: Case(rows=(0, 1, 2, 3, 4)), "no hash is needed"),
    "one-row": (lambda: Case(rows=(3,)), "one row of one group"),
    "jsonl": (lambda: Case(layout="jsonl", columns=("caption", "n")), "rows without pictures: the image column's digest is carried"),
    "imagefolder": (lambda: Case(layout="imagefolder", columns=("image", "caption", "n")), "with a column of numbers"),
    "webdataset": (lambda: Case(layout="webdataset", columns=("image",)), "pictures alone"),
    "path-first": (lambda: Case(image="struct<path:string,bytes:binary>"), "the order of the struct's fields decides the digest"),
    "no-path": (lambda: Case(image="struct<bytes:binary>"), "a struct without a path"),
    "binary": (lambda: Case(image="binary"), "a plain column of bytes"),
    "old": (lambda: Case(now="2028-03-01T12:00:00Z"), "the age of a checkpoint is no failure"),
    "void-entry": (lambda: Case(change=_stranger), "a void entry stands in the log"),
    "not-canonical": (lambda: Case(codes=("receipt",), spaced=True), "a newline at the end"),
    "type": (_bent("receipt", lambda r: r.update(_type=BASE + "receipt/v0.2")), "another type"),
    "member-more": (_bent("receipt", lambda r: r.update(more=1)), "a member that is not named"),
    "member-less": (_bent("receipt", lambda r: r.pop("proof")), "no proof"),
    "layout": (_bent("receipt", lambda r: r.update(layout="zip")), "a layout that is none"),
    "no-rows": (_bent("receipt", lambda r: r.update(rows=[])), "no rows"),
    "no-entries": (_bent("receipt", lambda r: r.update(entries=[])), "no entries"),
    "empty-entry": (_bent("receipt", lambda r: r["entries"].append("")), "an empty entry"),
    "entry-not-base64": (_bent("receipt", lambda r: r["entries"].append("a")), "an entry that is no base64"),
    "rows-unsorted": (_bent("receipt", lambda r: r["rows"].reverse()), "rows in another order"),
    "row-twice": (_bent("receipt", lambda r: r["rows"].insert(0, r["rows"][0])), "a row twice"),
    "row-beyond": (_bent("receipt", lambda r: r["rows"][-1].update(row=2)), "a row that its shard does not have"),
    "shard-beyond": (_bent("receipt", lambda r: r["rows"][-1].update(shard=2)), "a shard that the release does not have"),
    "column-unknown": (_bent("receipt", lambda r: r["columns"].append("x")), "a column that the schema does not have"),
    "column-order": (_bent("receipt", lambda r: r["columns"].reverse()), "columns not in schema order"),
    "column-twice": (_bent("receipt", lambda r: r["columns"].append("caption")), "a column twice"),
    "column-image-missing": (_bent("receipt", lambda r: r["columns"].remove("image")), "a layout with pictures without the image column"),
    "column-image-jsonl": (
        _bent("receipt", lambda r: r["columns"].insert(0, "image"), layout="jsonl", columns=("caption",)),
        "the image column in lines",
    ),
    "digests-less": (_bent("receipt", lambda r: r["rows"][0]["columns"].pop()), "a column digest less"),
    "image-missing": (_bent("receipt", lambda r: r["rows"][0].update(image=None)), "a row without its picture"),
    "image-in-jsonl": (
        _bent(
            "receipt", lambda r: r["rows"][0].update(image={"bytes": 1, "path": None, "sha256": "0" * 64}), layout="jsonl", columns=("n",)
        ),
        "a picture in lines",
    ),
    "path-without-field": (
        _bent("receipt", lambda r: r["rows"][0]["image"].update(path="1.jpg"), image="binary"),
        "a path where the column has none",
    ),
    "text-of-another-row": (_bent("receipt", lambda r: r["rows"][0].update(text="a\nb")), "a text that is not the row's"),
    "text-is-its-line-form": (_bent("receipt", lambda r: r["rows"][2].update(text="a street")), "a text that needs no line form"),
    "text-elsewhere": (
        _bent("receipt", lambda r: r["rows"][0].update(text="two\nlines"), layout="imagefolder"),
        "a line form in a layout that has none",
    ),
    "hash-size": (_bent("receipt", lambda r: r["proof"].append(b64(bytes(31)))), "a hash of 31 bytes"),
    "manifest-form": (_bent("manifest", lambda r: r["manifest"].pop("license")), "a manifest without a member"),
    "picture-sha256": (_bent("receipt-proof", lambda r: r["rows"][0]["image"].update(sha256="0" * 64)), "another picture"),
    "picture-length": (_bent("receipt-proof", lambda r: r["rows"][0]["image"].update(bytes=1)), "another length"),
    "picture-path": (_bent("receipt-proof", lambda r: r["rows"][0]["image"].update(path=None)), "another path"),
    "column-digest": (_bent("receipt-proof", lambda r: r["rows"][0]["columns"].__setitem__(1, "0" * 64)), "another value"),
    "row-elsewhere": (_bent("receipt-proof", lambda r: r["rows"][0].update(row=0)), "a row in its neighbour's place"),
    "proof-less": (_bent("receipt-proof", lambda r: r["proof"].pop()), "a hash less"),
    "proof-more": (_bent("receipt-proof", lambda r: r["proof"].append(b64(bytes(32)))), "a hash more"),
    "proof-order": (_bent("receipt-proof", lambda r: r["proof"].reverse()), "hashes in another order"),
    "manifest-other": (
        _record("incomplete", "no-candidate", "not-released", bend=lambda r: r["manifest"].update(license="mit")),
        "a manifest that nobody signed",
    ),
    "entry-less": (_record("failed", "log-files", bend=lambda r: r["entries"].pop()), "fewer entries than the checkpoint has"),
    "entries-order": (_record("failed", "log-root", bend=lambda r: r["entries"].reverse()), "entries in another order"),
    "checkpoint-form": (_record("failed", "checkpoint-form", bend=lambda r: r.update(checkpoint="x")), "no checkpoint"),
    "withdrawn": (_record("withdrawn", "withdrawn", change=_withdrawn), "the release was withdrawn before the checkpoint"),
    "unreleased": (_record("incomplete", "not-released", change=_unreleased), "an audited candidate that was never released"),
    "unwitnessed": (
        _record("incomplete", "opinions-missing", "opinions-tier", "not-released", "stale", change=_unwitnessed),
        "no witness: there is no quorum, and that is a failure whatever its age would be",
    ),
    "trust-expired": (_record("failed", "trust-expired", now="2031-03-01T12:00:00Z"), "the trust file has expired"),
}


def receipt_vectors(pieces: Pieces) -> Iterator[Vector]:
    """Receipts that hold, and receipts with one fault each."""
    for name, (recipe, why) in _RECEIPTS.items():
        case = recipe()
        world = _world(case)
        receipt = _receipt(case, world)
        case.bend(receipt)
        parts = _in_pieces(pieces, receipt) if not case.spaced else [*_in_pieces(pieces, receipt), pieces.name(b"\n")]
        given = {"now": case.now, "trust": [pieces.name(canon(world.trust))], "receipt": parts}
        digests = {number: row_digest(case.schema, _values(case, number)).hex() for number in case.rows}
        rows = [[0, number, row] if number < 3 else [1, number - 3, row] for number, row in digests.items()]
        value = {"verdict": case.verdict, "codes": sorted(case.codes), "rows": [] if case.codes else rows}
        code = case.codes[0] if case.codes else OK
        yield Vector("receipt", name, {"input.json": plain(given)}, code, why, None if code in _REFUSED else value)


def _in_pieces(pieces: Pieces, receipt: Document) -> list[str]:
    """Return the pieces of a receipt: members, entries one by one, and the manifest's members."""
    names: list[str] = []
    for number, member in enumerate(sorted(receipt)):
        names.append(pieces.name((b"," if number else b"{") + canon(member) + b":"))
        value = receipt[member]
        if member == "entries":
            cut = [(b"," if at else b"[") + canon(entry) for at, entry in enumerate(value)] or [b"["]
            names += [pieces.name(part) for part in [*cut, b"]"]]
        else:
            names += pieces.document(canon(value)) if member == "manifest" else [pieces.name(canon(value))]
    return [*names, pieces.name(b"}")]
