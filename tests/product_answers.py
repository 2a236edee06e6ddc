"""The product's answers to vectors: lines of JSON {"class", "name"} on standard input, lines {"code", "value"} on standard output.

    python tests/product_answers.py FOLDER

The protocol stands in tests/vectors/README.md. FOLDER holds the classes, and pieces.json. `READERS` maps a class to the
product's answer for a vector's folder: a code, and the value that goes with it where the class has one. Nothing here knows
what is expected.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import struct
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]  # the product, and the reference's reading of types

from audit_logs import canonical, envelope, merkle, note, replay, seen, statement, tiles, verify  # noqa: E402 - the path comes first
from audit_logs import manifest as manifests  # noqa: E402
from audit_logs import trust as trusts  # noqa: E402
from audit_logs.envelope import PublicKey  # noqa: E402
from audit_logs.errors import FormatError, TrustError, VerificationError  # noqa: E402
from audit_logs.files import FileInfo  # noqa: E402
from audit_logs.note import VerifierKey  # noqa: E402

Answer = tuple[str, Any]
OK = "ok"


@cache
def pieces(vectors: Path) -> dict[str, bytes]:
    """Return the pool of byte strings that the vectors of a folder share."""
    pool = json.loads((vectors / "pieces.json").read_bytes())
    return {name: piece.encode() if isinstance(piece, str) else base64.b64decode(piece["base64"]) for name, piece in pool.items()}


def joined(folder: Path, names: list[str]) -> bytes:
    """Return the bytes that a list of pieces stands for in a vector."""
    return b"".join(pieces(folder.parents[1])[name] for name in names)


def given(folder: Path) -> Any:
    """Return a vector's input.json."""
    return json.loads((folder / "input.json").read_bytes())


# One reader for each class


def read_json(folder: Path) -> Answer:
    """Section 1."""
    try:
        canonical.decode((folder / "document").read_bytes(), where="document", limit=1 << 20)
    except FormatError:
        return "refused", None
    return OK, None


def _arrow_type(text: str) -> Any:
    """Return the Arrow type of a type's text, for the types that vectors use."""
    import pyarrow as pa
    from vectors.reference import field_of, split_types

    if text.startswith("list<"):
        return pa.list_(_arrow_type(text[5:-1]))
    if text.startswith("struct<"):
        return pa.struct([pa.field(name, _arrow_type(kind)) for name, kind in map(field_of, split_types(text[7:-1]))])
    unit, _, zone = text.partition("[")[2].removesuffix("]").partition(",")
    makers: dict[str, Any] = {"time32": pa.time32, "time64": pa.time64, "duration": pa.duration}
    name = text.partition("[")[0]
    if name == "timestamp":
        return pa.timestamp(unit, zone or None)
    return makers[name](unit) if unit else {"bool": pa.bool_}.get(name, lambda: pa.type_for_alias(name))()


def _arrow_array(kind: Any, values: list[Any]) -> Any:
    """Return a vector's values as an Arrow array."""
    import pyarrow as pa

    if pa.types.is_list(kind):
        ends = [0]
        for value in values:
            ends.append(ends[-1] + len(value or []))
        items = _arrow_array(kind.value_type, [item for value in values for item in value or []])
        mask = pa.array([value is None for value in values])
        return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), items, kind, mask=mask)
    if pa.types.is_struct(kind):
        columns = [
            _arrow_array(kind.field(at).type, [None if value is None else value[at] for value in values]) for at in range(kind.num_fields)
        ]
        mask = pa.array([value is None for value in values])
        return pa.StructArray.from_arrays(columns, fields=list(kind), mask=mask)
    return _scalars(kind, values)


def _scalars(kind: Any, values: list[Any]) -> Any:
    import numpy as np
    import pyarrow as pa

    if pa.types.is_floating(kind):
        numbers = [struct.unpack(">d", bytes.fromhex(value or "00" * 8))[0] for value in values]
        with np.errstate(invalid="ignore"):
            return pa.array(np.array(numbers).astype(kind.to_pandas_dtype()), kind, mask=np.array([value is None for value in values]))
    if pa.types.is_binary(kind):
        return pa.array([None if value is None else base64.b64decode(value) for value in values], kind)
    if pa.types.is_boolean(kind) or pa.types.is_string(kind):
        return pa.array(values, kind)
    width = pa.int32() if kind.bit_width == 32 else pa.int64()
    whole = kind if pa.types.is_integer(kind) else width
    return pa.array([None if value is None else int(value) for value in values], whole).cast(kind)


