"""Row digests and roots against a second, plain implementation of docs/SPEC.md sections 3 and 4."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import struct
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit_logs import merkle
from release import hashing, rows, values
from release.errors import BuildError, SourceError

SHA = hashlib.sha256
Values = st.SearchStrategy[Any]


def u64(number: int) -> bytes:
    """Return eight bytes, big-endian."""
    return struct.pack(">Q", number)


def reference(kind: pa.DataType, value: Any) -> bytes:  # noqa: C901, PLR0911  (one branch for each line of the table in SPEC 3.1)
    """Return E(value), written down from the table in SPEC section 3.1, for Python values (temporal ones as integers)."""
    types = pa.types
    if value is None:
        return b"\x00"
    if types.is_dictionary(kind):
        return reference(kind.value_type, value)
    if types.is_boolean(kind):
        return b"\x01" + (b"\x01" if value else b"\x00")
    if types.is_unsigned_integer(kind):
        return b"\x03" + u64(value)
    if types.is_integer(kind):
        return b"\x02" + struct.pack(">q", value)
    if types.is_floating(kind):
        return b"\x04" + (bytes.fromhex("7ff8000000000000") if value != value else struct.pack(">d", value))  # noqa: PLR0124
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return b"\x05" + u64(len(value.encode())) + value.encode()
    if types.is_struct(kind):
        fields = [kind.field(index) for index in range(kind.num_fields)]
        body = b"".join(u64(len(f.name.encode())) + f.name.encode() + reference(f.type, value[f.name]) for f in fields)
        return b"\x09" + u64(len(fields)) + body
    if values.is_list(kind):
        return b"\x08" + u64(len(value)) + b"".join(reference(kind.value_type, item) for item in value)
    if types.is_temporal(kind):
        return b"\x07" + struct.pack(">q", value)
    return b"\x06" + u64(len(value)) + SHA(value).digest()


def reference_row(schema: pa.Schema, row: dict[str, Any]) -> bytes:
    """Return a row's digest, written down from SPEC section 3.2."""
    cells = [SHA(b"C" + u64(len(f.name.encode())) + f.name.encode() + reference(f.type, row[f.name])).digest() for f in schema]
    return SHA(b"R" + b"".join(cells)).digest()


TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
WIDE = st.floats(allow_nan=True, allow_infinity=True)
LEAVES: list[tuple[pa.DataType, Values]] = [
    (pa.bool_(), st.booleans()),
    (pa.int8(), st.integers(-128, 127)),
    (pa.int64(), st.integers(-(1 << 63), (1 << 63) - 1)),
    (pa.uint16(), st.integers(0, (1 << 16) - 1)),
    (pa.uint64(), st.integers(0, (1 << 64) - 1)),
    (pa.float16(), st.floats(width=16).map(np.float16)),
    (pa.float32(), st.floats(width=32)),
    (pa.float64(), st.one_of(WIDE, st.just(-0.0), st.just(float("nan")))),
    (pa.string(), TEXT),
    (pa.large_string(), TEXT),
    (pa.string_view(), TEXT),
    (pa.dictionary(pa.int8(), pa.string()), TEXT),
    (pa.binary(), st.binary(max_size=40)),
    (pa.large_binary(), st.binary(max_size=40)),
    (pa.binary_view(), st.binary(max_size=40)),
    (pa.binary(4), st.binary(min_size=4, max_size=4)),
    (pa.time32("ms"), st.integers(0, 86_399_999)),
    (pa.time64("us"), st.integers(0, 86_399_999_999)),
    (pa.date32(), st.integers(-10_000, 10_000)),
    (pa.date64(), st.integers(-10_000, 10_000).map(lambda day: day * 86_400_000)),
    (pa.timestamp("ns"), st.integers(-(1 << 60), 1 << 60)),
    (pa.timestamp("us", "Europe/Rome"), st.integers(-(1 << 50), 1 << 50)),
    (pa.duration("s"), st.integers(-(1 << 40), 1 << 40)),
]


def nullable(pair: tuple[pa.DataType, Values]) -> tuple[pa.DataType, Values]:
    """Allow null."""
    return pair[0], st.one_of(st.none(), pair[1])


