"""Facts of a made-up candidate, which a test bends."""

from __future__ import annotations

import pytest

from audit_logs.manifest import Field, Range, Shard, SourcePin
from audit_logs.statement import ListUse, Tool
from audit_logs.trust import Policy
from release.build.facts import Facts, StepFacts
from release.plan import Columns

_SHA = "ab" * 32
_FIELDS = (
    Field("image", "struct<bytes:binary,path:string>"),
    Field("caption", "string"),
    Field("url", "string"),
    Field("width", "int32"),
    Field("tags", "list<string>"),
    Field("boxes", "list<struct<x:int32,y:int32>>"),
    Field("taken", "timestamp[us,UTC]"),
)


def _shard(split: str, index: int, count: int) -> Shard:
    return Shard(f"data/{split}-{index:05d}-of-{count:05d}.parquet", split, 4096 + index, _SHA, 50, _SHA, (), Range(4, 4096 + index, _SHA))


@pytest.fixture(scope="session")
def facts() -> Facts:
    """Return the facts of two splits in three shards, made by two steps with one list each."""
    lists = [
        ListUse(name, authority, "2026-01-31", source, {"pdq": 1200, "md5": 7}, partial=False, commitment=_SHA)
        for name, authority, source in (("known-digests", "Example Foundation", "file"), ("known-pdq", "example.org", "declared"))
    ]
    return Facts(
        name="example/street-scenes-vetted",
        version="1.2.3",
        license="cc-by-4.0",
        source=SourcePin("parquet", None, None, "private", 160, _SHA, (), None, 1 << 26),
        schema=_FIELDS,
        columns=Columns(image="image", text="caption", url="url", declared={}),
        shards=(_shard("train", 0, 2), _shard("train", 1, 2), _shard("test", 0, 1)),
        rows=150,
        steps=(
            StepFacts("known-files", "exact-hash", "stored", {"digests": ["md5", "sha256"]}, (lists[0],), 4, 1),
            StepFacts("near-copies", "near-hash", "pixels", {"distance": 31}, (lists[1],), 2, 3),
        ),
        policy=Policy(opinions=2, matches=1, qualified=False, quorum=2, fresh_seconds=30 * 86_400),
        auditors=("auditor-one.example", "auditor-two.example"),
        tool=Tool("vetted-release", "0.1.0", _SHA),
    )
