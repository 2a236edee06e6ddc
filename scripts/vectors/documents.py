"""Class `json` (section 1) and class `manifest` (section 6, and the sums and roots of 13.5)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

from vectors.reference import canon, dataset_root, digest
from vectors.vector import OK, REFUSED, Pieces, Vector, plain
from vectors.world import Document, make_manifest

# The good documents are written by hand as bytes: nothing here may lean on an encoder.
_GOOD: dict[str, tuple[bytes, str]] = {
    "empty-object": (b"{}", "the smallest document"),
    "every-kind": (b'{"a":[],"b":{},"c":null,"d":true,"e":false,"f":0,"g":""}', "one of each kind of value"),
    "largest-integer": (b'{"n":9007199254740991}', "2^53 - 1 is the largest number"),
    "escapes": (
        rb'{"s":"\b\t\n\f\r\u0000\u001f\"\\/' + b'\x7f"}',
        "RFC 8785 escapes: two letters where there are, \\u00xx for other controls, none for solidus and DEL",
    ),
    "unicode-unescaped": ('{"s":"é€\U0001f600 "}'.encode(), "text outside ASCII stands as UTF-8, never escaped"),
    "not-normalised": ('{"e\u0301":1,"é":2}'.encode(), "names that differ by normalisation are different names here"),
    "utf16-order": (
        '{"\U0001f600":1,"\ufb33":2}'.encode(),
        "members are ordered by UTF-16 code units: a surrogate pair comes before U+FB33, though its code point is higher",
    ),
    "short-before-long": (b'{"":0,"a":1,"aa":2,"b":3}', "a name comes before every longer one that begins with it"),
    "depth-16": (b'{"a":' * 15 + b"{}" + b"}" * 15, "16 objects within one another, the outermost counted"),
    "depth-16-array": (b'{"a":' + b"[" * 15 + b"1" + b"]" * 15 + b"}", "arrays count as objects do; a number within is no level"),
}

_BAD: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "no document"),
    "array": (b"[]", "not an object"),
    "text": (b'"a"', "not an object"),
    "byte-order-mark": (b"\xef\xbb\xbf{}", "a byte order mark before the object"),
    "final-newline": (b"{}\n", "a newline after the object"),
    "space-before": (b" {}", "a space before the object"),
    "space-within": (b'{"a": 1}', "a space within"),
    "two-documents": (b"{}{}", "a second object after the first"),
    "duplicate-member": (b'{"a":1,"a":1}', "a member twice, even with one value"),
    "duplicate-by-escape": (rb'{"a":1,"\u0061":2}', "a member twice, once escaped"),
    "members-unordered": (b'{"b":1,"a":2}', "members out of order"),
    "code-point-order": ('{"\ufb33":2,"\U0001f600":1}'.encode(), "members in the order of code points, not of UTF-16 code units"),
    "needless-escape": (rb'{"a":"\u0041"}', "a letter escaped"),
    "escaped-solidus": (rb'{"a":"\/"}', "a solidus escaped"),
    "upper-case-escape": (rb'{"a":"\u001F"}', "hex digits of an escape in upper case"),
    "long-escape": (rb'{"a":"\u000a"}', "a newline as \\u000a instead of \\n"),
    "raw-control": (b'{"a":"\n"}', "a control character that is not escaped"),
    "lone-surrogate": (rb'{"a":"\ud800"}', "a lone surrogate"),
    "lone-surrogate-name": (rb'{"\udfff":1}', "a lone surrogate in a name"),
    "surrogates-in-utf8": (b'{"a":"\xed\xa0\x80"}', "a surrogate encoded as UTF-8"),
    "overlong-utf8": (b'{"a":"\xc0\xaf"}', "an overlong encoding"),
    "not-utf8": (b'{"a":"\xff"}', "a byte that UTF-8 does not have"),
    "utf16": ('{"a":1}'.encode("utf-16"), "UTF-16"),
    "minus": (b'{"n":-1}', "a number below zero"),
    "minus-zero": (b'{"n":-0}', "minus zero"),
    "fraction": (b'{"n":1.5}', "a fraction"),
    "whole-fraction": (b'{"n":1.0}', "a whole number written as a fraction"),
    "exponent": (b'{"n":1e3}', "an exponent"),
    "leading-zero": (b'{"n":01}', "a leading zero"),
    "integer-too-large": (b'{"n":9007199254740992}', "2^53"),
    "integer-huge": (b'{"n":1' + b"0" * 400 + b"}", "a number of 401 digits"),
    "not-a-number": (b'{"n":NaN}', "NaN"),
    "infinity": (b'{"n":Infinity}', "Infinity"),
    "trailing-comma": (b'{"a":1,}', "a comma before the closing brace"),
    "comment": (b"{/**/}", "a comment"),
    "truncated": (b'{"a":1', "the closing brace is missing"),
    "depth-17": (b'{"a":' * 16 + b"{}" + b"}" * 16, "17 objects within one another"),
    "depth-17-array": (b'{"a":' + b"[" * 16 + b"]" * 16 + b"}", "16 arrays within the object"),
}


def json_vectors(_: Pieces) -> Iterator[Vector]:
    """Documents that are, or are not, in their one legal form."""
    for name, (data, why) in _GOOD.items():
        yield Vector("json", name, {"document": data}, OK, why)
    for name, (data, why) in _BAD.items():
        yield Vector("json", f"bad-{name}", {"document": data}, REFUSED, why)


Change = Callable[[Document], object]


def _set(*path: str | int) -> Callable[[object], Change]:
    """Return a maker of changes: `_set("a", 0, "b")(value)` sets document["a"][0]["b"]."""

    def make(value: object) -> Change:
        def change(document: Document) -> None:
            target: Any = document
            for part in path[:-1]:
                target = target[part]
            target[path[-1]] = value

        return change

    return make


def _types(*texts: str, roles: Document | None = None) -> Change:
    schema = [{"name": f"c{index}", "type": text} for index, text in enumerate(texts)]
    return lambda m: m.update(schema=schema, columns=roles or _roles())


def _roles(**named: object) -> Document:
    """Return the member `columns` with these roles and no others."""
    return {"declared": {}, "image": None, "text": None, "url": None} | named


def _all_roles(manifest: Document) -> None:
    types = {"picture": "struct<path:string,bytes:binary>", "words": "string", "link": "string", "digest": "binary"}
    manifest["schema"] = [{"name": name, "type": text} for name, text in types.items()]
    manifest["columns"] = _roles(image="picture", text="words", url="link", declared={"md5": "digest"})


def _no_columns(manifest: Document) -> None:
    manifest |= {"schema": [], "columns": _roles()}


def _nameless_column(manifest: Document) -> None:
    manifest |= {"schema": [{"name": "", "type": "string"}], "columns": _roles()}


def _separate(which: object) -> Change:
    return lambda m: (m["steps"].append({"kind": "separate", "name": "apart"}), m.update(separation=which))


def _hub(manifest: Document) -> None:
    manifest["source"] |= {"kind": "hub", "locator": "example/source", "revision": "ab" * 20}


def _hub_without_revision(manifest: Document) -> None:
    _hub(manifest)
    manifest["source"]["revision"] = None


def _group_of_no_rows(manifest: Document) -> None:
    shard = manifest["shards"][0]
    last = shard["rowGroups"][-1]
    shard["rowGroups"].append({"end": last["end"] + 1, "rows": 0, "root": digest(b""), "sha256": digest("x"), "start": last["end"]})
    shard["footer"]["start"] += 1


def _more_rows_than_groups(manifest: Document) -> None:
    manifest["rows"] += 1
    manifest["shards"][0]["rows"] += 1
    _reroot(manifest)


def _other_shard_root(manifest: Document) -> None:
    manifest["shards"][0]["root"] = digest("x")
    _reroot(manifest)


def _files(rows: int) -> Change:
    entry = {"bytes": 10, "path": "part-0.parquet", "rows": rows, "sha256": digest("part")}
    return _set("source", "files")([entry])


def _metadata(manifest: Document) -> None:
    manifest["source"] |= {"kind": "imagefolder", "metadata": {"bytes": 3, "path": "metadata.csv", "sha256": digest("m")}}


def _empty_shard(manifest: Document) -> None:
    """Add a split whose only shard has no rows."""
    shard = {
        "bytes": 15,
        "footer": {"end": 15, "sha256": digest("footer"), "start": 4},
        "path": "data/test-00000-of-00001.parquet",
        "root": digest(b""),
        "rowGroups": [],
        "rows": 0,
        "sha256": digest("shard"),
        "split": "test",
    }
    manifest["shards"].append(shard)
    _reroot(manifest)


def _no_shards(manifest: Document) -> None:
    manifest |= {"rows": 0, "shards": []}
    _reroot(manifest)


def _reroot(manifest: Document) -> None:
    manifest["root"] = dataset_root([(bytes.fromhex(shard["root"]), shard["rows"]) for shard in manifest["shards"]]).hex()


def _split_apart(manifest: Document) -> None:
    """Put a shard of another split between the two of the first."""
    _empty_shard(manifest)
    manifest["shards"].insert(1, manifest["shards"].pop())
    _reroot(manifest)


_MANIFESTS: dict[str, tuple[str, Change, str]] = {
    "plain": (OK, lambda _: None, "two shards, five rows"),
    "previous": (OK, _set("previous")({"manifest": digest("before"), "version": "0.9.0"}), "it names a predecessor"),
    "hub-source": (OK, _hub, "a Hub source has locator and revision"),
    "source-files": (OK, _files(8), "the source's files and their rows"),
    "metadata-file": (OK, _metadata, "an image folder with its metadata file"),
    "empty-shard": (OK, _empty_shard, "a shard of no rows has no row group and the root of nothing"),
    "no-shards": (OK, _no_shards, "a release of no rows at all"),
    "all-types": (
        OK,
        _types(
            *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64"),
            *("string", "binary", "date32", "date64", "time32[s]", "time32[ms]", "time64[us]", "time64[ns]", "timestamp[s]"),
            *("timestamp[ns,Europe/Zurich]", "timestamp[ms,+01:00]", "duration[us]", "list<list<int8>>"),
            *("struct<bytes:binary,path:string>", r"struct<a\,b\:\<c\>\\:list<struct<x:bool>>>"),
            roles=_roles(image="c25", declared={"md5": "c13"}),
        ),
        "every type of 3.1, and a field's name with every character that is escaped",
    ),
    "card-before-croissant": ("manifest", lambda m: m["files"].reverse(), "files in another order"),
    "another-file": ("manifest", _set("files", 0, "path")("setup.py"), "a file that is not named by the specification"),
    "unknown-member": ("manifest", _set("comment")(""), "a member that section 6 does not name"),
    "unknown-member-within": ("manifest", _set("shards", 0, "comment")(""), "a member of a shard that section 6 does not name"),
    "missing-member": ("manifest", lambda m: m.pop("license"), "a member is missing"),
    "newer-type": ("manifest", _set("_type")("https://vetted-release.example.org/manifest/v0.2"), "a format of another version"),
    "null-member": ("manifest", _set("license")(None), "null where that is not said"),
    "boolean-count": ("manifest", lambda m: m.update(rows=True), "true is not the number 1"),
    "upper-case-digest": ("manifest", _set("planDigest")("AB" * 32), "hex is lower-case"),
    "short-digest": ("manifest", _set("planDigest")("ab" * 20), "a digest of 40 characters"),
    "version-leading-zero": ("manifest", _set("version")("1.0.01"), "a leading zero in a version"),
    "version-too-large": ("manifest", _set("version")("1.0.2147483648"), "a version's part of 2^31"),
    "name-without-owner": ("manifest", _set("name")("street-scenes"), "a release name without owner"),
    "step-name-upper-case": ("manifest", _set("steps", 0, "name")("Known"), "a step's name in upper case"),
    "step-kind": ("manifest", _set("steps", 0, "kind")(""), "a step's kind without a letter"),
    "row-group-of-no-rows": ("manifest-arithmetic", _group_of_no_rows, "a row group of no rows"),
    "shard-of-no-bytes": ("manifest-arithmetic", _set("shards", 0, "bytes")(0), "a shard of no bytes"),
    "steps-of-one-name": ("manifest", _set("steps", 1, "name")("known-files"), "two steps of one name"),
    "no-steps": ("manifest", _set("steps")([]), "no step"),
    "separation-none": (OK, _separate("none"), "a separating step that let no row with one signal stay"),
    "separation-minors": (OK, _separate("minors"), "a separating step that let rows of minors alone stay"),
    "separation-adults": (OK, _separate("adults"), "a separating step that let rows of adult content alone stay"),
    "separation-missing": ("manifest", lambda m: m.pop("separation"), "null must be said"),
    "separation-unknown": ("manifest", _separate("both"), "rows with both signals never stay"),
    "separation-text": ("manifest", _separate(""), "an empty text is no null"),
    "separation-without-step": ("manifest", _set("separation")("minors"), "no step separates"),
    "separation-untold": ("manifest", _separate(None), "a step separates, and the manifest does not say what stayed"),
    "row-group-rows-3": ("manifest", _set("rowGroupRows")(3), "row groups whose size is no power of two"),
    "row-group-rows-2-21": ("manifest", _set("rowGroupRows")(1 << 21), "row groups larger than 2^20"),
    "column-twice": ("manifest", lambda m: m["schema"].append(m["schema"][0]), "two columns of one name"),
    "column-without-name": ("manifest", _nameless_column, "a column without a name"),
    "no-columns": ("manifest", _no_columns, "no column"),
    "all-roles": (OK, _all_roles, "a column in each role"),
    "declared-photodna": (OK, _types("string", roles=_roles(declared={"photodna": "c0"})), "a column of PhotoDNA values"),
    "role-of-no-column": ("manifest", _set("columns", "url")("link"), "a role for a column that is not in the schema"),
    "two-roles-of-a-column": ("manifest", _set("columns", "url")("caption"), "one column in two roles"),
    "declared-type-unknown": (
        "manifest",
        lambda m: m.update(columns=_roles(declared={"crc32": "caption"})),
        "a declared digest of a type that there is not",
    ),
    "bytes-without-role": ("manifest", _types("binary"), "bytes that nobody screened"),
    "bytes-within-without-role": ("manifest", _types("list<struct<path:string,bytes:binary>>"), "bytes within a column that has no role"),
    "field-named-binary": (OK, _types("struct<binary:string>"), "a field may be called binary"),
    "image-of-text": ("manifest", lambda m: m.update(columns=_roles(image="caption")), "text in the role of an image"),
    "text-of-numbers": ("manifest", lambda m: m["schema"][0].update(type="int8"), "numbers in the role of text"),
    "roles-missing-member": ("manifest", lambda m: m["columns"].pop("declared"), "a role is missing"),
    "type-unknown": ("manifest", _types("decimal128(3, 1)"), "a type that 3.1 does not have"),
    "type-storage-variant": ("manifest", _types("large_string"), "a storage variant instead of the type whose values it holds"),
    "type-with-space": ("manifest", _types("struct<a: int8>"), "a space in a type's text"),
    "type-unbalanced": ("manifest", _types("list<int8"), "a type's text that does not end"),
    "type-empty-struct": ("manifest", _types("struct<>"), "a struct of no fields"),
    "type-time32-us": ("manifest", _types("time32[us]"), "a unit that this type does not have"),
    "type-unescaped": ("manifest", _types("struct<a:b:int8>"), "a colon in a field's name that is not escaped"),
    "path-parent": ("manifest", _set("shards", 0, "path")("data/../x.parquet"), "a path that leaves its folder"),
    "path-absolute": ("manifest", _set("shards", 0, "path")("/data/train-00000-of-00002.parquet"), "an absolute path"),
    "path-backslash": ("manifest", _set("shards", 0, "path")("data\\train-00000-of-00002.parquet"), "a backslash in a path"),
    "path-control": ("manifest", _set("shards", 0, "path")("data/a\tb"), "a control character in a path"),
    "path-not-nfc": ("manifest", _set("shards", 0, "path")("data/e\u0301.parquet"), "a path that is not NFC"),
    "split-with-hyphen": ("manifest", _set("shards", 0, "split")("tr-ain"), "a split with a hyphen"),
    "hub-without-revision": ("manifest", _hub_without_revision, "a Hub source without its commit"),
    "locator-of-parquet": ("manifest", _set("source", "locator")("a/b"), "a locator for a source that is not on the Hub"),
    "parent-unknown": ("manifest", _set("source", "parent")("secret"), "a parent that is neither private nor public"),
    "rows-not-the-sum": ("manifest-arithmetic", _set("rows")(6), "rows that are not the sum over the shards"),
    "rows-above-source": ("manifest-arithmetic", _set("source", "rows")(4), "more rows than the source had"),
    "source-rows-not-the-sum": ("manifest-arithmetic", _files(7), "source rows that are not the sum over its files"),
    "shard-rows-not-the-sum": (
        "manifest-arithmetic",
        _more_rows_than_groups,
        "a shard's rows that are not the sum over its row groups",
    ),
    "shard-misnamed": (
        "manifest-arithmetic",
        _set("shards", 1, "path")("data/train-00007-of-00002.parquet"),
        "a shard whose file name does not count on",
    ),
    "shards-of-a-split-apart": ("manifest-arithmetic", _split_apart, "the shards of a split are not consecutive"),
    "range-gap": ("manifest-arithmetic", _set("shards", 0, "rowGroups", 1, "start")(69), "a gap between two row groups"),
    "range-first-at-0": ("manifest-arithmetic", _set("shards", 0, "rowGroups", 0, "start")(0), "a row group over the magic"),
    "footer-too-short": ("manifest-arithmetic", _set("shards", 0, "footer", "end")(110), "a footer that ends before the file"),
    "row-group-not-full": (
        "manifest-arithmetic",
        lambda m: (
            _set("shards", 0, "rowGroups", 0, "rows")(1)(m),
            _set("shards", 0, "rowGroups", 1, "rows")(2)(m),
        ),
        "a row group before the last that is not full",
    ),
    "row-group-root": (
        "manifest-roots",
        _set("shards", 0, "rowGroups", 0, "root")(digest("x")),
        "a row group root that the shard root does not follow from",
    ),
    "shard-root": ("manifest-roots", _other_shard_root, "a shard root of other row groups"),
    "release-root": ("manifest-roots", _set("root")(digest("x")), "a release root of other shards"),
}


def manifest_vectors(pieces: Pieces) -> Iterator[Vector]:
    """Manifests with one fault each."""
    for name, (code, change, why) in _MANIFESTS.items():
        manifest = copy.deepcopy(make_manifest("1.0.0", None, {}))
        change(manifest)
        data = canon(manifest)
        value = {"digest": digest(data), "root": manifest["root"], "rows": manifest["rows"]} if code == OK else None
        yield Vector("manifest", name, _manifest(pieces, data), code, why, value)
    data = canon(make_manifest("1.0.0", None, {}))
    yield Vector("manifest", "final-newline", _manifest(pieces, data + b"\n"), "manifest", "a newline after the document")
    spaced = data.replace(b'{"_type"', b'{ "_type"', 1)
    yield Vector("manifest", "space-within", _manifest(pieces, spaced), "manifest", "a space within")


def _manifest(pieces: Pieces, data: bytes) -> dict[str, bytes]:
    return {"input.json": plain({"release.json": pieces.document(data)})}
