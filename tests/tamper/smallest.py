"""The smallest complete release: one shard of two rows, one step, one auditor, and exactly the quorum of one cosignature."""

from __future__ import annotations

from dataclasses import replace

from simulator import AUDITORS, MemoryFiles, Simulator, digest

from audit_logs import merkle
from audit_logs.card import configs
from audit_logs.manifest import FileEntry, Manifest
from audit_logs.statement import Candidate, FilterStep
from audit_logs.trust import Trust

ROWS = 2


class Smallest(Simulator):
    """One dataset line with as little in it as the trust file's rules allow."""

    def __init__(self) -> None:
        super().__init__()
        self.auditors = AUDITORS[:1]
        self.cosigners = {name: time for name, time in self.cosigners.items() if name in self.auditors}

    def make_trust(self) -> Trust:
        """Return a trust file that asks for one step and one auditor."""
        trust = super().make_trust()
        unused = self.keys[AUDITORS[1]].keyid
        return replace(
            trust,
            keys={keyid: key for keyid, key in trust.keys.items() if keyid != unused},
            steps=trust.steps[:1],
            auditors=trust.auditors[:1],
            policy=replace(trust.policy, opinions=1, matches=1, quorum=1),
        )

    def _manifest(self) -> Manifest:
        full = super()._manifest()
        self.files = {path: data for path, data in self.files.items() if not path.startswith("data/")}
        shard = self._shard(0, ROWS)
        shard = replace(shard, path="data/train-00000-of-00001.parquet")
        self.files = {shard.path if path.startswith("data/") else path: data for path, data in self.files.items()}
        card = "\n".join(["---", 'license: "cc-by-4.0"', *configs((shard,)), "---", "# Street scenes", ""])
        self.files["README.md"] = card.encode()
        root = merkle.root([merkle.leaf_hash(bytes.fromhex(shard.root) + shard.rows.to_bytes(8, "big"))])
        files = tuple(FileEntry(entry.path, len(self.files[entry.path]), digest(self.files[entry.path])) for entry in full.files)
        return replace(full, rows=ROWS, root=root.hex(), shards=(shard,), steps=full.steps[:1], files=files)

    def _steps(self, manifest: Manifest) -> list[FilterStep]:
        return [self._step(manifest, 1, (8, ROWS, 5, 1))]

    def _candidate(self) -> Candidate:
        return replace(super()._candidate(), auditors=self.auditors)


def smallest() -> tuple[MemoryFiles, bytes]:
    """Return the release, with what may lie in it outside the proof, and its trust file's bytes."""
    world = Smallest().finish()
    trust = world.trust_bytes()
    world.files |= {"trust.json": trust, "report.html": b"<!doctype html><title>Street scenes</title>\n"}
    return MemoryFiles(world.files), trust
