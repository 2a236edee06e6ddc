"""A candidate from screened shards: check the accounts, write and sign everything that stands beside the data.

The order is the order of dependence: counts and hiding are checked before anything is signed; card and Croissant enter the
manifest; the manifest is the subject of every attestation; the attestations enter the candidate statement; all of them
enter the log; the sealed tiers name the manifest.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from audit_logs import fields, statement
from audit_logs import keys as signing
from audit_logs import manifest as manifests
from audit_logs.log import Log
from audit_logs.manifest import FileEntry, KeyedRoots, Manifest, Roles, SourcePin, StepName, Writer
from audit_logs.statement import Boundary, Candidate, FilterStep, ListUse, SelfTest, Statement, StepId
from release import store, table
from release.account import Tally, check_balance, check_hiding
from release.build import tiers
from release.build.caps import used_overrides
from release.build.card import card
from release.build.croissant import croissant
from release.build.facts import Facts, StepFacts
from release.build.line import missing_since
from release.build.prepare import Prepared, list_uses, separation
from release.errors import BuildError
from release.receipt import Receipt
from release.rows import commitment, dataset_root, schema_fields
from release.steps import Step
from release.tool import this_tool


@dataclass(frozen=True, slots=True)
class Keys:
    """The two keys of a build, 32 bytes each; never published."""

    row: bytes
    match: bytes


@dataclass(frozen=True, slots=True)
class Screened:
    """All receipts in order of their shards, the tallies of the whole, and when screening began and ended."""

    receipts: tuple[Receipt, ...]
    tallies: tuple[Tally, ...]
    started: datetime
    finished: datetime


@dataclass(frozen=True, slots=True)
class _Said:
    """What attestations and card say of each step besides its counts, by its name: its lists, and the override that it needed."""

    uses: Mapping[str, tuple[ListUse, ...]]
    overrides: Mapping[str, str]


def assemble(prepared: Prepared, screened: Screened, keys: Keys, work: Path) -> Manifest:
    """Write everything of the candidate that is not data into `work/tree`, and return its manifest.

    Raises:
        BuildError: the rows do not balance, nothing is left, or the difference to what others hold would be a hit list.
        Problem: a file could not be written or the log could not be continued.
    """
    tree = work / "tree"
    _start_afresh(tree, {receipt.shard.path for receipt in screened.receipts})
    pin = _pin(prepared, screened)
    kept = sum(receipt.shard.rows for receipt in screened.receipts)
    check_balance(pin.rows, screened.tallies, kept)
    overrides = used_overrides(prepared.plan.steps, screened.tallies, prepared.overrides)
    if kept == 0:
        raise BuildError(
            "no row is left after the last step, so there is nothing to publish", where=str(prepared.plan.path), code="nothing-left"
        )
    _check_hiding(prepared, screened, work, pin.rows - kept)
    said = _Said({step.name: list_uses(step, _commitments(step, keys.match)) for step in prepared.steps}, overrides)
    manifest = _manifest(prepared, screened, pin, said, tree)
    store.write_file(tree / manifests.PATH, manifests.encode(manifest))
    _sign(prepared, screened, _StepStatements(prepared, screened, keys, said, manifest.digest), tree)
    tiers.seal_all(prepared, screened.receipts, tiers.Sealing(keys.row, keys.match, manifest.digest), work)
    store.write_file(tree / "trust.json", prepared.trust_bytes)
    return manifest


def _start_afresh(tree: Path, shards: Collection[str]) -> None:
    """Remove all but the data files that receipts vouch for: what an interrupted assembly left, and a killed or another plan's worker."""
    for path in tree.iterdir():
        if path.name == "data":
            continue
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in (tree / "data").iterdir():
        if path.relative_to(tree).as_posix() not in shards:
            path.unlink()


def _pin(prepared: Prepared, screened: Screened) -> SourcePin:
    root = dataset_root([(bytes.fromhex(receipt.source_root), receipt.rows) for receipt in screened.receipts])
    return replace(prepared.pin, root=root.hex())


