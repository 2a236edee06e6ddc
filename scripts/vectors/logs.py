"""Class `log` (sections 10 and 13.2): checkpoints with their lines, tiles and entry bundles."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from vectors.reference import b64, log_files, mth, u64
from vectors.signing import LOG, WITNESS, TestKey, checkpoint_text, cosignature
from vectors.vector import OK, Pieces, Vector, plain

ORIGIN = "institution.example/street-scenes"
ONE, TWO = "auditor-one.example", "auditor-two.example"
TIME = 1_772_366_400
_LOG, _ONE, _TWO, _STRANGER = TestKey("log"), TestKey("witness one"), TestKey("witness two"), TestKey("stranger")


@dataclass(slots=True)
class Case:
    """A log's files and its checkpoint: text and lines."""

    entries: Sequence[bytes]
    text: str = ""
    lines: list[str] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    note: bytes = b""

    def sign(self, key: TestKey = _LOG) -> None:
        """Sign the text by the log's key, and by both witnesses."""
        self.lines = [key.note_line(ORIGIN, LOG, self.text.encode())]
        self.lines += [cosignature(_ONE, ONE, self.text, TIME), cosignature(_TWO, TWO, self.text, TIME + 60)]

    def encode(self) -> bytes:
        """Return the checkpoint file."""
        return self.note or "".join([self.text, "\n", *self.lines]).encode()


def make(entries: Sequence[bytes]) -> Case:
    """Return a good log."""
    case = Case(entries, checkpoint_text(ORIGIN, len(entries), mth(entries)), files=log_files(entries))
    case.sign()
    return case


Change = Callable[[Case], Any]


def _text(change: Callable[[str], str], key: TestKey = _LOG) -> Change:
    """Return a change to the text before it is signed."""

    def bend(case: Case) -> None:
        case.text = change(case.text)
        case.sign(key)

    return bend


def _note(change: Callable[[bytes], bytes]) -> Change:
    """Return a change to the signed note."""
    return lambda case: setattr(case, "note", change(case.encode()))


def _edit(path: str, change: Callable[[bytes], bytes]) -> Change:
    return lambda case: case.files.update({path: change(case.files[path])})


