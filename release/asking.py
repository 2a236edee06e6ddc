"""A request to a list holder: every row of the source fingerprinted, under ids that nobody else can make (docs/SPEC.md section 20).

No column and no image goes into it, and no place in the source: ids are keyed, and records are sorted by them. What only the institution may
know stays in the step's private folder; what the holder gets appears in one rename.
"""

from __future__ import annotations

import hashlib
import secrets
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyrage

from audit_logs import fields, merkle
from audit_logs.keys import Signer
from audit_logs.store import exists
from release import signers, store, table
from release.build.places import check_places
from release.errors import ExchangeError
from release.exchange import RequestHeader, ScreeningRequest, Secret, Source, read_holder, record_of, request_bytes, row_ids, seal, sign
from release.exchange.folder import ASKED, CARD, REQUEST, REQUESTER, ROWS, SEALED_REQUEST
from release.fingerprint import CONVENTIONS, Fingerprinter
from release.ledger import fingerprint_arrays
from release.lists import ListStore
from release.plan import Plan, load
from release.rows import dataset_root, row_digests, tree_root
from release.screen import BATCH_BYTES, conventions_of, image_bytes, known_digests
from release.source import SourceBatch, Unit, open_source
from release.steps import build_steps, kinds
from release.steps.remote import Remote

BATCH = 65_536  # records to a batch of the private table
Ids = npt.NDArray[np.uint8]
Tick = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Request:
    """What is wanted.

    Attributes:
        plan: the plan file.
        step: name of its step of kind `remote`.
        holder: the holder's card.
        out: folder for the holder; it is not there yet.
        days: for how long an answer counts.
    """

    plan: Path
    step: str
    holder: Path
    out: Path
    days: int


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: the folder for the holder, the private one, the digest for the plan, the institution's key, which rows, until when it holds."""

    out: Path
    folder: Path
    request: str
    keyid: str
    rows: int
    source_root: str
    expires_on: str


def export(request: Request, now: datetime, tick: Tick = lambda _: None) -> Exported:
    """Write a request to the holder whom a plan's step names.

    Raises:
        PlanError: the plan has faults.
        ExchangeError: the plan has no such step, there is a request already, or the card is another holder's.
        Problem: what a build of this plan would be refused with: its source, a list, a key.
    """
    plan = load(request.plan, kinds())
    step, conventions = _step(plan, request.step)
    check_places(plan, request.out)
    card = read_holder(request.holder, step.parameters.holder)
    if exists(step.folder / REQUEST) or exists(request.out):
        raise ExchangeError(
            "there is a request already",
            where=str(step.folder / REQUEST if exists(step.folder / REQUEST) else request.out),
            expected="none",
            next_step="keep it until it was answered; for another one name another folder in the step, and another --out",
            code="exchange-request",
        )
    signer = signers.load(plan.keys.institution)
    store.make_private_folder(step.folder)
    store.write_file(step.folder / CARD, card.encode())
    secret = Secret(str(pyrage.x25519.Identity.generate()), secrets.token_hex(32))
    with tempfile.TemporaryDirectory(dir=step.folder, prefix=".asking-") as work:
        spool = _Spool(Path(work) / "records", step.parameters.types)
        with Fingerprinter(plan.build.limits, conventions or CONVENTIONS[:1], perceptual=step.needs_pixels) as fingerprinter:
            reading = _Reading(plan, fingerprinter, bytes.fromhex(secret.salt), spool)
            source = reading.run(tick)
        header = RequestHeader(rows=source.rows, types=step.parameters.types)
        said = ScreeningRequest(
            name=plan.name,
            source=source,
            root=spool.root(),
            types=header.types,
            distance=step.parameters.distance,
            holder=card.key,
            recipient=str(pyrage.x25519.Identity.from_str(secret.identity).to_public()),
            made_on=fields.time_text(now),
            expires_on=fields.time_text(now + timedelta(days=request.days)),
        )
        return _write(request, step, secret, _Made(spool, header, said, card.recipient, signer))


@dataclass(frozen=True, slots=True)
class _Made:
    """A request that is ready to be written: its records, what is said of it, for whom, by whom."""

    spool: _Spool
    header: RequestHeader
    said: ScreeningRequest
    recipient: str
    signer: Signer


def _step(plan: Plan, name: str) -> tuple[Remote, tuple[str, ...]]:
    """Return a plan's step of kind `remote`, and the conventions under which a build of this plan hashes."""
    steps = build_steps(plan, ListStore(plan.lists.store))
    found = [step for step in steps if step.name == name and isinstance(step, Remote)]
    if not found:
        known = ", ".join(step.name for step in steps if isinstance(step, Remote)) or "none"
        raise ExchangeError(
            "the plan has no such step of kind remote", where=str(plan.path), expected=name, found=known, code="exchange-request"
        )
    return found[0], conventions_of(steps)