def nested(pairs: st.SearchStrategy[tuple[pa.DataType, Values]]) -> st.SearchStrategy[tuple[pa.DataType, Values]]:
    """Put types into lists and structs."""
    lists = pairs.map(lambda pair: (pa.list_(pair[0]), st.lists(nullable(pair)[1], max_size=3)))
    large = pairs.map(lambda pair: (pa.large_list(pair[0]), st.lists(nullable(pair)[1], max_size=3)))
    fixed = pairs.map(lambda pair: (pa.list_(pair[0], 2), st.lists(nullable(pair)[1], min_size=2, max_size=2)))

    def struct_of(members: list[tuple[pa.DataType, Values]]) -> tuple[pa.DataType, Values]:
        names = ["ä", "b,<:>\\", "bytes"][: len(members)]
        kind = pa.struct([pa.field(name, pair[0]) for name, pair in zip(names, members, strict=True)])
        return kind, st.fixed_dictionaries({name: nullable(pair)[1] for name, pair in zip(names, members, strict=True)})

    return st.one_of(lists, large, fixed, st.lists(pairs, min_size=1, max_size=3).map(struct_of))


TYPES = st.recursive(st.sampled_from(LEAVES), nested, max_leaves=4)


def build(kind: pa.DataType, data: list[Any]) -> pa.Array:
    """Make an array of a type; pyarrow makes no dictionary arrays below other types, and takes no integers for some times."""
    if pa.types.is_struct(kind):
        fields = [kind.field(index) for index in range(kind.num_fields)]
        children = [build(f.type, [None if value is None else value[f.name] for value in data]) for f in fields]
        return pa.StructArray.from_arrays(children, fields=fields, mask=pa.array([value is None for value in data], pa.bool_()))
    if values.is_list(kind):
        filler = [None, None] if pa.types.is_fixed_size_list(kind) else []
        items = build(kind.value_type, [item for value in data for item in (filler if value is None else value)])
        mask = pa.array([value is None for value in data], pa.bool_())
        if pa.types.is_fixed_size_list(kind):
            return pa.FixedSizeListArray.from_arrays(items, type=kind, mask=mask)
        offsets = np.cumsum([0, *(len(value or ()) for value in data)])
        maker = pa.LargeListArray if pa.types.is_large_list(kind) else pa.ListArray
        offset_type = pa.int64() if pa.types.is_large_list(kind) else pa.int32()
        return maker.from_arrays(pa.array(offsets, offset_type), items, type=kind, mask=mask)
    if pa.types.is_dictionary(kind):
        return pa.array(data, kind.value_type).cast(kind)
    if pa.types.is_temporal(kind):
        return pa.array(data, pa.int64() if kind.bit_width == 64 else pa.int32()).view(kind)
    return pa.array(data, kind)


@st.composite
def tables(draw: st.DrawFn) -> tuple[pa.RecordBatch, list[dict[str, Any]]]:
    """Draw a schema, rows in Python values, and the batch that holds them."""
    kinds = [nullable(pair) for pair in draw(st.lists(TYPES, min_size=1, max_size=3))]
    names = ["image", "ü", "c"][: len(kinds)]
    data = draw(st.lists(st.fixed_dictionaries({name: pair[1] for name, pair in zip(names, kinds, strict=True)}), max_size=6))
    arrays = [build(pair[0], [row[name] for row in data]) for name, pair in zip(names, kinds, strict=True)]
    schema = pa.schema([pa.field(name, pair[0]) for name, pair in zip(names, kinds, strict=True)])
    return pa.record_batch(arrays, schema=schema), data


