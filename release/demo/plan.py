"""The plan of the demo: every kind of step that needs no extra, but `thin` and `remote`, which have worked examples of their own.

What the steps look at is benign, and what it is taken for stands in the plan's own comments.
"""

from __future__ import annotations

from audit_logs.trust import RequiredStep

NAME = "example/clip-art-vetted"
LISTS = ("known-digests", "known-pdq", "known-urls", "known-terms")
MAX_LIST_AGE_DAYS = 90
_STEPS = (
    ("known-files", "exact-hash", MAX_LIST_AGE_DAYS),
    ("near-copies", "near-hash", MAX_LIST_AGE_DAYS),
    ("known-links", "url", MAX_LIST_AGE_DAYS),
    ("known-terms", "text", MAX_LIST_AGE_DAYS),
    ("too-red", "classifier", None),
    ("apart", "separate", None),
    ("near-listed", "neighbours", None),
)
_PLAN = f"""\
# The plan of the demo: 159 drawings, four lists of "known" ones, seven steps. docs/plan.md tells of every key, docs/steps.md of every step.

[release]
name = "{NAME}"
version = "{{version}}"
license = "cc0-1.0"

[source]
path = "source"
format = "imagefolder"
parent = "private"
columns = {{{{ image = "image", text = "caption", url = "url" }}}}

[lists]
store = "lists"
max_age = "{MAX_LIST_AGE_DAYS}d"

[[step]]
name = "known-files"
kind = "exact-hash"             # byte for byte the same file
lists = ["known-digests"]
cap = 10                        # a list that takes more rows than this stops the build until somebody signs why

[[step]]
name = "near-copies"
kind = "near-hash"              # the same picture, scaled, compressed, mirrored or turned
lists = ["known-pdq"]
distance = 31
list_caps = {{{{ known-pdq = 25 }}}}

[[step]]
name = "known-links"
kind = "url"                    # links, however they are spelled, and whole domains
lists = ["known-urls"]

[[step]]
name = "known-terms"
kind = "text"                   # captions with a term of a confidential list
lists = ["known-terms"]

[[step]]
name = "too-red"
kind = "classifier"             # a score that came with the source; here the share of a drawing that is red
column = "red"
threshold = 0.6
cap = 5

[[step]]
name = "apart"
kind = "separate"               # two kinds that must not meet in one dataset; here drawings of animals and drawings with much blue stand in for them
keep = "minors"
minor = {{{{ column = "animal", threshold = 1 }}}}
adult = {{{{ column = "blue", threshold = 0.4, uncertain = 0.25 }}}}

[[step]]
name = "near-listed"
kind = "neighbours"             # what lies near a row that a list took: a cropped copy, colours in the same places
of = "listed"
pdq = 50
embedding = {{{{ column = "embedding", length = 27, distance = 0.02 }}}}
drag = 5                        # one row that drags more with it stops the build

[build]
row_group_rows = 16
shard_rows = 32

[audit]
required = 2
trust = "trust.json"

[card]
language = ["en"]
contact = "data@institution.example.org"
withdrawal = "A version is withdrawn as soon as a newer list would have taken a row of it out; a new version follows."
"""


def plan(version: str) -> bytes:
    """Return the plan file of a version."""
    return _PLAN.format(version=version).encode()


def required(keys: tuple[str, ...]) -> tuple[RequiredStep, ...]:
    """Return the plan's steps as the trust file requires them of every release, signed by one of these keys."""
    return tuple(RequiredStep(name, kind, keys, age) for name, kind, age in _STEPS)
