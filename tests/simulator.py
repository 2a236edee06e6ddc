"""Small complete releases in memory, which a test can bend anywhere before or after they are signed.

An institution (root, step, build, publish and log keys) and two auditors, who are the witnesses, make version 1.0.0 of
`example/street-scenes`: two shards of made-up bytes (the light verifier never parses them), two steps, two reports and opinions.

    world = Simulator()
    world.bend[Opinion] = lambda opinion: replace(opinion, verification_result="FAILED", verified_levels=("FAILED",))
    report = world.finish().verify()

`bend` changes a statement (or the Manifest, the Trust, or the card's text) before it is signed; `signer` has another key sign it; `entries`
can be changed between `write_statements` and `finish`; `files` afterwards.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ed25519

from audit_logs import canonical, documents, envelope, merkle, note, statement, tiles
from audit_logs import keys as signing
from audit_logs import trust as trusts
from audit_logs.card import configs
from audit_logs.envelope import PublicKey
from audit_logs.files import FileInfo
from audit_logs.keys import KeyFile, verifier_key
from audit_logs.log import encode_bundle, sign_checkpoint
from audit_logs.manifest import (
    TYPE,
    Field,
    FileEntry,
    KeyedRoots,
    Manifest,
    Previous,
    Range,
    Roles,
    RowGroup,
    Shard,
    SourcePin,
    StepName,
    Writer,
)
from audit_logs.note import Checkpoint, SignatureLine, SignedCheckpoint
from audit_logs.replay import replay
from audit_logs.report import Report
from audit_logs.seen import Seen
from audit_logs.statement import (
    AuditorList,
    AuditReport,
    Boundary,
    Candidate,
    Claim,
    FilterStep,
    ListUse,
    Opinion,
    Predicate,
    Reference,
    Release,
    Scope,
    SelfTest,
    StepId,
    Subject,
    Superseded,
    Tool,
    Verifier,
    Withdrawal,
)
from audit_logs.trust import Auditor, LogId, Policy, RequiredStep, Root, Trust, TrustKey
from audit_logs.verify import verify

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SIGNED = "2026-03-01T10:00:00Z"
NAME = "example/street-scenes"
ORIGIN = "institution.example/street-scenes"
INSTITUTION = "institution.example"
AUDITORS = ("auditor-one.example", "auditor-two.example")
TOOL = Tool("simulator", "0.1.0", "ab" * 32)
KEYS = ("root", "step", "build", "publish", "log", "stranger", *AUDITORS, *(f"witness {name}" for name in AUDITORS))


def signer_of(name: str) -> KeyFile:
    """Return the key of a role; the same one each time."""
    key = ed25519.Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())
    return KeyFile(PublicKey.from_key(key.public_key()), key)


def digest(data: bytes | str) -> str:
    """Return a SHA-256 in hex."""
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()


class MemoryFiles:
    """The files of a release, as a dictionary; `special` says which are links or devices."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.special: dict[str, str] = {}

    def names(self) -> Iterator[FileInfo]:
        """Yield every file."""
        for path, data in self.files.items():
            yield FileInfo(path, len(data), self.special.get(path, ""))

    def read(self, path: str, limit: int) -> bytes:
        """Return a file's bytes."""
        return self.files[path][: limit + 1]

    def digest(self, path: str) -> tuple[int, str]:
        """Return a file's size and SHA-256."""
        return len(self.files[path]), hashlib.sha256(self.files[path]).hexdigest()