def read_value(folder: Path) -> Answer:
    """Section 3.1."""
    from release import rows, values

    case = given(folder)
    kind = _arrow_type(case["type"])
    assert rows.type_text(kind) == case["type"]
    (encoded,) = values.encode(_arrow_array(kind, [case["value"]]), "", {})
    return OK, encoded.hex()


def read_row(folder: Path) -> Answer:
    """Section 3.2."""
    import pyarrow as pa

    from release import rows

    case = given(folder)
    names = [column["name"] for column in case["schema"]]
    arrays = [_arrow_array(_arrow_type(column["type"]), [row[at] for row in case["rows"]]) for at, column in enumerate(case["schema"])]
    columns = [[cell.hex() for cell in rows.column_digests(name, array)] for name, array in zip(names, arrays, strict=True)]
    digests = rows.row_digests(pa.record_batch(arrays, names=names))
    return OK, {"columns": [list(row) for row in zip(*columns, strict=True)], "rows": [digest.tobytes().hex() for digest in digests]}


def _matrix(digests: list[str]) -> Any:
    import numpy as np

    return np.frombuffer(bytes.fromhex("".join(digests)), np.uint8).reshape(-1, 32)


def read_root(folder: Path) -> Answer:
    """Section 3.3: shard roots from row group roots, as a verifier of the manifest has them."""
    from release import rows

    case = given(folder)
    shards = [_matrix(shard) for shard in case["shards"]]
    groups = [rows.group_roots(shard, case["rowGroupRows"]) for shard in shards]
    roots = [merkle.root(group) for group in groups]
    assert roots == [rows.tree_root(shard) for shard in shards]
    return OK, {
        "rowGroupRoots": [[root.hex() for root in group] for group in groups],
        "shardRoots": [root.hex() for root in roots],
        "root": rows.dataset_root(list(zip(roots, map(len, shards), strict=True))).hex(),
    }


def read_keyed(folder: Path) -> Answer:
    """Section 4; leaves are inside the product's tree, so they are left out of the answer."""
    from release import rows

    case = given(folder)
    shards = [_matrix(shard) for shard in case["shards"]]
    trees = [rows.KeyedTree(bytes.fromhex(case["rowKey"]), shard) for shard in shards]
    boundaries = []
    for order, step in enumerate([[[] for _ in shards], *case["gone"]]):
        for tree, positions in zip(trees, step, strict=True):
            tree.remove(positions)
        roots = [tree.root() for tree in trees]
        root = rows.dataset_root(list(zip(roots, map(len, shards), strict=True)))
        commitment = rows.commitment(bytes.fromhex(case["matchKey"]), order, root)
        boundaries.append({"shardRoots": [shard.hex() for shard in roots], "root": root.hex(), "commitment": commitment.hex()})
    return OK, boundaries


def read_padme(folder: Path) -> Answer:
    """Section 15."""
    from release.evidence import padded_length

    return OK, [padded_length(length) for length in given(folder)["lengths"]]


def read_url(folder: Path) -> Answer:
    """Section 17: canonical links."""
    from release.lists import urls

    case = given(folder)
    url = (urls.listed if case["in"] == "list" else urls.canonical)(case["text"])
    if url is None:
        return "refused", None
    return OK, {"url": url, "host": urls.host(url), "entry": hashlib.sha256(url.encode()).hexdigest()}


def read_list(folder: Path) -> Answer:
    """Section 17: a list is imported type by type, as a user would, and asked for its commitment."""
    from release.lists.report import ImportRequest
    from release.lists.store import ListStore

    case = given(folder)
    key = bytes.fromhex(case["matchKey"])
    with TemporaryDirectory() as place:
        lists, file = ListStore(Path(place) / "lists"), Path(place) / "list.txt"
        for kind, texts in case["entries"].items():
            file.write_text("".join(f"{text}\n" for text in texts))
            request = ImportRequest("vector", date(2026, 2, 1), format="text", type=kind, replace=True)
            (lists.extend if lists.names() else lists.import_file)(file, request, date(2026, 3, 1))
        stored = lists.open("vector")
        keyed = {kind: [entry.hex() for entry in stored.keyed_entries(key, kind)] for kind in case["entries"]}
        return OK, {"commitment": stored.commitment(key).hex(), "keyedEntries": keyed}


