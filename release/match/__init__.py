"""Exact and near matching against known hashes, the saved indexes that both search, and lists of what is searched in texts."""

from release.match.exact import DigestIndex
from release.match.near import NearIndex
from release.match.phrases import PhraseIndex
from release.match.vectors import VectorIndex

__all__ = ["DigestIndex", "NearIndex", "PhraseIndex", "VectorIndex"]
