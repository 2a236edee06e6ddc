"""NCMEC Hash Sharing v2: pages of XML with images, films, and what was taken back.

    queryResult / images, videos [@maxTimestamp] / image, video, deletedImage, deletedVideo
        member[@id]  timestamp  id  classification  fingerprints / md5, sha1, pdna, pdq, ...  feedback / ...
    queryResult / paging / next

A record is named by member and id; the newest statement on a name counts, in whatever order the pages come. Other members of a page
(feedback of other members above all) are passed over. The parser is expat with handlers of our own: a document type declaration ends
the reading at once, so that no entity is ever declared, expanded or fetched, and nothing is kept but one record at a time.
Source: the field names are those of the public `threatexchange` client for this interface.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO
from xml.parsers import expat

from release.errors import ListError
from release.lists.reading import BOM, Batch, Continued, broken, opened
from release.lists.records import Records, Statement, name_of, time_of

NAMESPACE = "https://hashsharing.ncmec.org/hashsharing/v2"
UNIT = "line"

_BLOCK = 1 << 20
_LARGEST = 4 << 20  # bytes of one tag
_DEEPEST = 32
_LONGEST = 4096  # characters of one field
_IMAGE = {"md5": "md5", "sha1": "sha1", "sha256": "sha256", "pdq": "pdq", "pdna": "photodna"}
_VIDEO = {"md5": "video-md5"}
_RECORDS = {"image": (_IMAGE, False), "video": (_VIDEO, False), "deletedImage": (_IMAGE, True), "deletedVideo": (_VIDEO, True)}
_RECORD, _FIELD, _FINGERPRINT = 3, 4, 5  # depths
_OTHER = {"image": "other fingerprint of an image", "video": "other fingerprint of a video"}
_ENCODINGS = ("utf-8", "us-ascii")

INCOMPLETE = "the record lacks member, id or a time that can be read"
TOO_LONG = "a field is too long"


def read(path: Path) -> Iterator[Batch]:
    """Yield what a page says.

    Raises:
        ListError: it cannot be read, is no such page, or has a document type declaration (`list-format`); or it breaks off or is no
            XML at a line (`list-file`).
    """
    page = _Page(path)
    with opened(path) as file:
        yield from page.records.flow(page.parse(file))
    if page.following:
        yield Continued(page.following)


def following(data: bytes, name: str) -> str:
    """Return what a page calls the next one, "" if it is the last.

    Raises:
        ListError: as `read`.
    """
    page = _Page(Path(name))
    for _ in page.parse(io.BytesIO(data)):
        page.records.take()
    return page.following


class _Page:
    """The handlers, and the one record that is being read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.records = Records(dated=True)
        self.following = ""
        self._depth = 0
        self._section = self._field = ""
        self._text: list[str] = []
        self._length = 0
        self._fields: dict[str, str] = {}
        self._prints: list[tuple[str, str]] = []
        self._too_long = False
        self._line = 0
        self._parser = self._new_parser()

    def _new_parser(self) -> expat.XMLParserType:
        parser = expat.ParserCreate(namespace_separator="}")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.StartDoctypeDeclHandler = self._doctype
        parser.XmlDeclHandler = self._declaration
        return parser

    def parse(self, file: BinaryIO) -> Iterator[None]:
        """Read the page block by block."""
        given = 0
        try:
            block = file.read(_BLOCK).removeprefix(BOM)
            if b"\0" in block[:4]:
                raise self._other("UTF-8")
            while block:
                self._parser.Parse(block, False)  # noqa: FBT003  (expat's own signature)
                given += len(block)
                if given - self._parser.CurrentByteIndex > _LARGEST:
                    raise broken(self.path, self._here(), "has a tag without end", f"tags of at most {_LARGEST} bytes")
                yield
                block = file.read(_BLOCK)
            self._parser.Parse(b"", True)  # noqa: FBT003
        except expat.ExpatError as error:
            place = f"line {error.lineno}"  # the message may quote the file
            raise broken(self.path, place, "is no XML from here on, or ends here", "a page of NCMEC hash sharing") from None

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        space, _, local = name.rpartition("}")
        self._depth += 1
        if self._depth > _DEEPEST:
            raise broken(self.path, self._here(), "nests too deeply", f"at most {_DEEPEST} levels")
        if self._depth == 1 and (local != "queryResult" or space != NAMESPACE):
            raise self._other("queryResult")
        if self._depth <= _RECORD:
            self._open(local, attributes)
        elif self._depth == _FIELD:
            self._field, self._text, self._length = local, [], 0
            if local == "member":
                self._fields["member"] = attributes.get("id", "")
        elif self._depth == _FINGERPRINT:
            self._text, self._length = [], 0

    def _open(self, local: str, attributes: dict[str, str]) -> None:
        if self._depth == _FIELD - 2:
            self._section = local
            self.records.newest = max(self.records.newest, time_of(attributes.get("maxTimestamp")) or 0)
        elif self._depth == _RECORD:
            self._line = self._parser.CurrentLineNumber
            self._fields, self._prints, self._too_long = {}, [], False
            self._text, self._length = [], 0

    def _characters(self, text: str) -> None:
        if self._depth > _FINGERPRINT or (self._depth == _FINGERPRINT and self._field != "fingerprints"):
            return
        self._length += len(text)
        if self._length <= _LONGEST:
            self._text.append(text)
        else:
            self._too_long = True

    def _end(self, name: str) -> None:
        depth, self._depth = self._depth, self._depth - 1
        if depth == _FINGERPRINT and self._field == "fingerprints":
            self._prints.append((name.rpartition("}")[2], "".join(self._text).strip()))
        elif depth == _FIELD and self._field in ("timestamp", "id", "classification"):
            self._fields[self._field] = "".join(self._text).strip()
        elif depth == _RECORD:
            local = name.rpartition("}")[2]
            if self._section == "paging":
                self.following = "".join(self._text).strip() if local == "next" else self.following
            else:
                self._record(local)

    def _record(self, local: str) -> None:
        if local not in _RECORDS:
            self.records.leave("record of another kind")
            return
        types, deleted = _RECORDS[local]
        medium = "video" if types is _VIDEO else "image"
        member, name, time = self._fields.get("member"), self._fields.get("id"), time_of(self._fields.get("timestamp"))
        if self._too_long or time is None or not member or not name:
            self.records.refuse(self._line, TOO_LONG if self._too_long else INCOMPLETE)
            return
        said = Statement(name_of(medium, member, name), time, deleted, self._fields.get("classification", ""))
        owner = self.records.state(said)
        if not deleted:
            self._fingerprints(types, medium, owner)

    def _fingerprints(self, types: Mapping[str, str], medium: str, owner: int) -> None:
        for kind, value in self._prints:
            if kind in types and value:
                self.records.value(types[kind], self._line, value, owner)
            elif value:
                self.records.leave(_OTHER[medium])

    def _doctype(self, *_: object) -> None:
        raise ListError(
            "the list file declares a document type, which no such file has",
            where=f"{self.path.name}, {self._here()}",
            expected="XML without DTD and entities",
            next_step="ask the holder for the file again",
            code="list-format",
        )

    def _declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if encoding is not None and encoding.lower() not in _ENCODINGS:
            raise self._other("UTF-8")

    def _here(self) -> str:
        return f"line {self._parser.CurrentLineNumber}"

    def _other(self, expected: str) -> ListError:
        return ListError(
            "the list file is no page of NCMEC hash sharing v2",
            where=f"{self.path.name}, {self._here()}",
            expected=expected if expected == "UTF-8" else f"{expected} in namespace {NAMESPACE}",
            next_step="say how it is written with --format",
            code="list-format",
        )
