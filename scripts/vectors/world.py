"""A small line of releases as plain JSON values: an institution, two auditors who are the witnesses, two steps, five rows.

A recipe bends a document before it is signed (`bend`), has another key sign it (`signers`), leaves it out (`skip`), and changes
entries or files afterwards. The data files are made-up bytes, not Parquet: these releases are for verifiers that stop at 13.7.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from vectors import reference
from vectors.reference import Json, canon, digest
from vectors.signing import LOG, WITNESS, TestKey, checkpoint_text, cosignature

BASE = "https://vetted-release.example.org/"
NAME = "example/street-scenes"
ORIGIN = "institution.example/street-scenes"
INSTITUTION = "institution.example"
ONE, TWO = "auditor-one.example", "auditor-two.example"
NOW = "2026-03-01T12:00:00Z"
NOW_SECONDS = 1_772_366_400
SIGNED = "2026-03-01T10:00:00Z"
TOOL = {"codeDigest": digest("code"), "name": "vectors", "version": "0.1.0"}
STEPS = (("known-files", "exact-hash"), ("near-copies", "near-hash"))

Document = dict[str, Any]
Bend = Callable[[Document], Any]

ROOT, STEP, BUILD, PUBLISH, STRANGER = (TestKey(name) for name in ("root", "step p256", "build", "publish", "stranger"))
LOG_KEY = TestKey("log")
AUDITOR_KEYS = {ONE: TestKey("auditor one"), TWO: TestKey("auditor two p256")}
WITNESS_KEYS = {ONE: TestKey("witness one"), TWO: TestKey("witness two")}


def make_trust() -> Document:
    """Return a trust file: both auditors must pass, one of them with tier matches, and both witnesses make the quorum."""
    owned = {key.keyid: (INSTITUTION, key) for key in (ROOT, STEP, BUILD, PUBLISH)}
    owned |= {key.keyid: (owner, key) for owner, key in AUDITOR_KEYS.items()}
    return {
        "_type": BASE + "trust/v0.1",
        "auditors": [_auditor(ONE, "matches"), _auditor(TWO, "rows")],
        "build": [BUILD.keyid],
        "expires": "2030-01-01T00:00:00Z",
        "keys": {keyid: {"organisation": owner, "pem": key.pem} for keyid, (owner, key) in owned.items()},
        "log": {"key": LOG_KEY.vkey(ORIGIN, LOG), "origin": ORIGIN},
        "name": NAME,
        "officer": "age1officer",
        "policy": {"freshSeconds": 86_400, "matches": 1, "opinions": 2, "qualified": False, "quorum": 2},
        "previous": None,
        "publish": [PUBLISH.keyid],
        "root": {"keys": [ROOT.keyid], "threshold": 1},
        "steps": [{"keys": [STEP.keyid], "kind": kind, "maxListAgeDays": 90, "name": name} for name, kind in STEPS],
        "version": 1,
    }


def one_auditor(trust: Document) -> None:
    """Let one auditor suffice, so that a vector that needs no second one is smaller."""
    trust["policy"] |= {"opinions": 1, "quorum": 1}


def _auditor(organisation: str, tier: str) -> Document:
    return {
        "key": AUDITOR_KEYS[organisation].keyid,
        "organisation": organisation,
        "recipient": "age1" + organisation.partition(".")[0],
        "tier": tier,
        "witness": WITNESS_KEYS[organisation].vkey(organisation, WITNESS),
    }


def statement(kind: str, predicate: Document, subject: tuple[str, str]) -> bytes:
    """Return a payload; `kind` is the name of section 9, or a whole predicate type."""
    name, sha256 = subject
    return canon(
        {
            "_type": "https://in-toto.io/Statement/v1",
            "predicate": predicate,
            "predicateType": kind if "://" in kind else BASE + kind,
            "subject": [{"digest": {"sha256": sha256}, "name": name}],
        }
    )


OPINION = "https://slsa.dev/verification_summary/v1"


class World:
    """One release in the making, in the log of its line."""

    def __init__(self, version: str = "1.0.0", auditors: tuple[str, ...] = (ONE, TWO), **bends: Bend) -> None:
        self.version = version
        self.auditors = auditors
        self.bends: dict[str, Bend] = dict(bends)
        self.signers: dict[str, TestKey] = {}
        self.skip: set[str] = set()
        self.previous: Document | None = None
        self.trust = make_trust()
        if len(auditors) == 1:
            one_auditor(self.trust)
        self._bend("trust", self.trust)
        self.entries: list[bytes] = []
        self.files: dict[str, bytes] = {}
        self.entry_files: dict[str, bytes] = {}
        self.manifest: Document = {}
        self.subject = ("", "")
        self.candidate = self.release = b""
        self.step_entries: list[bytes] = []
        self.reports: list[bytes] = []
        self.opinions: list[bytes] = []
        self.times = dict.fromkeys(auditors, NOW_SECONDS - 3_600)

    # What is said

    def write(self) -> World:
        """Write data and manifest, and log every statement."""
        self.manifest = make_manifest(self.version, self.previous, self.files)
        self._bend("manifest", self.manifest)
        self.files["release.json"] = canon(self.manifest)
        self.subject = ("release.json", digest(self.files["release.json"]))
        self.step_entries = [self._step(order, *counts) for order, counts in enumerate(((8, 6, 1, 1), (6, 5, 1, 0)), 1)]
        self.candidate = self.say("candidate", "candidate/v0.1", self._candidate(), BUILD)
        for name in self.auditors:
            self._audit(name)
        release = {
            "candidate": digest(self.candidate),
            "opinions": sorted(digest(opinion) for opinion in self.opinions),
            "publishedOn": SIGNED,
            "version": self.version,
        }
        self.release = self.say("release", "release/v0.1", release, PUBLISH)
        return self

    def say(self, role: str, kind: str, predicate: Document, key: TestKey) -> bytes:
        """Sign a predicate about the manifest, bent as asked, and log it unless it is left out."""
        self._bend(role, predicate)
        raw = self.signers.get(role, key).seal(statement(kind, predicate, self.subject))
        if role not in self.skip:
            self.entries.append(raw)
        return raw

    def withdraw(self, kind: str, subject: tuple[str, str], key: TestKey) -> None:
        """Log a withdrawal."""
        predicate = {"kind": kind, "reason": "an error was found", "withdrawnOn": SIGNED}
        self.entries.append(key.seal(statement("withdrawal/v0.1", predicate, subject)))

    def supersede(self, key: TestKey = ROOT, **changes: Json) -> None:
        """Log that there is a newer trust file."""
        predicate = {"previous": digest(canon(self.trust)), "supersededOn": SIGNED, "version": 2} | changes
        self.entries.append(key.seal(statement("superseded/v0.1", predicate, ("trust.json", digest("the next trust file")))))

    # What lies in the folder

    def finish(self) -> World:
        """Add the files of log, attestations, reports and opinions."""
        if not self.manifest:
            self.write()
        self.files |= {path: raw for path, raw in self.entry_files.items() if raw in self.entries}
        self.files |= {f"log/{path}": data for path, data in reference.log_files(self.entries).items()}
        self.files["log/checkpoint"] = self.checkpoint()
        return self

    def checkpoint(self, size: int | None = None) -> bytes:
        """Return the signed and cosigned checkpoint of the entries."""
        entries = self.entries[:size]
        text = checkpoint_text(ORIGIN, len(entries), reference.mth(entries))
        lines = [LOG_KEY.note_line(ORIGIN, LOG, text.encode())]
        lines += [cosignature(WITNESS_KEYS[name], name, text, time) for name, time in self.times.items()]
        return "".join([text, "\n", *lines]).encode()

    def following(self, version: str) -> World:
        """Return the line's next release in the making."""
        later = World(version, self.auditors)
        later.trust = self.trust
        later.entries = list(self.entries)
        later.previous = {"manifest": self.subject[1], "version": self.version}
        return later

    def attestation_path(self, order: int) -> str:
        """Return where a step's attestation lies."""
        key = self.signers.get(f"step{order}", STEP)
        name = self.manifest["steps"][order - 1]["name"]
        return f"attestations/{order:02d}-{name}.{reference.keyid_hex(key.keyid)[:8]}.sigstore.json"

    # Parts

    def _bend(self, role: str, document: Document) -> None:
        if role in self.bends:
            self.bends[role](document)

    def _step(self, order: int, *counts: int) -> bytes:
        raw = self.say(f"step{order}", "filter-step/v0.1", make_step(self.manifest, order, *counts), STEP)
        self.entry_files[self.attestation_path(order)] = raw
        return raw

    def _candidate(self) -> Document:
        return {
            "auditors": [ONE, TWO],
            "builtOn": "2026-03-01T09:00:00Z",
            "previousManifest": None if self.previous is None else self.previous["manifest"],
            "steps": [digest(raw) for raw in self.step_entries],
            "version": self.version,
        }

    def _audit(self, name: str) -> None:
        place = f"{name}.{reference.keyid_hex(AUDITOR_KEYS[name].keyid)[:8]}.sigstore.json"
        short = "one" if name == ONE else "two"
        report = make_report(digest(self.candidate), digest(canon(self.trust)))
        raw = self.say(f"report_{short}", "audit-report/v0.1", report, AUDITOR_KEYS[name])
        self.reports.append(raw)
        steps = [(entry, self.attestation_path(order)) for order, entry in enumerate(self.step_entries, 1)]
        inputs = [*steps, (self.candidate, "candidate"), (raw, f"reports/{place}")]
        opinion = make_opinion(name, self.version, digest(canon(self.trust)), inputs)
        if report["conclusion"] == "adverse":
            opinion |= {"verificationResult": "FAILED", "verifiedLevels": ["FAILED"]}
        said = self.say(f"opinion_{short}", OPINION, opinion, AUDITOR_KEYS[name])
        self.opinions.append(said)
        self.entry_files |= {f"reports/{place}": raw, f"opinions/{place}": said}