def _check_hiding(prepared: Prepared, screened: Screened, work: Path, missing: int) -> None:
    pairs = zip(prepared.steps, screened.tallies, strict=True)
    by_lists = sum(tally.removed if step.lists else sum(tally.by_list.values()) for step, tally in pairs)
    if prepared.plan.source.parent == "public":
        check_hiding(missing, by_lists, "the public parent")
    if prepared.line.last is None:
        return
    list_steps = [number for number, step in enumerate(prepared.steps, 1) if step.lists]
    kept, listed = [], []
    for receipt in screened.receipts:
        positions = table.read_whole(work / f"{receipt.unit:05d}.positions.parquet")
        removed = table.read_whole(work / f"{receipt.unit:05d}.removed.parquet")
        named = pc.or_(pc.is_in(removed["step"], pa.array(list_steps, pa.int32())), pc.not_equal(removed["list"], ""))
        hits = pc.and_(pc.equal(removed["status"], "removed"), named)
        first = sum(other.rows for other in screened.receipts if other.unit < receipt.unit)
        kept.append(positions["digest"].filter(positions["kept"]))
        listed.append(positions["digest"].take(pc.subtract(removed["position"].filter(hits), first)))
    gone, by_lists = missing_since(prepared.line, _one(kept), _one(listed))
    check_hiding(gone, by_lists, "the previous release")


def _one(chunks: Sequence[pa.ChunkedArray]) -> pa.Array:
    return pa.concat_arrays([pa.array([], pa.binary()), *(part for chunk in chunks for part in chunk.chunks)])


def _commitments(step: Step, match_key: bytes) -> dict[str, str]:
    return {used.name: used.commitment(match_key).hex() for used in step.lists}


def _manifest(prepared: Prepared, screened: Screened, pin: SourcePin, said: _Said, tree: Path) -> Manifest:
    plan, shards = prepared.plan, tuple(receipt.shard for receipt in screened.receipts)
    facts = _facts(prepared, screened, pin, said)
    for name, text in (("README.md", card(facts)), ("croissant.json", croissant(facts))):
        store.write_file(tree / name, text)
    roots = [dataset_root([(bytes.fromhex(receipt.keyed_roots[i]), receipt.rows) for receipt in screened.receipts]).hex() for i in (0, -1)]
    return Manifest(
        name=plan.name,
        version=plan.version,
        previous=prepared.line.last,
        license=plan.license,
        source=pin,
        schema=facts.schema,
        columns=Roles(plan.columns.image, plan.columns.text, plan.columns.url, plan.columns.declared),
        row_group_rows=plan.build.row_group_rows,
        rows=facts.rows,
        root=dataset_root([(bytes.fromhex(shard.root), shard.rows) for shard in shards]).hex(),
        keyed_roots=KeyedRoots(first=roots[0], last=roots[1]),
        shards=shards,
        plan_digest=plan.digest,
        steps=tuple(StepName(name=step.name, kind=step.kind) for step in prepared.steps),
        separation=facts.separation,
        files=tuple(_file(tree, name) for name in manifests.FILES),
        writer=Writer(name=this_tool().name, version=this_tool().version, parquet=table.PARQUET_WRITER),
    )


def _file(tree: Path, name: str) -> FileEntry:
    data = (tree / name).read_bytes()
    return FileEntry(path=name, bytes=len(data), sha256=hashlib.sha256(data).hexdigest())


def _facts(prepared: Prepared, screened: Screened, pin: SourcePin, said: _Said) -> Facts:
    plan = prepared.plan
    steps = tuple(
        StepFacts(
            name=step.name,
            kind=step.kind,
            covers=step.covers,
            parameters=step.parameters.canonical(),
            lists=said.uses[step.name],
            removed=tally.removed,
            unscreenable=sum(tally.unscreenable.values()),
            kept_low_quality=tally.kept_low_quality,
            override=said.overrides.get(step.name, ""),
        )
        for step, tally in zip(prepared.steps, screened.tallies, strict=True)
    )
    return Facts(
        name=plan.name,
        version=plan.version,
        license=plan.license,
        source=pin,
        schema=schema_fields(prepared.source.schema),
        columns=plan.columns,
        shards=tuple(receipt.shard for receipt in screened.receipts),
        rows=sum(receipt.shard.rows for receipt in screened.receipts),
        steps=steps,
        policy=prepared.trust.policy,
        auditors=_engaged(prepared),
        tool=this_tool(),
        separation=separation(prepared.steps),
        card=plan.card,
        hub=plan.hub,
    )


