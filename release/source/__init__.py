"""Where rows come from: one file per format, from a plan's source to units of Arrow record batches."""

from __future__ import annotations

from release.source.base import ImageColumn, Source, SourceBatch, Unit
from release.source.opening import look, open_source

__all__ = ["ImageColumn", "Source", "SourceBatch", "Unit", "look", "open_source"]