def make_step(manifest: Document, order: int, *counts: int) -> Document:
    """Return the predicate of a step: rows in, rows out, removed, unscreenable."""
    rows_in, rows_out, removed, unscreenable = counts
    step = manifest["steps"][order - 1]
    entry = {
        "authority": "authority.example",
        "commitment": digest(f"list {order}"),
        "entries": {"md5": 12},
        "name": "known",
        "partial": False,
    }
    return {
        "conventions": [],
        "coverage": {"md5": rows_in},
        "covers": "stored",
        "decoder": "",
        "finishedOn": "2026-03-01T09:00:00Z",
        "input": {"commitment": digest(f"C({order - 1})"), "rows": rows_in},
        "keptLowQuality": 0,
        "lists": [entry | {"vintage": "2026-02-01", "vintageFrom": "file"}],
        "output": {"commitment": digest(f"C({order})"), "rows": rows_out},
        "override": "",
        "parameters": {},
        "planDigest": manifest["planDigest"],
        "removed": removed,
        "selfTest": {"beyond": 1, "caught": 3, "planted": 3},
        "startedOn": "2026-03-01T08:00:00Z",
        "step": {"kind": step["kind"], "name": step["name"], "order": order},
        "tool": TOOL,
        "unscreenable": unscreenable,
    }