@pytest.fixture(params=[hashing.MANY, 1], ids=["hashlib", "compiled"])
def by(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash one by one, and then everything in compiled code."""
    monkeypatch.setattr(hashing, "MANY", request.param)


@pytest.mark.usefixtures("by")
@given(drawn=tables())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_row_digests_are_those_of_the_specification_whatever_the_storage(drawn: tuple[pa.RecordBatch, list[dict[str, Any]]]) -> None:
    """A row has the digest that SPEC 3.1 and 3.2 give it, for every type, storage variant and null, one by one and in compiled code."""
    batch, data = drawn
    plain = rows.cast(batch, rows.normalise(batch.schema))
    expected = b"".join(reference_row(batch.schema, row) for row in data)
    assert rows.row_digests(plain).tobytes() == expected
    half = len(data) // 2
    tail = rows.cast(batch.slice(half), rows.normalise(batch.schema))
    assert rows.row_digests(tail).tobytes() == expected[32 * half :]
    assert rows.row_digests(plain.slice(half)).tobytes() == expected[32 * half :]


@pytest.mark.usefixtures("by")
def test_all_nans_are_one_and_zeros_are_two() -> None:
    """Every NaN has one encoding, at every width; minus zero is not zero."""
    quiet, signalling, negative = (
        struct.unpack(">d", bytes.fromhex(bits))[0] for bits in ("7ff8000000000001", "7ff0000000000001", "fff8000000000000")
    )
    wide = pa.record_batch({"x": pa.array([float("nan"), quiet, signalling, negative, 0.0, -0.0])})
    digests = [row.tobytes() for row in rows.row_digests(wide)]
    assert len(set(digests[:4])) == 1
    assert digests[4] != digests[5]
    half = rows.row_digests(pa.record_batch({"x": pa.array(np.array([np.nan, -0.0], np.float16))}))
    assert [row.tobytes() for row in half] == [digests[0], digests[5]]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (pa.float16(), "float16"),
        (pa.float64(), "float64"),
        (pa.large_string(), "string"),
        (pa.binary(16), "binary"),
        (pa.date32(), "date32"),
        (pa.date64(), "date64"),
        (pa.time32("s"), "time32[s]"),
        (pa.timestamp("us"), "timestamp[us]"),
        (pa.timestamp("ns", "Europe/Rome"), "timestamp[ns,Europe/Rome]"),
        (pa.duration("ms"), "duration[ms]"),
        (pa.dictionary(pa.int32(), pa.large_list(pa.uint8())), "list<uint8>"),
        (pa.list_(pa.int8(), 3), "list<int8>"),
        (pa.struct([("bytes", pa.large_binary()), ("path", pa.string_view())]), "struct<bytes:binary,path:string>"),
        (pa.struct([("a,b:c<d>\\", pa.bool_())]), "struct<a\\,b\\:c\\<d\\>\\\\:bool>"),
    ],
)
def test_types_are_written_as_the_specification_says(kind: pa.DataType, text: str) -> None:
    """A type's text names the values, not the storage."""
    assert rows.type_text(kind) == text


@pytest.mark.parametrize(
    "schema",
    [
        pa.schema([("a", pa.decimal128(5, 2))]),
        pa.schema([("a", pa.map_(pa.string(), pa.string()))]),
        pa.schema([("a", pa.null())]),
        pa.schema([("a", pa.struct([]))]),
        pa.schema([("a", pa.timestamp("us", "no zone]"))]),
        pa.schema([("a", pa.int8()), ("a", pa.int8())]),
        pa.schema([("", pa.int8())]),
        pa.schema([]),
    ],
)
def test_schemas_that_a_release_cannot_carry_are_refused(schema: pa.Schema) -> None:
    """Other types, and columns without a name of their own, are a SourceError."""
    with pytest.raises(SourceError):
        rows.normalise(schema)


def test_a_column_nested_deeper_than_a_manifest_may_be_is_refused() -> None:
    """Seventeen types deep is one too many."""
    kind = pa.int8()
    for _ in range(15):
        kind = pa.list_(kind)
    assert rows.normalise(pa.schema([("a", kind)]))
    with pytest.raises(SourceError, match="nested too deep"):
        rows.normalise(pa.schema([("a", pa.list_(kind))]))


def test_text_that_is_not_utf8_is_refused() -> None:
    """Arrow does not look at text bytes on reading; a cast does."""
    bad = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(struct.pack("=ii", 0, 1)), pa.py_buffer(b"\xff")])
    with pytest.raises(SourceError, match="cannot be read"):
        rows.cast(pa.record_batch({"a": bad}), pa.schema([("a", pa.string())]))


def test_known_digests_stand_for_the_bytes() -> None:
    """A known SHA-256 is used as it is, for a struct's field and for a plain column; None means it is not known."""
    nested_images = pa.array([{"bytes": b"one", "path": "1"}, None, {"bytes": b"two", "path": None}])
    batch = rows.cast(
        pa.record_batch({"image": nested_images, "raw": pa.array([b"x", None, b"y"])}),
        rows.normalise(pa.schema([("image", nested_images.type), ("raw", pa.binary())])),
    )
    plain = rows.row_digests(batch)
    known = {"image.bytes": [SHA(b"one").digest(), None, None], "raw": [None, None, SHA(b"y").digest()]}
    assert np.array_equal(rows.row_digests(batch, known), plain)
    lied = rows.row_digests(batch, {"image.bytes": [bytes(32), None, None]})
    assert [bool((left == right).all()) for left, right in zip(lied, plain, strict=True)] == [False, True, True]


