"""The types of fingerprints that a request may hold, and the size of their values."""

from __future__ import annotations

from typing import Final

from release.fingerprint import CONVENTIONS

FORMS_BYTES: Final = 256  # eight forms of a view, 32 bytes each
FARTHEST: Final = 64  # bits of 256
DIGESTS: Final = {"md5": 16, "sha1": 20, "sha256": 32}
PDQ: Final = "pdq"
WIDTHS: Final = dict(sorted({**DIGESTS, **{f"{PDQ}-{name}": FORMS_BYTES for name in CONVENTIONS}}.items()))
TYPES: Final = tuple(WIDTHS)


def is_perceptual(kind: str) -> bool:
    """Tell whether a type is a perceptual hash."""
    return kind.startswith(f"{PDQ}-")


def asked_types(fingerprints: tuple[str, ...], conventions: tuple[str, ...]) -> tuple[str, ...]:
    """Return the types of a request for these fingerprints, of `md5`, `pdq`, `sha1`, `sha256`, and resize conventions."""
    digests = [kind for kind in fingerprints if kind in DIGESTS]
    near = [f"{PDQ}-{name}" for name in conventions] if PDQ in fingerprints else []
    return tuple(sorted([*digests, *near]))