def _write(request: Request, step: Remote, secret: Secret, made: _Made) -> Exported:
    """Write the private part, then the one for the holder, which appears whole."""
    digest = made.spool.digest(made.header)
    signed = sign(made.said, digest, made.signer)
    made.spool.write_private(step.folder / ROWS)
    secret.write(step.folder)
    with store.new_folder(request.out.absolute()) as given:
        seal(given / SEALED_REQUEST, made.spool.content(made.header), made.recipient)
        store.write_file(given / REQUEST, signed.envelope.raw)
        store.write_file(given / REQUESTER, made.signer.public.pem.encode())
        store.write_file(step.folder / REQUEST, signed.envelope.raw)
    said = made.said
    return Exported(
        request.out, step.folder, signed.envelope.digest, made.signer.keyid, said.source.rows, said.source.root, said.expires_on
    )


@dataclass(slots=True)
class _Reading:
    """Reads the source once, and hands every row's record on."""

    plan: Plan
    fingerprinter: Fingerprinter
    salt: bytes
    spool: _Spool

    def run(self, tick: Tick) -> Source:
        """Return which rows were read."""
        source = open_source(self.plan)
        roots, first = [], 0
        with self.spool:
            for unit in source.units:
                digests = [self._batch(batch, first + batch.first, tick) for batch in source.read(unit, batch_bytes=BATCH_BYTES)]
                whole = np.concatenate([np.zeros((0, 32), np.uint8), *digests])
                _check_rows(unit, len(whole))
                roots.append((tree_root(whole), unit.rows))
                first += unit.rows
        return Source(dataset_root(roots).hex(), first)

    def _batch(self, batch: SourceBatch, first: int, tick: Tick) -> Ids:
        """Return the row digests (n, 32) of a batch."""
        rows, image = batch.batch, self.plan.columns.image
        prints = self.fingerprinter.run(image_bytes(rows, image))
        digests = row_digests(rows, known_digests(prints, rows.schema, image))
        arrays = fingerprint_arrays(prints, np.arange(rows.num_rows))
        columns = [arrays[kind].to_pylist() for kind in self.spool.types]
        for row_id, *cells in zip(row_ids(self.salt, first, digests), *columns, strict=True):
            self.spool.add(row_id.tobytes(), dict(zip(self.spool.types, cells, strict=True)))
        tick(rows.num_rows)
        return digests


def _check_rows(unit: Unit, found: int) -> None:
    if found != unit.rows:
        raise ExchangeError(
            "the source did not deliver the rows that it promised",
            where=f"source shard {unit.index}",
            expected=f"{unit.rows} rows",
            found=f"{found}",
            next_step="check that nobody writes to the source while it is read",
            code="exchange-request",
        )


class _Spool:
    """Records on disk in the order of the source, and in memory what is needed to read them in that of their ids."""

    def __init__(self, path: Path, types: tuple[str, ...]) -> None:
        self.types = types
        self._path = path
        self._places: list[tuple[bytes, int, int]] = []  # id, where its record begins, its length
        self._leaves: dict[bytes, bytes] = {}
        self._at = 0

    def __enter__(self) -> None:
        """Open the file."""
        self._path.touch(mode=0o600)
        self._file = self._path.open("wb")

    def __exit__(self, *_: object) -> None:
        """Close it; from now on records can be read."""
        self._file.close()
        self._places.sort()

    def add(self, row_id: bytes, cells: dict[str, bytes | None]) -> None:
        """Take the next row's record."""
        data = record_of(row_id, self.types, cells).encode(self.types)
        self._places.append((row_id, self._at, len(data)))
        self._leaves[row_id] = merkle.leaf_hash(data)
        self._at += self._file.write(data)

    def root(self) -> str:
        """Return the root (hex) over the records."""
        return merkle.root([self._leaves[row_id] for row_id, _, _ in self._places]).hex()

    def content(self, header: RequestHeader) -> Iterator[bytes]:
        """Yield the request's bytes."""
        return request_bytes(header, self._sorted())

    def _sorted(self) -> Iterator[bytes]:
        with self._path.open("rb") as file:
            for _, begin, length in self._places:
                file.seek(begin)
                yield file.read(length)

    def digest(self, header: RequestHeader) -> str:
        """Return the request's digest (hex)."""
        hashed = hashlib.sha256()
        for part in self.content(header):
            hashed.update(part)
        return hashed.hexdigest()

    def write_private(self, path: Path) -> None:
        """Write ids and leaf hashes, for this user alone."""
        writer = table.PrivateWriter(path, ASKED)
        try:
            for start in range(0, len(self._places), BATCH):
                ids = [row_id for row_id, _, _ in self._places[start : start + BATCH]]
                columns = [pa.array(ids, pa.binary()), pa.array([self._leaves[one] for one in ids], pa.binary())]
                writer.append(pa.record_batch(columns, schema=ASKED))
            writer.close()
        finally:
            writer.discard()