class Simulator:
    """One dataset line: its keys, its trust file, its log, and the release that is being made."""

    def __init__(self, version: str = "1.0.0") -> None:
        self.keys = {name: signer_of(name) for name in KEYS}
        self.bend: dict[type, Callable[[Any], Any]] = {}
        self.signer: dict[type, str] = {}
        self.subject: dict[type, Subject] = {}
        self.skip: set[type] = set()
        self.auditors: tuple[str, ...] = AUDITORS
        self.cosigners: dict[str, int] = {name: int(NOW.timestamp()) - 3600 for name in AUDITORS}
        self.trust = self.make_trust()
        self.version = version
        self.previous: Previous | None = None
        self.entries: list[bytes] = []
        self.files: dict[str, bytes] = {}
        self.last: dict[type, list[envelope.Envelope]] = {}

    # Making

    def make_trust(self) -> Trust:
        """Return the trust file that everybody pins."""
        ids = {name: key.keyid for name, key in self.keys.items()}
        owners = {"root": INSTITUTION, "step": INSTITUTION, "build": INSTITUTION, "publish": INSTITUTION} | {
            name: name for name in AUDITORS
        }
        return Trust(
            version=1,
            previous=None,
            expires="2030-01-01T00:00:00Z",
            name=NAME,
            log=LogId(ORIGIN, verifier_key(self.keys["log"], ORIGIN, note.LOG_KEY).text),
            keys={ids[name]: TrustKey(owner, self.keys[name].public.pem) for name, owner in owners.items()},
            root=Root((ids["root"],), 1),
            build=(ids["build"],),
            publish=(ids["publish"],),
            steps=(
                RequiredStep("known-files", "exact-hash", (ids["step"],), 90),
                RequiredStep("near-copies", "near-hash", (ids["step"],), 90),
            ),
            auditors=tuple(Auditor(name, ids[name], self.witness_key(name).text, "age1example", "matches") for name in AUDITORS),
            officer="age1officer",
            policy=Policy(opinions=2, matches=1, qualified=False, quorum=2, fresh_seconds=86_400),
        )

    def witness_key(self, organisation: str) -> note.VerifierKey:
        """Return the vkey of an auditor as witness."""
        return verifier_key(self.keys[f"witness {organisation}"], organisation, note.WITNESS_KEY)

    def trust_bytes(self) -> bytes:
        """Return the trust file, unchecked, so that a bad one can be given."""
        return canonical.encode({"_type": trusts.TYPE, **documents.write(self._bent(self.trust))})

    def write_statements(self) -> Simulator:
        """Write the data and the manifest, and log every statement of the release."""
        manifest = self._bent(self._manifest())
        self.manifest = manifest
        self.files["release.json"] = canonical.encode({"_type": TYPE, **documents.write(manifest)})
        self.steps = [self.log(step, "step") for step in self._steps(manifest)]
        self.candidate = self.log(self._candidate(), "build")
        self.opinions = [opinion for name in self.auditors if (opinion := self._audit(name))]
        digests = tuple(sorted(opinion.digest for opinion in self.opinions))
        self.log(Release(self.version, self._candidate_digest(), digests, SIGNED), "publish")
        return self

    def finish(self) -> Simulator:
        """Write the log, with its cosignatures, and the entry files."""
        if not self.entries:
            self.write_statements()
        self.write_log()
        state = replay(self.entries, self.trust)
        candidate = state.candidates.get(digest(self.files["release.json"]))
        if candidate is not None:
            from audit_logs.folder import entry_files

            self.files |= entry_files(candidate)
        return self

    def write_log(self) -> None:
        """Write tiles, bundles and the cosigned checkpoint of the entries."""
        for path in [path for path in self.files if path.startswith("log/")]:
            del self.files[path]
        leaves = [merkle.leaf_hash(entry) for entry in self.entries]
        for number in range(0, len(self.entries), 256):
            part = self.entries[number : number + 256]
            self.files["log/" + tiles.tile_path(tiles.ENTRIES, number // 256, len(part))] = encode_bundle(part)
        for level, hashes in enumerate(tiles.levels(leaves)):
            for number in range(0, len(hashes), 256):
                tile = hashes[number : number + 256]
                self.files["log/" + tiles.tile_path(level, number // 256, len(tile))] = b"".join(tile)
        signed = sign_checkpoint(Checkpoint(ORIGIN, len(self.entries), merkle.root(leaves)), self.keys["log"])
        for name, time in self.cosigners.items():
            signed = self.cosigned(signed, name, time)
        self.files["log/checkpoint"] = signed.encode()

    def cosigned(self, signed: SignedCheckpoint, name: str, time: int) -> SignedCheckpoint:
        """Return a checkpoint with one more witness line."""
        key = self.witness_key(name)
        signature = self.keys[f"witness {name}"].sign(note.cosigned_message(time, signed.text))
        line = SignatureLine(key.name, key.key_id, time.to_bytes(8, "big") + signature)
        return replace(signed, lines=(*signed.lines, line))

    def log(self, predicate: Predicate, role: str) -> envelope.Envelope | Any:
        """Sign a statement, bent as asked, and append it to the log; None where the test leaves it out."""
        kind = type(predicate)
        if kind in self.skip:
            return None
        predicate = self._bent(predicate)
        subject = self.subject.get(kind, statement.about_manifest(digest(self.files["release.json"])))
        sealed = self.seal(predicate, subject, self.signer.get(kind, role))
        self.entries.append(sealed.raw)
        self.last.setdefault(kind, []).append(sealed)
        return sealed

    def seal(self, predicate: Predicate, subject: Subject, role: str) -> envelope.Envelope:
        """Sign a statement without the checks of `statement.encode`, so that a malformed one can be given."""
        payload = canonical.encode(
            {
                "_type": statement.FRAME,
                "predicate": documents.write(predicate),
                "predicateType": statement._NAMES[type(predicate)],
                "subject": [documents.write(subject)],
            }
        )
        return signing.seal(payload, self.keys[role])

    def withdraw(self, kind: Any, subject: Subject, role: str, reason: str = "an error was found") -> None:
        """Log a withdrawal."""
        sealed = self.seal(Withdrawal(kind, reason, SIGNED), subject, role)
        self.entries.append(sealed.raw)

    def supersede(self, *, version: int = 2, previous: str = "") -> None:
        """Log that there is a newer trust file."""
        said = Superseded(version, previous or self.trust.digest, SIGNED)
        self.entries.append(self.seal(said, Subject("trust.json", digest("new trust")), "root").raw)

    def next_version(self, version: str) -> Simulator:
        """Return the line's next release, in the making, with this one's log."""
        following = Simulator(version)
        following.trust = self.trust
        following.entries = list(self.entries)
        following.previous = Previous(self.version, digest(self.files["release.json"]))
        return following

    # Looking

    def verify(self, *, now: datetime = NOW, seen: Seen | None = None, **options: Any) -> Report:
        """Return the verifier's report on the release as it is now."""
        return verify(MemoryFiles(self.files), self.trust_bytes(), now=now, seen=seen, **options)

    def write_to(self, folder: Path) -> Path:
        """Write the release to a folder and the trust file beside it; return the trust file's path."""
        for path, data in self.files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
        trust = folder.parent / "trust.json"
        trust.write_bytes(self.trust_bytes())
        return trust

    # Parts

    def _bent(self, value: Any) -> Any:
        return self.bend.get(type(value), lambda same: same)(value)

    def _manifest(self) -> Manifest:
        shards = (self._shard(0, 3), self._shard(1, 2))
        root = merkle.root([merkle.leaf_hash(bytes.fromhex(shard.root) + shard.rows.to_bytes(8, "big")) for shard in shards])
        card = "\n".join(["---", 'license: "cc-by-4.0"', *configs(shards), "---", "# Street scenes", ""])
        self.files["README.md"] = self._bent(card).encode()
        self.files["croissant.json"] = b"{}\n"
        files = tuple(FileEntry(path, len(self.files[path]), digest(self.files[path])) for path in ("README.md", "croissant.json"))
        return Manifest(
            name=NAME,
            version=self.version,
            previous=self.previous,
            license="cc-by-4.0",
            source=SourcePin("parquet", None, None, "private", 8, digest("source"), (), None, 1 << 26),
            schema=(Field("image", "struct<bytes:binary,path:string>"), Field("caption", "string")),
            columns=Roles("image", "caption", None, {}),
            row_group_rows=2,
            rows=5,
            root=root.hex(),
            keyed_roots=KeyedRoots(digest("K0"), digest("K2")),
            shards=shards,
            plan_digest=digest("plan"),
            steps=(StepName("known-files", "exact-hash"), StepName("near-copies", "near-hash")),
            separation=None,
            files=files,
            writer=Writer("simulator", "0.1.0", "none"),
        )

    def _shard(self, number: int, rows: int) -> Shard:
        """Return a shard of made-up bytes: magic, row groups of up to two rows of 40 bytes, footer."""
        data, groups, hashes = b"PAR1", [], []
        for first in range(0, rows, 2):
            count = min(2, rows - first)
            body = b"".join(
                hashlib.sha256(f"{self.version} {number} {first + row}".encode()).digest() + b"01234567" for row in range(count)
            )
            leaves = [merkle.leaf_hash(body[at : at + 32]) for at in range(0, len(body), 40)]
            hashes.append(merkle.root(leaves))
            groups.append(RowGroup(len(data), len(data) + len(body), digest(body), count, hashes[-1].hex()))
            data += body
        footer = b"footer PAR1"
        path = f"data/train-{number:05d}-of-00002.parquet"
        self.files[path] = data + footer
        end = Range(len(data), len(data) + len(footer), digest(footer))
        return Shard(path, "train", len(data) + len(footer), digest(data + footer), rows, merkle.root(hashes).hex(), tuple(groups), end)

    def _steps(self, manifest: Manifest) -> list[FilterStep]:
        counts = ((8, 6, 1, 1), (6, 5, 1, 0))
        return [self._step(manifest, order, numbers) for order, numbers in enumerate(counts, 1)]

    def _step(self, manifest: Manifest, order: int, numbers: tuple[int, int, int, int]) -> FilterStep:
        step = manifest.steps[order - 1]
        rows_in, rows_out, removed, unscreenable = numbers
        return FilterStep(
            step=StepId(step.name, step.kind, order),
            parameters={},
            plan_digest=manifest.plan_digest,
            input=Boundary(digest(f"C{order - 1}"), rows_in),
            output=Boundary(digest(f"C{order}"), rows_out),
            removed=removed,
            unscreenable=unscreenable,
            kept_low_quality=0,
            override="",
            lists=(
                ListUse("known", "authority.example", "2026-02-01", "file", {"md5": 12}, partial=False, commitment=digest(f"list {order}")),
            ),
            coverage={"md5": rows_in},
            covers="stored",
            self_test=SelfTest(3, 3, 1),
            conventions=(),
            decoder="",
            tool=TOOL,
            started_on="2026-03-01T08:00:00Z",
            finished_on="2026-03-01T09:00:00Z",
        )

    def _candidate(self) -> Candidate:
        previous = None if self.previous is None else self.previous.manifest
        return Candidate(self.version, previous, tuple(step.digest for step in self.steps), AUDITORS, "2026-03-01T09:00:00Z")

    def _candidate_digest(self) -> str:
        return self.candidate.digest if self.candidate else digest("none")

    def _audit(self, organisation: str) -> envelope.Envelope | None:
        """Log an auditor's report and opinion; return the opinion."""
        report = self.log(self._report(), organisation)
        state = replay(self.entries, self.trust)
        candidate = state.candidates.get(digest(self.files["release.json"]))
        found = [entry for entry in candidate.reports if entry.digest == report.digest] if candidate and report else []
        path = statement.report_path(organisation, self.keys[organisation].keyid)
        steps = [
            Reference(entry.digest, statement.attestation_path(StepId(step.name, step.kind, order), entry.keyid))
            for order, (entry, step) in enumerate(zip(self.steps, self.manifest.steps, strict=True), 1)
        ]
        inputs = (*steps, Reference(self._candidate_digest(), "candidate"), Reference(report.digest if report else digest("none"), path))
        failed = bool(found) and found[0].predicate.conclusion == "adverse"  # type: ignore[union-attr]
        opinion = Opinion(
            verifier=Verifier(f"https://{organisation}"),
            time_verified=SIGNED,
            resource_uri=statement.resource_uri(NAME, self.version),
            policy=Reference(self.trust.digest, "trust.json"),
            input_attestations=inputs,
            verification_result="FAILED" if failed else "PASSED",
            verified_levels=("FAILED",) if failed else ("VETTED_RELEASE_AUDITED",),
            slsa_version="1.0",
        )
        sealed: envelope.Envelope | None = self.log(opinion, organisation)
        return sealed

    def _report(self) -> AuditReport:
        own = AuditorList("own", "authority.example", "2026-02-20", "file", {"md5": 12}, partial=False)
        return AuditReport(
            candidate=self._candidate_digest(),
            scope=Scope(("matches", "rows"), "full", "all", (own,), 0, f"{ORIGIN}\n3\n", self.trust.digest),
            claims=(Claim("no published row matches the auditor's lists", "confirmed", ""),),
            limitations=(),
            conclusion="unqualified",
            tool=TOOL,
            started_on=SIGNED,
            finished_on=SIGNED,
        )


def later(**delta: float) -> datetime:
    """Return a time after `NOW`."""
    return NOW + timedelta(**delta)