def make_report(candidate: str, trust: str) -> Document:
    """Return the predicate of an audit report without objections."""
    own = {"authority": "authority.example", "entries": {"md5": 12}, "name": "own", "partial": False, "vintage": "2026-02-20"}
    return {
        "candidate": candidate,
        "claims": [{"claim": "no published row matches the auditor's lists", "detail": "", "result": "confirmed"}],
        "conclusion": "unqualified",
        "finishedOn": SIGNED,
        "limitations": [],
        "scope": {
            "canaries": 0,
            "checkpoint": f"{ORIGIN}\n3\n",
            "draw": "all",
            "lists": [own | {"vintageFrom": "file"}],
            "source": "full",
            "tiers": ["matches", "rows"],
            "trust": trust,
        },
        "startedOn": SIGNED,
        "tool": TOOL,
    }


def make_opinion(organisation: str, version: str, trust: str, inputs: list[tuple[bytes, str]]) -> Document:
    """Return the predicate of an opinion that passed; `inputs` are envelopes with their uris."""
    return {
        "inputAttestations": [{"digest": {"sha256": digest(raw)}, "uri": uri} for raw, uri in inputs],
        "policy": {"digest": {"sha256": trust}, "uri": "trust.json"},
        "resourceUri": f"pkg:generic/{NAME}@{version}",
        "slsaVersion": "1.0",
        "timeVerified": SIGNED,
        "verificationResult": "PASSED",
        "verifiedLevels": ["VETTED_RELEASE_AUDITED"],
        "verifier": {"id": f"https://{organisation}"},
    }


