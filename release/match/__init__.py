"""Exact and near matching against known hashes, and the saved indexes that both search."""

from release.match.exact import DigestIndex
from release.match.near import NearIndex
from release.match.vectors import VectorIndex

__all__ = ["DigestIndex", "NearIndex", "VectorIndex"]
