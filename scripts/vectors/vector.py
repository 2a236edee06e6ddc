"""One vector: input files, the code that it must give, and why."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from vectors.reference import canon

OK = "ok"
REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Vector:
    """A case: `inputs` are the files beside `expect.json`; `value` is what a right reader computes (None: nothing more than the code)."""

    kind: str
    name: str
    inputs: dict[str, bytes]
    code: str
    why: str
    value: Any = None

    def files(self) -> dict[str, bytes]:
        """Return path below tests/vectors -> bytes."""
        expect = {"code": self.code, "why": self.why} | ({} if self.value is None else {"value": self.value})
        folder = f"{self.kind}/{self.name}"
        return {f"{folder}/expect.json": plain(expect)} | {f"{folder}/{name}": data for name, data in self.inputs.items()}


@dataclass(slots=True)
class Pieces:
    """Byte strings that several vectors share: a file of a release is a list of their names."""

    known: dict[str, bytes] = field(default_factory=dict)

    def name(self, data: bytes) -> str:
        """Return the name of some bytes: the first 16 hex characters of their SHA-256."""
        name = hashlib.sha256(data).hexdigest()[:16]
        if self.known.setdefault(name, data) != data:
            message = f"two pieces are called {name}"
            raise ValueError(message)
        return name

    def document(self, data: bytes) -> list[str]:
        """Return the pieces of a document: one for each member, because most vectors of a class differ in one; else the whole."""
        try:
            value = json.loads(data)
        except ValueError:
            return [self.name(data)]
        parts = [canon({name: item})[1:-1] for name, item in value.items()] if isinstance(value, dict) else []
        cut = [(b"," if number else b"{") + part for number, part in enumerate(parts)] + [b"}"]
        return [self.name(part) for part in (cut if b"".join(cut) == data else [data])]

    def encode(self) -> bytes:
        """Return the pool as JSON, a piece on a line: its text, or {"base64": ...} where it is not printable ASCII."""
        return plain({name: _shown(data) for name, data in sorted(self.known.items())})


def _shown(data: bytes) -> str | dict[str, str]:
    text = data.decode("latin-1")
    return text if text.isascii() and text.isprintable() else {"base64": base64.b64encode(data).decode()}


def plain(value: object) -> bytes:
    """Return JSON for people and diffs: a member on a line, lists within one."""
    if not isinstance(value, dict):
        return _line(value)
    members = ",\n".join(f"{_line(name).decode()}: {_line(item).decode()}" for name, item in value.items())
    return f"{{\n{members}\n}}\n".encode()


def _line(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