def _flip(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def _line(number: int, text: Callable[[Case], str]) -> Change:
    return lambda case: case.lines.__setitem__(number, text(case))


def _grow(case: Case) -> None:
    """Sign a checkpoint of one entry more than there is."""
    case.text = checkpoint_text(ORIGIN, 4, mth([*case.entries, b"d"]))
    case.sign()


def _extra_entry(case: Case) -> None:
    """Put four entries into the bundle of three."""
    case.files["tile/entries/000.p/3"] += b"\x00\x01d"


_SMALL: dict[str, tuple[str, Change, str]] = {
    "three-entries": (OK, lambda _: None, "one partial tile, one partial bundle, two cosignatures"),
    "no-cosignature": (OK, lambda c: c.lines.__delitem__(slice(1, 3)), "cosignatures may be missing; whether they suffice is the policy's"),
    "cosignatures-in-another-order": (OK, lambda c: c.lines.insert(1, c.lines.pop()), "witness lines may stand in any order"),
    "extension-line": ("checkpoint-form", _text(lambda t: t + "extension\n"), "a line after the root"),
    "two-lines": ("checkpoint-form", _text(lambda t: "\n".join(t.split("\n")[:2]) + "\n"), "no root"),
    "size-leading-zero": ("checkpoint-form", _text(lambda t: t.replace("\n3\n", "\n03\n")), "a leading zero in the size"),
    "size-negative": ("checkpoint-form", _text(lambda t: t.replace("\n3\n", "\n-3\n")), "a size below zero"),
    "root-short": ("checkpoint-form", _text(lambda _: f"{ORIGIN}\n3\n{b64(bytes(31))}\n"), "a root of 31 bytes"),
    "root-unpadded": ("checkpoint-form", _text(lambda t: t.replace("=", "")), "base64 without its padding"),
    "no-signature": ("checkpoint-form", lambda c: c.lines.clear(), "no signature line"),
    "no-empty-line": ("checkpoint-form", _note(lambda n: n.replace(b"\n\n", b"\n")), "no empty line before the signatures"),
    "no-final-newline": ("checkpoint-form", _note(lambda n: n[:-1]), "the last line does not end"),
    "crlf": ("checkpoint-form", _note(lambda n: n.replace(b"\n", b"\r\n")), "line ends of another system"),
    "hyphen-for-dash": ("checkpoint-form", _note(lambda n: n.replace("— ".encode(), b"- ")), "a hyphen where an em dash stands"),
    "not-utf8": ("checkpoint-form", _note(lambda n: b"\xff" + n), "a byte that UTF-8 does not have"),
    "size-beyond": ("checkpoint-form", _text(lambda t: t.replace("\n3\n", f"\n{2**53}\n")), "a size that is no number of section 1"),
    "size-far-above-the-files": (
        "log-files",
        _text(lambda t: t.replace("\n3\n", f"\n{2**53 - 1}\n")),
        "the largest size there is: a reader does not list the files that it would take",
    ),
    "signature-no-base64": ("checkpoint-form", _note(lambda n: n[:-2] + b"!\n"), "a signature line that is not base64"),
    "another-origin": ("checkpoint-origin", _text(lambda t: "other.example/log" + t[t.index("\n") :]), "another log's text, by this key"),
    "by-another-key": ("checkpoint-signature", _text(lambda t: t, _STRANGER), "signed by another key, under this log's name"),
    "signature-flipped": (
        "checkpoint-signature",
        _line(0, lambda c: _LOG.note_line(ORIGIN, LOG, (c.text + " ").encode())),
        "the log's signature is over another text",
    ),
    "log-line-last": ("checkpoint-signature", lambda c: c.lines.append(c.lines.pop(0)), "the log's line does not come first"),
    "log-line-twice": ("checkpoint-signature", lambda c: c.lines.insert(1, c.lines[0]), "two lines by the log's key"),
    "cosignature-twice": ("checkpoint-signature", lambda c: c.lines.append(c.lines[1]), "two lines by one witness"),
    "cosignature-second-time": (
        "checkpoint-signature",
        lambda c: c.lines.append(cosignature(_ONE, ONE, c.text, TIME + 1)),
        "two lines by one witness, of different times",
    ),
    "cosignature-of-another-time": (
        "checkpoint-signature",
        _line(1, lambda c: _ONE.note_line(ONE, WITNESS, f"cosignature/v1\ntime {TIME - 9}\n{c.text}".encode(), u64(TIME))),
        "the time on the line is not the time that was signed",
    ),
    "cosignature-without-header": (
        "checkpoint-signature",
        _line(1, lambda c: _ONE.note_line(ONE, WITNESS, c.text.encode(), u64(TIME))),
        "a witness that signed the text alone",
    ),
    "cosignature-without-time": (
        "checkpoint-signature",
        _line(1, lambda c: _ONE.note_line(ONE, WITNESS, f"cosignature/v1\ntime {TIME}\n{c.text}".encode())),
        "a witness line of 64 bytes",
    ),
    "cosignature-beyond-time": (
        "checkpoint-signature",
        _line(1, lambda c: cosignature(_ONE, ONE, c.text, 2**63)),
        "a time that does not fit into 63 bits, signed",
    ),
    "unknown-witness": (
        "checkpoint-unknown-key",
        lambda c: c.lines.append(cosignature(_STRANGER, "stranger.example", c.text, TIME)),
        "a line by a key that nobody named",
    ),
    "witness-under-another-name": (
        "checkpoint-unknown-key",
        _line(1, lambda c: cosignature(_ONE, "auditor-0ne.example", c.text, TIME)),
        "a known key under another name has another id",
    ),
    "tile-missing": ("log-files", lambda c: c.files.pop("tile/0/000.p/3"), "a tile is missing"),
    "bundle-missing": ("log-files", lambda c: c.files.pop("tile/entries/000.p/3"), "an entry bundle is missing"),
    "partial-tile-left-over": (
        "log-files",
        lambda c: c.files.update({"tile/0/000.p/2": mth([b"a"]) + mth([b"b"])}),
        "an older partial tile",
    ),
    "tile-under-another-width": (
        "log-files",
        lambda c: c.files.update({"tile/0/000": c.files.pop("tile/0/000.p/3")}),
        "a partial tile under a full tile's name",
    ),
    "size-above-the-files": ("log-files", _grow, "the checkpoint speaks of one entry more than the folder holds"),
    "entry-changed": ("log-entry", _edit("tile/entries/000.p/3", _flip), "an entry is not what its leaf hash says"),
    "entry-too-many": ("log-entry", _extra_entry, "a bundle of four entries under the name of three"),
    "entry-empty": ("log-entry", _edit("tile/entries/000.p/3", lambda d: b"\x00\x00" + d[3:]), "an entry of no bytes"),
    "bundle-truncated": ("log-entry", _edit("tile/entries/000.p/3", lambda d: d[:-1]), "a bundle that ends within an entry"),
    "leaf-hash-changed": ("log-entry", _edit("tile/0/000.p/3", _flip), "a leaf hash is not its entry's"),
    "root-of-others": (
        "log-root",
        _text(lambda _: checkpoint_text(ORIGIN, 3, mth([b"x"]))),
        "a signed root that is not that of the entries",
    ),
}

_LARGE: dict[str, tuple[int, str, Change, str]] = {
    "empty": (0, OK, lambda _: None, "a log of no entries has no tiles; its root is SHA-256 of nothing"),
    "one-entry": (1, OK, lambda _: None, "the root is the leaf hash"),
    "full-tile": (256, OK, lambda _: None, "256 entries: a full tile, and a tile of level 1 with one hash"),
    "two-levels": (257, OK, lambda _: None, "257 entries: a full tile, a partial one, and level 1"),
    "upper-tile-changed": (257, "log-tile", _edit("tile/1/000.p/1", _flip), "a tile of level 1 is not what its children hash to"),
    "upper-tile-missing": (257, "log-files", lambda c: c.files.pop("tile/1/000.p/1"), "the tile of level 1 is missing"),
}


def log_vectors(pieces: Pieces) -> Iterator[Vector]:
    """Logs whose files hold, and logs with one fault each."""
    for name, (code, change, why) in _SMALL.items():
        yield _vector(pieces, name, (code, why), _bent([b"a", b"bb", b"ccc"], change))
    for name, (count, code, change, why) in _LARGE.items():
        yield _vector(pieces, name, (code, why), _bent([str(number).encode() for number in range(count)], change))


def _bent(entries: Sequence[bytes], change: Change) -> Case:
    case = make(entries)
    change(case)
    return case


def _vector(pieces: Pieces, name: str, expected: tuple[str, str], case: Case) -> Vector:
    code, why = expected
    given = {
        "log": _LOG.vkey(ORIGIN, LOG),
        "witnesses": [_ONE.vkey(ONE, WITNESS), _TWO.vkey(TWO, WITNESS)],
        "files": {path: [pieces.name(data)] for path, data in sorted(case.files.items())},
    }
    value = None
    if code == OK:
        times = {ONE: TIME, TWO: TIME + 60} if len(case.lines) > 1 else {}
        value = {"size": len(case.entries), "root": mth(case.entries).hex(), "cosignatures": times}
    return Vector("log", name, {"input.json": plain(given), "checkpoint": case.encode()}, code, why, value)