CARD = b"""---
license: "cc-by-4.0"
tags:
- "hash-screened"
configs:
- config_name: default
  data_files:
  - split: "train"
    path: "data/train-*-of-00002.parquet"
---
# Street scenes
"""


def make_manifest(version: str, previous: Document | None, files: dict[str, bytes]) -> Document:
    """Return a manifest of five rows in two shards; their bytes and the other files are put into `files`."""
    files["README.md"] = CARD
    files["croissant.json"] = b"{}\n"
    captions = [f"{version}: caption {row}" for row in range(5)]
    rows = [reference.row_digest([{"name": "caption", "type": "string"}], [caption]) for caption in captions]
    shards = [make_shard(0, rows[:3], files), make_shard(1, rows[3:], files)]
    roots = [(bytes.fromhex(shard["root"]), shard["rows"]) for shard in shards]
    return {
        "_type": BASE + "manifest/v0.1",
        "files": [{"bytes": len(files[path]), "path": path, "sha256": digest(files[path])} for path in ("README.md", "croissant.json")],
        "keyedRoots": {"first": digest("K(0)"), "last": digest("K(2)")},
        "license": "cc-by-4.0",
        "name": NAME,
        "planDigest": digest("plan"),
        "previous": copy.deepcopy(previous),
        "root": reference.dataset_root(roots).hex(),
        "rowGroupRows": 2,
        "rows": 5,
        "schema": [{"name": "caption", "type": "string"}],
        "columns": {"declared": {}, "image": None, "text": "caption", "url": None},
        "separation": None,
        "shards": shards,
        "source": {
            "files": [],
            "kind": "parquet",
            "locator": None,
            "metadata": None,
            "fileBytes": 1 << 26,
            "parent": "private",
            "revision": None,
            "root": digest("source root"),
            "rows": 8,
        },
        "steps": [{"kind": kind, "name": name} for name, kind in STEPS],
        "version": version,
        "writer": {"name": "vectors", "parquet": "none", "version": "0.1.0"},
    }


def make_shard(number: int, rows: list[bytes], files: dict[str, bytes]) -> Document:
    """Return a shard of row groups of two rows, whose made-up bytes are the row digests."""
    data, groups = b"PAR1", []
    for first in range(0, len(rows), 2):
        group = rows[first : first + 2]
        body = b"".join(group)
        end = len(data) + len(body)
        groups.append({"end": end, "rows": len(group), "root": reference.mth(group).hex(), "sha256": digest(body), "start": len(data)})
        data += body
    footer = b"footer PAR1"
    path = f"data/train-{number:05d}-of-00002.parquet"
    files[path] = data + footer
    return {
        "bytes": len(files[path]),
        "footer": {"end": len(files[path]), "sha256": digest(footer), "start": len(data)},
        "path": path,
        "root": reference.mth(rows).hex(),
        "rowGroups": groups,
        "rows": len(rows),
        "sha256": digest(files[path]),
        "split": "train",
    }