def read_key(folder: Path) -> Answer:
    """Section 7: keys of statements."""
    try:
        key = PublicKey.from_pem((folder / "key.pem").read_bytes().decode())
    except FormatError:
        return "refused", None
    return OK, {"keyid": key.keyid, "keyid8": envelope.keyid8(key.keyid), "kind": key.kind, "raw": key.raw.hex()}


def read_vkey(folder: Path) -> Answer:
    """Section 7: keys of log and witnesses."""
    try:
        key = VerifierKey.parse(given(folder)["vkey"])
    except FormatError:
        return "refused", None
    return OK, {"id": key.key_id.hex(), "name": key.name, "public": key.public.hex(), "type": key.kind}


def read_bundle(folder: Path) -> Answer:
    """Section 8."""
    key = PublicKey.from_pem((folder / "key.pem").read_bytes().decode())
    try:
        sealed = envelope.parse((folder / "bundle.json").read_bytes(), where="bundle")
    except FormatError:
        return "malformed", None
    try:
        sealed.verify(key)
    except VerificationError as error:
        return error.code, None
    encoding = hashlib.sha256(envelope.pae(envelope.PAYLOAD_TYPE, sealed.payload)).hexdigest()
    payload = hashlib.sha256(sealed.payload).hexdigest()
    return OK, {"digest": sealed.digest, "keyid": sealed.keyid, "payloadSha256": payload, "paeSha256": encoding}


def read_statement(folder: Path) -> Answer:
    """Section 9."""
    payload = (folder / "payload").read_bytes()
    try:
        said = statement.parse(payload)
    except FormatError as error:
        return error.code, None
    if isinstance(said.predicate, statement.Unknown):
        return "unknown-type", {"predicateType": said.predicate.type}
    assert statement.encode(said) == payload
    return OK, {"predicateType": json.loads(payload)["predicateType"], "subject": [said.subject.name, said.subject.sha256]}


def read_manifest(folder: Path) -> Answer:
    """Section 6, and what 13.5 says of the manifest alone."""
    data = joined(folder, given(folder)["release.json"])
    try:
        manifest = manifests.parse(data)
    except FormatError as error:
        return error.code, None
    if any(manifests.arithmetic(manifest)):
        return "manifest-arithmetic", None
    if any(manifests.roots(manifest)):
        return "manifest-roots", None
    assert manifests.encode(manifest) == data
    return OK, {"digest": manifest.digest, "root": manifest.root, "rows": manifest.rows}


def read_trust(folder: Path) -> Answer:
    """Section 12: exactly one code, though all faults are listed."""
    data = joined(folder, given(folder)["trust.json"])
    try:
        found = {fault.code for fault in trusts.faults(trusts.read(data))}
    except TrustError as error:
        return error.code, None
    if found:
        return " ".join(sorted(found)), None
    return OK, {"digest": trusts.parse(data).digest}


def read_log(folder: Path) -> Answer:
    """Sections 10 and 13.2."""
    case = given(folder)
    files = {path: joined(folder, names) for path, names in case["files"].items()}
    witnesses = [VerifierKey.parse(vkey) for vkey in case["witnesses"]]
    try:
        signed = note.parse_signed((folder / "checkpoint").read_bytes())
    except FormatError:
        return "checkpoint-form", None
    checkpoint = signed.checkpoint
    try:
        times = note.verify_signed(signed, VerifierKey.parse(case["log"]), witnesses)
        entries = tiles.check_tiles(checkpoint.size, checkpoint.root, files, lambda path, _: files[path])
    except VerificationError as error:
        return error.code, None
    assert len(entries) == checkpoint.size
    return OK, {"size": checkpoint.size, "root": checkpoint.root.hex(), "cosignatures": {key.name: time for key, time in times.items()}}


def read_replay(folder: Path) -> Answer:
    """Section 11."""
    case = given(folder)
    state = replay.replay([joined(folder, [name]) for name in case["entries"]], trusts.parse(joined(folder, case["trust"])))
    voids = sorted((void.index, void.code) for void in state.voids)
    return voids[0][1] if voids else OK, {
        "voids": [list(void) for void in voids],
        "candidates": len(state.candidates),
        "reports": sum(len(candidate.reports) for candidate in state.candidates.values()),
        "opinions": sum(len(candidate.opinions) for candidate in state.candidates.values()),
        "releases": [[release.version, release.withdrawn is not None] for release in state.releases],
        "withdrawnKeys": sorted(state.key_withdrawals),
        "supersededBy": state.superseded_by,
    }


