"""The head of the dataset card, which decides what stock readers load. Source: docs/SPEC.md section 6.1."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from audit_logs.errors import Failure
from audit_logs.manifest import Manifest, Shard

PATH = "README.md"
LIMIT = 1024 * 1024
_TEXT = r'"(?:[ !#-\[\]-~]|\\["\\]|\\u[0-9A-F]{4}|\\U[0-9A-F]{8})*"'
_KEYS = "language|size_categories|task_categories|source_datasets|tags|extra_gated_fields"
_LINE = re.compile(rf"(?:license|license_name|extra_gated_prompt): {_TEXT}|(?:{_KEYS}):|- {_TEXT}|  {_TEXT}: {_TEXT}")


def configs(shards: Sequence[Shard]) -> list[str]:
    """Return the lines that name the data files of each split, the last ones of the head."""
    lines = ["configs:", "- config_name: default", "  data_files:"]
    for split, members in groupby(shards, key=lambda shard: shard.split):
        lines += [f'  - split: "{split}"', f'    path: "data/{split}-*-of-{len(list(members)):05d}.parquet"']
    return lines


def check_card(manifest: Manifest, data: bytes) -> Iterator[Failure]:
    """Yield what is wrong with a card's head (code `card-head`)."""
    lines = data.decode("utf-8", "replace").split("\n")
    end = lines.index("---", 1) if lines[0] == "---" and "---" in lines[1:-1] else 0
    wanted = configs(manifest.shards)
    start = end - len(wanted)
    if start < 1 or lines[start:end] != wanted:
        yield Failure("card-head", PATH, "a head that ends in the data files of the manifest", "another one")
    elif not all(_LINE.fullmatch(line) for line in lines[1:start]):
        yield Failure("card-head", PATH, "the lines of section 6.1 and nothing else", "another line")
