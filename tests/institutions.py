"""Two institutions in two folders: one asks, one holds lists. Everything between them is done by commands, as people would do it.

pair = make_pair(tmp_path, rows())
pair.ask(); pair.answer(); pair.merge()
built = pair.build(tmp_path / "candidate")
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from project import EXACT, KNOWN_PICTURE, TODAY, Answer, Project, Row, Wanted, encoded, in_process, known_pdq, make, picture

STEP = "partner-list"
KNOWN_THERE = 5  # seed of the picture that the holder's list knows by its bytes


@dataclass(frozen=True, slots=True)
class Pair:
    """An institution's project and a holder's folder; `handed` is where they hand things over."""

    asker: Project
    holder: Path
    handed: Path
    more: str = ""

    @property
    def private(self) -> Path:
        """The asking institution's folder for the exchange."""
        return self.asker.folder / STEP

    @property
    def card(self) -> dict[str, Any]:
        """The holder's card."""
        found: dict[str, Any] = json.loads((self.holder / "keys" / "auditor.json").read_bytes())
        return found

    def write_plan(self, digests: Mapping[str, str] | None = None, version: str = "1.0.0", steps: Sequence[str] = (EXACT,)) -> None:
        """Write the plan, with the digests that are known."""
        lines = [f'{name} = "{value}"\n' for name, value in (digests or {}).items()]
        step = f'[[step]]\nname = "{STEP}"\nkind = "remote"\nholder = "{self.card["key"]}"\n{self.more}{"".join(lines)}'
        self.asker.write_plan(Wanted(version=version, steps=(*steps, step)))

    def admit(self, **limits: int) -> None:
        """Admit the asking institution."""
        lines = [f"{name} = {value}\n" for name, value in ({"requests": 4, "rows": 1000} | limits).items()]
        key = keyid_of(self.asker.folder / "trust.json")
        text = f'[[requester]]\nname = "institution.example.org"\nkey = "{key}"\n{"".join(lines)}'
        (self.holder / "admitted.toml").write_text(text, encoding="utf-8")

    def ask(self, out: str = "to-holder") -> Answer:
        """Run `release fingerprints export`."""
        card = self.holder / "keys" / "auditor.json"
        words = (self.asker.plan, "--step", STEP, "--holder", card, "--out", self.handed / out, "--format", "json")
        return in_process("fingerprints", "export", *words)

    def answer(self, request: str = "to-holder", out: str = "to-institution", lists: Sequence[str] = ("known-pdq", "known-md5")) -> Answer:
        """Run `release screen-for-others`."""
        keys = ("--key", self.holder / "keys" / "auditor.pem", "--identity", self.holder / "keys" / "identity.age")
        names = [word for name in lists for word in ("--list", name)]
        places = ("--lists", self.holder / "lists", "--admitted", self.holder / "admitted.toml", "--out", self.handed / out)
        return in_process("screen-for-others", self.handed / request, *names, *places, *keys, "--format", "json")

    def merge(self, out: str = "to-institution", **others: str) -> dict[str, str]:
        """Put an answer into the private folder, and write its digest, and the request's, into the plan."""
        for path in (self.handed / out).iterdir():
            shutil.copy(path, self.private / path.name)
        named = self.digests() | others
        self.write_plan(named)
        return named

    def digests(self) -> dict[str, str]:
        """Return the digests of the two envelopes in the private folder."""
        return {name: hashlib.sha256((self.private / f"{name}.sigstore.json").read_bytes()).hexdigest() for name in ("request", "answer")}

    def whole(self) -> None:
        """Ask, answer, merge."""
        for done in (self.ask(), self.answer()):
            assert done.code == 0, done.text
        self.merge()

    def build(self, out: Path) -> Answer:
        """Build."""
        return self.asker.build_here(out, "--format", "json")


def keyid_of(trust: Path) -> str:
    """Return the key id that may sign candidates."""
    found: str = json.loads(trust.read_bytes())["build"][0]
    return found


def predicate(bundle: Path) -> dict[str, Any]:
    """Return the predicate of a statement."""
    found: dict[str, Any] = json.loads(base64.b64decode(json.loads(bundle.read_bytes())["dsseEnvelope"]["payload"]))["predicate"]
    return found


def make_pair(folder: Path, source: Sequence[Row], more: str = "") -> Pair:
    """Write both institutions; the asking one has a list of its own, the holder two."""
    asker = make(folder / "institution", source)
    holder = folder / "holder"
    holder.mkdir()
    assert in_process("auditor", "new", holder / "keys", "--organisation", "lists.example.org").code == 0
    values = {
        "known-pdq": ("pdq", known_pdq()),
        "known-md5": ("md5", hashlib.md5(encoded(picture(KNOWN_THERE)), usedforsecurity=False).hexdigest()),
    }
    for name, (kind, value) in values.items():
        (holder / f"{name}.txt").write_text(f"{value}\n", encoding="utf-8")
        done = in_process(
            *("lists", "import", holder / f"{name}.txt", "--name", name, "--type", kind, "--vintage", TODAY),
            *("--store", holder / "lists", "--authority", "Example Authority"),
        )
        assert done.code == 0, done.text
    (folder / "handed").mkdir()
    pair = Pair(asker, holder, folder / "handed", more)
    pair.admit()
    pair.write_plan()
    return pair


__all__ = ["KNOWN_PICTURE", "KNOWN_THERE", "STEP", "Pair", "keyid_of", "make_pair", "predicate"]
