"""Exact and near matching against known hashes, and the saved indexes that both search."""

from release.match.exact import DigestIndex
from release.match.near import NearIndex

__all__ = ["DigestIndex", "NearIndex"]