@pytest.mark.parametrize("known", [{"image": [None]}, {"text": [None]}, {"raw": [None, None]}, {"a.b": [None]}])
def test_known_digests_that_fit_no_column_are_refused(known: dict[str, list[bytes | None]]) -> None:
    """A name that is no binary value, two of them, or a wrong number of digests is an error and not a wrong digest."""
    schema = pa.schema([("raw", pa.binary()), ("text", pa.string()), ("a.b", pa.binary()), ("a", pa.struct([("b", pa.binary())]))])
    batch = pa.record_batch(
        [pa.array([b""]), pa.array([""]), pa.array([b""]), pa.array([{"b": b""}], schema.field("a").type)], schema=schema
    )
    with pytest.raises(BuildError):
        rows.row_digests(batch, known)


def random_digests(count: int, seed: int = 7) -> rows.Digests:
    """Return (count, 32) digests."""
    return np.random.default_rng(seed).integers(0, 256, (count, 32), np.uint8)


@pytest.mark.usefixtures("by")
@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 8, 9, 64, 100])
def test_group_roots_are_subtrees_of_the_shard_root(count: int) -> None:
    """The tree over row group roots is the tree over rows, as SPEC 3.3 claims."""
    digests = random_digests(count)
    groups = rows.group_roots(digests, 8)
    assert len(groups) == -(-count // 8)
    assert merkle.root(groups) == rows.tree_root(digests)
    assert rows.tree_root(digests) == merkle.root([SHA(b"\x00" + row.tobytes()).digest() for row in digests])


def test_the_release_root_binds_shard_roots_and_row_counts() -> None:
    """Another count with the same root is another release."""
    root = rows.tree_root(random_digests(3))
    assert rows.dataset_root([(root, 3)]) == SHA(b"\x00" + root + u64(3)).digest()
    assert rows.dataset_root([(root, 3), (root, 1)]) != rows.dataset_root([(root, 3), (root, 2)])
    assert rows.dataset_root([]) == SHA(b"").digest()


@pytest.mark.usefixtures("by")
@given(count=st.integers(0, 40), data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_removing_rows_gives_the_tree_with_zero_leaves(count: int, data: st.DataObject) -> None:
    """After any sequence of removals the keyed root is that of a tree made anew (SPEC section 4)."""
    digests, key = random_digests(count), b"k" * 32
    tree = rows.KeyedTree(key, digests)
    leaves = [hmac.new(key, row.tobytes(), "sha256").digest() for row in digests]
    for _ in range(3):
        assert tree.root() == merkle.root([merkle.leaf_hash(leaf) for leaf in leaves])
        gone = data.draw(st.lists(st.integers(0, count - 1), max_size=5)) if count else []
        tree.remove(gone)
        for position in gone:
            leaves[position] = bytes(32)
    assert tree.root() == merkle.root([merkle.leaf_hash(leaf) for leaf in leaves])


def test_removing_a_row_costs_one_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """One removal among 4,096 rows costs 12 node hashes, not a new tree."""
    tree = rows.KeyedTree(b"k" * 32, random_digests(4096))
    calls: list[int] = []
    real = hashing.equal
    monkeypatch.setattr(hashing, "equal", lambda prefix, values: calls.append(len(values)) or real(prefix, values))  # type: ignore[func-returns-value]
    tree.remove([1234])
    assert sum(calls) == 12


@pytest.mark.parametrize("position", [-1, 3])
def test_a_row_outside_its_shard_cannot_be_removed(position: int) -> None:
    """A negative position would quietly take the last row."""
    with pytest.raises(BuildError):
        rows.KeyedTree(b"k" * 32, random_digests(3)).remove([position])


def test_commitments_bind_the_boundary() -> None:
    """C(i) is an HMAC over the boundary's number and the keyed root."""
    assert rows.commitment(b"m" * 32, 1, b"r" * 32) == hmac.new(b"m" * 32, u64(1) + b"r" * 32, "sha256").digest()
    assert rows.commitment(b"m" * 32, 1, b"r" * 32) != rows.commitment(b"m" * 32, 2, b"r" * 32)


def test_schema_fields_name_columns_in_order() -> None:
    """The manifest's schema is the batch's."""
    fields = rows.schema_fields(pa.schema([("b", pa.int8()), ("a", pa.timestamp("s", "UTC"))]))
    assert [(field.name, field.type) for field in fields] == [("b", "int8"), ("a", "timestamp[s,UTC]")]


def test_dates_before_the_epoch_are_negative() -> None:
    """Two's complement, in the unit of the type."""
    batch = pa.record_batch({"d": pa.array([dt.date(1969, 12, 31)])})
    expected = SHA(b"R" + SHA(b"C" + u64(1) + b"d" + b"\x07" + b"\xff" * 8).digest()).digest()
    assert rows.row_digests(batch).tobytes() == expected