@dataclass(frozen=True, slots=True)
class VectorFiles:
    """The files of a verdict vector."""

    files: dict[str, bytes]
    links: list[str]

    def names(self) -> Iterator[FileInfo]:
        """Yield every file."""
        for path, data in self.files.items():
            yield FileInfo(path, len(data), "a symbolic link" if path in self.links else "")

    def read(self, path: str, limit: int) -> bytes:
        """Return a file's bytes."""
        return self.files[path][: limit + 1]

    def digest(self, path: str) -> tuple[int, str]:
        """Return a file's size and SHA-256."""
        return len(self.files[path]), hashlib.sha256(self.files[path]).hexdigest()


def read_verdict(folder: Path) -> Answer:
    """Sections 13 and 14, as far as a light verifier goes."""
    case = given(folder)
    files = VectorFiles({path: joined(folder, names) for path, names in case["files"].items()}, case["links"])
    remembered = None if case["seen"] is None else seen.parse(joined(folder, case["seen"]))
    report = verify.verify(files, joined(folder, case["trust"]), now=datetime.fromisoformat(case["now"]), seen=remembered)
    codes = sorted({failure.code for failure in report.failures})
    return min(codes, key=_place, default=OK), {"verdict": report.verdict, "exit": report.exit_code, "codes": codes}


def read_receipt(folder: Path) -> Answer:
    """Sections 19.1 to 19.3."""
    from release.consume import receipts

    case = given(folder)
    try:
        receipt = receipts.parse(joined(folder, case["receipt"]), where="receipt")
        record = receipts.record(receipt, joined(folder, case["trust"]), now=datetime.fromisoformat(case["now"]))
        if not record.failures:
            receipts.check_rows(receipt)
    except (FormatError, VerificationError) as error:
        return error.code, None
    codes = sorted({failure.code for failure in record.failures})
    rows = [] if codes else [[row.shard, row.row, receipts.row_digest(receipt, row).hex()] for row in receipt.rows]
    return min(codes, key=_place, default=OK), {"verdict": record.verdict, "codes": codes, "rows": rows}


def read_exchange(folder: Path) -> Answer:
    """Section 20: row ids, a request with its statement, an answer with both statements."""
    import numpy as np

    from release import exchange
    from release.errors import ExchangeError

    case = given(folder)
    if case["what"] == "ids":
        digests = np.array([list(bytes.fromhex(one)) for one in case["digests"]], np.uint8)
        return OK, [one.tobytes().hex() for one in exchange.row_ids(bytes.fromhex(case["salt"]), case["first"], digests)]
    key, file = PublicKey.from_pem(case["key"]), io.BytesIO(joined(folder, case["file"]))
    try:
        request = exchange.read_signed(joined(folder, case["request"]), exchange.ScreeningRequest, "request")
        if case["what"] == "request":
            request.verify(key, "the requester")
            ids, _ = exchange.check_request(file, request)
            return OK, {"digest": request.subject, "root": request.said.root, "ids": [one.hex() for one in ids]}
        answer = exchange.read_signed(joined(folder, case["answer"]), exchange.ScreeningAnswer, "answer")
        exchange.check_pair(request, answer, key)
        found = exchange.checked_answer(file, request, answer)
    except ExchangeError as error:
        return error.code, None
    return OK, {"digest": answer.said.answer, "ids": [one.tobytes().hex() for one in found.ids]}


def _place(code: str) -> int:
    """Return where SPEC.md names a code first, from section 13.1 on."""
    return specification().find(f"`{code}`", specification().index("- **13.1 "))


@cache
def specification() -> str:
    """Return the text of SPEC.md."""
    return (ROOT / "docs" / "SPEC.md").read_text(encoding="utf-8")


READERS: dict[str, Callable[[Path], Answer]] = {
    name.removeprefix("read_"): reader for name, reader in sorted(globals().items()) if name.startswith("read_")
}


def main(folder: Path) -> None:
    """Answer every line."""
    for line in sys.stdin:
        asked = json.loads(line)
        code, value = READERS[asked["class"]](folder / asked["class"] / asked["name"])
        sys.stdout.write(json.dumps({"code": code, "value": value}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