def _engaged(prepared: Prepared) -> tuple[str, ...]:
    return tuple(sorted(auditor.organisation for auditor in prepared.trust.auditors))


@dataclass(frozen=True, slots=True)
class _StepStatements:
    """Makes the attestation of each step."""

    prepared: Prepared
    screened: Screened
    keys: Keys
    said: _Said
    manifest: str

    def __iter__(self) -> Iterator[tuple[StepId, Statement]]:
        """Yield step and statement, in order."""
        rows = [tally.entered for tally in self.screened.tallies] + [self.screened.tallies[-1].left]
        boundaries = [Boundary(commitment=self._commitment(number), rows=count) for number, count in enumerate(rows)]
        for number, step in enumerate(self.prepared.steps, 1):
            identity = StepId(name=step.name, kind=step.kind, order=number)
            yield identity, Statement(statement.about_manifest(self.manifest), self._predicate(identity, step, boundaries))

    def _commitment(self, boundary: int) -> str:
        shards = [(bytes.fromhex(receipt.keyed_roots[boundary]), receipt.rows) for receipt in self.screened.receipts]
        return commitment(self.keys.match, boundary, dataset_root(shards)).hex()

    def _predicate(self, identity: StepId, step: Step, boundaries: Sequence[Boundary]) -> FilterStep:
        number = identity.order
        tally = self.screened.tallies[number - 1]
        return FilterStep(
            step=identity,
            parameters=step.parameters.canonical(),
            plan_digest=self.prepared.plan.digest,
            input=boundaries[number - 1],
            output=boundaries[number],
            removed=tally.removed,
            unscreenable=sum(tally.unscreenable.values()),
            kept_low_quality=tally.kept_low_quality,
            override=self.said.overrides.get(step.name, ""),
            lists=self.said.uses[step.name],
            coverage=tally.coverage,
            covers=step.covers,
            self_test=_sum_self_tests([receipt.self_tests[number - 1] for receipt in self.screened.receipts]),
            conventions=tuple(step.conventions),
            decoder=step.decoder,
            tool=this_tool(),
            started_on=fields.time_text(self.screened.started),
            finished_on=fields.time_text(self.screened.finished),
        )


def _sum_self_tests(tests: Sequence[SelfTest]) -> SelfTest:
    return SelfTest(
        planted=sum(test.planted for test in tests), caught=sum(test.caught for test in tests), beyond=sum(test.beyond for test in tests)
    )


def _sign(prepared: Prepared, screened: Screened, statements: _StepStatements, tree: Path) -> None:
    """Sign every attestation and the candidate statement, write the attestations, and log all of them."""
    signer = prepared.institution
    sealed = []
    store.make_folder(tree / "attestations")
    for step, attestation in statements:
        sealed.append(signing.seal(statement.encode(attestation), signer))
        store.write_file(tree / statement.attestation_path(step, signer.keyid), sealed[-1].raw)
    last = prepared.line.last
    candidate = Candidate(
        version=prepared.plan.version,
        previous_manifest=last.manifest if last else None,
        steps=tuple(step.digest for step in sealed),
        auditors=_engaged(prepared),
        built_on=fields.time_text(screened.finished),
    )
    sealed.append(signing.seal(statement.encode(Statement(statement.about_manifest(statements.manifest), candidate)), signer))
    _open_log(prepared, tree / "log").append([entry.raw for entry in sealed], prepared.log)


def _open_log(prepared: Prepared, folder: Path) -> Log:
    if prepared.line.log is None:
        return Log.create(folder, prepared.trust.log.origin, prepared.log)
    store.copy_folder(prepared.line.log, folder)
    return Log.open(folder, prepared.trust.log.key)
