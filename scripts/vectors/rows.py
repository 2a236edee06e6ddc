"""Classes `value`, `row`, `root` and `keyed` (sections 3 and 4): values to bytes, bytes to digests, digests to roots."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from vectors.reference import b64, column_digest, commitment, dataset_root, encode_value, keyed_leaf, mth, row_digest, sha256
from vectors.vector import OK, Pieces, Vector, plain


def bits(number: float) -> str:
    """Return a double as 16 hex digits."""
    return struct.pack(">d", number).hex()


_VALUES: dict[str, tuple[str, Any, str]] = {
    "null-bool": ("bool", None, "null has one form, whatever its type"),
    "null-struct": ("struct<a:int8,b:string>", None, "a struct that is null, not one of nulls"),
    "true": ("bool", True, "true"),
    "false": ("bool", False, "false is not null"),
    "int8-lowest": ("int8", "-128", "a small signed integer, widened to 8 bytes"),
    "int16": ("int16", "-2", "two's complement"),
    "int32": ("int32", "70000", "a type's width does not enter"),
    "int64-lowest": ("int64", "-9223372036854775808", "-2^63"),
    "int64-highest": ("int64", "9223372036854775807", "2^63 - 1"),
    "uint8": ("uint8", "255", "unsigned integers have a tag of their own"),
    "uint16": ("uint16", "0", "zero"),
    "uint32": ("uint32", "4294967295", "2^32 - 1"),
    "uint64-highest": ("uint64", "18446744073709551615", "2^64 - 1"),
    "float16": ("float16", bits(1.5), "a half, widened to a double"),
    "float16-subnormal": ("float16", bits(2.0**-24), "the smallest half is a normal double"),
    "float32": ("float32", bits(struct.unpack(">f", struct.pack(">f", 0.1))[0]), "0.1 as a single, widened exactly: not the double 0.1"),
    "float64": ("float64", bits(0.1), "0.1 as a double"),
    "float64-minus-zero": ("float64", bits(-0.0), "minus zero keeps its sign"),
    "float64-infinity": ("float64", bits(float("-inf")), "minus infinity"),
    "float64-nan": ("float64", "fff8000000000001", "every NaN becomes the one NaN, sign and payload gone"),
    "float64-signalling-nan": ("float64", "7ff0000000000001", "a signalling NaN becomes the one NaN"),
    "string-empty": ("string", "", "empty text is not null"),
    "string-unicode": ("string", "é€\U0001f600", "the length counts bytes of UTF-8"),
    "string-not-normalised": ("string", "e\u0301", "text is taken as it is, not normalised"),
    "string-nul": ("string", "a\u0000b", "a NUL within text"),
    "binary": ("binary", b64(b"\xff\xd8\xff"), "binary enters by length and SHA-256"),
    "binary-empty": ("binary", "", "empty binary is not null"),
    "date32": ("date32", "-1", "days since 1970-01-01; the day before it"),
    "date64": ("date64", "86400000", "milliseconds"),
    "time32": ("time32[ms]", "1", "a time of day, in the type's unit"),
    "time64": ("time64[ns]", "86399999999999", "the last nanosecond of a day"),
    "timestamp": ("timestamp[us]", "-1", "a moment before 1970"),
    "timestamp-zone": ("timestamp[s,Europe/Zurich]", "0", "the zone does not enter the value"),
    "duration": ("duration[ns]", "5", "a duration"),
    "list-empty": ("list<int8>", [], "an empty list is not null"),
    "list": ("list<int8>", ["1", None, "-1"], "a list with a null in it"),
    "list-of-lists": ("list<list<string>>", [["a"], [], None], "where inner lists end is told by their counts"),
    "struct": ("struct<bytes:binary,path:string>", [b64(b"image"), "a.jpg"], "what the Image feature stores"),
    "struct-of-nulls": ("struct<bytes:binary,path:string>", [None, None], "a struct of nulls is not null"),
    "struct-unicode-name": ("struct<größe:uint8>", ["7"], "a field's name enters as UTF-8 with its length in bytes"),
    "struct-escaped-name": (r"struct<a\,b\:\<\>\\:int8>", ["1"], "a field's name enters without the escapes of the type's text"),
    "nested": (
        "list<struct<box:list<float64>,label:string>>",
        [[[bits(0.25), bits(1.0)], "car"], [None, "bus"]],
        "a list of structs with lists",
    ),
}


def value_vectors(_: Pieces) -> Iterator[Vector]:
    """Values of every type, and their encoding."""
    for name, (kind, value, why) in _VALUES.items():
        yield Vector("value", name, {"input.json": plain({"type": kind, "value": value})}, OK, why, encode_value(kind, value).hex())


_IMAGE = {"name": "image", "type": "struct<bytes:binary,path:string>"}
_CAPTION = {"name": "caption", "type": "string"}
_ROWS: dict[str, tuple[list[dict[str, str]], list[list[Any]], str]] = {
    "one-column": ([_CAPTION], [["a bridge"], [""], [None]], "text, empty text, no text"),
    "image-and-caption": (
        [_IMAGE, _CAPTION],
        [[[b64(b"\xff\xd8one"), "1.jpg"], "one"], [[b64(b"\xff\xd8two"), None], None], [None, "no image"]],
        "images enter by their SHA-256",
    ),
    "columns-in-another-order": (
        [_CAPTION, _IMAGE],
        [["one", [b64(b"\xff\xd8one"), "1.jpg"]]],
        "the schema's order decides the row digest",
    ),
    "same-values-other-name": ([{"name": "text", "type": "string"}], [["a bridge"]], "a column's name enters its digest"),
    "same-number-other-type": (
        [{"name": "n", "type": "int64"}, {"name": "m", "type": "uint64"}, {"name": "t", "type": "timestamp[s]"}],
        [["1", "1", "1"]],
        "1 as signed, as unsigned and as a moment are three values",
    ),
    "duplicate-rows": ([_CAPTION], [["same"], ["same"]], "rows of the same values have the same digest"),
    "unicode-column": ([{"name": "légende", "type": "string"}], [["x"]], "the length of a column's name counts bytes"),
}


def row_vectors(_: Pieces) -> Iterator[Vector]:
    """Rows with the digest of each column and of the row."""
    for name, (schema, rows, why) in _ROWS.items():
        columns = [
            [column_digest(column["name"], column["type"], value).hex() for column, value in zip(schema, row, strict=True)] for row in rows
        ]
        value = {"columns": columns, "rows": [row_digest(schema, row).hex() for row in rows]}
        yield Vector("row", name, {"input.json": plain({"schema": schema, "rows": rows})}, OK, why, value)


_ROOTS: dict[str, tuple[int, list[int], str]] = {
    "no-shard": (4, [], "the root of nothing"),
    "empty-shard": (4, [0], "a shard of no rows is a leaf like any other"),
    "one-row": (4, [1], "one row, one group, one shard"),
    "full-group": (4, [4], "one full row group: the shard root is the row group root"),
    "one-over": (4, [5], "a last row group of one row"),
    "odd-last-group": (4, [11], "three row groups, the last not full"),
    "groups-of-one": (1, [7], "row groups of one row: their roots are leaf hashes"),
    "large-group": (1024, [13], "one row group that is not full"),
    "three-shards": (2, [3, 0, 5], "shards of different sizes, one of them empty"),
    "five-shards": (2, [1, 1, 1, 1, 1], "an unbalanced tree of shards"),
}


def _digests(count: int, shard: int) -> list[bytes]:
    return [sha256(f"row {row} of shard {shard}".encode()) for row in range(count)]


def root_vectors(_: Pieces) -> Iterator[Vector]:
    """Row digests in shards, and the roots over them, by the definition: always over the row digests themselves."""
    for name, (size, counts, why) in _ROOTS.items():
        shards = [_digests(count, number) for number, count in enumerate(counts)]
        value = {
            "rowGroupRoots": [[mth(rows[first : first + size]).hex() for first in range(0, len(rows), size)] for rows in shards],
            "shardRoots": [mth(rows).hex() for rows in shards],
            "root": dataset_root([(mth(rows), len(rows)) for rows in shards]).hex(),
        }
        given = {"rowGroupRows": size, "shards": [[row.hex() for row in rows] for rows in shards]}
        yield Vector("root", name, {"input.json": plain(given)}, OK, why, value)


ROW_KEY, MATCH_KEY = sha256(b"test row key"), sha256(b"test match key")
_KEYED: dict[str, tuple[list[int], list[list[list[int]]], str]] = {
    "nothing-removed": ([3], [[[]]], "a step that removes nothing changes the commitment all the same: i enters it"),
    "one-removed": ([3], [[[1]]], "a row that is gone becomes 32 zero bytes, its place stays"),
    "two-steps": ([4, 3], [[[0], []], [[2, 3], [1]]], "what an earlier step removed stays gone"),
    "all-removed": ([2], [[[0, 1]]], "a shard of which no row is left is not an empty one"),
    "one-row": ([1], [[[0]]], "a shard of one row"),
    "empty-source-shard": ([0, 2], [[[], [0]]], "a source shard of no rows"),
}


def keyed_vectors(_: Pieces) -> Iterator[Vector]:
    """Source shards, the rows that each step takes away, and keyed roots and commitments at every boundary."""
    for name, (counts, steps, why) in _KEYED.items():
        shards = [_digests(count, number) for number, count in enumerate(counts)]
        there: list[list[bytes | None]] = [list(rows) for rows in shards]
        boundaries = [_boundary(0, there)]
        for order, step in enumerate(steps, 1):
            for number, positions in enumerate(step):
                for position in positions:
                    there[number][position] = None
            boundaries.append(_boundary(order, there))
        given = {"rowKey": ROW_KEY.hex(), "matchKey": MATCH_KEY.hex(), "shards": [[row.hex() for row in rows] for rows in shards]}
        yield Vector("keyed", name, {"input.json": plain(given | {"gone": steps})}, OK, why, boundaries)


def _boundary(order: int, there: list[list[bytes | None]]) -> dict[str, Any]:
    leaves = [[keyed_leaf(ROW_KEY, row) for row in rows] for rows in there]
    root = dataset_root([(mth(shard), len(shard)) for shard in leaves])
    return {
        "leaves": [[leaf.hex() for leaf in shard] for shard in leaves],
        "shardRoots": [mth(shard).hex() for shard in leaves],
        "root": root.hex(),
        "commitment": commitment(MATCH_KEY, order, root).hex(),
    }
