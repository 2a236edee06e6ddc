"""Vetted Release: publish a hash-screened derivative of a dataset that strangers can verify, and load what is verified."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from release.consume import load, stream, verify

__all__ = ["load", "stream", "verify"]


def __getattr__(name: str) -> object:
    """Import `load`, `stream` and `verify` when they are first used: `release --help` must answer at once."""
    if name in __all__:
        from release import consume

        return getattr(consume, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
